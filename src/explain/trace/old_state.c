// Of what is older than the trace no stack tells whether it is a weight or its optimizer state. But
// a backward pass makes as many gradients of a size as there are weights of it that learn: what
// else of that size was there before the pass, and stays, is state.
#include <stdlib.h>

#include "base/memory.h"
#include "explain/trace/timeline.h"

// A tensor of |size|; of gradients the backward pass as well, by its end.
typedef struct sized {
    uint64_t size;
    uint32_t pass;
    size_t life; // its index
} sized;

static int by_size(const void *left, const void *right) {
    const sized *a = left, *b = right;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    if (a->pass != b->pass) return a->pass < b->pass ? -1 : 1;
    return (a->life > b->life) - (a->life < b->life);
}

// The most gradients of |size| that one pass made; |*next| is moved behind them.
static size_t most_gradients(const sized *gradients, size_t count, uint64_t size, size_t *next) {
    size_t most = 0, run = 0;
    while (*next < count && gradients[*next].size < size)
        (*next)++;
    for (; *next < count && gradients[*next].size == size; (*next)++) {
        run = run > 0 && gradients[*next - 1].pass == gradients[*next].pass ? run + 1 : 1;
        if (run > most) most = run;
    }
    return most;
}

static void split(snug_timeline *timeline, const sized *old, size_t old_count,
                  const sized *gradients, size_t gradient_count) {
    size_t next = 0;
    for (size_t i = 0, end; i < old_count; i = end) {
        for (end = i + 1; end < old_count && old[end].size == old[i].size;)
            end++;
        size_t weights = most_gradients(gradients, gradient_count, old[i].size, &next);
        if (weights == 0 || end - i < 2 * weights) continue; // no state for each
        for (size_t k = i + weights; k < end; k++)
            timeline->lives[old[k].life].kind = SNUG_KIND_OPTIMIZER;
    }
}

snug_status snug_old_state_split(snug_timeline *timeline, const snug_stack_about *stacks,
                                 const uint32_t *run_ends) {
    sized *old = NULL, *gradients = NULL;
    size_t old_count = 0, gradient_count = 0;
    snug_status status = SNUG_NEW(&old, timeline->before_count);
    if (status == SNUG_OK)
        status = SNUG_NEW(&gradients, timeline->life_count - timeline->before_count);
    for (size_t i = 0; status == SNUG_OK && i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        bool stays = life->before && life->death == UINT32_MAX;
        if (stays && life->kind == SNUG_KIND_WEIGHTS && stacks[life->stack].python == 0)
            old[old_count++] = (sized){.size = life->size, .life = i};
        else if (!life->before && life->kind == SNUG_KIND_GRADIENTS)
            gradients[gradient_count++] =
                (sized){.size = life->size, .pass = run_ends[life->birth], .life = i};
    }
    if (status == SNUG_OK && old_count > 0 && gradient_count > 0) {
        qsort(old, old_count, sizeof *old, by_size);
        qsort(gradients, gradient_count, sizeof *gradients, by_size);
        split(timeline, old, old_count, gradients, gradient_count);
    }
    snug_memory_free(old);
    snug_memory_free(gradients);
    return status;
}

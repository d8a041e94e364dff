// What an iteration appends to a tensor makes a new one, larger than the last, which goes back:
// nothing of one iteration stays, and yet memory grows.
#include "base/memory.h"
#include "explain/trace/iterations.h"

// By Python stack: what it made since the first iteration.
typedef struct stack_series {
    uint64_t first, last, live;
    uint32_t count, rises, crossings; // crossings: those that lived on into the next iteration
} stack_series;

static void add_life(const snug_timeline *timeline, const snug_iterations *iterations,
                     const snug_life *life, stack_series *series) {
    size_t round = snug_iterations_at(iterations, life->birth);
    bool crosses = round + 1 < iterations->count && life->death > iterations->starts[round + 1];
    if (series->count == 0) series->first = life->size;
    series->rises += series->count > 0 && life->size > series->last;
    series->crossings += crosses;
    series->count++;
    series->last = life->size;
    if (snug_life_is_live(life, timeline->at)) series->live += life->size;
}

static bool is_swelling(const stack_series *series, size_t rounds) {
    enum { LEAST = 4 };
    if (series->count < LEAST || series->count * 2 < rounds || series->count > 2 * rounds)
        return false;
    uint32_t most = series->count - 1;
    return series->rises * 5 >= most * 4 && series->crossings * 5 >= most * 4 &&
           series->last >= 2 * series->first;
}

snug_status snug_swelling_find(const snug_timeline *timeline, const snug_stacks *stacks,
                               snug_iterations *iterations) {
    stack_series *series = NULL;
    SNUG_TRY(SNUG_NEW(&series, stacks->python_count));
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->birth > timeline->at || !snug_life_is_of_step(life)) continue;
        if (life->birth < iterations->starts[0]) continue;
        add_life(timeline, iterations, life, &series[stacks->about[life->stack].python]);
    }
    for (size_t i = 1; i < stacks->python_count; i++) {
        if (!is_swelling(&series[i], iterations->count)) continue;
        iterations->swelling += series[i].live;
        iterations->swelling_growth +=
            (double)(series[i].last - series[i].first) / (double)(series[i].count - 1);
    }
    snug_memory_free(series);
    return SNUG_OK;
}

#include "fit/frontier.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_PRICES = 48, MOST_CHOICES = 256, KEPT_CHOICES = 64 };

// Kernels reach about half of a card's peak rates; activations are read and written about three
// times the bytes that are kept of them.
static const double efficiency = 0.5, traffic = 3;

// A part that frees less than this share of what its network keeps is not worth a line.
static const double least_share = 1e-3;

// A part that frees more than this share is better left to its own parts: a whole encoder.
static const double large = 0.25;

typedef struct knapsack {
    const snug_fit_profile *profile;
    uint64_t *gains; // of each part: bytes that checkpointing it frees; 0: not to be chosen
    double *seconds;
    double *values; // of the best choice within each part, at a price
    bool *whole;    // whether that is the part itself
    bool *covered;  // whether a part is inside a chosen one
    bool *chosen, *before;
} knapsack;

double snug_fit_part_seconds(const snug_fit_profile *profile, const snug_fit_part *part,
                             const snug_gpu_info *gpu) {
    bool half = profile->autocast || profile->networks[part->network].element == 2;
    double rate = half && gpu->tensor_rate > 0 ? gpu->tensor_rate : gpu->float32_rate;
    double arithmetic = (double)part->flops / (rate * efficiency);
    double memory = traffic * (double)part->saved / gpu->memory_rate;
    return arithmetic > memory ? arithmetic : memory;
}

static uint64_t gain_of(const snug_fit_profile *profile, const snug_fit_part *part) {
    const snug_fit_network *network = &profile->networks[part->network];
    uint64_t all = profile->parts[network->first].saved;
    // A network as a whole would be computed again as a whole: nothing is gained at that moment.
    if (part->parent < 0 || part->saved <= part->inputs) return 0;
    uint64_t gain = part->saved - part->inputs;
    return (double)gain >= least_share * (double)all ? gain : 0;
}

static snug_status prepare(const snug_fit_profile *profile, const snug_gpu_info *gpu,
                           snug_pool *pool, knapsack *out) {
    size_t count = profile->part_count + 1;
    out->profile = profile;
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->gains, (void **)&out->gains));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->seconds, (void **)&out->seconds));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->values, (void **)&out->values));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->whole));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->covered));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->chosen));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->before));
    for (size_t i = 0; i < profile->part_count; i++) {
        out->gains[i] = gain_of(profile, &profile->parts[i]);
        out->seconds[i] = snug_fit_part_seconds(profile, &profile->parts[i], gpu);
    }
    return SNUG_OK;
}

// The best choice at |price| (seconds that a byte is worth): |chosen|.
static void choose(knapsack *self, double price) {
    const snug_fit_profile *profile = self->profile;
    size_t count = profile->part_count;
    memset(self->values, 0, count * sizeof *self->values);
    for (size_t i = count; i-- > 0;) {
        double value = price * (double)self->gains[i] - self->seconds[i];
        self->whole[i] = self->gains[i] > 0 && value > self->values[i];
        if (self->whole[i]) self->values[i] = value;
        if (profile->parts[i].parent >= 0)
            self->values[profile->parts[i].parent] += self->values[i];
    }
    // Parents stand before their parts.
    for (size_t i = 0; i < count; i++) {
        int32_t parent = profile->parts[i].parent;
        self->covered[i] = parent >= 0 && (self->covered[parent] || self->chosen[parent]);
        self->chosen[i] = self->whole[i] && !self->covered[i];
    }
}

// Bytes at the most loaded moment: at the end of a forward pass, or while a checkpointed part is
// computed again, when those behind it are gone.
static void find_kept(const knapsack *self, const bool *chosen, snug_fit_choice *out) {
    const snug_fit_profile *profile = self->profile;
    for (size_t n = 0; n < profile->network_count; n++) {
        const snug_fit_network *network = &profile->networks[n];
        uint64_t end = profile->parts[network->first].saved, most_here, later = 0;
        for (size_t i = network->first; i < network->first + network->count; i++)
            if (chosen[i]) end -= self->gains[i] < end ? self->gains[i] : end;
        most_here = end;
        out->at_end += end;
        // Backwards: what lies behind a part has been freed when it is computed again.
        for (size_t i = network->first + network->count; i-- > network->first;) {
            if (!chosen[i]) {
                bool leaf = i + 1 == network->first + network->count ||
                            profile->parts[i + 1].parent != (int32_t)i;
                if (leaf) later += profile->parts[i].saved;
                continue;
            }
            uint64_t there = end > later ? end - later : 0;
            there += self->gains[i];
            out->inputs += profile->parts[i].inputs;
            if (self->gains[i] > out->again) out->again = self->gains[i];
            if (there > most_here) most_here = there;
            later += profile->parts[i].inputs;
        }
        // Networks that share a step are taken to be loaded at the same time.
        out->kept += most_here;
    }
}

static bool is_dominated(const snug_fit_frontier *frontier, const snug_fit_choice *choice) {
    for (size_t i = 0; i < frontier->count; i++)
        if (frontier->choices[i].kept <= choice->kept &&
            frontier->choices[i].seconds <= choice->seconds)
            return true;
    return false;
}

static snug_status add_choice(knapsack *self, const bool *chosen, snug_fit_frontier *out) {
    snug_fit_choice choice = {0};
    if (out->count == MOST_CHOICES) return SNUG_OK;
    find_kept(self, chosen, &choice);
    for (size_t i = 0; i < self->profile->part_count; i++) {
        if (!chosen[i]) continue;
        choice.count++;
        choice.seconds += self->seconds[i];
    }
    if (is_dominated(out, &choice)) return SNUG_OK;
    SNUG_TRY(snug_pool_new(&out->pool, (choice.count + 1) * sizeof *choice.parts,
                           (void **)&choice.parts));
    for (size_t i = 0, at = 0; i < self->profile->part_count; i++)
        if (chosen[i]) choice.parts[at++] = (uint32_t)i;
    out->choices[out->count++] = choice;
    return SNUG_OK;
}

// Goes from |before| to |chosen| part by part.
static snug_status add_between(knapsack *self, snug_fit_frontier *out) {
    const snug_fit_profile *profile = self->profile;
    for (size_t i = 0; i < profile->part_count; i++) {
        if (!self->chosen[i] || self->before[i]) continue;
        self->before[i] = true;
        // Its parts stand behind it.
        for (size_t k = i + 1; k < profile->part_count; k++) {
            int32_t up = profile->parts[k].parent;
            while (up > (int32_t)i)
                up = profile->parts[up].parent;
            if (up != (int32_t)i) break;
            self->before[k] = false;
        }
        SNUG_TRY(add_choice(self, self->before, out));
    }
    memcpy(self->before, self->chosen, profile->part_count);
    return SNUG_OK;
}

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

// Sorts |values| and leaves those that differ, at most |most| of them, the largest among them.
static size_t thin_out(double *values, size_t count, size_t most) {
    size_t kept = 0;
    qsort(values, count, sizeof *values, compare_doubles);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[i] > values[kept - 1] * (1 + 1e-9)) values[kept++] = values[i];
    if (kept <= most) return kept;
    for (size_t i = 0; i < most; i++)
        values[i] = values[(i + 1) * kept / most - 1];
    return most;
}

// The choices with parts that free at most |limit|: what is computed again is there as a whole, so
// that small parts may leave less than a large one that frees more.
static snug_status add_below(knapsack *self, double limit, double *prices, snug_fit_frontier *out) {
    const snug_fit_profile *profile = self->profile;
    size_t count = 0;
    for (size_t i = 0; i < profile->part_count; i++) {
        uint64_t gain = gain_of(profile, &profile->parts[i]);
        self->gains[i] = (double)gain <= limit ? gain : 0;
        if (self->gains[i]) prices[count++] = self->seconds[i] / (double)gain;
    }
    count = thin_out(prices, count, MOST_PRICES);
    memset(self->before, 0, profile->part_count);
    memset(self->chosen, 0, profile->part_count);
    for (size_t i = 0; i <= count; i++) {
        // Just above a price what begins to pay there is in; at last bytes are all that counts.
        choose(self, i < count ? prices[i] * (1 + 1e-6) : 1e3);
        SNUG_TRY(add_between(self, out));
    }
    return SNUG_OK;
}

static int compare_choices(const void *left, const void *right) {
    const snug_fit_choice *a = left, *b = right;
    return a->seconds != b->seconds ? (a->seconds > b->seconds) - (a->seconds < b->seconds)
                                    : (a->kept > b->kept) - (a->kept < b->kept);
}

// Leaves those that keep less than all that are faster.
static void sort_out(snug_fit_frontier *out) {
    size_t kept = 0;
    qsort(out->choices, out->count, sizeof *out->choices, compare_choices);
    for (size_t i = 0; i < out->count; i++)
        if (kept == 0 || out->choices[i].kept < out->choices[kept - 1].kept)
            out->choices[kept++] = out->choices[i];
    out->count = kept;
    if (kept <= KEPT_CHOICES) return;
    for (size_t i = 1; i < KEPT_CHOICES; i++)
        out->choices[i] = out->choices[i * (kept - 1) / (KEPT_CHOICES - 1)];
    out->count = KEPT_CHOICES;
}

snug_status snug_fit_frontier_make(const snug_fit_profile *profile, const snug_gpu_info *gpu,
                                   snug_fit_frontier *out) {
    knapsack self = {0};
    size_t bytes = (profile->part_count + 1) * sizeof(double);
    double *prices;
    *out = (snug_fit_frontier){0};
    SNUG_TRY(prepare(profile, gpu, &out->pool, &self));
    SNUG_TRY(snug_pool_new(&out->pool, bytes, (void **)&prices));
    SNUG_TRY(
        snug_pool_new(&out->pool, MOST_CHOICES * sizeof *out->choices, (void **)&out->choices));
    for (size_t n = 0; n < profile->network_count; n++)
        out->forward_seconds += self.seconds[profile->networks[n].first];
    double all = 0;
    for (size_t n = 0; n < profile->network_count; n++)
        all += (double)profile->parts[profile->networks[n].first].saved;
    SNUG_TRY(add_choice(&self, self.before, out));
    SNUG_TRY(add_below(&self, large * all, prices, out));
    SNUG_TRY(add_below(&self, all, prices, out));
    sort_out(out);
    return SNUG_OK;
}

void snug_fit_frontier_clear(snug_fit_frontier *frontier) {
    snug_pool_clear(&frontier->pool);
    *frontier = (snug_fit_frontier){0};
}

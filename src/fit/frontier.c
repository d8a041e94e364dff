#include "fit/frontier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_PRICES = 48, MOST_CHOICES = 2048, KEPT_CHOICES = 64, BUDGETS = 32 };

// Kernels reach about half of a card's peak rates; activations are read and written about three
// times the bytes that are kept of them.
static const double efficiency = 0.5, traffic = 3;

// A part that frees less than this share of what its network keeps is not worth a line.
static const double least_share = 1e-3;

// Choices are made among parts that free at most a share of all: what is computed again is there as
// a whole, and a whole encoder is better left to its parts. The shares are halved, so many times.
enum { MOST_HALVED = 6 };

typedef struct knapsack {
    const snug_fit_profile *profile;
    uint64_t *gains;  // of each part: bytes that checkpointing it frees; 0: not to be chosen
    uint64_t *shares; // of what its parent keeps beside its parts: these are freed with them
    bool *leaf;
    double *seconds;
    double *values; // of the best choice within each part, at a price
    bool *whole;    // whether that is the part itself
    bool *covered;  // whether a part is inside a chosen one
    bool *chosen, *before;
} knapsack;

// Logits, their gradient, and in float32 the logits, their log-softmax and its gradient, of which
// PyTorch has about two at a time.
uint64_t snug_fit_loss_bytes(const snug_fit_profile *profile) {
    return 2 * profile->largest_loss + 2 * profile->loss_rows * profile->loss_classes * 4;
}

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
    if (part->parent < 0) return 0;
    return (double)part->freed >= least_share * (double)all ? part->freed : 0;
}

// A part takes as long as those in it, at least: each is held to the rate that holds it up.
static void find_seconds(const snug_fit_profile *profile, const snug_gpu_info *gpu,
                         double *seconds) {
    for (size_t i = profile->part_count; i-- > 0;) {
        double alone = snug_fit_part_seconds(profile, &profile->parts[i], gpu);
        if (seconds[i] < alone) seconds[i] = alone;
        if (profile->parts[i].parent >= 0) seconds[profile->parts[i].parent] += seconds[i];
    }
}

// What a part keeps beside its parts is spread over them evenly.
static void find_shares(knapsack *self, uint64_t *parts, uint64_t *inside) {
    const snug_fit_profile *profile = self->profile;
    for (size_t i = 0; i < profile->part_count; i++) {
        int32_t parent = profile->parts[i].parent;
        self->leaf[i] = true;
        if (parent < 0) continue;
        self->leaf[parent] = false;
        parts[parent]++;
        inside[parent] += profile->parts[i].own;
    }
    for (size_t i = 0; i < profile->part_count; i++) {
        int32_t parent = profile->parts[i].parent;
        if (parent < 0) continue;
        uint64_t own = profile->parts[parent].own;
        self->shares[i] = own > inside[parent] ? (own - inside[parent]) / parts[parent] : 0;
    }
}

static snug_status prepare(const snug_fit_profile *profile, const snug_gpu_info *gpu,
                           snug_pool *pool, knapsack *out) {
    size_t count = profile->part_count + 1;
    uint64_t *parts, *inside;
    out->profile = profile;
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->gains, (void **)&out->gains));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->shares, (void **)&out->shares));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *parts, (void **)&parts));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *inside, (void **)&inside));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->seconds, (void **)&out->seconds));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->values, (void **)&out->values));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->leaf));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->whole));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->covered));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->chosen));
    SNUG_TRY(snug_pool_new(pool, count, (void **)&out->before));
    for (size_t i = 0; i < profile->part_count; i++)
        out->gains[i] = gain_of(profile, &profile->parts[i]);
    find_seconds(profile, gpu, out->seconds);
    find_shares(out, parts, inside);
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

// Bytes that backward works with in |part|: gradients of what goes into an operation and comes out
// of it, and of what goes around a part.
static uint64_t work_of(const snug_fit_part *part, bool chosen) {
    return 2 * part->largest + (chosen ? part->inputs : 0);
}

// Goes backwards through a network: what lies behind a part has been freed when it is worked at, or
// computed again. |*kept| is then the most that was there.
static void go_back(knapsack *self, const snug_fit_network *network, const bool *chosen,
                    uint64_t end, snug_fit_choice *out, uint64_t *kept) {
    const snug_fit_profile *profile = self->profile;
    uint64_t later = 0;
    for (size_t i = network->first; i < network->first + network->count; i++) {
        int32_t parent = profile->parts[i].parent;
        self->covered[i] = parent >= 0 && (self->covered[parent] || chosen[parent]);
    }
    for (size_t i = network->first + network->count; i-- > network->first;) {
        const snug_fit_part *part = &profile->parts[i];
        if (self->covered[i]) continue;
        uint64_t there = end > later ? end - later : 0;
        if (chosen[i]) {
            uint64_t again = part->saved + work_of(part, true);
            there += again;
            out->inputs += part->inputs;
            if (again > out->again) out->again = again;
            later += part->own > part->freed ? part->own - part->freed : 0;
        } else if (self->leaf[i]) {
            there += work_of(part, false);
            later += part->own;
        }
        later += self->shares[i];
        if (there > *kept) *kept = there;
    }
}

// Bytes at the end of a forward pass and at the most loaded moment of backward.
static void find_kept(knapsack *self, const bool *chosen, snug_fit_choice *out) {
    const snug_fit_profile *profile = self->profile;
    for (size_t n = 0; n < profile->network_count; n++) {
        const snug_fit_network *network = &profile->networks[n];
        uint64_t end = profile->parts[network->first].saved, kept = 0;
        for (size_t i = network->first; i < network->first + network->count; i++)
            if (chosen[i]) end -= self->gains[i] < end ? self->gains[i] : end;
        kept = end;
        go_back(self, network, chosen, end, out, &kept);
        // Networks that share a step are taken to be loaded at the same time.
        out->at_end += end;
        out->kept += kept;
    }
    uint64_t with_loss = out->at_end + snug_fit_loss_bytes(profile);
    out->peak = out->kept + profile->largest_loss;
    if (with_loss > out->peak) out->peak = with_loss;
}

static bool is_dominated(const snug_fit_frontier *frontier, const snug_fit_choice *choice) {
    for (size_t i = 0; i < frontier->count; i++)
        if (frontier->choices[i].peak <= choice->peak &&
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

// From all parts that are chosen at any price, those that take longest for what they free are left
// out as long as the peak stays under a budget: of what is freed before the peak in any case, that
// is all.
static snug_status add_within_budgets(knapsack *self, snug_fit_frontier *out) {
    const snug_fit_profile *profile = self->profile;
    size_t count = profile->part_count, chosen = 0;
    for (size_t i = 0; i < count; i++)
        chosen += self->chosen[i];
    snug_fit_choice all = {0};
    find_kept(self, self->chosen, &all);
    uint64_t most = out->choices[0].peak;
    if (chosen == 0 || all.peak >= most) return SNUG_OK;
    // Large networks have fewer budgets: each takes parts times choices.
    size_t budgets = (size_t)1e7 / (chosen * count) + 4;
    if (budgets > BUDGETS) budgets = BUDGETS;
    for (size_t b = 0; b < budgets; b++) {
        uint64_t budget = all.peak + (most - all.peak) / budgets * b;
        memcpy(self->before, self->chosen, count);
        memset(self->whole, 0, count); // tried
        for (size_t tried = 0; tried < chosen; tried++) {
            size_t dearest = count;
            for (size_t i = 0; i < count; i++)
                if (self->chosen[i] && !self->whole[i] &&
                    (dearest == count || self->seconds[i] * (double)self->gains[dearest] >
                                             self->seconds[dearest] * (double)self->gains[i]))
                    dearest = i;
            snug_fit_choice without = {0};
            self->whole[dearest] = true;
            self->before[dearest] = false;
            find_kept(self, self->before, &without);
            if (without.peak > budget) self->before[dearest] = true;
        }
        SNUG_TRY(add_choice(self, self->before, out));
    }
    return SNUG_OK;
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
    return add_within_budgets(self, out);
}

static int compare_choices(const void *left, const void *right) {
    const snug_fit_choice *a = left, *b = right;
    return a->seconds != b->seconds ? (a->seconds > b->seconds) - (a->seconds < b->seconds)
                                    : (a->peak > b->peak) - (a->peak < b->peak);
}

// Leaves those that keep less than all that are faster.
static void sort_out(snug_fit_frontier *out) {
    size_t kept = 0;
    qsort(out->choices, out->count, sizeof *out->choices, compare_choices);
    for (size_t i = 0; i < out->count; i++)
        if (kept == 0 || out->choices[i].peak < out->choices[kept - 1].peak)
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
    for (int halved = 0; halved <= MOST_HALVED; halved++)
        SNUG_TRY(add_below(&self, ldexp(all, -halved), prices, out));
    out->seconds = self.seconds;
    sort_out(out);
    return SNUG_OK;
}

void snug_fit_frontier_clear(snug_fit_frontier *frontier) {
    snug_pool_clear(&frontier->pool);
    *frontier = (snug_fit_frontier){0};
}

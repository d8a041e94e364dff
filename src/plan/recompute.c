// The search starts from segments (plan/segments.h) or from nothing, and goes down, up, and about.
// Down: as long as the load is over the limit, drop the
// stretch of tensors that takes the most excess away for the time it costs; estimates age as drops
// change what others cost, so the best is looked at afresh before it is taken (Minoux's lazy
// greedy). Up: keep again what turns out not to be needed. About: simulated annealing over single
// drops and exchanges, which undoes early choices that later ones made dear.
#include "plan/recompute.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "plan/segments.h"

// Drops tensors |first| to |first| + |length| - 1 of the candidates once more each.
typedef struct stretch {
    int32_t first, length;
    double worth;      // excess bytes taken away for each second
    uint32_t found_at; // the number of moves made when |worth| was found
} stretch;

typedef struct search {
    snug_sequence *sequence;
    size_t limit;  // what the load must come to
    size_t aim;    // what excess is measured against: lower than the limit, drops are bolder
    size_t effort; // the sequence's work at which the search ends
    size_t candidate_count; // with the gaps
    stretch *moves;         // a heap, the worthiest first
    size_t move_count;
    uint8_t *start, *best, *before; // drops by candidate
    uint32_t moves_made;
    uint64_t drawn; // random numbers so far
} search;

// The longest stretch; the share of the effort that the way down may use, one over this.
enum { MOST_DROPS = 4, LONGEST = 32, DOWN_SHARE = 3 };
// For each tensor that may be dropped.
enum { LAYOUTS = 1000 };

static uint8_t *drops_of(const search *self, size_t candidate) {
    return &self->sequence->drops[self->sequence->candidates[candidate]];
}

static uint8_t most_drops(const search *self, size_t candidate) {
    return candidate < self->sequence->candidate_count ? MOST_DROPS : 2;
}

static void save(const search *self, uint8_t *to) {
    for (size_t i = 0; i < self->candidate_count; i++)
        to[i] = *drops_of(self, i);
}

static void restore(const search *self, const uint8_t *from) {
    for (size_t i = 0; i < self->candidate_count; i++)
        *drops_of(self, i) = from[i];
}

// Drops the move's tensors once more; false when that changes nothing.
static bool apply(const search *self, const stretch *move) {
    bool changes = false;
    for (int32_t i = 0; i < move->length; i++) {
        uint8_t *drops = drops_of(self, (size_t)move->first + (size_t)i);
        if (*drops >= most_drops(self, (size_t)move->first + (size_t)i)) continue;
        ++*drops;
        changes = true;
    }
    return changes;
}

// Finds what |move| is worth from the present drops, which had |excess| and took |seconds|.
static snug_status look_at(search *self, stretch *move, double excess, double seconds) {
    snug_sequence *sequence = self->sequence;
    move->found_at = self->moves_made;
    move->worth = 0;
    for (int32_t i = 0; i < move->length; i++)
        self->before[i] = *drops_of(self, (size_t)move->first + (size_t)i);
    if (apply(self, move)) {
        SNUG_TRY(snug_sequence_lay(sequence, self->aim));
        double gain = excess - sequence->excess, cost = sequence->seconds - seconds;
        if (sequence->is_possible && gain > 0) move->worth = gain / (cost > 1e-9 ? cost : 1e-9);
    }
    for (int32_t i = 0; i < move->length; i++)
        *drops_of(self, (size_t)move->first + (size_t)i) = self->before[i];
    return SNUG_OK;
}

static bool is_worthier(const stretch *a, const stretch *b) {
    if (a->worth != b->worth) return a->worth > b->worth;
    if (a->length != b->length) return a->length < b->length;
    return a->first < b->first;
}

static void sink(search *self, size_t at) {
    stretch *moves = self->moves;
    for (size_t child; (child = 2 * at + 1) < self->move_count; at = child) {
        if (child + 1 < self->move_count && is_worthier(&moves[child + 1], &moves[child])) child++;
        if (!is_worthier(&moves[child], &moves[at])) return;
        stretch kept = moves[at];
        moves[at] = moves[child];
        moves[child] = kept;
    }
}

static bool is_over(const search *self) {
    return self->sequence->work >= self->effort;
}

static bool meets(const search *self) {
    return self->sequence->is_possible && self->sequence->load <= self->limit;
}

// Looking at every stretch once may take a quarter of the effort: large graphs forgo short ones.
static int32_t shortest_stretch(const search *self) {
    size_t once = self->sequence->graph->node_count * self->candidate_count;
    size_t left = self->effort > self->sequence->work ? self->effort - self->sequence->work : 0;
    int32_t length = 1;
    while (length < LONGEST && 4 * once / (size_t)length > left / 4)
        length *= 2;
    return length;
}

static snug_status list_moves(search *self) {
    self->move_count = 0;
    int32_t count = (int32_t)self->candidate_count, shortest = shortest_stretch(self);
    for (int32_t length = shortest; length <= LONGEST && length <= count; length *= 2)
        for (int32_t first = 0; first + length <= count; first += length > 4 ? length / 4 : 1)
            self->moves[self->move_count++] = (stretch){.first = first, .length = length};
    double excess = self->sequence->excess, seconds = self->sequence->seconds;
    for (size_t i = 0; i < self->move_count && !is_over(self); i++)
        SNUG_TRY(look_at(self, &self->moves[i], excess, seconds));
    for (size_t i = self->move_count / 2; i-- > 0;)
        sink(self, i);
    return SNUG_OK;
}

// Drops until the limit is met or no move helps; the sequence is laid out as it ends.
static snug_status go_down(search *self) {
    snug_sequence *sequence = self->sequence;
    SNUG_TRY(snug_sequence_lay(sequence, self->aim));
    if (meets(self)) return SNUG_OK;
    SNUG_TRY(list_moves(self));
    SNUG_TRY(snug_sequence_lay(sequence, self->aim));
    while (self->move_count > 0 && !meets(self) && !is_over(self)) {
        double excess = sequence->excess, seconds = sequence->seconds;
        stretch *top = &self->moves[0];
        while (top->found_at != self->moves_made) {
            SNUG_TRY(look_at(self, top, excess, seconds));
            sink(self, 0);
        }
        if (top->worth <= 0) break;
        apply(self, top);
        self->moves_made++;
        SNUG_TRY(snug_sequence_lay(sequence, self->aim));
    }
    return snug_sequence_lay(sequence, self->aim);
}

// Tries |drops| for one candidate; stays with them when that fits and saves time.
static snug_status try_drops(search *self, size_t candidate, uint8_t drops, bool *better) {
    snug_sequence *sequence = self->sequence;
    uint8_t *own = drops_of(self, candidate), before = *own;
    double seconds = sequence->seconds;
    *own = drops;
    SNUG_TRY(snug_sequence_lay(sequence, self->aim));
    *better = meets(self) && sequence->seconds < seconds;
    if (*better) return SNUG_OK;
    *own = before;
    sequence->seconds = seconds;
    return SNUG_OK;
}

// Keeps again what can be kept, while that saves time; ends with a layout.
static snug_status go_up(search *self) {
    SNUG_TRY(snug_sequence_lay(self->sequence, self->aim));
    for (bool any = true; any && !is_over(self);) {
        any = false;
        for (size_t i = self->candidate_count; i-- > 0 && !is_over(self);) {
            bool better = false;
            uint8_t drops = *drops_of(self, i);
            if (drops == 0) continue;
            SNUG_TRY(try_drops(self, i, 0, &better));
            if (!better && drops > 1) SNUG_TRY(try_drops(self, i, 1, &better));
            if (!better && drops > 2 && drops <= MOST_DROPS)
                SNUG_TRY(try_drops(self, i, (uint8_t)(drops - 1), &better));
            any = any || better;
        }
    }
    return snug_sequence_lay(self->sequence, self->aim);
}

static uint32_t draw(search *self, uint32_t below) {
    return snug_random_at(0, self->drawn++, 0).words[0] % below;
}

// What a step of the annealing changed, to be taken back.
typedef struct step_taken {
    size_t candidates[2];
    uint8_t drops[2];
    int count;
} step_taken;

// The first candidate from a random one on that can be kept more, or dropped more.
static size_t pick(search *self, size_t first, size_t span, bool keep) {
    size_t count = self->candidate_count, at = (first + draw(self, (uint32_t)span)) % count;
    for (size_t i = 0; i < count; i++, at = (at + 1) % count)
        if (keep ? *drops_of(self, at) > 0 : *drops_of(self, at) < most_drops(self, at)) break;
    return at;
}

static void set_drops(search *self, size_t candidate, uint8_t drops, step_taken *taken) {
    uint8_t *own = drops_of(self, candidate);
    taken->candidates[taken->count] = candidate;
    taken->drops[taken->count++] = *own;
    *own = drops;
}

// Keeps one tensor, drops one, or both: anywhere, or near one another.
static step_taken take_step(search *self) {
    step_taken taken = {.count = 0};
    enum { NEAR = 16 };
    size_t count = self->candidate_count, first = 0, span = count;
    uint32_t kind = draw(self, 4);
    if (kind != 1) {
        size_t at = pick(self, 0, count, true);
        uint8_t drops = *drops_of(self, at);
        if (drops > 0)
            set_drops(self, at,
                      drops > 1 && draw(self, 2) ? (uint8_t)((drops - 1) % MOST_DROPS) : 0, &taken);
        if (kind == 2) first = at + count - (NEAR < count ? NEAR : count), span = 2 * NEAR;
    }
    if (kind != 0) {
        size_t at = pick(self, first, span, false);
        uint8_t drops = *drops_of(self, at);
        if (drops < most_drops(self, at)) set_drops(self, at, (uint8_t)(drops + 1), &taken);
    }
    return taken;
}

static void take_back(search *self, step_taken *taken) {
    while (taken->count-- > 0)
        *drops_of(self, taken->candidates[taken->count]) = taken->drops[taken->count];
}

// Seconds lost, with |price| seconds for each byte over the limit.
static double energy_of(const search *self, double price) {
    const snug_sequence *sequence = self->sequence;
    if (!sequence->is_possible) return INFINITY;
    if (sequence->load <= self->limit) return sequence->seconds;
    // The excess tells nearer from farther where many nodes are at the same load.
    double over = (double)(sequence->load - self->limit),
           nodes = (double)sequence->graph->node_count;
    return sequence->seconds + price * (over + 4 * sequence->excess / nodes);
}

static double forward_seconds(const snug_sequence *sequence) {
    double seconds = 0;
    for (size_t i = 0; i < sequence->graph->node_count; i++)
        if (sequence->graph->nodes[i]->phase == SNUG_FORWARD) seconds += sequence->costs[i].seconds;
    return seconds;
}

// Anneals from the drops as they stand until |effort| is used up, or, where |until_met|, the limit
// is met. Ends with the best that was found.
static snug_status go_about(search *self, size_t effort, bool until_met) {
    snug_sequence *sequence = self->sequence;
    SNUG_TRY(snug_sequence_lay(sequence, self->aim));
    // A byte over costs more than any byte is worth, unless the limit is out of sight.
    double price = 4 * (forward_seconds(sequence) + 1e-9) / ((double)self->limit + 1);
    if (until_met) price = (sequence->seconds + 1e-9) / ((double)sequence->load / 64 + 1);
    double energy = energy_of(self, price), best = energy;
    double hot = (until_met ? 0.1 * energy : 0.3 * sequence->seconds) + 1e-12;
    size_t start = sequence->work;
    save(self, self->best);
    while (sequence->work < effort && !(until_met && meets(self))) {
        double progress = (double)(sequence->work - start) / (double)(effort - start);
        double heat = hot * pow(0.001, progress);
        step_taken taken = take_step(self);
        SNUG_TRY(snug_sequence_lay(sequence, self->aim));
        double next = energy_of(self, price);
        double luck = ((double)draw(self, 1u << 24) + 1) / (double)(1u << 24);
        if (next > energy - heat * log(luck)) {
            take_back(self, &taken);
            continue;
        }
        energy = next;
        if (next >= best || (!until_met && !meets(self))) continue;
        best = next;
        save(self, self->best);
    }
    restore(self, self->best);
    return snug_sequence_lay(sequence, self->aim);
}

// The cheapest drops that meet the limit so far, or else those with the smallest load.
typedef struct record {
    bool is_met, is_set;
    size_t load;
    double seconds;
} record;

// Saves the drops that are laid out when they are better than the record.
static void compare(search *self, record *best) {
    const snug_sequence *sequence = self->sequence;
    if (!sequence->is_possible) return;
    record next = {meets(self), true, sequence->load, sequence->seconds};
    bool is_better = next.is_met != best->is_met ? next.is_met
                     : next.is_met               ? next.seconds < best->seconds
                                                 : next.load < best->load;
    if (best->is_set && !is_better) return;
    *best = next;
    save(self, self->best);
}

// Tries segments of all lengths, each half of the one before, nested ones too.
static snug_status try_segments(search *self, record *best) {
    static const double cheap[] = {1, 0.8, 0.5};
    enum { LENGTHS = 12 };
    snug_segments segments;
    SNUG_TRY(snug_segments_new(self->sequence, &segments));
    snug_status status = SNUG_OK;
    for (int coarse = 0; coarse < LENGTHS && status == SNUG_OK; coarse++)
        for (int fine = coarse; fine < LENGTHS && status == SNUG_OK; fine += fine > coarse ? 2 : 1)
            for (size_t i = 0; i < sizeof cheap / sizeof cheap[0] && !is_over(self); i++) {
                snug_segment_lengths lengths = {.coarse = segments.bytes >> coarse,
                                                .fine = fine > coarse ? segments.bytes >> fine : 0,
                                                .cheap = cheap[i]};
                snug_segments_drop(&segments, &lengths, self->sequence->drops);
                SNUG_TRY_GOTO(snug_sequence_lay(self->sequence, self->aim), done);
                compare(self, best);
            }
done:
    snug_segments_clear(&segments);
    return status;
}

// Goes down from segments, and from the start with aims of the limit and below. Ends with the best.
static snug_status go_down_boldly(search *self) {
    static const double aims[] = {1, 0.75, 0.5, 0.25};
    snug_sequence *sequence = self->sequence;
    record best = {.is_set = false};
    SNUG_TRY(snug_sequence_lay(sequence, self->limit));
    size_t effort = self->effort, from = sequence->work;
    // A limit out of sight says little about where to aim.
    size_t target = self->limit > sequence->load / 16 ? self->limit : sequence->load / 2;
    save(self, self->start);
    compare(self, &best);
    self->effort = from + (effort - from) / DOWN_SHARE;
    SNUG_TRY(try_segments(self, &best));
    for (size_t i = 0; i < sizeof aims / sizeof aims[0]; i++) {
        self->aim = (size_t)((double)target * aims[i]);
        restore(self, self->start);
        SNUG_TRY(go_down(self));
        if (meets(self)) SNUG_TRY(go_up(self));
        compare(self, &best);
    }
    self->effort = effort;
    self->aim = self->limit;
    restore(self, self->best);
    return snug_sequence_lay(sequence, self->aim);
}

// Changes up to |changes| choices from |first| on in all ways; stays with the first that has less
// |energy|, which it then is.
static snug_status try_changes(search *self, size_t first, int changes, double price,
                               double *energy, bool *better) {
    for (size_t i = first; i < self->candidate_count && !is_over(self); i++) {
        uint8_t *own = drops_of(self, i), before = *own;
        for (uint8_t drops = 0; drops <= most_drops(self, i) && !is_over(self); drops++) {
            if (drops == before) continue;
            *own = drops;
            SNUG_TRY(snug_sequence_lay(self->sequence, self->aim));
            double next = energy_of(self, price);
            *better = next < *energy * (1 - 1e-9);
            if (*better)
                *energy = next;
            else if (changes > 1)
                SNUG_TRY(try_changes(self, i + 1, changes - 1, price, energy, better));
            if (*better) return SNUG_OK;
        }
        *own = before;
    }
    return SNUG_OK;
}

// For small graphs: as long as changing up to three choices at once brings the load down.
static snug_status exchange(search *self) {
    enum { FEW = 16, CHANGES = 3 };
    if (self->candidate_count > FEW) return SNUG_OK;
    SNUG_TRY(snug_sequence_lay(self->sequence, self->aim));
    // Bytes count before seconds.
    double price = self->sequence->seconds + forward_seconds(self->sequence);
    double energy = energy_of(self, price);
    for (bool better = true; better && !meets(self);) {
        better = false;
        SNUG_TRY(try_changes(self, 0, CHANGES, price, &energy, &better));
        SNUG_TRY(snug_sequence_lay(self->sequence, self->aim));
    }
    return SNUG_OK;
}

// Does what else it can to meet the limit, up to |effort|; the load does not rise.
static snug_status strain(search *self, size_t effort) {
    size_t load = self->sequence->load;
    save(self, self->start);
    SNUG_TRY(go_about(self, effort, true));
    if (!meets(self)) SNUG_TRY(exchange(self));
    if (meets(self) || self->sequence->load < load) return SNUG_OK;
    restore(self, self->start);
    return snug_sequence_lay(self->sequence, self->aim);
}

static snug_status find(search *self, bool *fits) {
    size_t from = self->sequence->work, effort = self->effort;
    SNUG_TRY(snug_sequence_lay(self->sequence, self->aim));
    *fits = meets(self);
    if (*fits || self->candidate_count == 0) return SNUG_OK;
    SNUG_TRY(go_down_boldly(self));
    if (!meets(self)) SNUG_TRY(strain(self, from + (effort - from) / 2));
    *fits = meets(self);
    if (!*fits) return SNUG_OK;
    SNUG_TRY(go_about(self, effort, false));
    self->effort += effort - from; // the last step ends by itself
    return go_up(self);
}

static size_t most_moves(size_t candidates) {
    size_t lengths = 0;
    for (size_t length = 1; length <= LONGEST; length *= 2)
        lengths++;
    return lengths * candidates + 1;
}

snug_status snug_recompute(snug_sequence *sequence, size_t limit, size_t effort, bool *fits) {
    *fits = false;
    // Small graphs are searched through before long.
    size_t enough = LAYOUTS * (sequence->choice_count + 1) * sequence->graph->node_count;
    if (effort > enough) effort = enough;
    search self = {.sequence = sequence,
                   .limit = limit,
                   .aim = limit,
                   .effort = sequence->work + effort,
                   .candidate_count = sequence->choice_count};
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&self.moves, most_moves(self.candidate_count)), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.start, self.candidate_count + 1), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.best, self.candidate_count + 1), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.before, LONGEST), done);
    status = find(&self, fits);
done:
    snug_memory_free(self.moves);
    snug_memory_free(self.start);
    snug_memory_free(self.best);
    snug_memory_free(self.before);
    return status;
}

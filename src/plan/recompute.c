// The search goes down and up again. Down: as long as the load is over the limit, drop the stretch
// of tensors that takes the most excess away for the time it costs; estimates age as drops change
// what others cost, so the best is looked at afresh before it is taken (Minoux's lazy greedy). Up:
// keep again what turns out not to be needed. Then tensors are kept against the limit one by one
// and the search goes down around them, which undoes early choices that later ones made dear.
#include "plan/recompute.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// Drops tensors |first| to |first| + |length| - 1 of the candidates once more each.
typedef struct stretch {
    int32_t first, length;
    double worth;      // excess bytes taken away for each second
    uint32_t found_at; // the number of moves made when |worth| was found
} stretch;

typedef struct search {
    snug_sequence *sequence;
    size_t limit, effort;
    size_t candidate_count;
    stretch *moves; // a heap, the worthiest first
    size_t move_count;
    uint8_t *kept, *best, *before; // drops by candidate
    uint32_t moves_made;
    int32_t held; // a candidate that must not be dropped further, or -1
} search;

enum { MOST_DROPS = 4, LONGEST = 32 };

static uint8_t *drops_of(const search *self, size_t candidate) {
    return &self->sequence->drops[self->sequence->candidates[candidate]];
}

static void save(const search *self, uint8_t *to) {
    for (size_t i = 0; i < self->candidate_count; i++)
        to[i] = *drops_of(self, i);
}

static void restore(const search *self, const uint8_t *from) {
    for (size_t i = 0; i < self->candidate_count; i++)
        *drops_of(self, i) = from[i];
}

static bool is_over(const search *self) {
    return self->sequence->work >= self->effort;
}

// Drops the move's tensors once more; false when that changes nothing.
static bool apply(const search *self, const stretch *move) {
    bool changes = false;
    for (int32_t i = 0; i < move->length; i++) {
        uint8_t *drops = drops_of(self, (size_t)(move->first + i));
        if (*drops >= MOST_DROPS || move->first + i == self->held) continue;
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
        self->before[i] = *drops_of(self, (size_t)(move->first + i));
    if (apply(self, move)) {
        SNUG_TRY(snug_sequence_lay(sequence, self->limit));
        double gain = excess - sequence->excess, cost = sequence->seconds - seconds;
        if (sequence->is_possible && gain > 0) move->worth = gain / (cost > 1e-9 ? cost : 1e-9);
    }
    for (int32_t i = 0; i < move->length; i++)
        *drops_of(self, (size_t)(move->first + i)) = self->before[i];
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

static snug_status list_moves(search *self, int32_t longest) {
    self->move_count = 0;
    int32_t count = (int32_t)self->candidate_count;
    for (int32_t length = 1; length <= longest && length <= count; length *= 2)
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
static snug_status go_down(search *self, int32_t longest) {
    snug_sequence *sequence = self->sequence;
    SNUG_TRY(snug_sequence_lay(sequence, self->limit));
    if (!sequence->is_possible || sequence->excess <= 0) return SNUG_OK;
    SNUG_TRY(list_moves(self, longest));
    double excess = sequence->excess, seconds = sequence->seconds;
    SNUG_TRY(snug_sequence_lay(sequence, self->limit));
    excess = sequence->excess, seconds = sequence->seconds;
    while (self->move_count > 0 && excess > 0 && !is_over(self)) {
        stretch *top = &self->moves[0];
        if (top->found_at != self->moves_made) {
            SNUG_TRY(look_at(self, top, excess, seconds));
            sink(self, 0);
            continue;
        }
        if (top->worth <= 0) break;
        apply(self, top);
        self->moves_made++;
        SNUG_TRY(snug_sequence_lay(sequence, self->limit));
        excess = sequence->excess, seconds = sequence->seconds;
    }
    return snug_sequence_lay(sequence, self->limit);
}

// Tries |drops| for one candidate; stays with them when that fits and saves time.
static snug_status try_drops(search *self, size_t candidate, uint8_t drops, bool *better) {
    snug_sequence *sequence = self->sequence;
    uint8_t *own = drops_of(self, candidate), before = *own;
    double seconds = sequence->seconds;
    *own = drops;
    SNUG_TRY(snug_sequence_lay(sequence, self->limit));
    *better = sequence->is_possible && sequence->excess <= 0 && sequence->seconds < seconds;
    if (*better) return SNUG_OK;
    *own = before;
    sequence->seconds = seconds;
    return SNUG_OK;
}

// Keeps again what can be kept, in order of the time it takes to make; ends with a layout.
static snug_status go_up(search *self) {
    snug_sequence *sequence = self->sequence;
    SNUG_TRY(snug_sequence_lay(sequence, self->limit));
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
    return snug_sequence_lay(sequence, self->limit);
}

static bool meets(const search *self) {
    return self->sequence->is_possible && self->sequence->excess <= 0;
}

// Holds each dropped tensor in turn and mends what that breaks with single drops.
static snug_status exchange(search *self) {
    snug_sequence *sequence = self->sequence;
    save(self, self->best);
    double best = sequence->seconds;
    for (bool any = true; any && !is_over(self);) {
        any = false;
        for (size_t i = 0; i < self->candidate_count && !is_over(self); i++) {
            restore(self, self->best);
            uint8_t *drops = drops_of(self, i);
            if (*drops == 0 || *drops == SNUG_DROP_ALWAYS) continue;
            --*drops;
            self->held = (int32_t)i;
            SNUG_TRY(go_down(self, 4));
            if (meets(self)) SNUG_TRY(go_up(self));
            self->held = -1;
            if (!meets(self) || sequence->seconds >= best) continue;
            best = sequence->seconds;
            save(self, self->best);
            any = true;
        }
    }
    restore(self, self->best);
    return snug_sequence_lay(sequence, self->limit);
}

static size_t most_moves(size_t candidates) {
    size_t count = 0;
    for (size_t length = 1; length <= LONGEST; length *= 2)
        count += candidates;
    return count + 1;
}

static snug_status find(search *self, bool *fits) {
    snug_sequence *sequence = self->sequence;
    size_t effort = self->effort;
    SNUG_TRY(go_down(self, LONGEST));
    *fits = meets(self);
    if (!*fits) return SNUG_OK;
    SNUG_TRY(go_up(self));
    SNUG_TRY(exchange(self));
    self->effort = effort;
    return snug_sequence_lay(sequence, self->limit);
}

snug_status snug_recompute(snug_sequence *sequence, size_t limit, size_t effort, bool *fits) {
    *fits = false;
    search self = {.sequence = sequence,
                   .limit = limit,
                   .effort = sequence->work + effort,
                   .candidate_count = sequence->candidate_count,
                   .held = -1};
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&self.moves, most_moves(self.candidate_count)), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.kept, self.candidate_count + 1), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.best, self.candidate_count + 1), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.before, self.candidate_count + LONGEST), done);
    status = find(&self, fits);
done:
    snug_memory_free(self.moves);
    snug_memory_free(self.kept);
    snug_memory_free(self.best);
    snug_memory_free(self.before);
    return status;
}

#include "plan/segments.h"

#include <stdlib.h>

#include "base/memory.h"

static int compare_numbers(const void *a, const void *b) {
    const double *first = a, *second = b;
    return (*first > *second) - (*first < *second);
}

// The last forward reader of each tensor; a view's readers are those of what it shows.
static snug_status find_readers(const snug_graph *graph, int32_t **out) {
    SNUG_TRY(SNUG_NEW(out, graph->tensor_count));
    int32_t *last = *out;
    for (size_t i = graph->node_count; i-- > 0;) {
        const snug_node *node = graph->nodes[i];
        if (node->phase != SNUG_FORWARD) continue;
        int32_t reader = (int32_t)i;
        if (node->op->is_view && last[node->outputs[0]] > reader) reader = last[node->outputs[0]];
        for (int j = 0; j < node->input_count; j++)
            if (node->inputs[j] != SNUG_NO_TENSOR && last[node->inputs[j]] < reader)
                last[node->inputs[j]] = reader;
    }
    return SNUG_OK;
}

static snug_status analyse(snug_segments *self) {
    const snug_sequence *sequence = self->sequence;
    const snug_graph *graph = sequence->graph;
    int32_t *readers = NULL;
    snug_status status;
    SNUG_TRY_GOTO(find_readers(graph, &readers), done);
    for (size_t i = 0; i < sequence->candidate_count; i++) {
        snug_tensor_id id = sequence->candidates[i];
        snug_node_id producer = graph->tensors[id]->producer;
        self->first[i] = (int32_t)producer;
        self->last[i] = readers[id] > self->first[i] ? readers[id] : self->first[i];
        self->dearness[i] = sequence->costs[producer].again_seconds / (double)sequence->bytes[id];
        self->by_dearness[i] = self->dearness[i];
        self->bytes += sequence->bytes[id];
        for (int32_t at = self->first[i]; at < self->last[i]; at++)
            self->crossing[at] += sequence->bytes[id];
    }
    qsort(self->by_dearness, sequence->candidate_count, sizeof *self->by_dearness, compare_numbers);
done:
    snug_memory_free(readers);
    return status;
}

snug_status snug_segments_new(const snug_sequence *sequence, snug_segments *out) {
    *out = (snug_segments){.sequence = sequence};
    size_t count = sequence->candidate_count;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&out->first, count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->last, count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->dearness, count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->by_dearness, count), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&out->crossing, sequence->graph->node_count), failed);
    SNUG_TRY_GOTO(analyse(out), failed);
    return SNUG_OK;
failed:
    snug_segments_clear(out);
    return status;
}

void snug_segments_clear(snug_segments *segments) {
    snug_memory_free(segments->first);
    snug_memory_free(segments->last);
    snug_memory_free(segments->dearness);
    snug_memory_free(segments->by_dearness);
    snug_memory_free(segments->crossing);
    *segments = (snug_segments){0};
}

// What crosses node |cut| is dropped at most |most| times.
static void keep_crossing(const snug_segments *self, int32_t cut, uint8_t most, uint8_t *drops) {
    for (size_t i = 0; i < self->sequence->candidate_count && self->first[i] <= cut; i++) {
        uint8_t *own = &drops[self->sequence->candidates[i]];
        if (self->last[i] > cut && *own > most) *own = most;
    }
}

// Cuts as soon as |length| bytes have been made, at the place with the fewest crossing bytes within
// half as much again.
static void cut(const snug_segments *self, size_t length, uint8_t most, uint8_t *drops) {
    size_t made = 0;
    int32_t best = -1;
    for (size_t i = 0; i < self->sequence->candidate_count; i++) {
        int32_t at = self->first[i];
        made += self->sequence->bytes[self->sequence->candidates[i]];
        if (made < length) continue;
        if (best < 0 || self->crossing[at] < self->crossing[best]) best = at;
        if (made < length + length / 2) continue;
        keep_crossing(self, best, most, drops);
        made = 0;
        best = -1;
    }
}

void snug_segments_drop(const snug_segments *segments, const snug_segment_lengths *lengths,
                        uint8_t *drops) {
    const snug_sequence *sequence = segments->sequence;
    size_t count = sequence->candidate_count;
    if (count == 0) return;
    size_t rank = (size_t)((double)(count - 1) * lengths->cheap);
    double dearest = segments->by_dearness[rank];
    for (size_t i = 0; i < count; i++)
        drops[sequence->candidates[i]] = segments->dearness[i] > dearest ? 0
                                         : lengths->fine                 ? 2
                                                                         : 1;
    cut(segments, lengths->coarse, 0, drops);
    if (lengths->fine) cut(segments, lengths->fine, 1, drops);
    for (size_t i = count; i < sequence->choice_count; i++)
        drops[sequence->candidates[i]] = 0;
}

// What may be dropped from a sequence, and where.
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"
#include "plan/sequence.h"

enum { NONE = -1 };

// Letting a tensor go between readers nearer than this, in nodes, gives hardly anything.
enum { FAR_APART = 3 };

static snug_status add_gap(snug_sequence *self, size_t *capacity, snug_tensor_id id,
                           snug_node_id after) {
    SNUG_TRY(SNUG_GROW(&self->gaps, capacity, self->gap_count + 1));
    self->gaps[self->gap_count] = (snug_gap){.tensor = id, .next = self->first_gap[after]};
    self->first_gap[after] = (int32_t)self->gap_count++;
    return SNUG_OK;
}

// |reader|, by tensor, is all zero and receives the last node that reads it.
static snug_status find_gaps(snug_sequence *self, int32_t *reader) {
    const snug_graph *graph = self->graph;
    size_t capacity = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        bool forward = graph->nodes[i]->phase == SNUG_FORWARD;
        self->first_gap[i] = NONE;
        for (int32_t j = 0; j < self->nodes[i].input_count; j++) {
            snug_tensor_id id = self->nodes[i].inputs[j].tensor;
            bool is_far = reader[id] && (int32_t)i - reader[id] >= FAR_APART &&
                          forward == (graph->nodes[reader[id]]->phase == SNUG_FORWARD);
            if (is_far && graph->tensors[id]->producer != SNUG_NO_NODE)
                SNUG_TRY(add_gap(self, &capacity, id, reader[id]));
            reader[id] = (int32_t)i;
            if (forward) self->last_reader[id] = (int32_t)i;
        }
    }
    return SNUG_OK;
}

// Gaps join the candidates whose tensors they are of.
static snug_status add_gap_candidates(snug_sequence *self) {
    size_t tensors = self->graph->tensor_count;
    uint8_t *drops = NULL;
    int32_t *candidates = NULL, *reader = NULL;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&reader, tensors), done);
    SNUG_TRY_GOTO(find_gaps(self, reader), done);
    SNUG_TRY_GOTO(SNUG_NEW(&drops, tensors + self->gap_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&candidates, self->candidate_count + self->gap_count + 1), done);
    memcpy(drops, self->drops, tensors);
    memcpy(candidates, self->candidates, self->candidate_count * sizeof *candidates);
    memset(reader, 0, tensors * sizeof *reader);
    for (size_t i = 0; i < self->candidate_count; i++)
        reader[candidates[i]] = 1;
    self->choice_count = self->candidate_count;
    for (size_t i = 0; i < self->gap_count; i++)
        if (reader[self->gaps[i].tensor]) candidates[self->choice_count++] = (int32_t)(tensors + i);
    snug_memory_free(self->drops);
    snug_memory_free(self->candidates);
    self->drops = drops;
    self->candidates = candidates;
    drops = NULL;
    candidates = NULL;
done:
    snug_memory_free(reader);
    snug_memory_free(drops);
    snug_memory_free(candidates);
    return status;
}

// Forward results can be dropped, but for what the host reads and the small outputs from which an
// operator makes its large one again. What the backward pass never reads is dropped as it is.
snug_status snug_sequence_find_choices(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    SNUG_TRY(SNUG_NEW(&self->candidates, graph->tensor_count));
    for (size_t i = 0; i < graph->tensor_count; i++)
        self->drops[i] = SNUG_DROP_ALWAYS;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int j = 0; j < graph->nodes[i]->input_count && graph->nodes[i]->phase != SNUG_FORWARD;
             j++)
            if (graph->nodes[i]->inputs[j] != SNUG_NO_TENSOR)
                self->drops[graph->nodes[i]->inputs[j]] = 0;
    // A view is had for nothing; what decides is the tensor it shows.
    for (size_t i = graph->node_count; i-- > 0;) {
        const snug_node *node = graph->nodes[i];
        if (!node->op->is_view || node->phase != SNUG_FORWARD) continue;
        if (self->drops[node->outputs[0]] == 0) self->drops[node->inputs[0]] = 0;
        self->drops[node->outputs[0]] = SNUG_DROP_ALWAYS;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) continue;
        for (int j = 0; j < node->output_count; j++) {
            snug_tensor_id id = node->outputs[j];
            bool is_free = self->nodes[i].can_run_again && !graph->tensors[id]->is_result &&
                           self->bytes[id] && (j == 0 || !self->nodes[i].makes_one);
            if (is_free)
                self->candidates[self->candidate_count++] = id;
            else
                self->drops[id] = 0;
        }
    }
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->producer == SNUG_NO_NODE) self->drops[i] = 0;
    return add_gap_candidates(self);
}

// The tensor that |id| is a view of.
static snug_tensor_id shown_by(const snug_graph *graph, snug_tensor_id id) {
    snug_node_id producer = graph->tensors[id]->producer;
    while (producer != SNUG_NO_NODE && graph->nodes[producer]->op->is_view) {
        id = graph->nodes[producer]->inputs[0];
        producer = graph->tensors[id]->producer;
    }
    return id;
}

void snug_sequence_drop_casts(snug_sequence *self) {
    const snug_graph *graph = self->graph;
    for (size_t i = 0; i < self->candidate_count; i++) {
        snug_tensor_id id = self->candidates[i];
        const snug_node *node = graph->nodes[graph->tensors[id]->producer];
        if (node->op != &snug_op_cast || self->drops[id] != 0) continue;
        snug_tensor_id from = shown_by(graph, node->inputs[0]);
        // What an update changes meanwhile cannot be cast again.
        if (graph->tensors[from]->producer == SNUG_NO_NODE) continue;
        bool widens = self->bytes[from] < self->bytes[id];
        if (!widens && self->drops[from] != 0) continue;
        self->drops[from] = 0;
        self->drops[id] = 1;
    }
}

// Rounds of: find the patterns' roots, see what is still needed, copy the graph with replacements,
// until there is nothing to find. What one pattern puts together may be a part of the next.
#include <string.h>

#include "base/memory.h"
#include "graph/verify.h"
#include "onnx/patterns.h"

enum { MOST_ROUNDS = 16 };

typedef struct recognition {
    const snug_graph *from;
    snug_graph *to;
    int32_t *readers;             // by tensor
    bool *learns, *needed;        // by tensor
    bool *replaced;               // by node of |from|: what it updates, a match's replacement does
    snug_pattern_match **matches; // by node of |from|, or NULL
    snug_tensor_id *map;          // by tensor of |from|: of |to|
    snug_pool pool;
    bool fuse, is_found;
} recognition;

static snug_status allocate(recognition *self) {
    size_t tensors = self->from->tensor_count + 1, nodes = self->from->node_count + 1;
    SNUG_TRY(SNUG_NEW(&self->readers, tensors));
    SNUG_TRY(SNUG_NEW(&self->learns, tensors));
    SNUG_TRY(SNUG_NEW(&self->needed, tensors));
    SNUG_TRY(SNUG_NEW(&self->replaced, nodes));
    SNUG_TRY(SNUG_NEW(&self->matches, nodes));
    SNUG_TRY(SNUG_NEW(&self->map, tensors));
    for (size_t i = 0; i < tensors; i++)
        self->map[i] = SNUG_NO_TENSOR;
    return SNUG_OK;
}

static void release(recognition *self) {
    snug_memory_free(self->readers);
    snug_memory_free(self->learns);
    snug_memory_free(self->needed);
    snug_memory_free(self->replaced);
    snug_memory_free(self->matches);
    snug_memory_free(self->map);
    snug_pool_clear(&self->pool);
}

static void note_ends(recognition *self, const snug_onnx_built *built) {
    for (size_t i = 0; i < built->output_count; i++) {
        self->needed[built->outputs[i]] = true;
        self->readers[built->outputs[i]]++;
    }
}

static bool updates(const recognition *self, const snug_node *node) {
    return node->op->mutates != 0 && !self->replaced[node->id];
}

// Marks what leads to the outputs, and what changes something; with matches, past their insides.
static void find_needed(recognition *self) {
    for (size_t i = self->from->node_count; i-- > 0;) {
        const snug_node *node = self->from->nodes[i];
        const snug_pattern_match *match = self->matches[i];
        bool is_needed = updates(self, node);
        for (int j = 0; j < node->output_count; j++)
            is_needed = is_needed || self->needed[node->outputs[j]];
        for (int j = 0; is_needed && j < (match ? match->leaf_count : node->input_count); j++) {
            snug_tensor_id id = match ? match->leaves[j] : node->inputs[j];
            if (id == SNUG_NO_TENSOR) continue;
            self->needed[id] = true;
            self->readers[id]++;
        }
    }
}

static void find_learning(recognition *self) {
    for (size_t i = 0; i < self->from->tensor_count; i++)
        self->learns[i] = self->from->tensors[i]->role == SNUG_ROLE_WEIGHT;
    for (size_t i = 0; i < self->from->node_count; i++) {
        const snug_node *node = self->from->nodes[i];
        bool any = false;
        for (int j = 0; j < node->input_count; j++)
            any = any || (node->inputs[j] != SNUG_NO_TENSOR && self->learns[node->inputs[j]]);
        for (int j = 0; j < node->output_count; j++)
            self->learns[node->outputs[j]] = any;
    }
}

static snug_status find_match(recognition *self, const snug_node *node) {
    snug_pattern_view view = {self->from, self->readers, self->learns};
    if (node->output_count < 1 || !self->needed[node->outputs[0]]) return SNUG_OK;
    for (int i = 1; i < node->output_count; i++)
        if (self->readers[node->outputs[i]]) return SNUG_OK;
    for (const snug_onnx_pattern *const *pattern = snug_onnx_patterns; *pattern; pattern++) {
        snug_pattern_match match = {.pattern = *pattern,
                                    .type = *snug_graph_type(self->from, node->outputs[0])};
        if ((*pattern)->fuses && !self->fuse) continue;
        if (!(*pattern)->match(&view, node, &match)) continue;
        SNUG_TRY(snug_pool_new(&self->pool, sizeof match, (void **)&self->matches[node->id]));
        *self->matches[node->id] = match;
        if (match.replaces) self->replaced[match.replaces->id] = true;
        self->is_found = true;
        return SNUG_OK;
    }
    return SNUG_OK;
}

static snug_status copy_source(recognition *self, snug_tensor_id id) {
    const snug_tensor *tensor = self->from->tensors[id];
    bool is_dropped = tensor->role == SNUG_ROLE_CONSTANT && !self->needed[id];
    if (tensor->producer != SNUG_NO_NODE || is_dropped) return SNUG_OK;
    snug_tensor_id twin = snug_graph_tensor(self->to, tensor->name, &tensor->type, tensor->role);
    SNUG_TRY(self->to->status);
    self->to->tensors[twin]->init = tensor->init;
    self->to->tensors[twin]->trainable = tensor->trainable;
    self->map[id] = twin;
    return SNUG_OK;
}

static void map_ids(const recognition *self, const snug_tensor_id *ids, int count,
                    snug_tensor_id *out) {
    for (int i = 0; i < count; i++)
        out[i] = ids[i] == SNUG_NO_TENSOR ? SNUG_NO_TENSOR : self->map[ids[i]];
}

static snug_status emit_match(recognition *self, const snug_pattern_match *match,
                              snug_tensor_id root) {
    snug_tensor_id leaves[SNUG_PATTERN_LEAVES];
    int count = match->leaf_count;
    map_ids(self, match->leaves, count, leaves);
    while (count && leaves[count - 1] == SNUG_NO_TENSOR)
        count--;
    self->map[root] = match->pattern->emit
                          ? match->pattern->emit(self->to, match, leaves)
                          : snug_graph_emit(self->to, match->op, match->attributes, leaves, count);
    SNUG_TRY(self->to->status);
    if (snug_type_equal(snug_graph_type(self->to, self->map[root]), &match->type)) return SNUG_OK;
    return snug_fail(SNUG_INTERNAL, "the pattern %s makes another type", match->pattern->name);
}

static snug_status copy_node(recognition *self, const snug_node *node) {
    bool is_needed = updates(self, node);
    char *scope = NULL;
    for (int i = 0; i < node->output_count; i++)
        is_needed = is_needed || self->needed[node->outputs[i]];
    if (!is_needed) return SNUG_OK;
    SNUG_TRY(snug_pool_text(&self->to->pool, node->scope, &scope));
    self->to->scope = scope;
    self->to->phase = node->phase;
    if (self->matches[node->id]) return emit_match(self, self->matches[node->id], node->outputs[0]);
    snug_tensor_id *inputs = NULL, outputs[SNUG_MAX_OUTPUTS];
    SNUG_TRY(SNUG_NEW(&inputs, (size_t)node->input_count + 1));
    map_ids(self, node->inputs, node->input_count, inputs);
    snug_graph_node(self->to, node->op, node->attributes, inputs, node->input_count, outputs);
    snug_memory_free(inputs);
    SNUG_TRY(self->to->status);
    for (int i = 0; i < node->output_count; i++)
        self->map[node->outputs[i]] = outputs[i];
    return SNUG_OK;
}

static snug_status run_round(recognition *self, snug_onnx_built *built) {
    SNUG_TRY(allocate(self));
    note_ends(self, built);
    find_needed(self);
    find_learning(self);
    for (size_t i = 0; i < self->from->node_count; i++)
        SNUG_TRY(find_match(self, self->from->nodes[i]));
    memset(self->needed, 0, self->from->tensor_count * sizeof *self->needed);
    memset(self->readers, 0, self->from->tensor_count * sizeof *self->readers);
    note_ends(self, built);
    find_needed(self);
    for (size_t i = 0; i < self->from->tensor_count; i++)
        SNUG_TRY(copy_source(self, (snug_tensor_id)i));
    for (size_t i = 0; i < self->from->node_count; i++)
        SNUG_TRY(copy_node(self, self->from->nodes[i]));
    self->to->scope = "";
    map_ids(self, built->inputs, (int)built->input_count, built->inputs);
    map_ids(self, built->outputs, (int)built->output_count, built->outputs);
    return SNUG_OK;
}

snug_status snug_onnx_recognise(snug_graph *graph, bool fuse, snug_onnx_built *built) {
    snug_status status = graph->status;
    bool is_found = true;
    for (int i = 0; status == SNUG_OK && is_found && i < MOST_ROUNDS; i++) {
        recognition self = {.from = graph, .fuse = fuse};
        status = snug_graph_new(&self.to);
        if (status == SNUG_OK) status = run_round(&self, built);
        is_found = self.is_found;
        if (status == SNUG_OK) { // a graph is what its fields own
            snug_graph kept = *graph;
            *graph = *self.to;
            *self.to = kept;
        }
        release(&self);
        snug_graph_free(self.to);
    }
    return status == SNUG_OK ? snug_graph_verify(graph) : status;
}

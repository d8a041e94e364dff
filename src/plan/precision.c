#include "plan/precision.h"

#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

typedef struct rewrite {
    const snug_graph *from;
    snug_graph *to;
    snug_dtype low;
    snug_tensor_id *map;
    snug_tensor_id *other; // by tensor of |from|: the same in the other type, or SNUG_NO_TENSOR
} rewrite;

snug_tensor_id snug_precision_cast(snug_graph *graph, snug_tensor_id tensor, snug_dtype dtype) {
    if (tensor == SNUG_NO_TENSOR || snug_graph_type(graph, tensor)->dtype == dtype) return tensor;
    snug_cast_attributes cast = {.dtype = dtype};
    return SNUG_EMIT(graph, &snug_op_cast, &cast, tensor);
}

static snug_status copy_source(rewrite *self, snug_tensor_id id) {
    const snug_tensor *tensor = self->from->tensors[id];
    if (tensor->producer != SNUG_NO_NODE) return SNUG_OK;
    snug_tensor_id twin = snug_graph_tensor(self->to, tensor->name, &tensor->type, tensor->role);
    SNUG_TRY(self->to->status);
    self->to->tensors[twin]->init = tensor->init;
    self->to->tensors[twin]->trainable = tensor->trainable;
    self->map[id] = twin;
    return SNUG_OK;
}

// The tensor of |to| for |id| in |dtype|. There are two types, so one cast serves all readers.
static snug_tensor_id in_type(rewrite *self, snug_tensor_id id, snug_dtype dtype) {
    if (id == SNUG_NO_TENSOR) return id;
    const snug_type *type = snug_graph_type(self->to, self->map[id]);
    if (type->dtype == dtype || !snug_dtype_is_float(type->dtype)) return self->map[id];
    if (self->other[id] == SNUG_NO_TENSOR)
        self->other[id] = snug_precision_cast(self->to, self->map[id], dtype);
    return self->other[id];
}

static bool is_full_input(const snug_op *op, int input) {
    return input < 32 && (op->full_inputs >> input & 1);
}

// The type that operators of class follow have here: float32 where an activation is, what persists
// not counted, and where nothing is in 16 bits.
static snug_dtype followed_type(const rewrite *self, const snug_node *node) {
    snug_dtype found = SNUG_F32;
    for (int i = 0; i < node->input_count; i++) {
        snug_tensor_id id = node->inputs[i];
        if (id == SNUG_NO_TENSOR || is_full_input(node->op, i)) continue;
        snug_dtype dtype = snug_graph_type(self->to, self->map[id])->dtype;
        if (dtype == self->low) found = self->low;
        if (dtype == SNUG_F32 && !snug_role_is_persistent(self->from->tensors[id]->role))
            return SNUG_F32;
    }
    return found;
}

static snug_dtype wanted_type(const rewrite *self, const snug_node *node) {
    switch (node->op->precision) {
    case SNUG_PRECISION_LOW:
        return self->low;
    case SNUG_PRECISION_FULL:
        return node->op->full_inputs ? followed_type(self, node) : SNUG_F32;
    case SNUG_PRECISION_FOLLOW:
        break;
    }
    return followed_type(self, node);
}

static snug_status copy_node(rewrite *self, const snug_node *node) {
    snug_dtype wanted = wanted_type(self, node);
    snug_tensor_id *inputs = NULL, outputs[SNUG_MAX_OUTPUTS];
    char *scope = NULL;
    SNUG_TRY(snug_pool_text(&self->to->pool, node->scope, &scope));
    SNUG_TRY(SNUG_NEW(&inputs, (size_t)node->input_count + 1));
    self->to->scope = scope;
    self->to->phase = node->phase;
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = in_type(self, node->inputs[i], is_full_input(node->op, i) ? SNUG_F32 : wanted);
    snug_graph_node(self->to, node->op, node->attributes, inputs, node->input_count, outputs);
    snug_memory_free(inputs);
    SNUG_TRY(self->to->status);
    for (int i = 0; i < node->output_count; i++)
        self->map[node->outputs[i]] = outputs[i];
    return SNUG_OK;
}

snug_status snug_precision_copy(const snug_graph *from, snug_dtype low, snug_graph *to,
                                snug_tensor_id *map) {
    rewrite self = {.from = from, .to = to, .low = low, .map = map};
    const char *scope = to->scope;
    snug_status status = SNUG_OK;
    SNUG_TRY(SNUG_NEW(&self.other, from->tensor_count));
    for (size_t i = 0; i < from->tensor_count; i++)
        map[i] = self.other[i] = SNUG_NO_TENSOR;
    for (size_t i = 0; i < from->tensor_count && status == SNUG_OK; i++)
        status = copy_source(&self, (snug_tensor_id)i);
    for (size_t i = 0; i < from->node_count && status == SNUG_OK; i++)
        status = copy_node(&self, from->nodes[i]);
    to->scope = scope;
    snug_memory_free(self.other);
    return status;
}

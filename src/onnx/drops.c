// Stochastic depth has no operator of its own in ONNX: exporters write out what it computes.
#include <string.h>

#include "onnx/state.h"
#include "ops/reference.h"

// The node before nodes[index] whose result is |name|, called |op|; NULL: there is none. What makes
// up one drop lies close together.
static const snug_onnx_node *producer(const snug_onnx_node *nodes, size_t index, const char *name,
                                      const char *op) {
    enum { most_between = 16 };
    for (size_t i = index; i-- > 0 && index - i <= most_between;) {
        const snug_onnx_node *node = &nodes[i];
        if (node->output_count == 0 || strcmp(node->outputs[0], name) != 0) continue;
        return strcmp(node->op, op) == 0 && node->domain[0] == 0 ? node : NULL;
    }
    return NULL;
}

// The number that |name| is; false when it is not known, or not one number.
static bool read_number(const snug_onnx_scope *scope, const char *name, double *out) {
    const snug_onnx_slot *slot = snug_onnx_lookup(scope, name);
    if (!slot || !slot->operand.data || snug_type_elements(&slot->operand.type) != 1) return false;
    char element[8] = {0}; // data of a file may lie anywhere
    memcpy(element, slot->operand.data, snug_dtype_bytes(slot->operand.type.dtype));
    int64_t aligned = 0;
    memcpy(&aligned, element, sizeof aligned);
    *out = snug_reference_load(&aligned, slot->operand.type.dtype, 0);
    return true;
}

bool snug_onnx_is_drop(const snug_onnx_scope *scope, const snug_onnx_node *nodes, size_t index) {
    const snug_onnx_node *node = &nodes[index];
    double share, divisor;
    if (strcmp(node->op, "Div") != 0 || node->domain[0] || node->input_count != 2 ||
        node->output_count != 1)
        return false;
    const snug_onnx_node *cast = producer(nodes, index, node->inputs[0], "Cast");
    if (!cast || cast->input_count != 1) return false;
    const snug_onnx_node *less = producer(nodes, index, cast->inputs[0], "Less");
    if (!less || less->input_count != 2) return false;
    const snug_onnx_node *random = producer(nodes, index, less->inputs[0], "RandomUniformLike");
    return random && snug_onnx_lookup(scope, node->inputs[0]) &&
           read_number(scope, less->inputs[1], &share) &&
           read_number(scope, node->inputs[1], &divisor) && share == divisor;
}

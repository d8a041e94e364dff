#include "plan/random_init.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

// PyTorch's exporters, and snug's own importer, write most norms out. What they make is told by how
// it comes about: something that varies with the input, over the root of something.
typedef enum mark { PLAIN, ROOT, INVERSE_ROOT, NORMALISED } mark;

typedef struct state {
    snug_graph *graph;
    double *fans; // by tensor: fan in of the product that it is, 0: none
    mark *marks;  // by tensor
    bool *varies; // by tensor: with the input
} state;

// Whether |node| gives what its first input is, in another shape, order or type.
static bool passes_on(const snug_node *node) {
    return node->op->is_view || node->op->keeps_values;
}

// The weight that |id| is under another shape or type, or SNUG_NO_TENSOR.
static snug_tensor_id weight_of(const snug_graph *graph, snug_tensor_id id) {
    while (id != SNUG_NO_TENSOR && graph->tensors[id]->producer != SNUG_NO_NODE) {
        const snug_node *node = graph->nodes[graph->tensors[id]->producer];
        if (!passes_on(node)) return SNUG_NO_TENSOR;
        id = node->inputs[0];
    }
    return id;
}

static double elements_behind(const snug_type *type, int dimension) {
    double count = 1;
    for (int i = dimension; i < type->rank; i++)
        count *= (double)type->dims[i];
    return count;
}

// The terms of each sum in a product with the operand |id|.
static double fan_in(const snug_graph *graph, const snug_node *node, int input) {
    const snug_type *type = snug_graph_type(graph, node->inputs[input]);
    if (node->op->roles[input] != SNUG_INPUT_MATRIX) return elements_behind(type, 1);
    snug_matmul_attributes matmul;
    memcpy(&matmul, node->attributes, sizeof matmul);
    if (type->rank < 2) return (double)type->dims[0];
    return (double)type->dims[type->rank - (matmul.transpose_b ? 1 : 2)];
}

static void set(const snug_graph *graph, snug_tensor_id weight, snug_init_kind kind, double a,
                double b) {
    snug_tensor *tensor = graph->tensors[weight];
    if (tensor->role == SNUG_ROLE_WEIGHT || tensor->role == SNUG_ROLE_STATISTIC)
        tensor->init = snug_init_of(kind, a, b);
}

static void set_within(const snug_graph *graph, snug_tensor_id weight, double terms) {
    if (terms > 0) set(graph, weight, SNUG_INIT_UNIFORM, -1 / sqrt(terms), 1 / sqrt(terms));
}

// A recurrent layer's weights are put together of PyTorch's: parts of them, in another order, and
// sums of two biases. A hostile file's would be looked at again and again: |*left| times at most.
static void set_behind(const snug_graph *graph, snug_tensor_id id, double terms, int *left) {
    if (id == SNUG_NO_TENSOR || (*left)-- <= 0) return;
    if (graph->tensors[id]->producer == SNUG_NO_NODE) {
        set_within(graph, id, terms);
        return;
    }
    const snug_node *node = graph->nodes[graph->tensors[id]->producer];
    bool is_made_up = passes_on(node) || node->op == &snug_op_slice || node->op == &snug_op_add ||
                      node->op == &snug_op_concat || node->op == &snug_op_strided_slice;
    for (int i = 0; i < node->input_count && is_made_up; i++)
        set_behind(graph, node->inputs[i], terms, left);
}

static void apply(const state *self, const snug_node *node, int input) {
    int left = 1000;
    if (node->op->roles[input] == SNUG_INPUT_RECURRENT)
        set_behind(self->graph, node->inputs[input],
                   (double)snug_graph_type(self->graph, node->inputs[2])->dims[1], &left);
    snug_tensor_id weight = weight_of(self->graph, node->inputs[input]);
    if (weight == SNUG_NO_TENSOR) return;
    switch (node->op->roles[input]) {
    case SNUG_INPUT_DATA:
    case SNUG_INPUT_RECURRENT:
        break;
    case SNUG_INPUT_WEIGHT: // of a transposed convolution, too, PyTorch counts dimension 1
    case SNUG_INPUT_MATRIX:
        set_within(self->graph, weight, fan_in(self->graph, node, input));
        break;
    case SNUG_INPUT_BIAS:
        set_within(self->graph, weight, fan_in(self->graph, node, 1));
        break;
    case SNUG_INPUT_SCALE:
    case SNUG_INPUT_VARIANCE:
        set(self->graph, weight, SNUG_INIT_CONSTANT, 1, 0);
        break;
    case SNUG_INPUT_SHIFT:
    case SNUG_INPUT_MEAN:
        set(self->graph, weight, SNUG_INIT_CONSTANT, 0, 0);
        break;
    case SNUG_INPUT_TABLE:
        set(self->graph, weight, SNUG_INIT_NORMAL, 0, 1);
        break;
    }
}

// A vector that is added to a product with a weight is its bias.
static void apply_sum(const state *self, const snug_node *node) {
    for (int i = 0; i < 2; i++) {
        snug_tensor_id bias = weight_of(self->graph, node->inputs[i]);
        double terms = self->fans[node->inputs[1 - i]];
        if (bias != SNUG_NO_TENSOR && terms > 0 && snug_graph_type(self->graph, bias)->rank == 1)
            set_within(self->graph, bias, terms);
    }
}

static mark mark_of(const state *self, const snug_node *node) {
    const snug_tensor_id *inputs = node->inputs;
    if (node->op == &snug_op_sqrt) return ROOT;
    if (node->op == &snug_op_layer_norm || node->op == &snug_op_group_norm ||
        node->op == &snug_op_rms_norm)
        return NORMALISED;
    if (passes_on(node)) return self->marks[inputs[0]];
    if (node->op == &snug_op_reciprocal)
        return self->marks[inputs[0]] == ROOT ? INVERSE_ROOT : PLAIN;
    if (node->op == &snug_op_divide && self->marks[inputs[1]] == ROOT)
        return self->varies[inputs[0]] ? NORMALISED : INVERSE_ROOT;
    if (node->op != &snug_op_multiply) return PLAIN;
    for (int i = 0; i < 2; i++) {
        snug_tensor_id other = inputs[1 - i];
        if (self->marks[inputs[i]] == INVERSE_ROOT && self->varies[other]) return NORMALISED;
        if (self->marks[inputs[i]] == NORMALISED && !self->varies[other]) return NORMALISED;
    }
    return PLAIN;
}

// What scales a norm's result starts as 1, what is added to it as 0.
static void apply_affine(const state *self, const snug_node *node) {
    bool scales = node->op == &snug_op_multiply;
    if (!scales && node->op != &snug_op_add) return;
    for (int i = 0; i < 2; i++) {
        snug_tensor_id weight = weight_of(self->graph, node->inputs[i]);
        if (weight != SNUG_NO_TENSOR && self->marks[node->inputs[1 - i]] == NORMALISED)
            set(self->graph, weight, SNUG_INIT_CONSTANT, scales ? 1 : 0, 0);
    }
}

static void follow(const state *self, const snug_node *node) {
    bool varies = false;
    for (int i = 0; i < node->input_count; i++)
        varies = varies || (node->inputs[i] != SNUG_NO_TENSOR && self->varies[node->inputs[i]]);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != SNUG_NO_TENSOR) self->varies[node->outputs[i]] = varies;
    apply_affine(self, node);
    self->marks[node->outputs[0]] =
        varies || node->op != &snug_op_sqrt ? mark_of(self, node) : PLAIN;
}

// Whether |node| sums over a weight, and something else may add its bias.
static bool lacks_bias(const state *self, const snug_node *node) {
    const snug_input_role *roles = node->op->roles;
    if (roles[1] == SNUG_INPUT_MATRIX)
        return weight_of(self->graph, node->inputs[1]) != SNUG_NO_TENSOR;
    bool has_bias =
        roles[2] == SNUG_INPUT_BIAS && node->input_count > 2 && node->inputs[2] != SNUG_NO_TENSOR;
    return roles[1] == SNUG_INPUT_WEIGHT && !has_bias;
}

static void visit(const state *self, const snug_node *node) {
    int roles = (int)(sizeof node->op->roles / sizeof *node->op->roles);
    for (int i = 0; i < node->input_count && i < roles; i++)
        if (node->inputs[i] != SNUG_NO_TENSOR) apply(self, node, i);
    if (node->op == &snug_op_add) apply_sum(self, node);
    if (node->output_count == 0) return;
    if (lacks_bias(self, node)) self->fans[node->outputs[0]] = fan_in(self->graph, node, 1);
    if (passes_on(node)) self->fans[node->outputs[0]] = self->fans[node->inputs[0]];
    follow(self, node);
}

snug_status snug_random_init(snug_graph *graph) {
    state self = {.graph = graph};
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&self.fans, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.marks, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&self.varies, graph->tensor_count), done);
    for (size_t i = 0; i < graph->tensor_count; i++)
        self.varies[i] = graph->tensors[i]->role == SNUG_ROLE_INPUT;
    for (size_t i = 0; i < graph->node_count; i++)
        visit(&self, graph->nodes[i]);
done:
    snug_memory_free(self.fans);
    snug_memory_free(self.marks);
    snug_memory_free(self.varies);
    return status;
}

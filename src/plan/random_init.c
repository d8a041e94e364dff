#include "plan/random_init.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

// PyTorch's exporters, and snug's own importer, write most norms out. What they make is told by how
// it comes about: something that varies with the input, over the root of something.
typedef enum mark { PLAIN, ROOT, INVERSE_ROOT, NORMALISED } mark;

typedef enum fan { FAN_ROW, FAN_MATMUL, FAN_BIAS, ONE, ZERO, NORMAL } fan;

// What an operator's input |input| is. Names, since an operator that a build lacks is no failure.
static const struct {
    const char *op;
    int input;
    fan rule;
} rules[] = {
    {"conv2d", 1, FAN_ROW},
    {"conv2d", 2, FAN_BIAS},
    {"conv3d", 1, FAN_ROW},
    {"conv3d", 2, FAN_BIAS},
    {"conv2d_backward_input", 1, FAN_ROW}, // a transposed convolution: PyTorch counts
    {"conv3d_backward_input", 1, FAN_ROW}, // dimension 1 here as well
    {"linear", 1, FAN_ROW},
    {"linear", 2, FAN_BIAS},
    {"matmul", 1, FAN_MATMUL},
    {"batch_norm", 1, ONE},
    {"batch_norm", 2, ZERO},
    {"batch_norm", 3, ZERO},
    {"batch_norm", 4, ONE},
    {"batch_norm_inference", 1, ONE},
    {"batch_norm_inference", 2, ZERO},
    {"batch_norm_inference", 3, ZERO},
    {"batch_norm_inference", 4, ONE},
    {"layer_norm", 1, ONE},
    {"layer_norm", 2, ZERO},
    {"gather", 0, NORMAL},
};

typedef struct state {
    snug_graph *graph;
    double *fans; // by tensor: fan in of the product that it is, 0: none
    mark *marks;  // by tensor
    bool *varies; // by tensor: with the input
} state;

static bool is_called(const snug_node *node, const char *name) {
    return strcmp(node->op->name, name) == 0;
}

// Whether |node| gives what its first input is, in another shape, order or type.
static bool passes_on(const snug_node *node) {
    return node->op->is_view || is_called(node, "transpose") || is_called(node, "cast") ||
           is_called(node, "to_layout");
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
static double fan_in(const snug_graph *graph, const snug_node *node, int input, fan rule) {
    const snug_type *type = snug_graph_type(graph, node->inputs[input]);
    if (rule != FAN_MATMUL) return elements_behind(type, 1);
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

static void apply(const state *self, const snug_node *node, int input, fan rule) {
    snug_tensor_id weight = weight_of(self->graph, node->inputs[input]);
    if (weight == SNUG_NO_TENSOR) return;
    switch (rule) {
    case FAN_ROW:
    case FAN_MATMUL:
        set_within(self->graph, weight, fan_in(self->graph, node, input, rule));
        break;
    case FAN_BIAS:
        set_within(self->graph, weight, fan_in(self->graph, node, 1, FAN_ROW));
        break;
    case ONE:
        set(self->graph, weight, SNUG_INIT_CONSTANT, 1, 0);
        break;
    case ZERO:
        set(self->graph, weight, SNUG_INIT_CONSTANT, 0, 0);
        break;
    case NORMAL:
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
    if (is_called(node, "sqrt")) return ROOT;
    if (is_called(node, "layer_norm")) return NORMALISED;
    if (passes_on(node)) return self->marks[inputs[0]];
    if (is_called(node, "reciprocal")) return self->marks[inputs[0]] == ROOT ? INVERSE_ROOT : PLAIN;
    if (is_called(node, "divide") && self->marks[inputs[1]] == ROOT)
        return self->varies[inputs[0]] ? NORMALISED : INVERSE_ROOT;
    if (!is_called(node, "multiply")) return PLAIN;
    for (int i = 0; i < 2; i++) {
        snug_tensor_id other = inputs[1 - i];
        if (self->marks[inputs[i]] == INVERSE_ROOT && self->varies[other]) return NORMALISED;
        if (self->marks[inputs[i]] == NORMALISED && !self->varies[other]) return NORMALISED;
    }
    return PLAIN;
}

// What scales a norm's result starts as 1, what is added to it as 0.
static void apply_affine(const state *self, const snug_node *node) {
    bool scales = is_called(node, "multiply");
    if (!scales && !is_called(node, "add")) return;
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
        varies || !is_called(node, "sqrt") ? mark_of(self, node) : PLAIN;
}

static void visit(const state *self, const snug_node *node) {
    const char *name = node->op->name;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].input < node->input_count && strcmp(rules[i].op, name) == 0 &&
            node->inputs[rules[i].input] != SNUG_NO_TENSOR)
            apply(self, node, rules[i].input, rules[i].rule);
    if (strcmp(name, "add") == 0) apply_sum(self, node);
    if (node->output_count == 0) return;
    if (strcmp(name, "matmul") == 0 && weight_of(self->graph, node->inputs[1]) != SNUG_NO_TENSOR)
        self->fans[node->outputs[0]] = fan_in(self->graph, node, 1, FAN_MATMUL);
    if (strcmp(name, "conv2d_backward_input") == 0 || strcmp(name, "conv3d_backward_input") == 0)
        self->fans[node->outputs[0]] = fan_in(self->graph, node, 1, FAN_ROW);
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

// Graphs: tensors with concrete shapes, and the nodes that compute them, in execution order. A
// graph is rebuilt for each micro-batch size. It prints itself in a stable form (graph/print.h)
// and verify.h checks it after every rewrite.
//
// Errors of construction are sticky: a failing snug_graph_emit() records the failure in the graph
// and returns SNUG_NO_TENSOR, further calls that get SNUG_NO_TENSOR or meet a failed graph do
// nothing, and the builder checks snug_graph_status() once at the end.
#ifndef SNUG_GRAPH_GRAPH_H
#define SNUG_GRAPH_GRAPH_H

#include "base/pool.h"
#include "graph/op.h"

typedef int32_t snug_tensor_id;
typedef int32_t snug_node_id;
enum { SNUG_NO_TENSOR = -1, SNUG_NO_NODE = -1 };

// What a tensor is for: decides how long it lives and how reports count it.
typedef enum snug_role {
    SNUG_ROLE_ACTIVATION, // values computed in a pass, gradients of activations included
    SNUG_ROLE_INPUT,      // the batch: samples and targets, written before the pass
    SNUG_ROLE_WEIGHT,     // persistent
    SNUG_ROLE_STATISTIC,  // persistent: running mean and variance
    SNUG_ROLE_OPTIMIZER,  // persistent: momentum and such
    SNUG_ROLE_GRADIENT,   // of a weight; an accumulator (no producer) lives through the whole step
    SNUG_ROLE_CONSTANT,   // persistent, set once from |init|
} snug_role;

const char *snug_role_name(snug_role role);

// How a persistent tensor starts.
typedef enum snug_init_kind {
    SNUG_INIT_CONSTANT, // a
    SNUG_INIT_UNIFORM,  // [a, b)
    SNUG_INIT_NORMAL,   // mean a, standard deviation b
    SNUG_INIT_DATA,     // |data|
} snug_init_kind;

typedef struct snug_init {
    snug_init_kind kind;
    double a, b;
    const void
        *data; // row-major, the tensor's bytes, any alignment; outlives the graph and its plans
} snug_init;

// Most tensors start from numbers, not from data.
static inline snug_init snug_init_of(snug_init_kind kind, double a, double b) {
    return (snug_init){.kind = kind, .a = a, .b = b};
}

typedef struct snug_tensor {
    const char *name; // unique in its space where it persists ("layer.0.weight"); may be NULL else
    snug_type type;
    snug_role role;
    snug_init init;        // persistent tensors
    bool trainable;        // weights: an optimizer updates it
    bool no_decay;         // and it takes no part in weight decay
    bool is_result;        // read by the host after the pass: lives to the end
    snug_node_id producer; // SNUG_NO_NODE for inputs and persistent tensors
} snug_tensor;

typedef enum snug_phase { SNUG_FORWARD, SNUG_BACKWARD, SNUG_UPDATE } snug_phase;

typedef struct snug_node {
    snug_node_id id; // its index in snug_graph.nodes, which is the execution order
    const snug_op *op;
    snug_phase phase;
    bool recomputed;   // a copy that a fix placed in the backward pass
    const char *scope; // where in the model: "features.3.conv", or ""
    int64_t attributes[SNUG_ATTRIBUTE_BYTES / 8];
    int input_count, output_count;
    snug_tensor_id *inputs; // SNUG_NO_TENSOR for an absent optional input
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
} snug_node;

typedef struct snug_graph {
    snug_tensor **tensors;
    size_t tensor_count, tensor_capacity;
    snug_node **nodes;
    size_t node_count, node_capacity;
    snug_phase phase;  // given to nodes that are added
    const char *scope; // likewise; pool-owned or static
    snug_status status;
    snug_pool pool; // owns tensors, nodes and their texts
} snug_graph;

snug_status snug_graph_new(snug_graph **out);
void snug_graph_free(snug_graph *graph);

// Makes |copy|, an empty graph, a deep copy of |graph|, ids unchanged.
snug_status snug_graph_copy(const snug_graph *graph, snug_graph *copy);

// The first failure of construction; its message is the thread's.
snug_status snug_graph_status(const snug_graph *graph);

// Adds a tensor without a producer. |name| is copied; NULL is allowed for unnamed tensors.
snug_tensor_id snug_graph_tensor(snug_graph *graph, const char *name, const snug_type *type,
                                 snug_role role);

// Appends a node; returns its id. |attributes| (the operator's struct) may be NULL. Output types
// come from the operator's infer; |outputs| (op->outputs entries) may be NULL.
snug_node_id snug_graph_node(snug_graph *graph, const snug_op *op, const void *attributes,
                             const snug_tensor_id *inputs, int input_count,
                             snug_tensor_id *outputs);

// snug_graph_node for builders: returns output 0.
snug_tensor_id snug_graph_emit(snug_graph *graph, const snug_op *op, const void *attributes,
                               const snug_tensor_id *inputs, int input_count);
// The same with the operands spelt out: SNUG_EMIT(graph, &snug_op_add, NULL, a, b).
#define SNUG_EMIT(graph, op, attributes, ...)                                                      \
    snug_graph_emit((graph), (op), (attributes), (const snug_tensor_id[]){__VA_ARGS__},            \
                    (int)(sizeof((const snug_tensor_id[]){__VA_ARGS__}) / sizeof(snug_tensor_id)))

// For an operator without inputs.
#define SNUG_EMIT_NONE(graph, op, attributes) snug_graph_emit((graph), (op), (attributes), NULL, 0)

// Records |status| (with the thread's message) as the graph's failure unless it has one.
snug_tensor_id snug_graph_poison(snug_graph *graph, snug_status status);

// The type of |id|; a static empty type for SNUG_NO_TENSOR, so that builders need no checks.
const snug_type *snug_graph_type(const snug_graph *graph, snug_tensor_id id);

// Whether the tensor keeps its memory from step to step.
bool snug_role_is_persistent(snug_role role);

// The same of a tensor, gradient accumulators included.
bool snug_tensor_is_persistent(const snug_tensor *tensor);

// Spaces of names: a network may have weights "a" and "a.grad", and an accumulator of the first.
typedef enum snug_space {
    SNUG_SPACE_NETWORK,
    SNUG_SPACE_OPTIMIZER,
    SNUG_SPACE_GRADIENT
} snug_space;
snug_space snug_role_space(snug_role role);

// Puts the nodes into |order| (node_count ids) and renumbers them.
snug_status snug_graph_reorder(snug_graph *graph, const snug_node_id *order);

#endif

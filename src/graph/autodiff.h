// Reverse-mode differentiation: emits the backward pass as nodes of the same graph.
#ifndef SNUG_GRAPH_AUTODIFF_H
#define SNUG_GRAPH_AUTODIFF_H

#include "graph/graph.h"

typedef struct snug_backward {
    snug_graph *graph;
    snug_tensor_id *gradients; // by tensor of the forward pass; SNUG_NO_TENSOR: none yet
    bool *wanted;              // by tensor: on a path from something differentiated to the loss
    size_t tensor_count;       // of the forward pass
    // Called when a trainable weight's gradient is complete; may emit nodes (accumulate, update).
    snug_status (*on_gradient)(void *context, snug_graph *graph, snug_tensor_id weight,
                               snug_tensor_id gradient);
    void *context;
} snug_backward;

// For an operator's gradient function: the gradient of an output of |node|, or SNUG_NO_TENSOR when
// nothing downstream depends on it.
snug_tensor_id snug_backward_of(const snug_backward *backward, const snug_node *node, int output);
// Whether the gradient of input |input| is wanted.
bool snug_backward_wants(const snug_backward *backward, const snug_node *node, int input);
// Gives the gradient of input |input|; a second one is added to the first.
void snug_backward_give(snug_backward *backward, const snug_node *node, int input,
                        snug_tensor_id gradient);
// Emits |op| with |node|'s attributes on |count| |inputs|: its result i is the gradient of input i.
void snug_backward_emit(snug_backward *backward, const snug_node *node, const snug_op *op,
                        const snug_tensor_id *inputs, int count);

// Differentiates the scalar |loss| with respect to every trainable weight, and to the tensors in
// |sources| (may be NULL). Gradients of weights have the role SNUG_ROLE_GRADIENT; each complete one
// goes to |on_gradient| (may be NULL), as early in the backward pass as it is complete.
// |gradients|, when not NULL, has graph->tensor_count entries (as of the call) and receives the
// gradient of each tensor or SNUG_NO_TENSOR.
snug_status snug_autodiff(snug_graph *graph, snug_tensor_id loss, const snug_tensor_id *sources,
                          size_t source_count,
                          snug_status (*on_gradient)(void *context, snug_graph *graph,
                                                     snug_tensor_id weight,
                                                     snug_tensor_id gradient),
                          void *context, snug_tensor_id *gradients);

#endif

// A sequence: a training graph's nodes in their order, with forward nodes run again where the
// backward pass needs a tensor that was dropped. It is laid out on flat arrays, without building a
// graph, so that a search can look at thousands; the one that is wanted is then applied.
//
// What is dropped is one number a tensor, |drops|: how many times the tensor is made and let go
// again before it is made to stay. 0: kept from the forward pass on. 1: let go at its last use in
// the forward pass, made again when the backward pass first needs it, and kept from then to its
// last use. 2: the first time it is made again serves only the node that asked. And so on, which
// expresses nested recomputation, the binomial schedules of treeverse included. Where two readers
// of a tensor lie far apart in the forward pass, or in the backward pass, it can be let go in this
// gap too, and is made again for the second of them.
#ifndef SNUG_PLAN_SEQUENCE_H
#define SNUG_PLAN_SEQUENCE_H

#include "graph/graph.h"

enum { SNUG_DROP_ALWAYS = 255 };

// What a node takes, and what running it again takes.
typedef struct snug_node_cost {
    double seconds, again_seconds;
    size_t workspace_bytes, again_workspace_bytes;
} snug_node_cost;

// A tensor that a node reads, as far as its memory is planned by passes.
typedef struct snug_sequence_input {
    snug_tensor_id tensor;
    bool may_be_overwritten;
} snug_sequence_input;

typedef struct snug_sequence_node {
    const snug_sequence_input *inputs, *again_inputs;
    int32_t input_count, again_input_count;
    const snug_tensor_id *outputs;
    int32_t output_count;
    // The first node that overwrites a weight which this one reads: past it, running again would
    // give something else.
    snug_node_id expires;
    bool can_run_again;
    bool makes_one; // running again makes output 0 alone (snug_op.again)
    bool is_view, is_forward;
} snug_sequence_node;

// A node of a layout: |values| are its inputs, then its outputs.
typedef struct snug_step {
    snug_node_id node;
    bool is_again;
    int32_t first_value, input_count, output_count;
} snug_step;

// A tensor each time it is made. Those below graph->tensor_count are the graph's own.
typedef struct snug_value {
    snug_tensor_id tensor;
    int32_t end;     // one past the last step that touches it
    int32_t storage; // as snug_lifetimes has it
} snug_value;

// From one reader of a tensor to the next.
typedef struct snug_gap {
    snug_tensor_id tensor;
    int32_t next; // gap after the same node; -1: there is none
} snug_gap;

typedef struct snug_memory_span {
    size_t bytes;
    int32_t first, end; // steps
} snug_memory_span;

// A tensor that is to be made again, and the first of its producer's inputs that is not looked at.
typedef struct snug_sequence_demand {
    snug_tensor_id tensor;
    int32_t next_input;
} snug_sequence_demand;

typedef struct snug_sequence {
    snug_graph *graph; // borrowed
    bool in_place;     // as snug_lifetimes_find()
    snug_node_cost *costs;
    snug_sequence_node *nodes;
    snug_sequence_input *inputs; // of all nodes
    snug_tensor_id *outputs;     // likewise
    size_t *bytes;               // by tensor, as the arena rounds them; 0: not planned
    // Tensors that may be dropped, in the order in which the forward pass makes them.
    // Behind them the gaps, as their places in |drops|.
    int32_t *candidates;
    size_t candidate_count, choice_count; // choices: with the gaps
    // By tensor, what snug_sequence_lay() follows; then by gap, 1: the tensor is let go there,
    // 2: whatever it is made again for before its next reader, it is let go at once.
    uint8_t *drops;
    snug_gap *gaps;
    size_t gap_count;
    int32_t *first_gap;      // by node: of those after it; -1: there is none
    int32_t *last_reader;    // by tensor: the forward pass's last node that reads it; 0: none
    snug_node_id *producer;  // by tensor
    snug_tensor_id *results; // what lives to the end
    size_t result_count;

    // The last layout.
    snug_step *steps;
    int32_t *step_values;
    snug_value *values;
    snug_memory_span *spans;
    int64_t *change; // by step: of the bytes in use
    size_t step_count, step_capacity, step_value_count, step_value_capacity;
    size_t value_count, value_capacity, span_count, span_capacity, change_capacity;
    int32_t *accessible;     // by tensor: the value that later nodes may read, or -1
    uint8_t *made;           // by tensor: times
    uint8_t *in_gap;         // by tensor: until its next reader it is made for others alone
    snug_tensor_id *passing; // values that only the node at hand may read
    size_t passing_count;
    snug_sequence_demand *demands; // a stack: nodes that run again, each for the one below
    size_t demand_capacity;
    size_t work; // steps laid out so far, in all layouts

    bool is_possible; // false: a node would have to run again after its weight changed
    double seconds;   // of the nodes that run again
    size_t again_count;
    size_t load;   // the most bytes in use at one step
    double excess; // over |limit|: the sum, over the graph's nodes, of bytes beyond it
} snug_sequence;

// Analyses |graph|; |costs| (by node) is taken over, also on failure. Tensors whose gradient comes
// from nowhere else start as SNUG_DROP_ALWAYS, all others as kept.
snug_status snug_sequence_new(snug_graph *graph, bool in_place, snug_node_cost *costs,
                              snug_sequence *out);
void snug_sequence_clear(snug_sequence *sequence);

// Lists |candidates| and |gaps|: a part of snug_sequence_new().
snug_status snug_sequence_find_choices(snug_sequence *sequence);

// Drops casts that cost no memory to make again: of a value in two types the backward pass keeps
// one, the smaller where it has the choice, and casts it again.
void snug_sequence_drop_casts(snug_sequence *sequence);

// Lays out the nodes with |drops| as they stand and measures against |limit| bytes.
snug_status snug_sequence_lay(snug_sequence *sequence, size_t limit);

// The workspace of step |index| of the layout, as the arena rounds it.
size_t snug_sequence_workspace(const snug_sequence *sequence, size_t index);

// The node that runs |node| again by its cheaper operator; its inputs are put into |inputs|.
snug_node snug_sequence_again(const snug_node *node, snug_tensor_id inputs[8]);

// Makes the graph the last layout: nodes are added and reordered. The sequence is used up.
snug_status snug_sequence_apply(snug_sequence *sequence);

#endif

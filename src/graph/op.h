// The operator contract. An operator is one const descriptor; src/ops/<file>.c holds the operator,
// the operators its gradient uses, and their sample cases. The build gathers the files into
// snug_op_files, so adding an operator is adding a file. Only names are ever stored, never indices.
#ifndef SNUG_GRAPH_OP_H
#define SNUG_GRAPH_OP_H

#include "graph/type.h"

struct snug_graph;
struct snug_node;
struct snug_backward;

// The bytes of an operator's own attribute struct, inline in its node.
enum { SNUG_ATTRIBUTE_BYTES = 256, SNUG_MAX_OUTPUTS = 4 };

typedef enum snug_attribute_kind { SNUG_ATTRIBUTE_INT, SNUG_ATTRIBUTE_REAL } snug_attribute_kind;

// One field of an attribute struct: |count| values of int64_t or double at |offset|.
typedef struct snug_attribute {
    const char *name;
    snug_attribute_kind kind;
    size_t offset;
    int count;
} snug_attribute;

// What a step tells its kernels; none of it changes a plan.
typedef struct snug_run_state {
    uint64_t seed;
    uint64_t step;        // optimizer updates done before this one
    int64_t first_sample; // index within the batch of the micro-batch's first sample
    double learning_rate;
    double loss_scale; // what the loss is multiplied by, and gradients are divided by; 0: 1
    // What updates multiply gradients by: above 1 where the batch has targets that do not count, so
    // that the loss is the mean over those that do; 0: 1.
    double gradient_weight;
} snug_run_state;

// A tensor as a kernel on the host sees it. |data| points into the arena.
typedef struct snug_view {
    void *data;
    snug_type type;
} snug_view;

// One call of a kernel. Absent optional inputs have data NULL and rank 0. The outputs that the
// descriptor lets overlap an input may have the input's address.
typedef struct snug_call {
    const void *attributes;
    const snug_view *inputs;
    int input_count;
    const snug_view *outputs;
    int output_count;
    void *workspace;
    const snug_run_state *state;
} snug_call;

// How an operator's arithmetic takes lower precision, after PyTorch's autocast lists: safe in 16
// bits, kept in 32, or whatever its inputs have.
typedef enum snug_precision_class {
    SNUG_PRECISION_FOLLOW,
    SNUG_PRECISION_LOW,
    SNUG_PRECISION_FULL
} snug_precision_class;

// What the cost model sees of a node.
typedef struct snug_cost {
    double flops;
    double bytes; // read and written
} snug_cost;

// A case that the tests run: attributes, input types, and the range inputs are drawn from.
// |attributes| points to the operator's struct, or is NULL for all zero.
typedef struct snug_sample {
    const char *name;
    const void *attributes;
    int input_count;
    snug_type inputs[10];
    double low, high;      // inputs are uniform in [low, high); both 0: [-1, 1)
    int64_t integer_below; // integer inputs are uniform in [0, integer_below)
    uint32_t no_gradient;  // bit i: finite differences leave input i out
} snug_sample;

enum { SNUG_ROLES = 6 };

// What an input is to its operator, where that says how a network's own tensor there starts.
typedef enum snug_input_role {
    SNUG_INPUT_DATA,
    SNUG_INPUT_WEIGHT, // (outputs, terms ...): each element of the result sums over the terms
    SNUG_INPUT_MATRIX, // matmul's second operand, whose terms are what the product sums over
    SNUG_INPUT_BIAS,   // added to the sums of the weight, which is input 1
    SNUG_INPUT_SCALE,  // of a norm, and what is added after it
    SNUG_INPUT_SHIFT,
    SNUG_INPUT_MEAN, // statistics
    SNUG_INPUT_VARIANCE,
    SNUG_INPUT_TABLE,    // rows that are looked up
    SNUG_INPUT_RECURRENT // of a recurrent layer, whose state is as long as input 2 has columns
} snug_input_role;

// How an operator comes apart by rows, the extents of dimension 0, which are samples mostly. Bit i
// of |inputs|: input i has, or may have, a row for each of the result's. 0: it does not.
typedef struct snug_rows {
    uint32_t inputs;
    bool sums; // output 0, where it has no rows, is the sum over those of the inputs
} snug_rows;

typedef struct snug_op {
    const char *name;
    int min_inputs,
        max_inputs; // max_inputs < 0: any number; trailing optional inputs may be absent
    int outputs;
    const snug_attribute *attributes; // ends with a NULL name; NULL when there are none
    size_t attributes_size;

    // Shape, type and layout of the outputs; |outputs| is zeroed. Fails with SNUG_INVALID and a
    // message that says which input is wrong and what was expected.
    snug_status (*infer)(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs);

    // Emits the nodes of the gradient through snug_backward_* (graph/autodiff.h). NULL: none.
    snug_status (*gradient)(struct snug_backward *backward, const struct snug_node *node);

    // What the gradient reads (bit i: input or output i); tensors outside it die in the forward.
    uint32_t gradient_inputs, gradient_outputs;

    // Bit i: output 0 may have the memory of input i when the input dies here (same bytes).
    uint32_t overwrites;
    // Bit i: input i is updated in place (weights by an optimizer, running statistics).
    uint32_t mutates;
    // Output 0 is input 0's memory under another shape; no kernel runs.
    bool is_view;
    // Reads state->seed: two runs with equal state draw the same numbers.
    bool is_random;
    // A cheaper operator that makes output 0 again, bit for bit, while the other outputs are still
    // there. It has this operator's attributes and |again_input_count| inputs: of this node, input
    // i where again_inputs says i, output i where it says -i. NULL: the operator itself runs again.
    const struct snug_op *again;
    int again_input_count;
    int again_inputs[8];

    snug_input_role roles[SNUG_ROLES]; // by input; those that follow are data
    snug_rows rows;
    // Where attributes or ranks decide; NULL: |rows| holds.
    snug_rows (*rows_of)(const void *attributes, const snug_type *outputs);
    // Each element of the results comes of those in its place, broadcasting apart.
    bool is_elementwise;
    // Output 0 has the numbers of input 0, in another shape, order, layout or type.
    bool keeps_values;
    // Its arithmetic is multiply-adds, each of two floating-point operations: models count them.
    bool is_product;

    snug_precision_class precision;
    // Bit i: input i stays float32 beside data in 16 bits (the scale, shift and statistics of a
    // norm). An operator of class full that has some computes in float32 on 16-bit data.
    uint32_t full_inputs;
    // NULL: no arithmetic, bytes are those of inputs and outputs.
    double (*flops)(const void *attributes, const snug_type *inputs, const snug_type *outputs);

    // Plain kernel for any float dtype, computing in double. NULL only for views.
    snug_status (*reference)(const snug_call *call);

    const char *onnx; // ONNX operator it maps from, or NULL
    const snug_sample *samples;
    int sample_count;
} snug_op;

// What a file under src/ops exports: `const snug_op_file snug_ops_<stem>`.
typedef struct snug_op_file {
    const snug_op *const *ops; // ends with NULL
} snug_op_file;

extern const snug_op_file *const snug_op_files[];

// The operator called |name|, or NULL.
const snug_op *snug_op_find(const char *name);

// Field tables: SNUG_ATTRIBUTE(conv2d_attributes, stride, SNUG_ATTRIBUTE_INT).
#define SNUG_ATTRIBUTE(type, field, field_kind)                                                    \
    {                                                                                              \
        .name = #field, .kind = (field_kind), .offset = offsetof(type, field),                     \
        .count = (int)(sizeof(((type *)0)->field) / 8)                                             \
    }
#define SNUG_ATTRIBUTES_END                                                                        \
    { NULL, SNUG_ATTRIBUTE_INT, 0, 0 }

#endif

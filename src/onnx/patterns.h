// Patterns: what exporters take apart, recognised in the graph and put together again, so that an
// imported network keeps no more for its backward pass than the framework that it comes from. A
// pattern is one file under onnx/patterns/. It looks at a graph as it was imported, where exporters
// differ least: shapes are concrete and shape arithmetic is gone. What is put in place computes the
// same, but for rounding; weights stay the tensors that they are.
#ifndef SNUG_ONNX_PATTERNS_H
#define SNUG_ONNX_PATTERNS_H

#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

enum { SNUG_PATTERN_LEAVES = 8 };

// The graph as patterns see it.
typedef struct snug_pattern_view {
    const snug_graph *graph;
    const int32_t
        *readers;       // by tensor: how often a node reads it; the graph's outputs count as one
    const bool *learns; // by tensor: it depends on a weight, so that it may need a gradient
} snug_pattern_view;

struct snug_onnx_pattern;

typedef struct snug_pattern_match {
    const struct snug_onnx_pattern *pattern;
    snug_tensor_id leaves[SNUG_PATTERN_LEAVES]; // what the replacement reads; may be SNUG_NO_TENSOR
    int leaf_count;
    snug_type type;            // of the root's result, and so of the replacement's
    const snug_node *replaces; // an inner node that updates something: the replacement does so
    const snug_op *op;
    int64_t attributes[SNUG_ATTRIBUTE_BYTES / 8]; // of |op|, or what |emit| needs
} snug_pattern_match;

typedef struct snug_onnx_pattern {
    const char *name;
    bool fuses; // for those who want fusion (the fix), not what an exporter took apart
    // Whether result 0 of |root|, the only one that is read, is what the pattern computes. |out|
    // has type, and is else zeroed; on success leaves and op are set.
    bool (*match)(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out);
    // Emits the replacement and returns the tensor that stands for the root's result. NULL: op on
    // the leaves (without trailing absent ones), whose output 0 it is.
    snug_tensor_id (*emit)(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves);
} snug_onnx_pattern;

// What a file under onnx/patterns exports is `const snug_onnx_pattern snug_onnx_pattern_<stem>`.
extern const snug_onnx_pattern *const snug_onnx_patterns[];

// Puts all patterns of |graph|, a forward pass whose ends are in |built|, together, and leaves out
// what nothing reads: tensors get new ids, those in |built| as well. |fuse|: those that fuse, too.
snug_status snug_onnx_recognise(snug_graph *graph, bool fuse, snug_onnx_built *built);

// --- For patterns ---

// The node that makes |id|, if it is an |op|; NULL else.
const snug_node *snug_pattern_made_by(const snug_pattern_view *view, snug_tensor_id id,
                                      const snug_op *op);
// The same where nobody else reads |id|, which goes away with the pattern.
const snug_node *snug_pattern_inner(const snug_pattern_view *view, snug_tensor_id id,
                                    const snug_op *op);
// What |id| is under other shapes, whose elements lie as they did: behind reshapes that nobody else
// reads.
snug_tensor_id snug_pattern_behind(const snug_pattern_view *view, snug_tensor_id id);
// What |id|, which nobody else reads, is the transposition of, with the last two dimensions
// exchanged and both row-major; else SNUG_NO_TENSOR.
snug_tensor_id snug_pattern_transposed(const snug_pattern_view *view, snug_tensor_id id);
// Whether every element of |id| is known to be one number: a constant of the file, or made up. Not
// so of weights.
bool snug_pattern_number(const snug_pattern_view *view, snug_tensor_id id, double *out);
// |node|, an operator of two operands, has the number |*number| as one: the other, or
// SNUG_NO_TENSOR. Either operand where |commutes|, else the second.
snug_tensor_id snug_pattern_beside_number(const snug_pattern_view *view, const snug_node *node,
                                          bool commutes, double *number);
// Whether |a| and |b| differ by rounding to float32 at most.
bool snug_pattern_near(double a, double b);
static inline const snug_type *snug_pattern_type(const snug_pattern_view *view, snug_tensor_id id) {
    return snug_graph_type(view->graph, id);
}
// A vector's length |count|, under whatever shape with 1s it has, or SNUG_NO_TENSOR: the tensor
// that has |count| elements along dimension |axis| of |rank| dimensions, 1 along the others.
snug_tensor_id snug_pattern_vector(const snug_pattern_view *view, snug_tensor_id id, int rank,
                                   int axis, int64_t count);
// |id| of |graph| as a vector of its elements.
snug_tensor_id snug_pattern_flat(snug_graph *graph, snug_tensor_id id);
// |id| of |graph|, whose elements lie as those of |type| do, in its shape and layout.
snug_tensor_id snug_pattern_reshape(snug_graph *graph, snug_tensor_id id, const snug_type *type);

#endif

// Operators that move elements: of any type, values unchanged. Those of the first group keep or
// take any layout, gathering and scattering are row-major. An index may be negative, from the end;
// one outside its dimension fails the run with SNUG_INVALID.
#ifndef SNUG_OPS_MOVEMENT_H
#define SNUG_OPS_MOVEMENT_H

#include "graph/op.h"

// transpose.c: dimension i of y is dimension perm[i] of x; y is stored in |layout|. relabel is the
// same where no element moves: the strides of y in its layout are those of x.
typedef struct snug_transpose_attributes {
    int64_t perm[SNUG_MAX_RANK];
    int64_t layout; // snug_layout of y
} snug_transpose_attributes;
extern const snug_op snug_op_transpose; // (x) -> y
extern const snug_op snug_op_relabel;   // (x) -> y, a view
// Whether relabel does for x of |type|.
bool snug_transpose_moves_nothing(const snug_type *type,
                                  const snug_transpose_attributes *attributes);

// strided_slice.c: y[i] = x[start + i * step], |length| elements along each dimension.
typedef struct snug_strided_slice_attributes {
    int64_t start[SNUG_MAX_RANK], step[SNUG_MAX_RANK], length[SNUG_MAX_RANK];
    int64_t extent[SNUG_MAX_RANK]; // backward only: x's dimensions
} snug_strided_slice_attributes;
extern const snug_op snug_op_strided_slice;          // (x) -> y
extern const snug_op snug_op_strided_slice_backward; // (dy) -> dx, zero elsewhere

// pad.c: |before| and |after| elements more along each dimension, fewer where negative; what is new
// is |value|, or of the input |value| (one element), or taken from x: reflected without the border,
// the border repeated, or wrapped round.
typedef enum snug_pad_mode {
    SNUG_PAD_CONSTANT,
    SNUG_PAD_REFLECT,
    SNUG_PAD_EDGE,
    SNUG_PAD_WRAP
} snug_pad_mode;
typedef struct snug_pad_attributes {
    int64_t before[SNUG_MAX_RANK], after[SNUG_MAX_RANK];
    int64_t extent[SNUG_MAX_RANK]; // backward only: x's dimensions
    int64_t mode;                  // snug_pad_mode
    double value;
} snug_pad_attributes;
extern const snug_op snug_op_pad;          // (x, [value]) -> y
extern const snug_op snug_op_pad_backward; // (dy) -> dx, of the modes that take from x

// gather.c: x's slices along |axis| at |indices|: y is x's shape with the axis replaced by the
// indices' shape.
typedef struct snug_gather_attributes {
    int64_t axis;
    int64_t rank, dims[SNUG_MAX_RANK]; // backward only: x's
} snug_gather_attributes;
extern const snug_op snug_op_gather;          // (x, indices) -> y
extern const snug_op snug_op_gather_backward; // (indices, dy) -> dx
// gather_elements.c: y[.., i, ..] = x[.., indices[.., i, ..], ..] along |axis|; scatter_elements is
// data with updates put, or added, there. scatter has gradients for these two.
typedef enum snug_scatter_reduction {
    SNUG_SCATTER_NONE,
    SNUG_SCATTER_ADD,
    SNUG_SCATTER_MUL,
    SNUG_SCATTER_MIN,
    SNUG_SCATTER_MAX
} snug_scatter_reduction;
typedef struct snug_scatter_attributes {
    int64_t axis;      // of the elements
    int64_t batch;     // of gather_nd: leading dimensions that x and the indices share
    int64_t reduction; // snug_scatter_reduction
} snug_scatter_attributes;
extern const snug_op snug_op_gather_elements;  // (x, indices) -> y
extern const snug_op snug_op_scatter_elements; // (data, indices, updates) -> y
// gather_nd.c: the last dimension of |indices| is a place in x's first dimensions (behind the batch
// ones), of which slices are taken or put.
extern const snug_op snug_op_gather_nd;  // (x, indices) -> y
extern const snug_op snug_op_scatter_nd; // (data, indices, updates) -> y

// one_hot.c: values (off, on): on where the new dimension |axis| of |depth| is the index, which may
// count from the end; off everywhere for one outside.
typedef struct snug_one_hot_attributes {
    int64_t axis, depth;
} snug_one_hot_attributes;
extern const snug_op snug_op_one_hot; // (indices, values) -> y

// triangle.c: the last two dimensions with zeros below (above unless |upper|) |diagonal|.
typedef struct snug_triangle_attributes {
    int64_t upper, diagonal;
} snug_triangle_attributes;
extern const snug_op snug_op_triangle; // (x) -> y
// reverse_sequence.c: the first lengths[b] elements along |time| in reverse, for each b of |batch|.
typedef struct snug_reverse_attributes {
    int64_t time, batch;
} snug_reverse_attributes;
extern const snug_op snug_op_reverse_sequence; // (x, lengths) -> y

#endif

// What reference kernels share: elements of any type as double, and positions from indices.
#ifndef SNUG_OPS_REFERENCE_H
#define SNUG_OPS_REFERENCE_H

#include "graph/op.h"

// Element |index| (in memory order) of a tensor at |data|, as a double. int64 beyond 2^53 rounds.
double snug_reference_load(const void *data, snug_dtype dtype, int64_t index);
// To an integer type towards zero; what does not fit there wraps round.
void snug_reference_store(void *data, snug_dtype dtype, int64_t index, double value);

// Integers that no element type exceeds, signed or not; sums and products of two fit as well.
__extension__ typedef __int128 snug_wide;
// The same for the integer types and bool, without loss. What is too large for the type of what is
// stored wraps round; a bool becomes 0 or 1.
snug_wide snug_reference_load_whole(const void *data, snug_dtype dtype, int64_t index);
void snug_reference_store_whole(void *data, snug_dtype dtype, int64_t index, snug_wide value);

static inline double snug_view_get(const snug_view *view, int64_t index) {
    return snug_reference_load(view->data, view->type.dtype, index);
}
static inline void snug_view_set(const snug_view *view, int64_t index, double value) {
    snug_reference_store(view->data, view->type.dtype, index, value);
}

// Memory index of element (n, c, h, w) of an image.
static inline int64_t snug_image_index(const snug_type *type, int64_t n, int64_t c, int64_t h,
                                       int64_t w) {
    return ((n * type->dims[2] + h) * type->dims[3] + w) * type->dims[1] + c;
}

// Memory index of element (n, c, at[0], at[1], at[2]) of a channels-last volume.
static inline int64_t snug_volume_index(const snug_type *type, int64_t n, int64_t c,
                                        const int64_t at[3]) {
    int64_t pixel = ((n * type->dims[2] + at[0]) * type->dims[3] + at[1]) * type->dims[4] + at[2];
    return pixel * type->dims[1] + c;
}

// The coordinates of the |linear|-th element of |type| in row-major counting of its dimensions.
void snug_reference_coordinates(const snug_type *type, int64_t linear,
                                int64_t coordinates[SNUG_MAX_RANK]);

// The memory index of |coordinates| (of a tensor of |rank| dimensions) in a tensor of |type| that
// broadcasts to it by numpy's rules: trailing dimensions align, extent 1 repeats.
int64_t snug_reference_broadcast_index(const snug_type *type, int rank, const int64_t *coordinates);

// Calls |apply| on each element: y[i] = apply(x[i]); x and y have one type.
snug_status snug_reference_map(const snug_call *call, double (*apply)(double x));
// y[i] = apply(a[i], b[i]); all of one shape and layout.
snug_status snug_reference_map2(const snug_call *call, double (*apply)(double a, double b));

// The element-wise operators with numpy broadcasting: y = real(the operands' elements, the
// operator's attributes, which are doubles). With |whole|, not NULL, integers are computed as such
// where no operand is floating-point.
typedef double snug_real_function(const double *operands, const double *parameters);
typedef snug_wide snug_whole_function(const snug_wide *operands);
snug_status snug_reference_elementwise(const snug_call *call, snug_real_function *real,
                                       snug_whole_function *whole);

// y = scale * the sum over the dimensions in |axes| (bit i: dimension i) of the product of all
// inputs, which are equal in type. y has the inputs' rank, with those extents 1, or is row-major
// without those dimensions.
void snug_reference_sum(const snug_call *call, uint32_t axes, double scale);

// Costs of one operation an element of input 0, or of output 0.
double snug_flops_input(const void *attributes, const snug_type *inputs, const snug_type *outputs);
double snug_flops_output(const void *attributes, const snug_type *inputs, const snug_type *outputs);

// Shape rules that many operators share: output 0 has input 0's type; and the same with all inputs
// required to have equal types.
snug_status snug_infer_same(const void *attributes, const snug_type *inputs, int input_count,
                            snug_type *outputs);
snug_status snug_infer_equal(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs);
// Of a gradient, and a scalar that what is found in it goes into: the scalar.
snug_status snug_infer_tally(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs);

#endif

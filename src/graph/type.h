// Element types, shapes and layouts of tensors.
#ifndef SNUG_GRAPH_TYPE_H
#define SNUG_GRAPH_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// X(symbol, text, bytes an element)
#define SNUG_DTYPE_LIST(X)                                                                         \
    X(SNUG_F32, "float32", 4)                                                                      \
    X(SNUG_F64, "float64", 8)                                                                      \
    X(SNUG_BF16, "bfloat16", 2)                                                                    \
    X(SNUG_F16, "float16", 2)                                                                      \
    X(SNUG_I64, "int64", 8)                                                                        \
    X(SNUG_I32, "int32", 4)                                                                        \
    X(SNUG_U8, "uint8", 1)                                                                         \
    X(SNUG_BOOL, "bool", 1) /* 0 or 1 */                                                           \
    X(SNUG_I8, "int8", 1)                                                                          \
    X(SNUG_I16, "int16", 2)                                                                        \
    X(SNUG_U16, "uint16", 2)                                                                       \
    X(SNUG_U32, "uint32", 4)                                                                       \
    X(SNUG_U64, "uint64", 8)

typedef enum snug_dtype {
#define SNUG_DTYPE_ENUM(symbol, text, bytes) symbol,
    SNUG_DTYPE_LIST(SNUG_DTYPE_ENUM)
#undef SNUG_DTYPE_ENUM
} snug_dtype;

const char *snug_dtype_name(snug_dtype dtype);
size_t snug_dtype_bytes(snug_dtype dtype);
bool snug_dtype_is_float(snug_dtype dtype);
// Whether |value| is one of the types, as an attribute holds it.
bool snug_dtype_is_valid(int64_t value);

enum { SNUG_MAX_RANK = 8 };

// How the elements lie in memory. Dimensions are always named in PyTorch's order, (N, C, H, W) for
// an image batch; SNUG_CHANNELS_LAST stores dimension 1 innermost (NHWC).
typedef enum snug_layout { SNUG_ROW_MAJOR, SNUG_CHANNELS_LAST } snug_layout;

typedef struct snug_type {
    snug_dtype dtype;
    snug_layout layout;
    int rank;
    int64_t dims[SNUG_MAX_RANK];
} snug_type;

// A dense type; |dims| in PyTorch's order.
snug_type snug_type_make(snug_dtype dtype, snug_layout layout, int rank, const int64_t *dims);
snug_type snug_type_scalar(snug_dtype dtype);
snug_type snug_type_vector(snug_dtype dtype, int64_t length);
snug_type snug_type_matrix(snug_dtype dtype, int64_t rows, int64_t columns);
// (N, C, H, W), channels last.
snug_type snug_type_image(snug_dtype dtype, int64_t n, int64_t c, int64_t h, int64_t w);

bool snug_type_equal(const snug_type *a, const snug_type *b);
bool snug_type_same_shape(const snug_type *a, const snug_type *b);

// Elements; 1 for a scalar (rank 0). Types in a verified graph never overflow.
int64_t snug_type_elements(const snug_type *type);
size_t snug_type_bytes(const snug_type *type);

// Distance in elements between neighbours along each dimension.
void snug_type_strides(const snug_type *type, int64_t strides[SNUG_MAX_RANK]);

// SNUG_INVALID when a dimension is negative, the rank is out of range or the bytes overflow.
snug_status snug_type_check(const snug_type *type);

enum { SNUG_TYPE_TEXT = 160 };
// "float32[32, 3, 96, 96] nhwc"; returns |text|.
const char *snug_type_print(const snug_type *type, char text[SNUG_TYPE_TEXT]);

#endif

#include "graph/type.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define DTYPE_ROW(symbol, text, bytes) {text, bytes},
    SNUG_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

const char *snug_dtype_name(snug_dtype dtype) {
    return dtypes[dtype].name;
}

size_t snug_dtype_bytes(snug_dtype dtype) {
    return dtypes[dtype].bytes;
}

bool snug_dtype_is_float(snug_dtype dtype) {
    return dtype == SNUG_F32 || dtype == SNUG_F64 || dtype == SNUG_BF16 || dtype == SNUG_F16;
}

bool snug_dtype_is_valid(int64_t value) {
    return value >= 0 && value < (int64_t)(sizeof dtypes / sizeof dtypes[0]);
}

snug_type snug_type_make(snug_dtype dtype, snug_layout layout, int rank, const int64_t *dims) {
    snug_type type = {.dtype = dtype, .layout = layout, .rank = rank};
    if (rank) memcpy(type.dims, dims, (size_t)rank * sizeof *dims);
    return type;
}

snug_type snug_type_scalar(snug_dtype dtype) {
    return (snug_type){.dtype = dtype};
}

snug_type snug_type_vector(snug_dtype dtype, int64_t length) {
    return (snug_type){.dtype = dtype, .rank = 1, .dims = {length}};
}

snug_type snug_type_matrix(snug_dtype dtype, int64_t rows, int64_t columns) {
    return (snug_type){.dtype = dtype, .rank = 2, .dims = {rows, columns}};
}

snug_type snug_type_image(snug_dtype dtype, int64_t n, int64_t c, int64_t h, int64_t w) {
    return (snug_type){
        .dtype = dtype, .layout = SNUG_CHANNELS_LAST, .rank = 4, .dims = {n, c, h, w}};
}

bool snug_type_same_shape(const snug_type *a, const snug_type *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

bool snug_type_equal(const snug_type *a, const snug_type *b) {
    return a->dtype == b->dtype && a->layout == b->layout && snug_type_same_shape(a, b);
}

int64_t snug_type_elements(const snug_type *type) {
    int64_t elements = 1;
    for (int i = 0; i < type->rank; i++)
        elements *= type->dims[i];
    return elements;
}

size_t snug_type_bytes(const snug_type *type) {
    return (size_t)snug_type_elements(type) * snug_dtype_bytes(type->dtype);
}

void snug_type_strides(const snug_type *type, int64_t strides[SNUG_MAX_RANK]) {
    int64_t stride = 1;
    bool channels_last = type->layout == SNUG_CHANNELS_LAST && type->rank >= 3;
    if (channels_last) {
        strides[1] = 1;
        stride = type->dims[1];
    }
    for (int i = type->rank - 1; i >= 0; i--) {
        if (channels_last && i == 1) continue;
        strides[i] = stride;
        stride *= type->dims[i];
    }
}

snug_status snug_type_check(const snug_type *type) {
    if (type->rank < 0 || type->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "a tensor of %d dimensions: at most %d are supported",
                         type->rank, SNUG_MAX_RANK);
    int64_t bytes = (int64_t)snug_dtype_bytes(type->dtype);
    for (int i = 0; i < type->rank; i++) {
        if (type->dims[i] < 0)
            return snug_fail(SNUG_INVALID, "a tensor's dimension %d is negative: %lld", i,
                             (long long)type->dims[i]);
        // Zero-sized dimensions must not hide an overflow of the others.
        int64_t extent = type->dims[i] > 0 ? type->dims[i] : 1;
        if (__builtin_mul_overflow(bytes, extent, &bytes))
            return snug_fail(SNUG_INVALID, "a tensor's size overflows 63 bits");
    }
    return SNUG_OK;
}

const char *snug_type_print(const snug_type *type, char text[SNUG_TYPE_TEXT]) {
    size_t length = (size_t)snprintf(text, SNUG_TYPE_TEXT, "%s[", snug_dtype_name(type->dtype));
    for (int i = 0; i < type->rank && length < SNUG_TYPE_TEXT; i++)
        length += (size_t)snprintf(text + length, SNUG_TYPE_TEXT - length, "%s%lld", i ? ", " : "",
                                   (long long)type->dims[i]);
    if (length < SNUG_TYPE_TEXT)
        snprintf(text + length, SNUG_TYPE_TEXT - length, "]%s",
                 type->layout == SNUG_CHANNELS_LAST ? " nhwc" : "");
    return text;
}

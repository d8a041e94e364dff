// Elements of any type by their coordinates: what the operators that move memory share.
#ifndef SNUG_OPS_PLACE_H
#define SNUG_OPS_PLACE_H

#include <string.h>

#include "ops/reference.h"

static inline void snug_view_copy(const snug_view *to, int64_t to_index, const snug_view *from,
                                  int64_t from_index) {
    size_t bytes = snug_dtype_bytes(to->type.dtype);
    memcpy((char *)to->data + (size_t)to_index * bytes,
           (const char *)from->data + (size_t)from_index * bytes, bytes);
}

static inline void snug_view_clear(const snug_view *view) {
    size_t bytes = snug_type_bytes(&view->type);
    if (bytes) memset(view->data, 0, bytes);
}

// Memory index of |coordinates|.
static inline int64_t snug_place(const snug_type *type, const int64_t *coordinates) {
    int64_t strides[SNUG_MAX_RANK] = {0}, index = 0;
    snug_type_strides(type, strides);
    for (int i = 0; i < type->rank; i++)
        index += strides[i] * coordinates[i];
    return index;
}

// The integer |index| of |view| as a place in a dimension of |extent|.
static inline snug_status snug_view_place(const snug_view *view, int64_t index, int64_t extent,
                                          int64_t *out) {
    int64_t found = (int64_t)snug_reference_load_whole(view->data, view->type.dtype, index);
    *out = found < 0 ? found + extent : found;
    if (found >= -extent && found < extent) return SNUG_OK;
    *out = 0;
    return snug_fail(SNUG_INVALID, "an index from %lld to %lld expected, found %lld",
                     (long long)-extent, (long long)extent - 1, (long long)found);
}

static inline bool snug_dtype_is_index(snug_dtype dtype) {
    return !snug_dtype_is_float(dtype) && dtype != SNUG_BOOL;
}

static inline snug_status snug_check_row_major(const snug_type *types, int count) {
    char text[SNUG_TYPE_TEXT];
    for (int i = 0; i < count; i++)
        if (types[i].layout != SNUG_ROW_MAJOR)
            return snug_fail(SNUG_INVALID, "row-major tensors expected, found %s as input %d",
                             snug_type_print(&types[i], text), i);
    return SNUG_OK;
}

static inline snug_status snug_check_indices(const snug_type *type) {
    char text[SNUG_TYPE_TEXT];
    if (snug_dtype_is_index(type->dtype)) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "integers expected as indices, found %s",
                     snug_type_print(type, text));
}

#endif

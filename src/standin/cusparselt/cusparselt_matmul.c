// cuSPARSELt: descriptors lie in the caller's memory, where a matrix's keeps its shape for the size
// of what it is compressed to.
#include "standin/answers.h"
#include "standin/data_types.h"

enum { OK = 0, INVALID_VALUE = 3 };

// At the beginning of the public structure, which has more room.
typedef struct lt_matrix {
    int64_t rows, columns;
    int type;
} lt_matrix;

SNUG_STANDIN_FUNCTION(cusparseLtDenseDescriptorInit, const void *handle, lt_matrix *out,
                      int64_t rows, int64_t columns, int64_t pitch, uint32_t alignment, int type,
                      int order) {
    (void)handle, (void)pitch, (void)alignment, (void)order;
    if (!out) return INVALID_VALUE;
    *out = (lt_matrix){rows, columns, type};
    return OK;
}

SNUG_STANDIN_FUNCTION(cusparseLtStructuredDescriptorInit, const void *handle, lt_matrix *out,
                      int64_t rows, int64_t columns, int64_t pitch, uint32_t alignment, int type,
                      int order, int sparsity) {
    (void)sparsity;
    return cusparseLtDenseDescriptorInit(handle, out, rows, columns, pitch, alignment, type, order);
}

// Of each four elements two are kept, with two bits each that tell which: an eighth of a byte for
// every element. The buffer of the compression is not documented, and small: the positions once
// more.
SNUG_STANDIN_FUNCTION(cusparseLtSpMMACompressedSize2, const void *handle, const lt_matrix *matrix,
                      size_t *size, size_t *buffer) {
    (void)handle;
    if (!matrix || !size || !buffer) return INVALID_VALUE;
    const size_t elements = (size_t)(matrix->rows * matrix->columns);
    *buffer = elements / 8;
    *size = elements / 2 * snug_data_type_bytes(matrix->type) + *buffer;
    return OK;
}

// Which algorithm and how it splits: the first, in one piece.
SNUG_STANDIN_FUNCTION(cusparseLtMatmulAlgGetAttribute, const void *handle, const void *selection,
                      int attribute, void *value, size_t size) {
    enum { LARGEST_ID = 1, SPLIT = 3 };
    (void)handle, (void)selection;
    if (!value) return INVALID_VALUE;
    memset(value, 0, size);
    const int one = 1;
    if ((attribute == LARGEST_ID || attribute == SPLIT) && size >= sizeof one)
        memcpy(value, &one, sizeof one);
    return OK;
}

SNUG_STANDIN_FUNCTION(cusparseLtGetVersion, const void *handle, int *version) {
    (void)handle;
    if (!version) return INVALID_VALUE;
    *version = 801;
    return OK;
}

SNUG_STANDIN_FUNCTION(cusparseLtGetProperty, int type, int *value) {
    static const int version[] = {0, 8, 1};
    if (!value || type < 0 || type > 2) return INVALID_VALUE;
    *value = version[type];
    return OK;
}

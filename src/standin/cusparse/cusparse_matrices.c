// Descriptors of cuSPARSE's generic interface: made, told again, destroyed.
#include "standin/cusparse/cusparse_matrices.h"

#include <stdlib.h>

static int make_sparse(sparse_matrix **out, sparse_matrix matrix) {
    if (!out || matrix.rows < 0 || matrix.columns < 0) return CUSPARSE_INVALID_VALUE;
    if (matrix.nnz < 0) matrix.nnz = 0; // a count that a kernel would have made
    sparse_matrix *made = malloc(sizeof *made);
    if (!made) return CUSPARSE_ALLOC_FAILED;
    *made = matrix;
    if (!made->batch) made->batch = 1;
    if (!made->block_rows) made->block_rows = made->block_columns = 1;
    *out = made;
    return CUSPARSE_OK;
}

// Compressed rows or columns; the const one differs in types alone.
#define CREATE_COMPRESSED(name, kind)                                                              \
    SNUG_STANDIN_FUNCTION(name, sparse_matrix **out, int64_t rows, int64_t columns, int64_t nnz,   \
                          void *offsets, void *indices, void *values, int offset_type,             \
                          int index_type, int base, int type) {                                    \
        return make_sparse(out, (sparse_matrix){.format = kind,                                    \
                                                .rows = rows,                                      \
                                                .columns = columns,                                \
                                                .nnz = nnz,                                        \
                                                .offsets = offsets,                                \
                                                .indices = indices,                                \
                                                .values = values,                                  \
                                                .offset_type = offset_type,                        \
                                                .index_type = index_type,                          \
                                                .base = base,                                      \
                                                .type = type});                                    \
    }

CREATE_COMPRESSED(cusparseCreateCsr, FORMAT_CSR)
CREATE_COMPRESSED(cusparseCreateConstCsr, FORMAT_CSR)
CREATE_COMPRESSED(cusparseCreateCsc, FORMAT_CSC)
CREATE_COMPRESSED(cusparseCreateConstCsc, FORMAT_CSC)

#define CREATE_COORDINATES(name)                                                                   \
    SNUG_STANDIN_FUNCTION(name, sparse_matrix **out, int64_t rows, int64_t columns, int64_t nnz,   \
                          void *row_indices, void *column_indices, void *values, int index_type,   \
                          int base, int type) {                                                    \
        return make_sparse(out, (sparse_matrix){.format = FORMAT_COO,                              \
                                                .rows = rows,                                      \
                                                .columns = columns,                                \
                                                .nnz = nnz,                                        \
                                                .offsets = row_indices,                            \
                                                .indices = column_indices,                         \
                                                .values = values,                                  \
                                                .offset_type = index_type,                         \
                                                .index_type = index_type,                          \
                                                .base = base,                                      \
                                                .type = type});                                    \
    }

CREATE_COORDINATES(cusparseCreateCoo)
CREATE_COORDINATES(cusparseCreateConstCoo)

#define CREATE_BLOCKS(name)                                                                        \
    SNUG_STANDIN_FUNCTION(name, sparse_matrix **out, int64_t block_rows, int64_t block_columns,    \
                          int64_t blocks, int64_t height, int64_t width, void *offsets,            \
                          void *indices, void *values, int offset_type, int index_type, int base,  \
                          int type, int order) {                                                   \
        (void)order;                                                                               \
        return make_sparse(out, (sparse_matrix){.format = FORMAT_BSR,                              \
                                                .rows = block_rows * height,                       \
                                                .columns = block_columns * width,                  \
                                                .nnz = blocks * height * width,                    \
                                                .block_rows = height,                              \
                                                .block_columns = width,                            \
                                                .offsets = offsets,                                \
                                                .indices = indices,                                \
                                                .values = values,                                  \
                                                .offset_type = offset_type,                        \
                                                .index_type = index_type,                          \
                                                .base = base,                                      \
                                                .type = type});                                    \
    }

CREATE_BLOCKS(cusparseCreateBsr)
CREATE_BLOCKS(cusparseCreateConstBsr)

SNUG_STANDIN_FUNCTION(cusparseCreateBlockedEll, sparse_matrix **out, int64_t rows, int64_t columns,
                      int64_t block, int64_t stored_columns, void *indices, void *values,
                      int index_type, int base, int type) {
    return make_sparse(out, (sparse_matrix){.format = FORMAT_BLOCKED_ELL,
                                            .rows = rows,
                                            .columns = columns,
                                            .nnz = rows * stored_columns,
                                            .block_rows = block,
                                            .block_columns = block,
                                            .indices = indices,
                                            .values = values,
                                            .index_type = index_type,
                                            .base = base,
                                            .type = type});
}

SNUG_STANDIN_FUNCTION(cusparseDestroySpMat, sparse_matrix *matrix) {
    free(matrix);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCsrSetPointers, sparse_matrix *matrix, void *offsets, void *indices,
                      void *values) {
    if (!matrix) return CUSPARSE_INVALID_VALUE;
    matrix->offsets = offsets, matrix->indices = indices, matrix->values = values;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCscSetPointers, sparse_matrix *matrix, void *offsets, void *indices,
                      void *values) {
    return cusparseCsrSetPointers(matrix, offsets, indices, values);
}

SNUG_STANDIN_FUNCTION(cusparseCooSetPointers, sparse_matrix *matrix, void *rows, void *columns,
                      void *values) {
    return cusparseCsrSetPointers(matrix, rows, columns, values);
}

SNUG_STANDIN_FUNCTION(cusparseSpMatSetValues, sparse_matrix *matrix, void *values) {
    if (!matrix) return CUSPARSE_INVALID_VALUE;
    matrix->values = values;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetValues, const sparse_matrix *matrix, void **values) {
    if (!matrix || !values) return CUSPARSE_INVALID_VALUE;
    *values = matrix->values;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetSize, const sparse_matrix *matrix, int64_t *rows,
                      int64_t *columns, int64_t *nnz) {
    if (!matrix || !rows || !columns || !nnz) return CUSPARSE_INVALID_VALUE;
    *rows = matrix->rows, *columns = matrix->columns, *nnz = matrix->nnz;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetFormat, const sparse_matrix *matrix, int *format) {
    if (!matrix || !format) return CUSPARSE_INVALID_VALUE;
    *format = (int)matrix->format;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetIndexBase, const sparse_matrix *matrix, int *base) {
    if (!matrix || !base) return CUSPARSE_INVALID_VALUE;
    *base = matrix->base;
    return CUSPARSE_OK;
}

// Attribute 0 is which triangle is stored, 1 whether its diagonal is of ones.
SNUG_STANDIN_FUNCTION(cusparseSpMatSetAttribute, sparse_matrix *matrix, int attribute,
                      const void *data, size_t size) {
    if (!matrix || !data || size != sizeof(int)) return CUSPARSE_INVALID_VALUE;
    memcpy(attribute ? &matrix->diagonal_type : &matrix->fill_mode, data, sizeof(int));
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetAttribute, const sparse_matrix *matrix, int attribute,
                      void *data, size_t size) {
    if (!matrix || !data || size != sizeof(int)) return CUSPARSE_INVALID_VALUE;
    memcpy(data, attribute ? &matrix->diagonal_type : &matrix->fill_mode, sizeof(int));
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCsrSetStridedBatch, sparse_matrix *matrix, int batch,
                      int64_t offsets_stride, int64_t values_stride) {
    (void)offsets_stride, (void)values_stride;
    if (!matrix || batch < 1) return CUSPARSE_INVALID_VALUE;
    matrix->batch = batch;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCooSetStridedBatch, sparse_matrix *matrix, int batch,
                      int64_t stride) {
    return cusparseCsrSetStridedBatch(matrix, batch, 0, stride);
}

SNUG_STANDIN_FUNCTION(cusparseSpMatGetStridedBatch, const sparse_matrix *matrix, int *batch) {
    if (!matrix || !batch) return CUSPARSE_INVALID_VALUE;
    *batch = matrix->batch;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCsrGet, const sparse_matrix *matrix, int64_t *rows, int64_t *columns,
                      int64_t *nnz, void **offsets, void **indices, void **values, int *offset_type,
                      int *index_type, int *base, int *type) {
    const int status = cusparseSpMatGetSize(matrix, rows, columns, nnz);
    if (status) return status;
    *offsets = matrix->offsets, *indices = matrix->indices, *values = matrix->values;
    *offset_type = matrix->offset_type, *index_type = matrix->index_type;
    *base = matrix->base, *type = matrix->type;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseCooGet, const sparse_matrix *matrix, int64_t *rows, int64_t *columns,
                      int64_t *nnz, void **row_indices, void **column_indices, void **values,
                      int *index_type, int *base, int *type) {
    int ignored = 0;
    return cusparseCsrGet(matrix, rows, columns, nnz, row_indices, column_indices, values, &ignored,
                          index_type, base, type);
}

// The functions of cuSPARSE that tell how large a buffer must be (cusparse_sizes.h), and the
// product of two sparse matrices, whose number of entries is asked for after it.
#include "standin/cusparse/cusparse_sizes.h"

SNUG_STANDIN_FUNCTION(cusparseSpMV_bufferSize, void *handle, int op, const void *alpha,
                      const sparse_matrix *a, const dense_matrix *x, const void *beta,
                      dense_matrix *y, int type, int algorithm, size_t *size) {
    (void)handle, (void)op, (void)alpha, (void)x, (void)beta, (void)y, (void)type, (void)algorithm;
    if (!a || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_product(a, 1);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpMM_bufferSize, void *handle, int op_a, int op_b, const void *alpha,
                      const sparse_matrix *a, const dense_matrix *b, const void *beta,
                      dense_matrix *c, int type, int algorithm, size_t *size) {
    (void)handle, (void)op_a, (void)op_b, (void)alpha, (void)b, (void)beta, (void)type;
    (void)algorithm;
    if (!a || !c || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_product(a, c->columns);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSDDMM_bufferSize, void *handle, int op_a, int op_b, const void *alpha,
                      const dense_matrix *a, const dense_matrix *b, const void *beta,
                      sparse_matrix *c, int type, int algorithm, size_t *size) {
    (void)handle, (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)type;
    (void)algorithm;
    if (!c || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_sampled(c);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpSV_bufferSize, void *handle, int op, const void *alpha,
                      const sparse_matrix *a, const dense_matrix *x, dense_matrix *y, int type,
                      int algorithm, void *descriptor, size_t *size) {
    (void)handle, (void)op, (void)alpha, (void)x, (void)y, (void)type, (void)algorithm;
    (void)descriptor;
    if (!a || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_triangular(a, 1);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpSM_bufferSize, void *handle, int op_a, int op_b, const void *alpha,
                      const sparse_matrix *a, const dense_matrix *b, dense_matrix *c, int type,
                      int algorithm, void *descriptor, size_t *size) {
    (void)handle, (void)op_a, (void)op_b, (void)alpha, (void)b, (void)type, (void)algorithm;
    (void)descriptor;
    if (!a || !c || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_triangular(a, c->columns);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpGEMM_workEstimation, void *handle, int op_a, int op_b,
                      const void *alpha, const sparse_matrix *a, const sparse_matrix *b,
                      const void *beta, sparse_matrix *c, int type, int algorithm, void *descriptor,
                      size_t *size, void *buffer) {
    (void)handle, (void)op_a, (void)op_b, (void)alpha, (void)beta, (void)c, (void)type;
    (void)algorithm, (void)descriptor, (void)buffer;
    if (!a || !b || !size) return CUSPARSE_INVALID_VALUE;
    cusparse_size_spgemm(a, b, size);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseSpGEMM_compute, void *handle, int op_a, int op_b, const void *alpha,
                      const sparse_matrix *a, const sparse_matrix *b, const void *beta,
                      sparse_matrix *c, int type, int algorithm, void *descriptor, size_t *size,
                      void *buffer) {
    (void)handle, (void)op_a, (void)op_b, (void)alpha, (void)beta, (void)type, (void)algorithm;
    (void)descriptor;
    if (!a || !b || !c || !size) return CUSPARSE_INVALID_VALUE;
    size_t first = 0;
    *size = cusparse_size_spgemm(a, b, &first);
    if (!buffer) return CUSPARSE_OK;
    c->nnz = cusparse_product_entries(a, b);
    snug_standin_note("cuSPARSE: how many entries the product of two sparse matrices has was "
                      "estimated, as if theirs were spread evenly");
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDenseToSparse_bufferSize, void *handle, const dense_matrix *dense,
                      sparse_matrix *sparse, int algorithm, size_t *size) {
    (void)handle, (void)sparse, (void)algorithm;
    if (!dense || !size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_sum(dense->rows);
    return CUSPARSE_OK;
}

// An estimate of how many entries a sum has would be worse than the bound, which PyTorch's own sum
// of coordinates takes as well.
SNUG_STANDIN_FUNCTION(cusparseXcsrgeam2Nnz, void *handle, int rows, int columns, const void *of_a,
                      int nnz_a, const int *offsets_a, const int *columns_a, const void *of_b,
                      int nnz_b, const int *offsets_b, const int *columns_b, const void *of_c,
                      const int *offsets_c, int *nnz, void *work) {
    (void)handle, (void)of_a, (void)offsets_a, (void)columns_a, (void)of_b, (void)offsets_b;
    (void)columns_b, (void)of_c, (void)offsets_c, (void)work;
    if (!nnz) return CUSPARSE_INVALID_VALUE;
    const int64_t cells = (int64_t)rows * columns, bound = (int64_t)nnz_a + nnz_b;
    const int told = (int)(bound < cells ? bound : cells);
    if (snug_answer_on_card((uintptr_t)nnz))
        snug_known_write((uintptr_t)nnz, &told, sizeof told);
    else
        *nnz = told;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseXcoosort_bufferSizeExt, void *handle, int rows, int columns, int nnz,
                      const int *row_indices, const int *column_indices, size_t *size) {
    (void)handle, (void)rows, (void)columns, (void)row_indices, (void)column_indices;
    if (!size) return CUSPARSE_INVALID_VALUE;
    *size = cusparse_size_sort(nnz);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseXcsrsort_bufferSizeExt, void *handle, int rows, int columns, int nnz,
                      const int *offsets, const int *indices, size_t *size) {
    return cusparseXcoosort_bufferSizeExt(handle, rows, columns, nnz, offsets, indices, size);
}

SNUG_STANDIN_FUNCTION(cusparseCsr2cscEx2_bufferSize, void *handle, int rows, int columns, int nnz,
                      const void *values, const int *offsets, const int *indices, void *to_values,
                      const int *to_offsets, const int *to_indices, int type, int action, int base,
                      int algorithm, size_t *size) {
    (void)values, (void)to_values, (void)to_offsets, (void)to_indices, (void)type, (void)action;
    (void)base, (void)algorithm;
    return cusparseXcoosort_bufferSizeExt(handle, rows, columns, nnz, offsets, indices, size);
}

#define SUM(letter)                                                                                \
    SNUG_STANDIN_FUNCTION(                                                                         \
        cusparse##letter##csrgeam2_bufferSizeExt, void *handle, int rows, int columns,             \
        const void *alpha, const void *of_a, int nnz_a, const void *values_a,                      \
        const int *offsets_a, const int *columns_a, const void *beta, const void *of_b, int nnz_b, \
        const void *values_b, const int *offsets_b, const int *columns_b, const void *of_c,        \
        const void *values_c, const int *offsets_c, const int *columns_c, size_t *size) {          \
        (void)handle, (void)columns, (void)alpha, (void)of_a, (void)nnz_a, (void)values_a;         \
        (void)offsets_a, (void)columns_a, (void)beta, (void)of_b, (void)nnz_b, (void)values_b;     \
        (void)offsets_b, (void)columns_b, (void)of_c, (void)values_c, (void)offsets_c;             \
        (void)columns_c;                                                                           \
        if (!size) return CUSPARSE_INVALID_VALUE;                                                  \
        *size = cusparse_size_sum(rows);                                                           \
        return CUSPARSE_OK;                                                                        \
    }

SUM(S)
SUM(D)
SUM(C)
SUM(Z)

#define BLOCK_SOLVE(letter, element)                                                               \
    SNUG_STANDIN_FUNCTION(cusparse##letter##bsrsv2_bufferSize, void *handle, int direction,        \
                          int op, int block_rows, int blocks, const void *description,             \
                          void *values, const int *offsets, const int *indices, int block,         \
                          void *info, int *size) {                                                 \
        (void)handle, (void)direction, (void)op, (void)description, (void)values, (void)offsets;   \
        (void)indices, (void)info;                                                                 \
        if (!size) return CUSPARSE_INVALID_VALUE;                                                  \
        *size = cusparse_size_blocks(block_rows, blocks, block, 1, element);                       \
        return CUSPARSE_OK;                                                                        \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusparse##letter##bsrsm2_bufferSize, void *handle, int direction,        \
                          int op_a, int op_x, int block_rows, int columns, int blocks,             \
                          const void *description, void *values, const int *offsets,               \
                          const int *indices, int block, void *info, int *size) {                  \
        (void)handle, (void)direction, (void)op_a, (void)op_x, (void)description, (void)values;    \
        (void)offsets, (void)indices, (void)info;                                                  \
        if (!size) return CUSPARSE_INVALID_VALUE;                                                  \
        *size = cusparse_size_blocks(block_rows, blocks, block, columns, element);                 \
        return CUSPARSE_OK;                                                                        \
    }

BLOCK_SOLVE(S, 4)
BLOCK_SOLVE(D, 8)
BLOCK_SOLVE(C, 8)
BLOCK_SOLVE(Z, 16)

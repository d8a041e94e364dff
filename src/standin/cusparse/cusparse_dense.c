// Dense matrices and vectors of cuSPARSE's generic interface.
#include <stdlib.h>

#include "standin/cusparse/cusparse_matrices.h"

#define CREATE_DENSE(name)                                                                         \
    SNUG_STANDIN_FUNCTION(name, dense_matrix **out, int64_t rows, int64_t columns, int64_t pitch,  \
                          void *values, int type, int order) {                                     \
        if (!out) return CUSPARSE_INVALID_VALUE;                                                   \
        *out = malloc(sizeof **out);                                                               \
        if (!*out) return CUSPARSE_ALLOC_FAILED;                                                   \
        **out = (dense_matrix){rows, columns, pitch, 0, values, type, order, 1};                   \
        return CUSPARSE_OK;                                                                        \
    }

CREATE_DENSE(cusparseCreateDnMat)
CREATE_DENSE(cusparseCreateConstDnMat)

// A vector is a matrix of one column.
SNUG_STANDIN_FUNCTION(cusparseCreateDnVec, dense_matrix **out, int64_t size, void *values,
                      int type) {
    return cusparseCreateDnMat(out, size, 1, size, values, type, 1);
}

SNUG_STANDIN_FUNCTION(cusparseCreateConstDnVec, dense_matrix **out, int64_t size, void *values,
                      int type) {
    return cusparseCreateDnVec(out, size, values, type);
}

SNUG_STANDIN_FUNCTION(cusparseDestroyDnMat, dense_matrix *matrix) {
    free(matrix);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDestroyDnVec, dense_matrix *vector) {
    free(vector);
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnMatSetValues, dense_matrix *matrix, void *values) {
    if (!matrix) return CUSPARSE_INVALID_VALUE;
    matrix->values = values;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnMatGetValues, const dense_matrix *matrix, void **values) {
    if (!matrix || !values) return CUSPARSE_INVALID_VALUE;
    *values = matrix->values;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnVecSetValues, dense_matrix *vector, void *values) {
    return cusparseDnMatSetValues(vector, values);
}

SNUG_STANDIN_FUNCTION(cusparseDnVecGetValues, const dense_matrix *vector, void **values) {
    return cusparseDnMatGetValues(vector, values);
}

SNUG_STANDIN_FUNCTION(cusparseDnMatGet, const dense_matrix *matrix, int64_t *rows, int64_t *columns,
                      int64_t *pitch, void **values, int *type, int *order) {
    if (!matrix) return CUSPARSE_INVALID_VALUE;
    *rows = matrix->rows, *columns = matrix->columns, *pitch = matrix->pitch;
    *values = matrix->values, *type = matrix->type, *order = matrix->order;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnVecGet, const dense_matrix *vector, int64_t *size, void **values,
                      int *type) {
    if (!vector) return CUSPARSE_INVALID_VALUE;
    *size = vector->rows, *values = vector->values, *type = vector->type;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnMatSetStridedBatch, dense_matrix *matrix, int batch,
                      int64_t stride) {
    if (!matrix || batch < 1) return CUSPARSE_INVALID_VALUE;
    matrix->batch = batch, matrix->batch_stride = stride;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseDnMatGetStridedBatch, const dense_matrix *matrix, int *batch,
                      int64_t *stride) {
    if (!matrix || !batch || !stride) return CUSPARSE_INVALID_VALUE;
    *batch = matrix->batch, *stride = matrix->batch_stride;
    return CUSPARSE_OK;
}

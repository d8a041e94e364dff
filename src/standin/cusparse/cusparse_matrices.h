// What a descriptor of cuSPARSE's generic interface holds: the shape, where the parts lie on the
// card, and their types. Nothing of the entries themselves.
#ifndef SNUG_STANDIN_CUSPARSE_MATRICES_H
#define SNUG_STANDIN_CUSPARSE_MATRICES_H

#include "standin/answers.h"
#include "standin/data_types.h"

enum {
    CUSPARSE_OK = 0,
    CUSPARSE_NOT_INITIALIZED = 1,
    CUSPARSE_ALLOC_FAILED = 2,
    CUSPARSE_INVALID_VALUE = 3,
};

typedef enum sparse_format {
    FORMAT_CSR = 1,
    FORMAT_CSC = 2,
    FORMAT_COO = 3,
    FORMAT_BLOCKED_ELL = 5,
    FORMAT_BSR = 6,
} sparse_format;

// In coordinates |offsets| holds the row of each entry. |nnz| counts entries, those of whole blocks
// included.
typedef struct sparse_matrix {
    sparse_format format;
    int64_t rows, columns, nnz, block_rows, block_columns;
    void *offsets, *indices, *values;
    int offset_type, index_type, base, type, batch;
    int fill_mode, diagonal_type;
} sparse_matrix;

typedef struct dense_matrix {
    int64_t rows, columns, pitch, batch_stride;
    void *values;
    int type, order, batch;
} dense_matrix;

#endif

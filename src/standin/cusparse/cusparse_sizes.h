// Bytes of cuSPARSE's buffers. The library documents none of these sizes and none was measured for
// this file: each is what the operation's textbook algorithm keeps beside its operands, named in
// cusparse_sizes.c. Sound for deciding whether something absurd is asked for, within small factors
// of the truth otherwise; the buffers are far smaller than the operands but for SpGEMM's.
#ifndef SNUG_STANDIN_CUSPARSE_SIZES_H
#define SNUG_STANDIN_CUSPARSE_SIZES_H

#include "standin/cusparse/cusparse_matrices.h"

size_t cusparse_size_product(const sparse_matrix *matrix, int64_t columns);
size_t cusparse_size_sampled(const sparse_matrix *matrix);
size_t cusparse_size_triangular(const sparse_matrix *matrix, int64_t columns);
size_t cusparse_size_sort(int64_t entries);
size_t cusparse_size_sum(int64_t rows);
// Of a product of two sparse matrices: |first| is what the estimate of the work needs, the result
// what the product itself needs beside both.
size_t cusparse_size_spgemm(const sparse_matrix *a, const sparse_matrix *b, size_t *first);
// Of block-sparse triangular solves, which tell an int: at most INT_MAX.
int cusparse_size_blocks(int64_t block_rows, int64_t blocks, int64_t block, int64_t columns,
                         size_t element);

// Multiplications in the product of |a| and |b|, were their entries spread evenly; and how many
// entries the product would then have.
double cusparse_products(const sparse_matrix *a, const sparse_matrix *b);
int64_t cusparse_product_entries(const sparse_matrix *a, const sparse_matrix *b);

#endif

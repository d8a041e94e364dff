#include "standin/cusparse/cusparse_sizes.h"

#include <limits.h>

enum { ALIGNMENT = 128 };

static size_t index_bytes(int type) {
    return type == 3 ? 8 : type == 1 ? 2 : 4; // 64, 16, 32 bits
}

static size_t round_up(double bytes) {
    if (bytes <= ALIGNMENT) return ALIGNMENT;
    return ((size_t)bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// PyTorch's product of a batch of sparse matrices takes its counts of entries from host memory into
// which a kernel writes, which nobody sees here: more than one in each cell is no count.
static double entries(const sparse_matrix *matrix) {
    const double cells = (double)matrix->rows * (double)matrix->columns;
    return (double)matrix->nnz < cells ? (double)matrix->nnz : cells;
}

// Merge-path partitions (Merrill, Garland, "Merge-based parallel sparse matrix-vector
// multiplication", 2016): a row and a partial sum of each 128 entries and rows, for each column of
// the dense matrix where there are several.
size_t cusparse_size_product(const sparse_matrix *matrix, int64_t columns) {
    const double parts = (entries(matrix) + (double)matrix->rows) / 128 + 1;
    return round_up(parts * (double)(sizeof(int) + snug_data_type_bytes(matrix->type)) *
                    (double)(columns > 32 ? 32 : columns) * matrix->batch);
}

// The row of the first entry of each 128.
size_t cusparse_size_sampled(const sparse_matrix *matrix) {
    return round_up((entries(matrix) / 128 + 1) * sizeof(int) * matrix->batch);
}

// Level scheduling (Naumov, "Parallel solution of sparse triangular linear systems", 2011): level,
// order and count of dependencies of each row, a position of the diagonal, and a copy of the right
// sides, which the solution may overwrite.
size_t cusparse_size_triangular(const sparse_matrix *matrix, int64_t columns) {
    const double rows = (double)matrix->rows;
    return round_up(rows * 4 * (double)index_bytes(matrix->index_type) +
                    rows * (double)columns * (double)snug_data_type_bytes(matrix->type));
}

// A radix sort's second copy of keys (row and column together) and of the permutation.
size_t cusparse_size_sort(int64_t entries) {
    return round_up((double)entries * (8 + 4) + 4096);
}

// Entries of each row of the sum, for their running total.
size_t cusparse_size_sum(int64_t rows) {
    return round_up((double)(rows + 1) * sizeof(int) + 1024);
}

double cusparse_products(const sparse_matrix *a, const sparse_matrix *b) {
    if (!a->columns) return 0;
    return entries(a) * entries(b) / (double)a->columns;
}

int64_t cusparse_product_entries(const sparse_matrix *a, const sparse_matrix *b) {
    const double cells = (double)a->rows * (double)b->columns;
    const double products = cusparse_products(a, b);
    // Where few meet each product is an entry, where many do every cell is.
    return cells > 0 ? (int64_t)(products * cells / (products + cells)) : 0;
}

// First the products of each row of the result; then the products themselves with their columns,
// sorted and added up row by row (the documentation of the default algorithm: memory for all
// intermediate products).
size_t cusparse_size_spgemm(const sparse_matrix *a, const sparse_matrix *b, size_t *first) {
    *first = round_up((double)(a->rows + 1) * 8 + entries(a) * 4);
    const double each = (double)(index_bytes(a->index_type) + snug_data_type_bytes(a->type));
    return round_up(cusparse_products(a, b) * each + (double)(a->rows + 1) * 8);
}

int cusparse_size_blocks(int64_t block_rows, int64_t blocks, int64_t block, int64_t columns,
                         size_t element) {
    // As of a triangle by rows, rows being blocks, with a copy of the diagonal's inverted blocks.
    const double bytes =
        (double)block_rows * 4 * sizeof(int) + (double)blocks * sizeof(int) +
        (double)block_rows * (double)block * (double)(block + columns) * (double)element;
    const size_t rounded = round_up(bytes);
    return rounded > INT_MAX ? INT_MAX : (int)rounded;
}

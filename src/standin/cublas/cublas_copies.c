// cuBLAS's copies of vectors and matrices, whose bytes a program may read back; and results whose
// size goes by a type.
#include "standin/answers.h"
#include "standin/data_types.h"

enum { STATUS_OK = 0, STATUS_INVALID_VALUE = 7 };

// |columns| runs of |bytes|, each |from_pitch| and |to_pitch| bytes after the one before.
static int to_card(const void *from, size_t from_pitch, void *to, size_t to_pitch, size_t bytes,
                   int columns) {
    if (!from || !to) return STATUS_INVALID_VALUE;
    for (int i = 0; i < columns; i++) {
        snug_known_write((uintptr_t)to + to_pitch * (size_t)i,
                         (const char *)from + from_pitch * (size_t)i, bytes);
    }
    return STATUS_OK;
}

static int from_card(const void *from, size_t from_pitch, void *to, size_t to_pitch, size_t bytes,
                     int columns) {
    if (!from || !to) return STATUS_INVALID_VALUE;
    for (int i = 0; i < columns; i++) {
        snug_known_read((uintptr_t)from + from_pitch * (size_t)i, (char *)to + to_pitch * (size_t)i,
                        bytes, "cuBLAS copy");
    }
    return STATUS_OK;
}

// A vector is a matrix of one row, or of one column where nothing lies between its elements.
static int copy_vector(int (*copy)(const void *, size_t, void *, size_t, size_t, int), int n,
                       int size, const void *from, int from_step, void *to, int to_step) {
    if (n <= 0) return STATUS_OK;
    if (size <= 0 || from_step <= 0 || to_step <= 0) return STATUS_INVALID_VALUE;
    const size_t bytes = (size_t)size;
    if (from_step == 1 && to_step == 1) return copy(from, 0, to, 0, bytes * (size_t)n, 1);
    return copy(from, bytes * (size_t)from_step, to, bytes * (size_t)to_step, bytes, n);
}

static int copy_matrix(int (*copy)(const void *, size_t, void *, size_t, size_t, int), int rows,
                       int columns, int size, const void *from, int from_pitch, void *to,
                       int to_pitch) {
    if (rows <= 0 || columns <= 0) return STATUS_OK;
    if (size <= 0 || from_pitch < rows || to_pitch < rows) return STATUS_INVALID_VALUE;
    const size_t bytes = (size_t)size;
    return copy(from, bytes * (size_t)from_pitch, to, bytes * (size_t)to_pitch,
                bytes * (size_t)rows, columns);
}

SNUG_STANDIN_FUNCTION(cublasSetVector, int n, int size, const void *from, int from_step, void *to,
                      int to_step) {
    return copy_vector(to_card, n, size, from, from_step, to, to_step);
}

SNUG_STANDIN_FUNCTION(cublasGetVector, int n, int size, const void *from, int from_step, void *to,
                      int to_step) {
    return copy_vector(from_card, n, size, from, from_step, to, to_step);
}

SNUG_STANDIN_FUNCTION(cublasSetMatrix, int rows, int columns, int size, const void *from,
                      int from_pitch, void *to, int to_pitch) {
    return copy_matrix(to_card, rows, columns, size, from, from_pitch, to, to_pitch);
}

SNUG_STANDIN_FUNCTION(cublasGetMatrix, int rows, int columns, int size, const void *from,
                      int from_pitch, void *to, int to_pitch) {
    return copy_matrix(from_card, rows, columns, size, from, from_pitch, to, to_pitch);
}

SNUG_STANDIN_FUNCTION(cublasSetVectorAsync, int n, int size, const void *from, int from_step,
                      void *to, int to_step, void *stream) {
    (void)stream;
    return cublasSetVector(n, size, from, from_step, to, to_step);
}

SNUG_STANDIN_FUNCTION(cublasGetVectorAsync, int n, int size, const void *from, int from_step,
                      void *to, int to_step, void *stream) {
    (void)stream;
    return cublasGetVector(n, size, from, from_step, to, to_step);
}

SNUG_STANDIN_FUNCTION(cublasSetMatrixAsync, int rows, int columns, int size, const void *from,
                      int from_pitch, void *to, int to_pitch, void *stream) {
    (void)stream;
    return cublasSetMatrix(rows, columns, size, from, from_pitch, to, to_pitch);
}

SNUG_STANDIN_FUNCTION(cublasGetMatrixAsync, int rows, int columns, int size, const void *from,
                      int from_pitch, void *to, int to_pitch, void *stream) {
    (void)stream;
    return cublasGetMatrix(rows, columns, size, from, from_pitch, to, to_pitch);
}

#define DOT(name)                                                                                  \
    SNUG_STANDIN_FUNCTION(name, void *handle, int n, const void *x, int x_type, int x_step,        \
                          const void *y, int y_type, int y_step, void *result, int result_type,    \
                          int execution_type) {                                                    \
        (void)handle, (void)n, (void)x, (void)x_type, (void)x_step, (void)y, (void)y_type;         \
        (void)y_step, (void)execution_type;                                                        \
        snug_answer_unknown((uintptr_t)result, snug_data_type_bytes(result_type));                 \
        return STATUS_OK;                                                                          \
    }

DOT(cublasDotEx)
DOT(cublasDotcEx)

SNUG_STANDIN_FUNCTION(cublasNrm2Ex, void *handle, int n, const void *x, int x_type, int x_step,
                      void *result, int result_type, int execution_type) {
    (void)handle, (void)n, (void)x, (void)x_type, (void)x_step, (void)execution_type;
    snug_answer_unknown((uintptr_t)result, snug_data_type_bytes(result_type));
    return STATUS_OK;
}

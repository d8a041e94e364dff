// The functions of cuSOLVER's 32-bit interface that tell a workspace's size, for each type.
#include <limits.h>

#include "standin/answers.h"
#include "standin/cusolver/cusolver_sizes.h"

enum { STATUS_OK = 0, STATUS_INVALID_VALUE = 3 };

// A size that an int does not hold is an error of the real library as well.
static int tell(int64_t elements, int *out) {
    if (!out || elements > INT_MAX) return STATUS_INVALID_VALUE;
    *out = (int)elements;
    return STATUS_OK;
}

#define FACTORIZATIONS(letter, orthogonal)                                                         \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##getrf_bufferSize, void *handle, int m, int n,        \
                          void *a, int pitch, int *size) {                                         \
        (void)handle, (void)a, (void)pitch;                                                        \
        return tell(cusolver_size_getrf(m, n), size);                                              \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##potrf_bufferSize, void *handle, int triangle, int n, \
                          void *a, int pitch, int *size) {                                         \
        (void)handle, (void)triangle, (void)a, (void)pitch;                                        \
        return tell(cusolver_size_potrf(n), size);                                                 \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##sytrf_bufferSize, void *handle, int n, void *a,      \
                          int pitch, int *size) {                                                  \
        (void)handle, (void)a, (void)pitch;                                                        \
        return tell(cusolver_size_sytrf(n), size);                                                 \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##geqrf_bufferSize, void *handle, int m, int n,        \
                          void *a, int pitch, int *size) {                                         \
        (void)handle, (void)a, (void)pitch;                                                        \
        return tell(cusolver_size_geqrf(m, n), size);                                              \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##orthogonal##gqr_bufferSize, void *handle, int m,     \
                          int n, int k, const void *a, int pitch, const void *tau, int *size) {    \
        (void)handle, (void)n, (void)a, (void)pitch, (void)tau;                                    \
        return tell(cusolver_size_orgqr(m, k), size);                                              \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##orthogonal##mqr_bufferSize, void *handle, int side,  \
                          int op, int m, int n, int k, const void *a, int pitch, const void *tau,  \
                          const void *c, int pitch_c, int *size) {                                 \
        (void)handle, (void)op, (void)a, (void)pitch, (void)tau, (void)c, (void)pitch_c;           \
        return tell(cusolver_size_ormqr(side ? n : m, k), size);                                   \
    }

FACTORIZATIONS(S, or)
FACTORIZATIONS(D, or)
FACTORIZATIONS(C, un)
FACTORIZATIONS(Z, un)

#define EIGENVALUES(letter, matrix, complex)                                                       \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##matrix##evd_bufferSize, void *handle, int vectors,   \
                          int triangle, int n, const void *a, int pitch, const void *w,            \
                          int *size) {                                                             \
        (void)handle, (void)triangle, (void)a, (void)pitch, (void)w;                               \
        return tell(cusolver_size_syevd(n, vectors), size);                                        \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##matrix##evj_bufferSize, void *handle, int vectors,   \
                          int triangle, int n, const void *a, int pitch, const void *w, int *size, \
                          void *parameters) {                                                      \
        (void)handle, (void)vectors, (void)triangle, (void)a, (void)pitch, (void)w;                \
        (void)parameters;                                                                          \
        return tell(cusolver_size_syevj(n, complex, 1), size);                                     \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##matrix##evjBatched_bufferSize, void *handle,         \
                          int vectors, int triangle, int n, const void *a, int pitch,              \
                          const void *w, int *size, void *parameters, int batch) {                 \
        (void)handle, (void)vectors, (void)triangle, (void)a, (void)pitch, (void)w;                \
        (void)parameters;                                                                          \
        return tell(cusolver_size_syevj(n, complex, batch), size);                                 \
    }

EIGENVALUES(S, sy, false)
EIGENVALUES(D, sy, false)
EIGENVALUES(C, he, true)
EIGENVALUES(Z, he, true)

#define SINGULAR_VALUES(letter)                                                                    \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##gesvd_bufferSize, void *handle, int m, int n,        \
                          int *size) {                                                             \
        (void)handle;                                                                              \
        return tell(cusolver_size_gesvd(m, n), size);                                              \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##gesvdj_bufferSize, void *handle, int vectors,        \
                          int economy, int m, int n, const void *a, int pitch, const void *s,      \
                          const void *u, int pitch_u, const void *v, int pitch_v, int *size,       \
                          void *parameters) {                                                      \
        (void)handle, (void)vectors, (void)economy, (void)a, (void)pitch, (void)s, (void)u;        \
        (void)pitch_u, (void)v, (void)pitch_v, (void)parameters;                                   \
        return tell(cusolver_size_gesvdj(m, n, 1), size);                                          \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##gesvdjBatched_bufferSize, void *handle, int vectors, \
                          int m, int n, const void *a, int pitch, const void *s, const void *u,    \
                          int pitch_u, const void *v, int pitch_v, int *size, void *parameters,    \
                          int batch) {                                                             \
        (void)handle, (void)vectors, (void)a, (void)pitch, (void)s, (void)u, (void)pitch_u;        \
        (void)v, (void)pitch_v, (void)parameters;                                                  \
        return tell(cusolver_size_gesvdj(m, n, batch), size);                                      \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(cusolverDn##letter##gesvdaStridedBatched_bufferSize, void *handle,       \
                          int vectors, int rank, int m, int n, const void *a, int pitch,           \
                          long long stride_a, const void *s, long long stride_s, const void *u,    \
                          int pitch_u, long long stride_u, const void *v, int pitch_v,             \
                          long long stride_v, int *size, int batch) {                              \
        (void)handle, (void)vectors, (void)rank, (void)a, (void)pitch, (void)stride_a, (void)s;    \
        (void)stride_s, (void)u, (void)pitch_u, (void)stride_u, (void)v, (void)pitch_v;            \
        (void)stride_v;                                                                            \
        return tell(cusolver_size_gesvda(m, n, batch), size);                                      \
    }

SINGULAR_VALUES(S)
SINGULAR_VALUES(D)
SINGULAR_VALUES(C)
SINGULAR_VALUES(Z)

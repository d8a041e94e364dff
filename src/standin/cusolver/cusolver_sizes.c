#include "standin/cusolver/cusolver_sizes.h"

// In every size of QR and of divide and conquer that was found there is a piece of this many
// elements; a panel of a blocked algorithm is this wide.
enum { PIECE = 32768, PANEL = 128 };

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// LAPACK's getrf, potrf and sytrf need no workspace but sytrf's panel; on a card the panel of each
// is copied out. A guess in its constant, small beside the matrix.
int64_t cusolver_size_getrf(int64_t m, int64_t n) {
    return PIECE + PANEL * larger(m, n);
}

int64_t cusolver_size_potrf(int64_t n) {
    return PIECE + PANEL * n;
}

int64_t cusolver_size_sytrf(int64_t n) {
    return PIECE + PANEL * n;
}

// Told: 196,608 for 3 x 3 (JAX's stored calls of geqrf of 18 March 2023). LAPACK: a panel by n.
int64_t cusolver_size_geqrf(int64_t m, int64_t n) {
    return 6 * PIECE + PANEL * smaller(m, n);
}

// Told: 33,056 for 3 x 3 with 3 reflectors (the same calls); the 32-bit size goes below zero past
// 16 million rows (CUDA.jl pull request 3258): a panel by rows.
int64_t cusolver_size_orgqr(int64_t m, int64_t reflectors) {
    return PIECE + smaller(PANEL, 32 * reflectors) * m;
}

// "Scales with rows by reflectors regardless of the right side's width" (the same request).
int64_t cusolver_size_ormqr(int64_t rows, int64_t reflectors) {
    return PIECE + rows * larger(reflectors, 1);
}

// Told: 39,001 for n 36, float32 (JAX's stored calls of syevd of 17 March 2023), and no more than
// an int holds up to n of about 25,000 (CUDALibrarySamples issue 246), which three squares fit.
int64_t cusolver_size_syevd(int64_t n, bool vectors) {
    return PIECE + (vectors ? 3 : 1) * n * n + 65 * n + 5;
}

// Told: 2,125 for n 8 in float32 and float64 (the same calls); in complex64 1028 + 1049 each of
// batches of 4 x 4, 1 to 512 of them, and 1028 + 1033 each of 2 x 2 (CuPy issue 7261).
int64_t cusolver_size_syevj(int64_t n, bool complex, int64_t batch) {
    return 1028 + batch * (1024 + n * n + n + 1 + (complex ? n : 0));
}

// As of syevd for each of the batch, the piece once.
int64_t cusolver_size_syev_batched(int64_t n, int64_t batch) {
    return PIECE + batch * (3 * n * n + 8 * n);
}

// The taller case goes by QR first: a copy of the matrix, R, its two sides of vectors, and LAPACK's
// panels of the reduction. (CUDA 10.1 asked for the square of the longer side, CuPy issue 2351.)
int64_t cusolver_size_gesvd(int64_t m, int64_t n) {
    const int64_t square = smaller(m, n) * smaller(m, n);
    return PIECE + m * n + 3 * square + PANEL * (m + n);
}

// By the pattern of syevj: one-sided Jacobi turns a copy of the matrix and a square.
int64_t cusolver_size_gesvdj(int64_t m, int64_t n, int64_t batch) {
    const int64_t square = smaller(m, n) * smaller(m, n);
    return 1028 + batch * (1024 + m * n + square + m + n + 1);
}

// Approximate, of tall matrices: the eigenvectors of the small square A'A.
int64_t cusolver_size_gesvda(int64_t m, int64_t n, int64_t batch) {
    const int64_t square = smaller(m, n) * smaller(m, n);
    return 1028 + batch * (1024 + m * n + 2 * square + n);
}

// LAPACK's geev: the Hessenberg form with its reflectors; its QR iteration runs on the host, which
// has a copy of it and of the vectors.
int64_t cusolver_size_geev(int64_t n, bool vectors, int64_t *host) {
    *host = (vectors ? 3 : 2) * n * n + 6 * n;
    return PIECE + (vectors ? 3 : 2) * n * n + PANEL * n;
}

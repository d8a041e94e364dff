// Workspaces of cuSOLVER's dense functions, in elements of the matrix's type. The library documents
// none; where sizes that it told are public, the rule here gives them, and cusolver_sizes.c names
// them. Elsewhere a rule follows LAPACK's and what the algorithm keeps beside its operands.
#ifndef SNUG_STANDIN_CUSOLVER_SIZES_H
#define SNUG_STANDIN_CUSOLVER_SIZES_H

#include <stdbool.h>
#include <stdint.h>

// Sides that do not order m and n take either.
int64_t cusolver_size_getrf(int64_t m, int64_t n);
int64_t cusolver_size_potrf(int64_t n);
int64_t cusolver_size_sytrf(int64_t n);
int64_t cusolver_size_geqrf(int64_t m, int64_t n);
int64_t cusolver_size_orgqr(int64_t m, int64_t reflectors);
int64_t cusolver_size_ormqr(int64_t rows, int64_t reflectors);
int64_t cusolver_size_syevd(int64_t n, bool vectors);
int64_t cusolver_size_syevj(int64_t n, bool complex, int64_t batch);
int64_t cusolver_size_syev_batched(int64_t n, int64_t batch);
int64_t cusolver_size_gesvd(int64_t m, int64_t n);
int64_t cusolver_size_gesvdj(int64_t m, int64_t n, int64_t batch);
int64_t cusolver_size_gesvda(int64_t m, int64_t n, int64_t batch);
// |host| receives the part in host memory.
int64_t cusolver_size_geev(int64_t n, bool vectors, int64_t *host);

#endif

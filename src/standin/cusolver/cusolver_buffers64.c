// The same of cuSOLVER's 64-bit interface: bytes on the card and in host memory, types as numbers.
#include "standin/answers.h"
#include "standin/cusolver/cusolver_sizes.h"
#include "standin/data_types.h"

enum { STATUS_OK = 0, STATUS_INVALID_VALUE = 3 };

static int tell(int64_t elements, int64_t host_elements, int type, size_t *device, size_t *host) {
    if (!device || !host) return STATUS_INVALID_VALUE;
    *device = (size_t)elements * snug_data_type_bytes(type);
    *host = (size_t)host_elements * snug_data_type_bytes(type);
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cusolverDnXgetrf_bufferSize, void *handle, void *parameters, int64_t m,
                      int64_t n, int type, const void *a, int64_t pitch, int compute,
                      size_t *device, size_t *host) {
    (void)handle, (void)parameters, (void)a, (void)pitch, (void)compute;
    return tell(cusolver_size_getrf(m, n), 0, type, device, host);
}

SNUG_STANDIN_FUNCTION(cusolverDnXpotrf_bufferSize, void *handle, void *parameters, int triangle,
                      int64_t n, int type, const void *a, int64_t pitch, int compute,
                      size_t *device, size_t *host) {
    (void)handle, (void)parameters, (void)triangle, (void)a, (void)pitch, (void)compute;
    return tell(cusolver_size_potrf(n), 0, type, device, host);
}

SNUG_STANDIN_FUNCTION(cusolverDnXgeqrf_bufferSize, void *handle, void *parameters, int64_t m,
                      int64_t n, int type, const void *a, int64_t pitch, int tau_type,
                      const void *tau, int compute, size_t *device, size_t *host) {
    (void)handle, (void)parameters, (void)a, (void)pitch, (void)tau_type, (void)tau, (void)compute;
    return tell(cusolver_size_geqrf(m, n), 0, type, device, host);
}

SNUG_STANDIN_FUNCTION(cusolverDnXsyevd_bufferSize, void *handle, void *parameters, int vectors,
                      int triangle, int64_t n, int type, const void *a, int64_t pitch, int w_type,
                      const void *w, int compute, size_t *device, size_t *host) {
    (void)handle, (void)parameters, (void)triangle, (void)a, (void)pitch, (void)w_type, (void)w;
    (void)compute;
    return tell(cusolver_size_syevd(n, vectors), 0, type, device, host);
}

SNUG_STANDIN_FUNCTION(cusolverDnXsyevBatched_bufferSize, void *handle, void *parameters,
                      int vectors, int triangle, int64_t n, int type, const void *a, int64_t pitch,
                      int w_type, const void *w, int compute, size_t *device, size_t *host,
                      int64_t batch) {
    (void)handle, (void)parameters, (void)vectors, (void)triangle, (void)a, (void)pitch;
    (void)w_type, (void)w, (void)compute;
    return tell(cusolver_size_syev_batched(n, batch), 0, type, device, host);
}

SNUG_STANDIN_FUNCTION(cusolverDnXgeev_bufferSize, void *handle, void *parameters, int left,
                      int right, int64_t n, int type, const void *a, int64_t pitch, int w_type,
                      const void *w, int vl_type, const void *vl, int64_t pitch_vl, int vr_type,
                      const void *vr, int64_t pitch_vr, int compute, size_t *device, size_t *host) {
    (void)handle, (void)parameters, (void)a, (void)pitch, (void)w_type, (void)w, (void)vl_type;
    (void)vl, (void)pitch_vl, (void)vr_type, (void)vr, (void)pitch_vr, (void)compute;
    int64_t on_host = 0;
    const int64_t on_card = cusolver_size_geev(n, left || right, &on_host);
    return tell(on_card, on_host, type, device, host);
}

// The pivots are applied to a copy of the right sides.
SNUG_STANDIN_FUNCTION(cusolverDnXsytrs_bufferSize, void *handle, int triangle, int64_t n,
                      int64_t columns, int type, const void *a, int64_t pitch,
                      const int64_t *pivots, int b_type, void *b, int64_t pitch_b, size_t *device,
                      size_t *host) {
    (void)handle, (void)triangle, (void)a, (void)pitch, (void)pivots, (void)b_type, (void)b;
    (void)pitch_b;
    return tell(n * columns, 0, type, device, host);
}

// NVSHMEM's memory is one across cards, which the stand-ins do not model: it does not start, so
// that programs say so or go without.
#include "standin/standin.h"

// Prototypes are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define API SNUG_STANDIN_API

enum { NVSHMEMX_ERROR_INTERNAL = 7, NVSHMEM_STATUS_NOT_INITIALIZED = 0 };

static int refuse(void) {
    snug_standin_note("NVSHMEM does not start in a dry run: memory that is shared between cards "
                      "is not modelled.");
    return NVSHMEMX_ERROR_INTERNAL;
}

API int nvshmemid_hostlib_init_attr(void) {
    return refuse();
}

API int nvshmem_init(void) {
    return refuse();
}

API int nvshmemx_get_uniqueid(const void *id) {
    (void)id;
    return 0;
}

API int nvshmemid_init_status(void) {
    return NVSHMEM_STATUS_NOT_INITIALIZED;
}

API void nvshmem_info_get_version(int *major, int *minor) {
    *major = 3;
    *minor = 3;
}

API void *nvshmem_malloc(size_t size) {
    (void)size;
    return NULL;
}

API void *nvshmem_ptr(const void *address, int rank) {
    (void)address, (void)rank;
    return NULL;
}

API void *nvshmemx_mc_ptr(int team, const void *address) {
    (void)team, (void)address;
    return NULL;
}

API int nvshmem_team_n_pes(int team) {
    (void)team;
    return -1;
}

API int nvshmem_team_split_strided(void) {
    return NVSHMEMX_ERROR_INTERNAL;
}

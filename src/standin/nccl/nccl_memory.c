// NCCL's own memory, registrations, operators of the program's own, and what it says of itself.
#include <dlfcn.h>
#include <stdlib.h>

#include "standin/core/state.h"
#include "standin/nccl/communicator.h"
#include "standin/nccl/reduction.h"

// ---- Version: the one that PyTorch was built with, as its own library tells it, so that it finds
// neither less nor more than it expects. Programs without PyTorch find what its oldest builds for
// this version of CUDA had.
typedef uint64_t built_version(void); // major << 32 | minor << 16 | patch

SNUG_STANDIN_API ncclResult_t ncclGetVersion(int *version) {
    if (!version) return ncclInvalidArgument;
    *version = SNUG_CUDA_MAJOR == 12 ? 22005 : 22705;
    void *library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return ncclSuccess;
    built_version *built = NULL;
    *(void **)&built = dlsym(library, "_ZN5torch4cuda4nccl7versionEv");
    if (built) {
        uint64_t told = built();
        *version = (int)((told >> 32) * 10000 + (told >> 16 & 0xffff) * 100 + (told & 0xffff));
    }
    dlclose(library);
    return ncclSuccess;
}

SNUG_STANDIN_API const char *ncclGetErrorString(ncclResult_t result) {
    static const char *const texts[] = {
        [ncclSuccess] = "no error",
        [ncclUnhandledCudaError] = "unhandled cuda error",
        [ncclSystemError] = "unhandled system error",
        [ncclInternalError] = "internal error",
        [ncclInvalidArgument] = "invalid argument",
        [ncclInvalidUsage] = "invalid usage",
        [ncclRemoteError] = "remote process exited or there was a network error",
        [ncclInProgress] = "operation in progress",
        [ncclTimeout] = "timeout",
    };
    return (unsigned)result < sizeof texts / sizeof texts[0] ? texts[result]
                                                             : "unknown result code";
}

SNUG_STANDIN_API const char *ncclGetLastError(ncclComm_t comm) {
    (void)comm;
    return "";
}

bool snug_nccl_captures(cudaStream_t stream) {
    uintptr_t graph = 0;
    return snug_stream_capture(stream, &graph) != 0;
}

// ---- Memory

SNUG_STANDIN_API ncclResult_t ncclMemAlloc(void **pointer, size_t size) {
    if (!pointer || size == 0) return ncclInvalidArgument;
    uint64_t address = 0;
    if (snug_books_allocate(snug_standin_device(), size, &address) != SNUG_CUDA_OK)
        return ncclUnhandledCudaError;
    *pointer = (void *)(uintptr_t)address;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclMemFree(void *pointer) {
    if (!pointer) return ncclSuccess;
    return snug_books_free((uint64_t)(uintptr_t)pointer) == SNUG_CUDA_OK ? ncclSuccess
                                                                         : ncclInvalidArgument;
}

// Nothing of the card's is counted for communicators (communicators.c).
SNUG_STANDIN_API ncclResult_t ncclCommMemStats(ncclComm_t comm, int statistic, uint64_t *value) {
    (void)statistic;
    if (!comm || !value) return ncclInvalidArgument;
    *value = 0;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommRegister(ncclComm_t comm, void *buffer, size_t size,
                                               void **handle) {
    (void)buffer, (void)size;
    if (!comm || !handle) return ncclInvalidArgument;
    *handle = (void *)snug_standin_handle();
    return ncclSuccess;
}

// ---- Windows: memory that the ranks open to each other. Only kernels look behind one.
typedef struct window {
    void *user;
} window;

SNUG_STANDIN_API ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void *buffer, size_t size,
                                                     window **out, int flags) {
    (void)size, (void)flags;
    if (!comm || !out) return ncclInvalidArgument;
    *out = malloc(sizeof **out);
    if (!*out) return ncclSystemError;
    (*out)->user = buffer;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, window *self) {
    (void)comm;
    free(self);
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclWinGetUserPtr(ncclComm_t comm, const window *self, void **out) {
    (void)comm;
    if (!self || !out) return ncclInvalidArgument;
    *out = self->user;
    return ncclSuccess;
}

// Another rank's memory has no address in this process; its own stands for it.
static ncclResult_t address_in(const window *self, size_t offset, void **out) {
    if (!self || !out) return ncclInvalidArgument;
    *out = (char *)self->user + offset;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclGetPeerDevicePointer(const window *self, size_t offset, int peer,
                                                       void **out) {
    (void)peer;
    return address_in(self, offset, out);
}

SNUG_STANDIN_API ncclResult_t ncclGetLsaDevicePointer(const window *self, size_t offset, int rank,
                                                      void **out) {
    (void)rank;
    return address_in(self, offset, out);
}

// No multicast: the program goes without.
SNUG_STANDIN_API ncclResult_t ncclGetLsaMultimemDevicePointer(const window *self, size_t offset,
                                                              void **out) {
    (void)self, (void)offset;
    if (!out) return ncclInvalidArgument;
    *out = NULL;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclGetMultimemDevicePointer(const window *self, size_t offset,
                                                           void *multimem, void **out) {
    (void)multimem;
    return ncclGetLsaMultimemDevicePointer(self, offset, out);
}

// ---- Operators of the program's own: their results are unknown (reduction.h).

SNUG_STANDIN_API ncclResult_t ncclRedOpCreatePreMulSum(ncclRedOp_t *op, const void *scalar,
                                                       ncclDataType_t type, int residence,
                                                       ncclComm_t comm) {
    static int next = ncclNumOps;
    (void)residence;
    if (!op || !scalar || !comm || snug_nccl_size(type) == 0) return ncclInvalidArgument;
    *op = (ncclRedOp_t)__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
    return ncclSuccess;
}

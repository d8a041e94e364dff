// Modules, libraries and kernels, as Triton, NVRTC's users and CUDA 13's runtime load them: nothing
// is looked into, and launches compute nothing.
#include "standin/cuda/driver.h"

API int cuFuncGetAttribute(int *value, int attribute, void *function);
API int cuKernelGetAttribute(int *value, int attribute, void *kernel, int device);
API int cuModuleGetGlobal_v2(device_pointer *out, size_t *size, void *module, const char *name);
API int cuLibraryGetGlobal(device_pointer *out, size_t *size, void *library, const char *name);
API int cuModuleGetLoadingMode(int *mode);
API int cuKernelGetFunction(void **function, void *kernel);
API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int size,
                                                    size_t shared);
API int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, void *function, int size,
                                                             size_t shared, unsigned flags);
API int cuOccupancyMaxPotentialBlockSize(int *grid, int *block, void *function, void *shared_of,
                                         size_t shared, int limit);
API int cuOccupancyMaxActiveClusters(int *clusters, void *function, const void *config);
API int cuLinkComplete(void *state, void **image, size_t *size);

// CUfunction_attribute
enum {
    MAX_THREADS,
    SHARED,
    CONSTANT,
    LOCAL,
    REGISTERS,
    PTX_VERSION,
    BINARY_VERSION,
    CACHE_MODE,
    MAX_DYNAMIC_SHARED
};

int cuFuncGetAttribute(int *value, int attribute, void *function) {
    (void)function;
    const snug_standin_settings *card = snug_standin_settings_get();
    switch (attribute) {
    case MAX_THREADS:
        *value = 1024;
        break;
    case REGISTERS:
        *value = 32;
        break;
    case PTX_VERSION:
    case BINARY_VERSION:
        *value = card->capability;
        break;
    case MAX_DYNAMIC_SHARED:
        *value = (int)card->shared_optin;
        break;
    default:
        *value = 0;
    }
    return SNUG_CUDA_OK;
}

int cuKernelGetAttribute(int *value, int attribute, void *kernel, int device) {
    (void)device;
    return cuFuncGetAttribute(value, attribute, kernel);
}

int cuKernelGetFunction(void **function, void *kernel) {
    *function = kernel;
    return SNUG_CUDA_OK;
}

int cuModuleGetGlobal_v2(device_pointer *out, size_t *size, void *module, const char *name) {
    (void)module, (void)name;
    if (out) *out = 0;
    if (size) *size = 0;
    return SNUG_CUDA_NOT_FOUND;
}

int cuLibraryGetGlobal(device_pointer *out, size_t *size, void *library, const char *name) {
    return cuModuleGetGlobal_v2(out, size, library, name);
}

int cuModuleGetLoadingMode(int *mode) {
    *mode = 2; // lazy, as CUDA 12 and 13 load by themselves
    return SNUG_CUDA_OK;
}

int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int size,
                                                size_t shared) {
    (void)function;
    *blocks = snug_device_occupancy(size, shared);
    return SNUG_CUDA_OK;
}

int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, void *function, int size,
                                                         size_t shared, unsigned flags) {
    (void)flags;
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, size, shared);
}

int cuOccupancyMaxPotentialBlockSize(int *grid, int *block, void *function, void *shared_of,
                                     size_t shared, int limit) {
    (void)function, (void)shared_of, (void)limit;
    *block = 1024;
    *grid = snug_standin_settings_get()->multiprocessors * snug_device_occupancy(*block, shared);
    return SNUG_CUDA_OK;
}

int cuOccupancyMaxActiveClusters(int *clusters, void *function, const void *config) {
    (void)function, (void)config;
    *clusters = snug_standin_settings_get()->multiprocessors / 2;
    return SNUG_CUDA_OK;
}

int cuLinkComplete(void *state, void **image, size_t *size) {
    static char nothing[16];
    (void)state;
    *image = nothing;
    *size = sizeof nothing;
    return SNUG_CUDA_OK;
}

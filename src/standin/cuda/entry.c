// The driver's functions by name, and its errors.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "standin/cuda/driver.h"

API int cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags);
API int cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags,
                            int *result);
API int cuGetErrorString(int error, const char **out);
API int cuGetErrorName(int error, const char **out);

void *snug_driver_function(const char *name) {
    Dl_info own;
    static void *self;
    if (!self && dladdr((void *)(uintptr_t)&snug_standin_handle, &own))
        self = dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!self || strlen(name) > 200) return NULL;
    char newest[256];
    snprintf(newest, sizeof newest, "%s_v2", name);
    void *found = dlsym(self, newest);
    return found ? found : dlsym(self, name);
}

int cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *result) {
    (void)version, (void)flags;
    *out = snug_driver_function(symbol);
    if (result) *result = *out ? 0 : 1;
    return *out ? SNUG_CUDA_OK : SNUG_CUDA_NOT_FOUND;
}

int cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags) {
    return cuGetProcAddress_v2(symbol, out, version, flags, NULL);
}

static const struct {
    int error;
    const char *name, *text;
} errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
};

int cuGetErrorString(int error, const char **out) {
    *out = "unrecognized error code";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].error == error) *out = errors[i].text;
    return SNUG_CUDA_OK;
}

int cuGetErrorName(int error, const char **out) {
    *out = "unrecognized error code";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].error == error) *out = errors[i].name;
    return SNUG_CUDA_OK;
}

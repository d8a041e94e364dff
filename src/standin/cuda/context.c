// Devices and contexts. A device has one context, its primary one: its handle is the device's
// number behind a mark.
#include <stdio.h>
#include <string.h>

#include "standin/cuda/driver.h"

API int cuInit(unsigned flags);
API int cuDriverGetVersion(int *version);
API int cuDeviceGetCount(int *count);
API int cuDeviceGet(int *device, int ordinal);
API int cuDeviceGetName(char *out, int length, int device);
API int cuDeviceGetUuid(void *out, int device);
API int cuDeviceGetUuid_v2(void *out, int device);
API int cuDeviceGetAttribute(int *value, int attribute, int device);
API int cuDeviceTotalMem_v2(size_t *bytes, int device);
API int cuDeviceComputeCapability(int *major, int *minor, int device);
API int cuDeviceGetPCIBusId(char *out, int length, int device);
API int cuDeviceCanAccessPeer(int *can, int device, int peer);
API int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active);
API int cuDevicePrimaryCtxRetain(void **context, int device);
API int cuDevicePrimaryCtxRelease_v2(int device);
API int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags);
API int cuCtxGetCurrent(void **context);
API int cuCtxSetCurrent(void *context);
API int cuCtxPushCurrent_v2(void *context);
API int cuCtxPopCurrent_v2(void **context);
API int cuCtxGetDevice(int *device);
API int cuCtxCreate_v2(void **context, unsigned flags, int device);
API int cuCtxDestroy_v2(void *context);
API int cuCtxSynchronize(void);
API int cuCtxGetStreamPriorityRange(int *least, int *greatest);
API int cuCtxGetLimit(size_t *value, int limit);
API int cuCtxGetApiVersion(void *context, unsigned *version);

enum { MARK = 0x1000, NOTHING = -1, DEEPEST = 32, VERSION = 13020 };

static __thread int stack[DEEPEST], depth;
static __thread int none_current = 1; // a thread begins without a context

static void *context_of(int device) {
    return (void *)(uintptr_t)(MARK + device);
}

static int device_of(const void *context) {
    return context ? (int)((uintptr_t)context - MARK) : NOTHING;
}

static int is_device(int device) {
    return device >= 0 && device < snug_standin_settings_get()->gpus;
}

int cuInit(unsigned flags) {
    (void)flags;
    return snug_standin_settings_get()->gpus ? SNUG_CUDA_OK : SNUG_CUDA_NO_DEVICE;
}

int cuDriverGetVersion(int *version) {
    *version = VERSION;
    return SNUG_CUDA_OK;
}

int cuDeviceGetCount(int *count) {
    *count = snug_standin_settings_get()->gpus;
    return SNUG_CUDA_OK;
}

int cuDeviceGet(int *device, int ordinal) {
    if (!is_device(ordinal)) return SNUG_CUDA_INVALID_DEVICE;
    *device = ordinal;
    return SNUG_CUDA_OK;
}

int cuDeviceGetName(char *out, int length, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    snprintf(out, (size_t)length, "%s", snug_standin_settings_get()->card);
    return SNUG_CUDA_OK;
}

int cuDeviceGetUuid(void *out, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    snug_device_uuid(device, out);
    return SNUG_CUDA_OK;
}

int cuDeviceGetUuid_v2(void *out, int device) {
    return cuDeviceGetUuid(out, device);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    *value = snug_device_attribute(attribute, device);
    return SNUG_CUDA_OK;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    *bytes = snug_standin_settings_get()->memory;
    return SNUG_CUDA_OK;
}

int cuDeviceComputeCapability(int *major, int *minor, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    *major = snug_standin_settings_get()->capability / 10;
    *minor = snug_standin_settings_get()->capability % 10;
    return SNUG_CUDA_OK;
}

int cuDeviceGetPCIBusId(char *out, int length, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    snprintf(out, (size_t)length, "0000:%02X:00.0", (unsigned)device + 1);
    return SNUG_CUDA_OK;
}

int cuDeviceCanAccessPeer(int *can, int device, int peer) {
    *can = 0;
    return is_device(device) && is_device(peer) ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_DEVICE;
}

// ---- Contexts

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    if (flags) *flags = 0;
    if (active) *active = snug_books_device_now(device).context != 0;
    return SNUG_CUDA_OK;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    snug_books_make_context(device);
    *context = context_of(device);
    return SNUG_CUDA_OK;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    return is_device(device) ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_DEVICE;
}

int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) {
    (void)flags;
    return is_device(device) ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_DEVICE;
}

// The runtime makes the current device's context current as soon as it is used.
static int current(void) {
    int device = snug_standin_device();
    return none_current && !snug_books_device_now(device).context ? NOTHING : device;
}

int cuCtxGetCurrent(void **context) {
    int device = current();
    *context = device == NOTHING ? NULL : context_of(device);
    return SNUG_CUDA_OK;
}

int cuCtxSetCurrent(void *context) {
    int device = device_of(context);
    none_current = device == NOTHING;
    return none_current ? SNUG_CUDA_OK : snug_standin_set_device(device);
}

int cuCtxPushCurrent_v2(void *context) {
    if (depth == DEEPEST) return SNUG_CUDA_INVALID_VALUE;
    stack[depth++] = current();
    return cuCtxSetCurrent(context);
}

int cuCtxPopCurrent_v2(void **context) {
    int device = current();
    if (context) *context = device == NOTHING ? NULL : context_of(device);
    int before = depth > 0 ? stack[--depth] : NOTHING;
    return cuCtxSetCurrent(before == NOTHING ? NULL : context_of(before));
}

int cuCtxGetDevice(int *device) {
    *device = snug_standin_device();
    return SNUG_CUDA_OK;
}

int cuCtxCreate_v2(void **context, unsigned flags, int device) {
    (void)flags;
    int status = cuDevicePrimaryCtxRetain(context, device);
    return status == SNUG_CUDA_OK ? cuCtxPushCurrent_v2(*context) : status;
}

int cuCtxDestroy_v2(void *context) {
    (void)context;
    return SNUG_CUDA_OK;
}

int cuCtxSynchronize(void) {
    return SNUG_CUDA_OK;
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return SNUG_CUDA_OK;
}

int cuCtxGetLimit(size_t *value, int limit) {
    enum { STACK, PRINTF, HEAP };
    *value = limit == STACK ? 1024 : limit == PRINTF ? 1 << 20 : limit == HEAP ? 8 << 20 : 0;
    return SNUG_CUDA_OK;
}

int cuCtxGetApiVersion(void *context, unsigned *version) {
    (void)context;
    *version = VERSION;
    return SNUG_CUDA_OK;
}

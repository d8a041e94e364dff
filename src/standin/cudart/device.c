// Devices: how many, which is current, what they can do. Layouts of structures are CUDA's, written
// as offsets of the fields that are set.
#include <stdio.h>
#include <string.h>

#include "standin/cudart/runtime.h"

API int cudaGetDeviceCount(int *count);
API int cudaGetDevice(int *device);
API int cudaSetDevice(int device);
API int cudaInitDevice(int device, unsigned flags, unsigned how);
API int cudaSetDeviceFlags(unsigned flags);
API int cudaGetDeviceFlags(unsigned *flags);
API int cudaDeviceGetAttribute(int *value, int attribute, int device);
API int cudaGetDeviceProperties(void *out, int device);
API int cudaGetDeviceProperties_v2(void *out, int device);
API int cudaDeviceGetPCIBusId(char *out, int length, int device);
API int cudaDeviceGetByPCIBusId(int *device, const char *text);
API int cudaDeviceCanAccessPeer(int *can, int device, int peer);
API int cudaDeviceGetP2PAttribute(int *value, int attribute, int device, int peer);
API int cudaDeviceGetStreamPriorityRange(int *least, int *greatest);
API int cudaDeviceGetLimit(size_t *value, int limit);
API int cudaDriverGetVersion(int *version);
API int cudaRuntimeGetVersion(int *version);
API int cudaDeviceSynchronize(void);
API int cudaDeviceReset(void);

// The newest runtimes of each major version; the driver serves all of them.
#define DRIVER_VERSION 13020
#if SNUG_CUDA_MAJOR == 12
#define RUNTIME_VERSION 12090
#else
#define RUNTIME_VERSION 13020
#endif

static int is_device(int device) {
    return device >= 0 && device < snug_standin_settings_get()->gpus;
}

int cudaGetDeviceCount(int *count) {
    *count = snug_standin_settings_get()->gpus;
    return RESULT(*count ? SNUG_CUDA_OK : SNUG_CUDA_NO_DEVICE);
}

int cudaGetDevice(int *device) {
    if (!device) return RESULT(SNUG_CUDA_INVALID_VALUE);
    *device = snug_standin_device();
    return SNUG_CUDA_OK;
}

// Since CUDA 12 choosing a device makes its context.
int cudaSetDevice(int device) {
    int status = snug_standin_set_device(device);
    if (status == SNUG_CUDA_OK) snug_books_make_context(device);
    return RESULT(status);
}

int cudaInitDevice(int device, unsigned flags, unsigned how) {
    (void)flags, (void)how;
    if (!is_device(device)) return RESULT(SNUG_CUDA_INVALID_DEVICE);
    snug_books_make_context(device);
    return SNUG_CUDA_OK;
}

int cudaSetDeviceFlags(unsigned flags) {
    (void)flags;
    return SNUG_CUDA_OK;
}

int cudaGetDeviceFlags(unsigned *flags) {
    *flags = 0;
    return SNUG_CUDA_OK;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    if (!value) return RESULT(SNUG_CUDA_INVALID_VALUE);
    if (!is_device(device)) return RESULT(SNUG_CUDA_INVALID_DEVICE);
    *value = snug_device_attribute(attribute, device);
    return SNUG_CUDA_OK;
}

// ---- Properties

typedef struct property {
    short offset_12, offset_13; // bytes; -1: the version has no such field
    short attribute;            // whose value it has
    bool wide;                  // 64 bits
} property;

static const property properties[] = {
    {296, 296, 8, true},                                                // sharedMemPerBlock
    {304, 304, 12, false},                                              // regsPerBlock
    {308, 308, 10, false},                                              // warpSize
    {312, 312, 11, true},                                               // memPitch
    {320, 320, 1, false},                                               // maxThreadsPerBlock
    {324, 324, 2, false},                                               // maxThreadsDim
    {328, 328, 3, false},   {332, 332, 4, false}, {336, 336, 5, false}, // maxGridSize
    {340, 340, 6, false},   {344, 344, 7, false}, {348, -1, 13, false}, // clockRate
    {352, 352, 9, true},                                                // totalConstMem
    {360, 360, 75, false},                                              // major
    {364, 364, 76, false},                                              // minor
    {368, 368, 14, true},                                               // textureAlignment
    {376, 376, 51, true},                                               // texturePitchAlignment
    {388, 384, 16, false},                                              // multiProcessorCount
    {400, 392, 19, false},                                              // canMapHostMemory
    {408, 396, 21, false},                                              // maxTexture1D
    {568, 552, 30, true},                                               // surfaceAlignment
    {576, 560, 31, false},                                              // concurrentKernels
    {584, 568, 33, false},                                              // pciBusID
    {600, 584, 40, false},                                              // asyncEngineCount
    {604, 588, 41, false},                                              // unifiedAddressing
    {608, -1, 36, false},                                               // memoryClockRate
    {612, 592, 37, false},                                              // memoryBusWidth
    {616, 596, 38, false},                                              // l2CacheSize
    {620, 600, 108, false},                                             // persistingL2CacheMaxSize
    {624, 604, 39, false},  // maxThreadsPerMultiProcessor
    {628, 608, 78, false},  // streamPrioritiesSupported
    {632, 612, 79, false},  // globalL1CacheSupported
    {636, 616, 80, false},  // localL1CacheSupported
    {640, 624, 81, true},   // sharedMemPerMultiprocessor
    {648, 632, 82, false},  // regsPerMultiprocessor
    {652, 636, 83, false},  // managedMemory
    {676, 656, 89, false},  // concurrentManagedAccess
    {680, 660, 90, false},  // computePreemptionSupported
    {684, 664, 91, false},  // canUseHostPointerForRegisteredMem
    {688, 668, 95, false},  // cooperativeLaunch
    {696, 672, 97, true},   // sharedMemPerBlockOptin
    {712, 688, 106, false}, // maxBlocksPerMultiProcessor
    {720, 696, 111, true},  // reservedSharedMemPerBlock
    {728, 704, 99, false},  // hostRegisterSupported
    {744, 720, 115, false}, // memoryPoolsSupported
    {772, 748, 120, false}, // clusterLaunch
};
enum { NAME = 0, NAME_SIZE = 256, UUID = 256, TOTAL_MEMORY = 288 };
#if SNUG_CUDA_MAJOR == 12
enum { PROPERTIES_SIZE = 1032 };
#else
enum { PROPERTIES_SIZE = 1008 };
#endif

static void fill_properties(unsigned char *out, int device) {
    const snug_standin_settings *card = snug_standin_settings_get();
    memset(out, 0, PROPERTIES_SIZE);
    snprintf((char *)out + NAME, NAME_SIZE, "%s", card->card);
    snug_device_uuid(device, out + UUID);
    memcpy(out + TOTAL_MEMORY, &card->memory, sizeof card->memory);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        const property *one = &properties[i];
        short offset = SNUG_CUDA_MAJOR == 12 ? one->offset_12 : one->offset_13;
        int value = snug_device_attribute(one->attribute, device);
        uint64_t wide = (uint64_t)value;
        if (offset < 0) continue;
        if (one->wide)
            memcpy(out + offset, &wide, sizeof wide);
        else
            memcpy(out + offset, &value, sizeof value);
    }
}

int cudaGetDeviceProperties(void *out, int device) {
    if (!out) return RESULT(SNUG_CUDA_INVALID_VALUE);
    if (!is_device(device)) return RESULT(SNUG_CUDA_INVALID_DEVICE);
    fill_properties(out, device);
    return SNUG_CUDA_OK;
}

int cudaGetDeviceProperties_v2(void *out, int device) {
    return cudaGetDeviceProperties(out, device);
}

// ---- Places and peers

int cudaDeviceGetPCIBusId(char *out, int length, int device) {
    if (!is_device(device)) return RESULT(SNUG_CUDA_INVALID_DEVICE);
    snprintf(out, (size_t)length, "0000:%02X:00.0", (unsigned)device + 1);
    return SNUG_CUDA_OK;
}

int cudaDeviceGetByPCIBusId(int *device, const char *text) {
    unsigned domain = 0, bus = 0;
    if (sscanf(text, "%x:%x", &domain, &bus) != 2 || !is_device((int)bus - 1))
        return RESULT(SNUG_CUDA_INVALID_VALUE);
    *device = (int)bus - 1;
    return SNUG_CUDA_OK;
}

// Cards for desks cannot reach each other's memory; programs then copy through the host.
int cudaDeviceCanAccessPeer(int *can, int device, int peer) {
    *can = 0;
    return RESULT(is_device(device) && is_device(peer) ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_DEVICE);
}

int cudaDeviceGetP2PAttribute(int *value, int attribute, int device, int peer) {
    (void)attribute;
    return cudaDeviceCanAccessPeer(value, device, peer);
}

int cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return SNUG_CUDA_OK;
}

int cudaDeviceGetLimit(size_t *value, int limit) {
    enum { STACK, PRINTF, HEAP };
    *value = limit == STACK ? 1024 : limit == PRINTF ? 1 << 20 : limit == HEAP ? 8 << 20 : 0;
    return SNUG_CUDA_OK;
}

int cudaDriverGetVersion(int *version) {
    *version = DRIVER_VERSION;
    return SNUG_CUDA_OK;
}

int cudaRuntimeGetVersion(int *version) {
    *version = RUNTIME_VERSION;
    return SNUG_CUDA_OK;
}

int cudaDeviceSynchronize(void) {
    snug_books_make_context(snug_standin_device());
    return SNUG_CUDA_OK;
}

int cudaDeviceReset(void) {
    return SNUG_CUDA_OK;
}

// NVML's beginning and end, versions, errors, and how a device is found.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "standin/core/state.h"
#include "standin/nvml/nvml_device.h"

struct snug_nvml_device {
    char unused;
};

static const struct snug_nvml_device devices[SNUG_STANDIN_MAX_GPUS];
static int started; // atomic: calls of nvmlInit without nvmlShutdown

API nvmlReturn_t nvmlInit_v2(void) {
    __atomic_fetch_add(&started, 1, __ATOMIC_RELAXED);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlInit(void) {
    return nvmlInit_v2();
}

API nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return nvmlInit_v2();
}

API nvmlReturn_t nvmlShutdown(void) {
    if (__atomic_load_n(&started, __ATOMIC_RELAXED) == 0) return NVML_ERROR_UNINITIALIZED;
    __atomic_fetch_sub(&started, 1, __ATOMIC_RELAXED);
    return NVML_SUCCESS;
}

API const char *nvmlErrorString(nvmlReturn_t code) {
    switch (code) {
    case NVML_SUCCESS:
        return "Success";
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED:
        return "Not Supported";
    case NVML_ERROR_NOT_FOUND:
        return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE:
        return "Insufficient Size";
    default:
        return "Unknown Error";
    }
}

nvmlReturn_t snug_nvml_text(char *out, unsigned length, const char *text) {
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    size_t size = strlen(text) + 1;
    if (size > length) return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, text, size);
    return NVML_SUCCESS;
}

// ---- Versions

int cuDriverGetVersion(int *version);

API nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    return version && cuDriverGetVersion(version) == 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

API nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
    return nvmlSystemGetCudaDriverVersion_v2(version);
}

// Of drivers that came with the last CUDA of each major version that PyTorch's builds are for.
#define DRIVER (SNUG_CUDA_MAJOR == 12 ? "575.57.08" : "590.44.01")

API nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned length) {
    return snug_nvml_text(out, length, DRIVER);
}

API nvmlReturn_t nvmlSystemGetNVMLVersion(char *out, unsigned length) {
    char text[32];
    snprintf(text, sizeof text, "%d.%s", SNUG_CUDA_MAJOR, DRIVER);
    return snug_nvml_text(out, length, text);
}

API nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *out, unsigned length) {
    char path[64], name[256] = "";
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "rbe");
    if (!file) return NVML_ERROR_NOT_FOUND;
    size_t read = fread(name, 1, sizeof name - 1, file); // ends at the first argument's end
    fclose(file);
    if (!out || length == 0 || read == 0) return NVML_ERROR_INVALID_ARGUMENT;
    snprintf(out, length, "%s", name);
    return NVML_SUCCESS;
}

// ---- Devices

int snug_nvml_index(nvmlDevice_t handle) {
    ptrdiff_t index = handle - devices;
    bool ours =
        (uintptr_t)handle >= (uintptr_t)devices && index < snug_standin_settings_get()->gpus;
    return ours && __atomic_load_n(&started, __ATOMIC_RELAXED) > 0 ? (int)index : -1;
}

nvmlDevice_t snug_nvml_handle(int index) {
    return index >= 0 && index < snug_standin_settings_get()->gpus ? &devices[index] : NULL;
}

static nvmlReturn_t give(nvmlDevice_t *out, int index) {
    if (__atomic_load_n(&started, __ATOMIC_RELAXED) == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = snug_nvml_handle(index);
    return *out ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

API nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count) {
    if (__atomic_load_n(&started, __ATOMIC_RELAXED) == 0) return NVML_ERROR_UNINITIALIZED;
    if (!count) return NVML_ERROR_INVALID_ARGUMENT;
    *count = (unsigned)snug_standin_settings_get()->gpus;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetCount(unsigned *count) {
    return nvmlDeviceGetCount_v2(count);
}

API nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out) {
    return give(out, (int)index);
}

API nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *out) {
    return give(out, (int)index);
}

API nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *text, nvmlDevice_t *out) {
    unsigned domain = 0, bus = 0;
    if (!text || sscanf(text, "%x:%x", &domain, &bus) != 2) return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = give(out, (int)bus - 1);
    return result == NVML_ERROR_INVALID_ARGUMENT ? NVML_ERROR_NOT_FOUND : result;
}

API nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *text, nvmlDevice_t *out) {
    return nvmlDeviceGetHandleByPciBusId_v2(text, out);
}

API nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t handle, char *out, unsigned length) {
    NEED_DEVICE(handle);
    unsigned char uuid[16];
    snug_device_uuid(snug_nvml_index(handle), uuid);
    char text[64] = "GPU-";
    size_t used = 4;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text[used++] = '-';
        used += (size_t)snprintf(text + used, sizeof text - used, "%02x", uuid[i]);
    }
    return snug_nvml_text(out, length, text);
}

API nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *out) {
    for (int i = 0; uuid && i < snug_standin_settings_get()->gpus; i++) {
        char own[96];
        if (nvmlDeviceGetUUID(&devices[i], own, sizeof own) == NVML_SUCCESS &&
            strcasecmp(own, uuid) == 0)
            return give(out, i);
    }
    return NVML_ERROR_NOT_FOUND;
}

API nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t handle, unsigned *index) {
    NEED_DEVICE(handle);
    *index = (unsigned)snug_nvml_index(handle);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t handle, unsigned *minor) {
    return nvmlDeviceGetIndex(handle, minor);
}

typedef struct nvmlPciInfo {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
} nvmlPciInfo;

API nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t handle, nvmlPciInfo *out) {
    NEED_DEVICE(handle);
    // The vendor's number; the card's own is not known.
    *out = (nvmlPciInfo){.bus = (unsigned)snug_nvml_index(handle) + 1, .id = 0x10de};
    snprintf(out->legacy, sizeof out->legacy, "0000:%02X:00.0", out->bus & 0xff);
    snprintf(out->text, sizeof out->text, "00000000:%02X:00.0", out->bus & 0xff);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t handle, nvmlPciInfo *out) {
    return nvmlDeviceGetPciInfo_v3(handle, out);
}

API nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t handle, nvmlPciInfo *out) {
    return nvmlDeviceGetPciInfo_v3(handle, out);
}

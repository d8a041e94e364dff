// What NVML tells of a device: memory as this process's books have it (other processes' is not
// known), what the card's settings say, and for the rest an idle card without extras.
#include <string.h>
#include <unistd.h>

#include "standin/core/state.h"
#include "standin/nvml/nvml_device.h"

// ---- Single numbers, from a table: function, value.
#define MHZ(khz) ((unsigned)(khz) / 1000)
#define CARD (snug_standin_settings_get())
#define NUMBERS(X)                                                                                 \
    X(nvmlDeviceGetPowerUsage, 60000) /* milliwatts */                                             \
    X(nvmlDeviceGetPowerManagementLimit, 300000)                                                   \
    X(nvmlDeviceGetPowerManagementDefaultLimit, 300000)                                            \
    X(nvmlDeviceGetEnforcedPowerLimit, 300000)                                                     \
    X(nvmlDeviceGetPowerManagementMode, 1)                                                         \
    X(nvmlDeviceGetPowerState, 0)                                                                  \
    X(nvmlDeviceGetPerformanceState, 0)                                                            \
    X(nvmlDeviceGetPersistenceMode, 1)                                                             \
    X(nvmlDeviceGetDisplayMode, 0)                                                                 \
    X(nvmlDeviceGetDisplayActive, 0)                                                               \
    X(nvmlDeviceGetComputeMode, 0)                                                                 \
    X(nvmlDeviceGetVirtualizationMode, 0)                                                          \
    X(nvmlDeviceGetMultiGpuBoard, 0)                                                               \
    X(nvmlDeviceGetMaxMigDeviceCount, 0)                                                           \
    X(nvmlDeviceIsMigDeviceHandle, 0)                                                              \
    X(nvmlDeviceGetBusType, 2)                                                                     \
    X(nvmlDeviceGetNumaNodeId, 0)                                                                  \
    X(nvmlDeviceGetMaxPcieLinkGeneration, 4)                                                       \
    X(nvmlDeviceGetGpuMaxPcieLinkGeneration, 4)                                                    \
    X(nvmlDeviceGetCurrPcieLinkGeneration, 4)                                                      \
    X(nvmlDeviceGetMaxPcieLinkWidth, 16)                                                           \
    X(nvmlDeviceGetCurrPcieLinkWidth, 16)                                                          \
    X(nvmlDeviceGetPcieReplayCounter, 0)                                                           \
    X(nvmlDeviceGetNumGpuCores, (unsigned)CARD->cores)                                             \
    X(nvmlDeviceGetMemoryBusWidth, (unsigned)CARD->bus_width)

#define NUMBER(name, value)                                                                        \
    API nvmlReturn_t name(nvmlDevice_t handle, unsigned *out);                                     \
    nvmlReturn_t name(nvmlDevice_t handle, unsigned *out) {                                        \
        NEED_DEVICE(handle);                                                                       \
        if (!out) return NVML_ERROR_INVALID_ARGUMENT;                                              \
        *out = value;                                                                              \
        return NVML_SUCCESS;                                                                       \
    }
NUMBERS(NUMBER)

// ---- What such a card does not have. Arguments do not matter.
#define REFUSALS(X)                                                                                \
    X(nvmlDeviceGetFanSpeed)                                                                       \
    X(nvmlDeviceGetFanSpeed_v2)                                                                    \
    X(nvmlDeviceGetEccMode)                                                                        \
    X(nvmlDeviceGetTotalEccErrors)                                                                 \
    X(nvmlDeviceGetMemoryErrorCounter)                                                             \
    X(nvmlDeviceGetMigMode)                                                                        \
    X(nvmlDeviceGetMigDeviceHandleByIndex)                                                         \
    X(nvmlDeviceGetSerial)                                                                         \
    X(nvmlDeviceGetVbiosVersion)                                                                   \
    X(nvmlDeviceGetBoardPartNumber)                                                                \
    X(nvmlDeviceGetTotalEnergyConsumption)                                                         \
    X(nvmlDeviceGetApplicationsClock)                                                              \
    X(nvmlDeviceGetSupportedMemoryClocks)                                                          \
    X(nvmlDeviceGetSupportedGraphicsClocks)                                                        \
    X(nvmlDeviceGetPcieThroughput)                                                                 \
    X(nvmlDeviceGetNvLinkState)                                                                    \
    X(nvmlDeviceGetNvLinkVersion)                                                                  \
    X(nvmlDeviceGetNvLinkCapability)                                                               \
    X(nvmlDeviceGetNvLinkRemotePciInfo_v2)                                                         \
    X(nvmlDeviceGetNvLinkRemoteDeviceType)                                                         \
    X(nvmlDeviceGetNvLinkUtilizationCounter)                                                       \
    X(nvmlDeviceGetGpuFabricInfo)                                                                  \
    X(nvmlDeviceGetGpuFabricInfoV)                                                                 \
    X(nvmlDeviceGetFieldValues)                                                                    \
    X(nvmlDeviceGetSamples)                                                                        \
    X(nvmlDeviceGetViolationStatus)                                                                \
    X(nvmlDeviceGetProcessUtilization)                                                             \
    X(nvmlDeviceGetEncoderUtilization)                                                             \
    X(nvmlDeviceGetDecoderUtilization)                                                             \
    X(nvmlDeviceGetCurrentClocksThrottleReasons)                                                   \
    X(nvmlDeviceGetCurrentClocksEventReasons)                                                      \
    X(nvmlDeviceGetSupportedClocksEventReasons)                                                    \
    X(nvmlDeviceGetSupportedClocksThrottleReasons)                                                 \
    X(nvmlDeviceGetTemperatureThreshold)                                                           \
    X(nvmlDeviceGetAttributes_v2)                                                                  \
    X(nvmlDeviceGetRemappedRows)                                                                   \
    X(nvmlDeviceGetRetiredPages)                                                                   \
    X(nvmlDeviceRegisterEvents)                                                                    \
    X(nvmlEventSetCreate)                                                                          \
    X(nvmlEventSetFree)                                                                            \
    X(nvmlEventSetWait_v2)

#define REFUSE(name)                                                                               \
    API nvmlReturn_t name(void);                                                                   \
    nvmlReturn_t name(void) {                                                                      \
        return NVML_ERROR_NOT_SUPPORTED;                                                           \
    }
REFUSALS(REFUSE)

// ---- Memory

typedef struct nvmlMemory_t {
    unsigned long long total, free, used;
} nvmlMemory_t;

typedef struct nvmlMemory_v2_t {
    unsigned version;
    unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;

// Without making a context, unlike cudaMemGetInfo.
static nvmlMemory_t memory_of(int device) {
    uint64_t total = CARD->memory, used = snug_books_device_now(device).used;
    return (nvmlMemory_t){total, total - used, used};
}

API nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t handle, nvmlMemory_t *out) {
    NEED_DEVICE(handle);
    *out = memory_of(snug_nvml_index(handle));
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t handle, nvmlMemory_v2_t *out) {
    NEED_DEVICE(handle);
    nvmlMemory_t memory = memory_of(snug_nvml_index(handle));
    *out = (nvmlMemory_v2_t){out->version, memory.total, 0, memory.free, memory.used};
    return NVML_SUCCESS;
}

typedef struct nvmlBAR1Memory_t {
    unsigned long long total, free, used;
} nvmlBAR1Memory_t;

API nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t handle, nvmlBAR1Memory_t *out) {
    NEED_DEVICE(handle);
    *out = (nvmlBAR1Memory_t){.total = 256 << 20, .free = 256 << 20};
    return NVML_SUCCESS;
}

// ---- Processes: this one, once it has used the device.

typedef struct nvmlProcessInfo_v1_t {
    unsigned pid;
    unsigned long long used;
} nvmlProcessInfo_v1_t;

typedef struct nvmlProcessInfo_t {
    unsigned pid;
    unsigned long long used;
    unsigned instance, compute_instance;
} nvmlProcessInfo_t;

// |entry| bytes: both forms begin alike.
static nvmlReturn_t processes(nvmlDevice_t handle, unsigned *count, void *out, size_t entry) {
    NEED_DEVICE(handle);
    if (!count) return NVML_ERROR_INVALID_ARGUMENT;
    uint64_t used = snug_books_device_now(snug_nvml_index(handle)).used;
    unsigned room = *count;
    *count = used > 0;
    if (used == 0) return NVML_SUCCESS;
    if (room == 0 || !out) return NVML_ERROR_INSUFFICIENT_SIZE;
    // Neither MIG's instances: all ones.
    nvmlProcessInfo_t own = {(unsigned)getpid(), used, 0xffffffff, 0xffffffff};
    memcpy(out, &own, entry);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t handle, unsigned *count,
                                                      nvmlProcessInfo_v1_t *out) {
    return processes(handle, count, out, sizeof *out);
}

API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t handle, unsigned *count,
                                                         nvmlProcessInfo_t *out) {
    return processes(handle, count, out, sizeof *out);
}

API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t handle, unsigned *count,
                                                         nvmlProcessInfo_t *out) {
    return processes(handle, count, out, sizeof *out);
}

static nvmlReturn_t no_processes(nvmlDevice_t handle, unsigned *count) {
    NEED_DEVICE(handle);
    if (!count) return NVML_ERROR_INVALID_ARGUMENT;
    *count = 0;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t handle, unsigned *count) {
    return no_processes(handle, count);
}

API nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t handle, unsigned *count) {
    return no_processes(handle, count);
}

API nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t handle, unsigned *count) {
    return no_processes(handle, count);
}

// ---- Names and figures of the card

API nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t handle, char *out, unsigned length) {
    NEED_DEVICE(handle);
    return snug_nvml_text(out, length, CARD->card);
}

API nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t handle, unsigned *out) {
    enum { UNKNOWN = 0, GEFORCE = 5, NVIDIA = 14 };
    NEED_DEVICE(handle);
    *out = strstr(CARD->card, "GeForce")  ? GEFORCE
           : strstr(CARD->card, "NVIDIA") ? NVIDIA
                                          : UNKNOWN;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t handle, int *major, int *minor) {
    NEED_DEVICE(handle);
    *major = CARD->capability / 10;
    *minor = CARD->capability % 10;
    return NVML_SUCCESS;
}

// NVML numbers architectures as they came; the capability tells which.
API nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t handle, unsigned *out) {
    static const struct {
        int from; // capability
        unsigned architecture;
    } known[] = {{100, 10}, {90, 9}, {89, 8}, {80, 7}, {75, 6}, {70, 5}, {60, 4}, {50, 3}, {0, 2}};
    NEED_DEVICE(handle);
    size_t i = 0;
    while (CARD->capability < known[i].from)
        i++;
    *out = known[i].architecture;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t handle, unsigned type, unsigned *out) {
    enum { MEMORY = 2, TYPES = 4 };
    NEED_DEVICE(handle);
    if (type >= TYPES) return NVML_ERROR_INVALID_ARGUMENT;
    *out = MHZ(type == MEMORY ? CARD->memory_clock : CARD->clock);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t handle, unsigned type, unsigned *out) {
    return nvmlDeviceGetClockInfo(handle, type, out);
}

API nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t handle, unsigned type, unsigned which,
                                    unsigned *out) {
    (void)which;
    return nvmlDeviceGetClockInfo(handle, type, out);
}

API nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t handle, unsigned *least,
                                                              unsigned *most) {
    NEED_DEVICE(handle);
    *least = 100000;
    *most = 300000;
    return NVML_SUCCESS;
}

// ---- How it does: nothing runs on it.

enum { DEGREES = 40 };

API nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t handle, unsigned sensor, unsigned *out) {
    (void)sensor;
    NEED_DEVICE(handle);
    *out = DEGREES;
    return NVML_SUCCESS;
}

typedef struct nvmlTemperature_t {
    unsigned version, sensor;
    int degrees;
} nvmlTemperature_t;

API nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t handle, nvmlTemperature_t *out) {
    NEED_DEVICE(handle);
    out->degrees = DEGREES;
    return NVML_SUCCESS;
}

typedef struct nvmlUtilization_t {
    unsigned gpu, memory; // per cent
} nvmlUtilization_t;

API nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t handle, nvmlUtilization_t *out) {
    NEED_DEVICE(handle);
    *out = (nvmlUtilization_t){0, 0};
    return NVML_SUCCESS;
}

// ---- Between devices: they cannot reach each other's memory, as the runtime says as well.

API nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t one, nvmlDevice_t other, unsigned capability,
                                        unsigned *status) {
    enum { NOT_SUPPORTED = 5 };
    (void)capability;
    NEED_DEVICE(one);
    NEED_DEVICE(other);
    *status = NOT_SUPPORTED;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t one, nvmlDevice_t other,
                                                     unsigned *level) {
    enum { HOST_BRIDGE = 30 };
    NEED_DEVICE(one);
    NEED_DEVICE(other);
    *level = HOST_BRIDGE;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetTopologyNearestGpus(nvmlDevice_t handle, unsigned level,
                                                  unsigned *count, nvmlDevice_t *out) {
    (void)level, (void)out;
    return no_processes(handle, count);
}

API nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t handle, unsigned words, unsigned long *out) {
    NEED_DEVICE(handle);
    memset(out, 0, words * sizeof *out);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    for (unsigned i = 0; i < words * 8 * sizeof *out && (long)i < processors; i++)
        out[i / (8 * sizeof *out)] |= 1UL << i % (8 * sizeof *out);
    return NVML_SUCCESS;
}

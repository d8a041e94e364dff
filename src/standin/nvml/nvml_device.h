// What the files of NVML's stand-in share: return codes, by NVML's numbers, and handles.
#ifndef SNUG_STANDIN_NVML_DEVICE_H
#define SNUG_STANDIN_NVML_DEVICE_H

#include "standin/standin.h"

// Prototypes of what is exported are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define API SNUG_STANDIN_API

typedef enum nvmlReturn_t {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
} nvmlReturn_t;

typedef const struct snug_nvml_device *nvmlDevice_t;

// The index of a handle's device; -1: it is none, or NVML is not initialised.
int snug_nvml_index(nvmlDevice_t handle);
// NULL where there is no such device.
nvmlDevice_t snug_nvml_handle(int index);
// Puts |text| into |out|, of |length| bytes.
nvmlReturn_t snug_nvml_text(char *out, unsigned length, const char *text);

// Leaves the function with NVML's code for a wrong handle.
#define NEED_DEVICE(handle)                                                                        \
    if (snug_nvml_index(handle) < 0) return NVML_ERROR_INVALID_ARGUMENT

#endif

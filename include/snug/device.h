// Devices: where a plan's kernels run and its arena lies.
#ifndef SNUG_DEVICE_H
#define SNUG_DEVICE_H

#include <stddef.h>

#include "snug/api.h"
#include "snug/status.h"

SNUG_BEGIN

typedef struct snug_device snug_device;

// Opens the device called |name| ("cpu", or "reference": plain kernels, for checking).
// |threads| 0: one for each core this process may use; they are fixed from here on, since a
// library's scratch memory grows with them. SNUG_NOT_FOUND names the devices there are.
// A device is used by one thread at a time; close it after the plans and trainers that use it.
SNUG_API snug_status snug_device_open(const char *name, int threads, snug_device **out);
SNUG_API void snug_device_close(snug_device *device);

SNUG_API const char *snug_device_name(const snug_device *device);
SNUG_API int snug_device_threads(const snug_device *device);
// Bytes that could be taken now.
SNUG_API size_t snug_device_free_bytes(const snug_device *device);
// Bytes taken through the device now, and the most there ever were.
SNUG_API size_t snug_device_allocated_bytes(const snug_device *device);
SNUG_API size_t snug_device_allocated_peak(const snug_device *device);

// The name of device |index| in the table of devices, NULL past the end.
SNUG_API const char *snug_device_name_at(int index);

SNUG_END

#endif

// Memory of the devices that compute on the host: the class functions they share.
#ifndef SNUG_DEVICE_HOST_MEMORY_H
#define SNUG_DEVICE_HOST_MEMORY_H

#include "device/device.h"

// What the machine has free, or the process's control group (v1 or v2) where that is less.
size_t snug_host_free_bytes(const snug_device *device);

// Pages straight from the system, so that release() gives them back at once.
snug_status snug_host_allocate(snug_device *device, size_t bytes, void **out);
void snug_host_release(snug_device *device, void *memory, size_t bytes);

snug_status snug_host_copy(snug_device *device, void *to, const void *from, size_t bytes);

// The processor's model as the system names it, "unknown" where it does not.
void snug_host_processor_name(char *text, size_t bytes);

// The processors that this process may run on.
int snug_host_processors(void);

#endif

// Kernels by signature: what every device keeps, so that nodes that compute the same share one.
#ifndef SNUG_DEVICE_KERNEL_CACHE_H
#define SNUG_DEVICE_KERNEL_CACHE_H

#include "device/device.h"

// The first member of a device's own kernel struct.
typedef struct snug_cached_kernel {
    snug_kernel kernel;       // what the device gives out
    snug_signature signature; // an owned copy
    uint64_t hash;
} snug_cached_kernel;

// Zero-initialise.
typedef struct snug_kernel_cache {
    snug_cached_kernel **slots; // open addressing; a power of two of them
    size_t slot_count, count;
} snug_kernel_cache;

// The kernel of |signature|, or NULL.
snug_cached_kernel *snug_kernel_cache_find(const snug_kernel_cache *cache,
                                           const snug_signature *signature);

// A zeroed kernel struct of |bytes| with its signature filled in; the caller's until it is added.
snug_status snug_cached_kernel_new(const snug_signature *signature, size_t bytes,
                                   snug_cached_kernel **out);
void snug_cached_kernel_free(snug_cached_kernel *kernel);

// Takes |kernel| over unless it fails (SNUG_NOMEM).
snug_status snug_kernel_cache_add(snug_kernel_cache *cache, snug_cached_kernel *kernel);

// Calls |discard| (may be NULL) on each kernel, then frees it.
void snug_kernel_cache_clear(snug_kernel_cache *cache, void (*discard)(snug_cached_kernel *kernel));

#endif

// Virtual memory by hand, as expandable segments use it: addresses are reserved, physical memory is
// made apart from them and counted, then mapped. Physical memory lives as long as its handle or a
// mapping of it.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cuda/driver.h"

API int cuMemAddressReserve(device_pointer *out, size_t size, size_t alignment,
                            device_pointer wanted, unsigned long long flags);
API int cuMemAddressFree(device_pointer pointer, size_t size);
API int cuMemCreate(uint64_t *out, size_t size, const void *properties, unsigned long long flags);
API int cuMemRelease(uint64_t handle);
API int cuMemRetainAllocationHandle(uint64_t *out, void *pointer);
API int cuMemMap(device_pointer pointer, size_t size, size_t offset, uint64_t handle,
                 unsigned long long flags);
API int cuMemUnmap(device_pointer pointer, size_t size);
API int cuMemSetAccess(device_pointer pointer, size_t size, const void *access, size_t count);
API int cuMemGetAllocationGranularity(size_t *out, const void *properties, int option);
API int cuMemGetAllocationPropertiesFromHandle(void *properties, uint64_t handle);
API int cuMemExportToShareableHandle(void *out, uint64_t handle, int type,
                                     unsigned long long flags);
API int cuMemImportFromShareableHandle(uint64_t *out, void *shared, int type);

// CUmemAllocationProp, as far as it is read.
typedef struct allocation_properties {
    int type, handle_types, location_type, location;
} allocation_properties;
enum { ON_DEVICE = 1, PROPERTIES_SIZE = 32 };

typedef struct physical {
    uint64_t size;
    int device;     // -1: host memory
    unsigned users; // the handle's, and mappings
} physical;

typedef struct mapping {
    uint64_t address, size;
    physical *memory;
    struct mapping *next;
} mapping;
enum { BUCKETS = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mapping *mappings[BUCKETS];

static mapping **bucket_of(uint64_t address) {
    return &mappings[address / SNUG_GRANULE % BUCKETS];
}

static void drop_user(physical *self) {
    if (--self->users) return;
    if (self->device >= 0) snug_books_give(self->device, self->size);
    free(self);
}

int cuMemAddressReserve(device_pointer *out, size_t size, size_t alignment, device_pointer wanted,
                        unsigned long long flags) {
    (void)alignment, (void)wanted, (void)flags;
    uint64_t address = 0;
    int status = size ? snug_books_reserve(size, &address) : SNUG_CUDA_INVALID_VALUE;
    *out = address;
    return status;
}

int cuMemAddressFree(device_pointer pointer, size_t size) {
    snug_books_unreserve(pointer, size);
    return SNUG_CUDA_OK;
}

int cuMemCreate(uint64_t *out, size_t size, const void *properties, unsigned long long flags) {
    (void)flags;
    const allocation_properties *wanted = properties;
    *out = 0;
    if (size == 0 || size % SNUG_GRANULE) return SNUG_CUDA_INVALID_VALUE;
    physical *self = malloc(sizeof *self);
    if (!self) return SNUG_CUDA_OUT_OF_MEMORY;
    int device = wanted->location_type == ON_DEVICE ? wanted->location : -1;
    *self = (physical){.size = size, .device = device, .users = 1};
    int status = device >= 0 ? snug_books_take(device, size) : SNUG_CUDA_OK;
    if (status == SNUG_CUDA_OK)
        *out = (uintptr_t)self;
    else
        free(self);
    return status;
}

int cuMemRelease(uint64_t handle) {
    if (!handle) return SNUG_CUDA_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    drop_user((physical *)(uintptr_t)handle);
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int cuMemMap(device_pointer pointer, size_t size, size_t offset, uint64_t handle,
             unsigned long long flags) {
    (void)offset, (void)flags;
    physical *memory = (physical *)(uintptr_t)handle;
    mapping *self = memory ? malloc(sizeof *self) : NULL;
    if (!self) return memory ? SNUG_CUDA_OUT_OF_MEMORY : SNUG_CUDA_INVALID_VALUE;
    int status = snug_books_map(memory->device, pointer, size);
    if (status != SNUG_CUDA_OK) {
        free(self);
        return status;
    }
    pthread_mutex_lock(&lock);
    mapping **bucket = bucket_of(pointer);
    *self = (mapping){.address = pointer, .size = size, .memory = memory, .next = *bucket};
    *bucket = self;
    memory->users++;
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

// The mapping that begins at |address|, out of the table; NULL: none does.
static mapping *take_mapping(uint64_t address) {
    mapping **at = bucket_of(address);
    while (*at && (*at)->address != address)
        at = &(*at)->next;
    mapping *found = *at;
    if (found) *at = found->next;
    return found;
}

int cuMemUnmap(device_pointer pointer, size_t size) {
    int status = snug_books_unmap(pointer, size);
    if (status != SNUG_CUDA_OK) return status;
    snug_known_write(pointer, NULL, size);
    pthread_mutex_lock(&lock);
    for (uint64_t at = pointer; at < pointer + size;) {
        mapping *found = take_mapping(at);
        if (!found) break;
        at += found->size;
        drop_user(found->memory);
        free(found);
    }
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int cuMemRetainAllocationHandle(uint64_t *out, void *pointer) {
    snug_memory_about about;
    *out = 0;
    if (!snug_books_find((uint64_t)(uintptr_t)pointer, &about)) return SNUG_CUDA_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    for (mapping *one = *bucket_of(about.address); one; one = one->next)
        if (one->address == about.address) {
            one->memory->users++;
            *out = (uintptr_t)one->memory;
        }
    pthread_mutex_unlock(&lock);
    return *out ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_VALUE;
}

int cuMemSetAccess(device_pointer pointer, size_t size, const void *access, size_t count) {
    (void)pointer, (void)size, (void)access, (void)count;
    return SNUG_CUDA_OK;
}

int cuMemGetAllocationGranularity(size_t *out, const void *properties, int option) {
    (void)properties, (void)option;
    *out = SNUG_GRANULE;
    return SNUG_CUDA_OK;
}

int cuMemGetAllocationPropertiesFromHandle(void *properties, uint64_t handle) {
    const physical *memory = (const physical *)(uintptr_t)handle;
    allocation_properties self = {.type = 1, // pinned
                                  .location_type = ON_DEVICE,
                                  .location = memory->device};
    memset(properties, 0, PROPERTIES_SIZE);
    memcpy(properties, &self, sizeof self);
    return SNUG_CUDA_OK;
}

int cuMemExportToShareableHandle(void *out, uint64_t handle, int type, unsigned long long flags) {
    (void)out, (void)handle, (void)type, (void)flags;
    snug_standin_note("the program shares card memory between processes (a handle of cuMemCreate): "
                      "a dry run cannot");
    return SNUG_CUDA_NOT_SUPPORTED;
}

int cuMemImportFromShareableHandle(uint64_t *out, void *shared, int type) {
    (void)shared, (void)type;
    *out = 0;
    return SNUG_CUDA_NOT_SUPPORTED;
}

// Memory by streams (cudaMallocAsync): a pool of each device, which takes memory of the card in
// units of 32 MiB and keeps up to its release threshold. How the driver places requests within a
// pool is not documented; here none is lost to fragmentation.
#include <pthread.h>

#include "standin/cudart/runtime.h"

API int cudaMallocAsync(void **out, size_t size, void *stream);
API int cudaMallocFromPoolAsync(void **out, size_t size, void *pool, void *stream);
API int cudaFreeAsync(void *pointer, void *stream);
API int cudaDeviceGetDefaultMemPool(void **out, int device);
API int cudaDeviceGetMemPool(void **out, int device);
API int cudaDeviceSetMemPool(int device, void *pool);
API int cudaMemPoolCreate(void **out, const void *properties);
API int cudaMemPoolDestroy(void *pool);
API int cudaMemPoolGetAttribute(void *pool, int attribute, void *value);
API int cudaMemPoolSetAttribute(void *pool, int attribute, const void *value);
API int cudaMemPoolTrimTo(void *pool, size_t keep);

typedef struct pool {
    uint64_t threshold, reserved, reserved_high, used, used_high;
} pool;

// cudaMemPoolAttr
enum { THRESHOLD = 4, RESERVED, RESERVED_HIGH, USED, USED_HIGH };
#define UNIT ((uint64_t)32 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pool pools[SNUG_STANDIN_MAX_GPUS];

static uint64_t whole_units(uint64_t size) {
    return (size + UNIT - 1) / UNIT * UNIT;
}

// Gives back what is not used, above |keep|.
static void trim(pool *self, uint64_t keep) {
    if (keep >= self->reserved) return;
    uint64_t least = whole_units(self->used > keep ? self->used : keep);
    if (least >= self->reserved) return;
    snug_books_give((int)(self - pools), self->reserved - least);
    self->reserved = least;
}

static int grow(pool *self, uint64_t size) {
    uint64_t wanted = whole_units(self->used + size);
    if (wanted > self->reserved) {
        int status = snug_books_take((int)(self - pools), wanted - self->reserved);
        if (status != SNUG_CUDA_OK) return status;
        self->reserved = wanted;
    }
    if (self->reserved > self->reserved_high) self->reserved_high = self->reserved;
    self->used += size;
    if (self->used > self->used_high) self->used_high = self->used;
    return SNUG_CUDA_OK;
}

static int allocate(int device, size_t size, void **out) {
    uint64_t address = 0;
    *out = NULL;
    if (size == 0) return SNUG_CUDA_OK;
    int status = snug_books_allocate_pooled(device, size, &address);
    if (status != SNUG_CUDA_OK) return status;
    pthread_mutex_lock(&lock);
    status = grow(&pools[device], size);
    pthread_mutex_unlock(&lock);
    if (status == SNUG_CUDA_OK) {
        *out = (void *)(uintptr_t)address;
    } else {
        uint64_t unused = 0;
        snug_books_free_pooled(address, &device, &unused);
    }
    return status;
}

int snug_runtime_free_pooled(void *pointer) {
    int device = 0;
    uint64_t size = 0;
    int status = snug_books_free_pooled((uint64_t)(uintptr_t)pointer, &device, &size);
    if (status != SNUG_CUDA_OK) return status;
    pthread_mutex_lock(&lock);
    pool *self = &pools[device];
    self->used -= size;
    trim(self, self->threshold);
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int cudaMallocAsync(void **out, size_t size, void *stream) {
    (void)stream;
    return RESULT(allocate(snug_standin_device(), size, out));
}

static pool *pool_of(void *handle) {
    return handle ? handle : &pools[snug_standin_device()];
}

int cudaMallocFromPoolAsync(void **out, size_t size, void *handle, void *stream) {
    (void)stream;
    return RESULT(allocate((int)(pool_of(handle) - pools), size, out));
}

int cudaFreeAsync(void *pointer, void *stream) {
    (void)stream;
    if (!pointer) return SNUG_CUDA_OK;
    return RESULT(snug_runtime_free_pooled(pointer));
}

int cudaDeviceGetDefaultMemPool(void **out, int device) {
    if (device < 0 || device >= snug_standin_settings_get()->gpus)
        return RESULT(SNUG_CUDA_INVALID_DEVICE);
    *out = &pools[device];
    return SNUG_CUDA_OK;
}

int cudaDeviceGetMemPool(void **out, int device) {
    return cudaDeviceGetDefaultMemPool(out, device);
}

int cudaDeviceSetMemPool(int device, void *handle) {
    (void)device, (void)handle;
    return SNUG_CUDA_OK;
}

// A pool of the program's own shares the device's.
int cudaMemPoolCreate(void **out, const void *properties) {
    (void)properties;
    return cudaDeviceGetDefaultMemPool(out, snug_standin_device());
}

int cudaMemPoolDestroy(void *handle) {
    (void)handle;
    return SNUG_CUDA_OK;
}

int cudaMemPoolGetAttribute(void *handle, int attribute, void *value) {
    pool *self = pool_of(handle);
    pthread_mutex_lock(&lock);
    switch (attribute) {
    case THRESHOLD:
        *(uint64_t *)value = self->threshold;
        break;
    case RESERVED:
        *(uint64_t *)value = self->reserved;
        break;
    case RESERVED_HIGH:
        *(uint64_t *)value = self->reserved_high;
        break;
    case USED:
        *(uint64_t *)value = self->used;
        break;
    case USED_HIGH:
        *(uint64_t *)value = self->used_high;
        break;
    default: // whether memory is used again across streams: numbers of 32 bits
        *(int *)value = 1;
    }
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int cudaMemPoolSetAttribute(void *handle, int attribute, const void *value) {
    pool *self = pool_of(handle);
    pthread_mutex_lock(&lock);
    if (attribute == THRESHOLD) self->threshold = *(const uint64_t *)value;
    if (attribute == RESERVED_HIGH) self->reserved_high = self->reserved;
    if (attribute == USED_HIGH) self->used_high = self->used;
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int cudaMemPoolTrimTo(void *handle, size_t keep) {
    pthread_mutex_lock(&lock);
    trim(pool_of(handle), keep);
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

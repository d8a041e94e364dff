// The driver's memory: the same books as the runtime's.
#include <stdlib.h>
#include <string.h>

#include "standin/cuda/driver.h"

API int cuMemAlloc_v2(device_pointer *out, size_t size);
API int cuMemFree_v2(device_pointer pointer);
API int cuMemGetInfo_v2(size_t *free_bytes, size_t *total);
API int cuMemGetAddressRange_v2(device_pointer *base, size_t *size, device_pointer pointer);
API int cuMemAllocHost_v2(void **out, size_t size);
API int cuMemHostAlloc(void **out, size_t size, unsigned flags);
API int cuMemFreeHost(void *pointer);
API int cuMemHostRegister_v2(void *pointer, size_t size, unsigned flags);
API int cuMemHostUnregister(void *pointer);
API int cuMemHostGetDevicePointer_v2(device_pointer *out, void *pointer, unsigned flags);
API int cuMemcpy(device_pointer to, device_pointer from, size_t size);
API int cuMemcpyAsync(device_pointer to, device_pointer from, size_t size, void *stream);
API int cuMemcpyHtoD_v2(device_pointer to, const void *from, size_t size);
API int cuMemcpyHtoDAsync_v2(device_pointer to, const void *from, size_t size, void *stream);
API int cuMemcpyDtoH_v2(void *to, device_pointer from, size_t size);
API int cuMemcpyDtoHAsync_v2(void *to, device_pointer from, size_t size, void *stream);
API int cuMemcpyDtoD_v2(device_pointer to, device_pointer from, size_t size);
API int cuMemcpyDtoDAsync_v2(device_pointer to, device_pointer from, size_t size, void *stream);
API int cuMemsetD8_v2(device_pointer to, unsigned char value, size_t count);
API int cuMemsetD8Async(device_pointer to, unsigned char value, size_t count, void *stream);
API int cuMemsetD32_v2(device_pointer to, unsigned value, size_t count);
API int cuMemsetD32Async(device_pointer to, unsigned value, size_t count, void *stream);
API int cuPointerGetAttribute(void *out, int attribute, device_pointer pointer);
API int cuPointerGetAttributes(unsigned count, int *attributes, void **out, device_pointer pointer);

static void *place(device_pointer pointer) {
    return (void *)(uintptr_t)pointer;
}

int cuMemAlloc_v2(device_pointer *out, size_t size) {
    uint64_t address = 0;
    int status =
        size ? snug_books_allocate(snug_standin_device(), size, &address) : SNUG_CUDA_INVALID_VALUE;
    *out = address;
    return status;
}

int cuMemFree_v2(device_pointer pointer) {
    return snug_books_free(pointer);
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    uint64_t left = 0, all = 0;
    snug_books_info(snug_standin_device(), &left, &all);
    *free_bytes = left;
    *total = all;
    return SNUG_CUDA_OK;
}

int cuMemGetAddressRange_v2(device_pointer *base, size_t *size, device_pointer pointer) {
    snug_memory_about about;
    if (!snug_books_find(pointer, &about)) return SNUG_CUDA_NOT_FOUND;
    if (base) *base = about.address;
    if (size) *size = about.size;
    return SNUG_CUDA_OK;
}

// ---- Host memory, in whole pages

enum { PAGE = 4096 };

int cuMemAllocHost_v2(void **out, size_t size) {
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    void *memory = size && whole >= size ? aligned_alloc(PAGE, whole) : NULL;
    int status = memory ? snug_books_add_host((uint64_t)(uintptr_t)memory, size, SNUG_MEMORY_HOST)
                        : SNUG_CUDA_OUT_OF_MEMORY;
    if (status != SNUG_CUDA_OK) {
        free(memory);
        memory = NULL;
    }
    *out = memory;
    return status;
}

int cuMemHostAlloc(void **out, size_t size, unsigned flags) {
    (void)flags;
    return cuMemAllocHost_v2(out, size);
}

int cuMemFreeHost(void *pointer) {
    uint64_t size = 0;
    int status = snug_books_remove_host((uint64_t)(uintptr_t)pointer, SNUG_MEMORY_HOST, &size);
    if (status == SNUG_CUDA_OK) free(pointer);
    return status;
}

int cuMemHostRegister_v2(void *pointer, size_t size, unsigned flags) {
    (void)flags;
    return snug_books_add_host((uint64_t)(uintptr_t)pointer, size, SNUG_MEMORY_REGISTERED);
}

int cuMemHostUnregister(void *pointer) {
    uint64_t size = 0;
    return snug_books_remove_host((uint64_t)(uintptr_t)pointer, SNUG_MEMORY_REGISTERED, &size);
}

int cuMemHostGetDevicePointer_v2(device_pointer *out, void *pointer, unsigned flags) {
    (void)flags;
    *out = (uintptr_t)pointer;
    return SNUG_CUDA_OK;
}

// ---- Copies and fills

int cuMemcpy(device_pointer to, device_pointer from, size_t size) {
    return snug_memory_copy(place(to), place(from), size);
}

int cuMemcpyAsync(device_pointer to, device_pointer from, size_t size, void *stream) {
    (void)stream;
    return cuMemcpy(to, from, size);
}

int cuMemcpyHtoD_v2(device_pointer to, const void *from, size_t size) {
    return snug_memory_copy(place(to), from, size);
}

int cuMemcpyHtoDAsync_v2(device_pointer to, const void *from, size_t size, void *stream) {
    (void)stream;
    return cuMemcpyHtoD_v2(to, from, size);
}

int cuMemcpyDtoH_v2(void *to, device_pointer from, size_t size) {
    return snug_memory_copy(to, place(from), size);
}

int cuMemcpyDtoHAsync_v2(void *to, device_pointer from, size_t size, void *stream) {
    (void)stream;
    return cuMemcpyDtoH_v2(to, from, size);
}

int cuMemcpyDtoD_v2(device_pointer to, device_pointer from, size_t size) {
    return cuMemcpy(to, from, size);
}

int cuMemcpyDtoDAsync_v2(device_pointer to, device_pointer from, size_t size, void *stream) {
    (void)stream;
    return cuMemcpy(to, from, size);
}

int cuMemsetD8_v2(device_pointer to, unsigned char value, size_t count) {
    return snug_memory_fill(place(to), value, count);
}

int cuMemsetD8Async(device_pointer to, unsigned char value, size_t count, void *stream) {
    (void)stream;
    return cuMemsetD8_v2(to, value, count);
}

int cuMemsetD32_v2(device_pointer to, unsigned value, size_t count) {
    // One number, as flags are set, is kept; more than that is forgotten.
    if (count == 1) return snug_memory_copy(place(to), &value, sizeof value);
    return snug_memory_fill(place(to), 0, count * sizeof value);
}

int cuMemsetD32Async(device_pointer to, unsigned value, size_t count, void *stream) {
    (void)stream;
    return cuMemsetD32_v2(to, value, count);
}

// ---- Attributes of pointers

// CUpointer_attribute
enum {
    CONTEXT = 1,
    MEMORY_TYPE,
    DEVICE_POINTER,
    HOST_POINTER,
    SYNC_MEMOPS = 6,
    BUFFER_ID,
    IS_MANAGED,
    DEVICE_ORDINAL,
    RANGE_START = 11,
    RANGE_SIZE,
    MAPPED
};
enum { HOST_MEMORY = 1, DEVICE_MEMORY };

static void put_number(void *out, uint64_t value) {
    memcpy(out, &value, sizeof value);
}

static void put_int(void *out, int value) {
    memcpy(out, &value, sizeof value);
}

int cuPointerGetAttribute(void *out, int attribute, device_pointer pointer) {
    snug_memory_about about;
    if (!snug_books_find(pointer, &about)) return SNUG_CUDA_INVALID_VALUE;
    bool host = about.device < 0 && about.kind != SNUG_MEMORY_MANAGED;
    switch (attribute) {
    case CONTEXT:
        put_number(out, 0x1000 + (uint64_t)(about.device < 0 ? 0 : about.device));
        break;
    case MEMORY_TYPE:
        put_int(out, host ? HOST_MEMORY : DEVICE_MEMORY);
        break;
    case DEVICE_POINTER:
        put_number(out, pointer);
        break;
    case HOST_POINTER:
        put_number(out, about.device < 0 ? pointer : 0);
        break;
    case SYNC_MEMOPS:
        put_int(out, 0);
        break;
    case BUFFER_ID:
    case RANGE_START:
        put_number(out, about.address);
        break;
    case IS_MANAGED:
        *(unsigned char *)out = about.kind == SNUG_MEMORY_MANAGED;
        break;
    case DEVICE_ORDINAL:
        put_int(out, about.device < 0 ? 0 : about.device);
        break;
    case RANGE_SIZE:
        put_number(out, about.size);
        break;
    case MAPPED:
        *(unsigned char *)out = 1;
        break;
    default:
        return SNUG_CUDA_NOT_SUPPORTED;
    }
    return SNUG_CUDA_OK;
}

int cuPointerGetAttributes(unsigned count, int *attributes, void **out, device_pointer pointer) {
    int status = SNUG_CUDA_OK;
    for (unsigned i = 0; i < count && status == SNUG_CUDA_OK; i++)
        status = cuPointerGetAttribute(out[i], attributes[i], pointer);
    return status;
}

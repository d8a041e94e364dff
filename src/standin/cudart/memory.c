// Memory: the books' for devices, ordinary memory for what is pinned.
#include <stdlib.h>
#include <sys/mman.h>

#include "standin/cudart/runtime.h"

API int cudaMalloc(void **out, size_t size);
API int cudaMallocPitch(void **out, size_t *pitch, size_t width, size_t height);
API int cudaFree(void *pointer);
API int cudaMemGetInfo(size_t *free_bytes, size_t *total);
API int cudaMallocManaged(void **out, size_t size, unsigned flags);
API int cudaMallocHost(void **out, size_t size);
API int cudaHostAlloc(void **out, size_t size, unsigned flags);
API int cudaFreeHost(void *pointer);
API int cudaHostRegister(void *pointer, size_t size, unsigned flags);
API int cudaHostUnregister(void *pointer);
API int cudaHostGetDevicePointer(void **out, void *pointer, unsigned flags);
API int cudaHostGetFlags(unsigned *flags, void *pointer);
API int cudaPointerGetAttributes(void *out, const void *pointer);

enum { PAGE = 4096, PITCH = 512 };

static uint64_t number(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

int cudaMalloc(void **out, size_t size) {
    uint64_t address = 0;
    if (!out) return RESULT(SNUG_CUDA_INVALID_VALUE);
    int status = snug_books_allocate(snug_standin_device(), size, &address);
    *out = (void *)(uintptr_t)address;
    return RESULT(status);
}

int cudaMallocPitch(void **out, size_t *pitch, size_t width, size_t height) {
    *pitch = (width + PITCH - 1) / PITCH * PITCH;
    return cudaMalloc(out, *pitch * height);
}

int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    uint64_t left = 0, all = 0;
    snug_books_info(snug_standin_device(), &left, &all);
    if (free_bytes) *free_bytes = left;
    if (total) *total = all;
    return SNUG_CUDA_OK;
}

// ---- Host memory

static int add_host(void **out, void *memory, size_t size, snug_memory_kind kind) {
    int status = memory ? snug_books_add_host(number(memory), size, kind) : SNUG_CUDA_OUT_OF_MEMORY;
    *out = status == SNUG_CUDA_OK ? memory : NULL;
    return status;
}

int cudaMallocHost(void **out, size_t size) {
    if (!out) return RESULT(SNUG_CUDA_INVALID_VALUE);
    *out = NULL;
    if (size == 0) return SNUG_CUDA_OK;
    // Whole pages: two ranges never share one, as with pinned memory.
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    void *memory = whole >= size ? aligned_alloc(PAGE, whole) : NULL;
    int status = add_host(out, memory, size, SNUG_MEMORY_HOST);
    if (status != SNUG_CUDA_OK) free(memory);
    return RESULT(status);
}

int cudaHostAlloc(void **out, size_t size, unsigned flags) {
    (void)flags;
    return cudaMallocHost(out, size);
}

int cudaFreeHost(void *pointer) {
    uint64_t size = 0;
    if (!pointer) return SNUG_CUDA_OK;
    int status = snug_books_remove_host(number(pointer), SNUG_MEMORY_HOST, &size);
    if (status == SNUG_CUDA_OK) free(pointer);
    return RESULT(status);
}

int cudaMallocManaged(void **out, size_t size, unsigned flags) {
    (void)flags;
    if (!out || size == 0) return RESULT(SNUG_CUDA_INVALID_VALUE);
    snug_standin_note("managed memory (cudaMallocManaged) moves between host and card as it is "
                      "used; it is not counted");
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) memory = NULL;
    int status = add_host(out, memory, size, SNUG_MEMORY_MANAGED);
    if (status != SNUG_CUDA_OK && memory) munmap(memory, size);
    return RESULT(status);
}

int cudaFree(void *pointer) {
    uint64_t size = 0;
    int status = snug_books_free(number(pointer));
    if (status != SNUG_CUDA_OK &&
        snug_books_remove_host(number(pointer), SNUG_MEMORY_MANAGED, &size) == SNUG_CUDA_OK)
        status = munmap(pointer, size) == 0 ? SNUG_CUDA_OK : SNUG_CUDA_INVALID_VALUE;
    if (status != SNUG_CUDA_OK) status = snug_runtime_free_pooled(pointer);
    return RESULT(status);
}

int cudaHostRegister(void *pointer, size_t size, unsigned flags) {
    (void)flags;
    if (!pointer || size == 0) return RESULT(SNUG_CUDA_INVALID_VALUE);
    return RESULT(snug_books_add_host(number(pointer), size, SNUG_MEMORY_REGISTERED));
}

int cudaHostUnregister(void *pointer) {
    uint64_t size = 0;
    int status = snug_books_remove_host(number(pointer), SNUG_MEMORY_REGISTERED, &size);
    return RESULT(status == SNUG_CUDA_OK ? status : SNUG_CUDA_NOT_REGISTERED);
}

int cudaHostGetDevicePointer(void **out, void *pointer, unsigned flags) {
    (void)flags;
    *out = pointer;
    return SNUG_CUDA_OK;
}

int cudaHostGetFlags(unsigned *flags, void *pointer) {
    (void)pointer;
    *flags = 0;
    return SNUG_CUDA_OK;
}

// cudaPointerAttributes: the same up to these fields in both versions.
typedef struct pointer_attributes {
    int type; // 0 unregistered, 1 host, 2 device, 3 managed
    int device;
    void *device_pointer, *host_pointer;
} pointer_attributes;

int cudaPointerGetAttributes(void *out, const void *pointer) {
    pointer_attributes *self = out;
    snug_memory_about about;
    void *same = (void *)(uintptr_t)number(pointer);
    *self = (pointer_attributes){.type = 0, .device = -2};
    if (!snug_books_find(number(pointer), &about)) return SNUG_CUDA_OK;
    self->device = about.device >= 0 ? about.device : snug_standin_device();
    self->device_pointer = same;
    switch (about.kind) {
    case SNUG_MEMORY_HOST:
    case SNUG_MEMORY_REGISTERED:
        self->type = 1;
        self->host_pointer = same;
        break;
    case SNUG_MEMORY_MANAGED:
        self->type = 3;
        self->host_pointer = same;
        break;
    default:
        self->type = 2;
    }
    return SNUG_CUDA_OK;
}

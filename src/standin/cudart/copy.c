// Copies and fills. Which way a copy goes is told by its addresses, as unified addressing has it.
// All are done at once, so those that run beside the host differ in nothing.
#include <string.h>

#include "standin/cudart/runtime.h"

API int cudaMemcpy(void *to, const void *from, size_t size, int kind);
API int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream);
API int cudaMemcpyPeer(void *to, int to_device, const void *from, int from_device, size_t size);
API int cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device, size_t size,
                            void *stream);
API int cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                     size_t height, int kind);
API int cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                          size_t width, size_t height, int kind, void *stream);
API int cudaMemset(void *to, int value, size_t size);
API int cudaMemsetAsync(void *to, int value, size_t size, void *stream);
API int cudaMemset2DAsync(void *to, size_t pitch, int value, size_t width, size_t height,
                          void *stream);
API int cudaMemcpyToSymbol(const void *symbol, const void *from, size_t size, size_t offset,
                           int kind);
API int cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size, size_t offset, int kind);

static int copy(void *to, const void *from, size_t size) {
    return RESULT(snug_memory_copy(to, from, size));
}

int cudaMemcpy(void *to, const void *from, size_t size, int kind) {
    (void)kind;
    return copy(to, from, size);
}

int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
    (void)kind, (void)stream;
    return copy(to, from, size);
}

int cudaMemcpyPeer(void *to, int to_device, const void *from, int from_device, size_t size) {
    (void)to_device, (void)from_device;
    return copy(to, from, size);
}

int cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device, size_t size,
                        void *stream) {
    (void)to_device, (void)from_device, (void)stream;
    return copy(to, from, size);
}

int cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                 size_t height, int kind) {
    (void)kind;
    int status = SNUG_CUDA_OK;
    for (size_t row = 0; row < height && status == SNUG_CUDA_OK; row++)
        status = copy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
    return status;
}

int cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                      size_t height, int kind, void *stream) {
    (void)stream;
    return cudaMemcpy2D(to, to_pitch, from, from_pitch, width, height, kind);
}

int cudaMemset(void *to, int value, size_t size) {
    return RESULT(snug_memory_fill(to, value, size));
}

int cudaMemsetAsync(void *to, int value, size_t size, void *stream) {
    (void)stream;
    return cudaMemset(to, value, size);
}

int cudaMemset2DAsync(void *to, size_t pitch, int value, size_t width, size_t height,
                      void *stream) {
    (void)stream;
    for (size_t row = 0; row < height; row++)
        cudaMemset((char *)to + row * pitch, value, width);
    return SNUG_CUDA_OK;
}

// A program's variables on the device are not in the books; nobody reads them back but kernels.
int cudaMemcpyToSymbol(const void *symbol, const void *from, size_t size, size_t offset, int kind) {
    (void)symbol, (void)from, (void)size, (void)offset, (void)kind;
    return SNUG_CUDA_OK;
}

int cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size, size_t offset, int kind) {
    (void)symbol, (void)offset, (void)kind;
    memset(to, 0, size);
    return SNUG_CUDA_OK;
}

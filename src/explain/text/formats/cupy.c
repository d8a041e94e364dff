// CuPy and Numba: arrays on the device, without a network.
#include <string.h>

#include "explain/text/message.h"

// JAX has the same words without the second figure.
static bool is_pool(const snug_clean *clean, size_t at, size_t length) {
    const char *after = clean->squeezed + at + length;
    size_t left = strnlen(after, 60);
    return memmem(after, left, "allocatedsofar", 14) || memmem(after, left, "bytes(total", 11);
}

static const snug_anchor anchors[] = {
    {.text = "outofmemoryallocating#", .fits = is_pool},
    {.text = "outofmemorytoallocate#", .fits = is_pool},
    {.text = "cupy.cuda.memory.outofmemoryerror"},
    {.text = "cupy_backends.cuda.api.runtime.cudaruntimeerror:cudaerrormemory"},
    {.text = "calltocumemallocresultsincuda_error_out_of_memory"},
    {.text = "calltocumemallocresultsinunknown_cuda_error"},
    {0},
};

const snug_format snug_format_cupy = {
    .name = "cupy",
    .family = "cupy",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "CuPy",
    .device = "CUDA",
};

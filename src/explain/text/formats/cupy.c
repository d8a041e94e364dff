// CuPy and Numba: arrays on the device, without a network.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
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

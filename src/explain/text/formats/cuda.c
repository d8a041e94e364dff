// CUDA's and HIP's own status for out of memory, through whatever reports it: no figures of
// PyTorch.
#include <string.h>

#include "explain/text/message.h"

// "CUDA runtime error in cudaMallocAsync(...): out of memory", "cuCtxCreate() returned (2): out of
// memory".
static bool is_call(const snug_clean *clean, size_t at, size_t length) {
    enum { BEFORE = 160 };
    size_t line = clean->lines[snug_clean_line_at(clean, at)].squeezed;
    size_t from = at - line > BEFORE ? at - BEFORE : line;
    (void)length;
    return memmem(clean->squeezed + from, at - from, "cuda", 4) ||
           memmem(clean->squeezed + from, at - from, "hip", 3);
}

static const snug_anchor anchors[] = {
    {.text = "memoryerror:badallocation:cudaerror"}, // Thrust's
    {.text = "):outofmemory", .fits = is_call},
    {.text = "cudaerror:outofmemory"},
    {.text = "cudadrivererror:outofmemory"},
    {.text = "cuda_error_out_of_memory"},
    {.text = "cudaerroroutofmemory"},
    {.text = "cudaerrormemoryallocation"},
    {.text = "error2outofmemory"},
    {.text = "gpuerror:outofmemory"},
    {.text = "cudart:outofmemory"},
    {.text = "cudafailure2:outofmemory"},
    {.text = "cudafailure:outofmemory"},
    {.text = "cudafailure'outofmemory'"},
    {.text = "hip_error_outofmemory"},
    {.text = "hiperror:outofmemory"},
    {.text = "hiperroroutofmemory"},
    {.text = "cudaerror2at"},
    {.text = "cudamallocfailed:outofmemory"},
    {.text = "failed:outofmemory"},
    {.text = "cuda_out_of_memory"},
    {.text = "torch.acceleratorerror:outofmemory"},
    {0},
};

static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    if (strncmp(clean->squeezed + message->start, "hip", 3) == 0) facts->device = "HIP";
}

const snug_format snug_format_cuda = {
    .name = "cuda",
    .family = "cuda",
    .anchors = anchors,
    .together = 30,
    .echoes = true,
    .tell = tell,
};

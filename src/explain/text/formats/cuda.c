// CUDA's and HIP's own status for out of memory, through whatever reports it: no figures of
// PyTorch.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
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

const snug_format snug_format_cuda = {
    .name = "cuda",
    .family = "cuda",
    .anchors = anchors,
    .together = 30,
    .echoes = true,
};

// CUDA's and HIP's own status for out of memory, through whatever reports it: no figures of
// PyTorch.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"cudaerror:outofmemory", 0, 0},
    {"cudadrivererror:outofmemory", 0, 0},
    {"cuda_error_out_of_memory", 0, 0},
    {"cudaerroroutofmemory", 0, 0},
    {"cudaerrormemoryallocation", 0, 0},
    {"error2outofmemory", 0, 0},
    {"cudafailure2:outofmemory", 0, 0},
    {"cudafailure:outofmemory", 0, 0},
    {"cudafailure'outofmemory'", 0, 0},
    {"hip_error_outofmemory", 0, 0},
    {"hiperror:outofmemory", 0, 0},
    {"hiperroroutofmemory", 0, 0},
    {"cudaerror2at", 0, 0},
    {"cudamallocfailed:outofmemory", 0, 0},
    {"failed:outofmemory", 0, 0},
    {"pi_error_out_of_resources", 0, 0},
    {"ur_result_error_out_of_device_memory", 0, 0},
    {"torch.acceleratorerror:outofmemory", 0, 0},
    {0},
};

const snug_format snug_format_cuda = {
    .name = "cuda",
    .family = "cuda",
    .anchors = anchors,
    .together = 30,
    .echoes = true,
};

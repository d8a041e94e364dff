// Intel's GPUs: the statuses of SYCL's plugins and of Level Zero.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "ur_result_error_out_of_device_memory"},
    {.text = "ur_result_error_out_of_resources"},
    {.text = "pi_error_out_of_resources"},
    {.text = "pi_error_out_of_host_memory", .shortage = SNUG_SHORTAGE_HOST},
    {.text = "ur_result_error_out_of_host_memory", .shortage = SNUG_SHORTAGE_HOST},
    {.text = "pi_error_mem_object_allocation_failure"},
    {.text = "ze_result_error_out_of_device_memory"},
    {.text = "cannotallocatememoryblockwithsizelargerthan", .shortage = SNUG_SHORTAGE_BLOCK},
    {.text = "canotallocatememoryblockwithsizelargerthan", .shortage = SNUG_SHORTAGE_BLOCK},
    {.text = "exceededmaxsizeofmemoryallocation", .shortage = SNUG_SHORTAGE_BLOCK},
    {.text = "cl_out_of_resources"},
    {.text = "cl_mem_object_allocation_failure"},
    {0},
};

const snug_format snug_format_intel = {
    .name = "intel",
    .family = "intel",
    .anchors = anchors,
    .together = 60,
    .other_framework = true, // PyTorch's, but its allocator's settings are CUDA's
    .tool = "Intel GPU",
    .device = "XPU",
};

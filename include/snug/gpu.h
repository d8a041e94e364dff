// NVIDIA cards by name, to plan for one that is not in this machine.
#ifndef SNUG_GPU_H
#define SNUG_GPU_H

#include <stddef.h>

#include "snug/device.h"
#include "snug/status.h"

// A card's published figures; all rates are peaks that no real kernel reaches.
typedef struct snug_gpu_info {
    const char *name;     // as sold, without the maker: "RTX 3060", "A100 80GB PCIe"
    const char *reported; // another name that its driver gives it, or NULL
    size_t memory_bytes;  // as sold, in GiB
    size_t usable_bytes;  // the same less what its error correction takes when left on
    double memory_rate;   // bytes a second
    double float32_rate;  // operations a second (a multiply-add is two), without tensor cores
    double tensor_rate; // the same for 16-bit products with 32-bit sums, dense; 0: no tensor cores
    int capability;     // compute capability, 86 for 8.6; bfloat16 from 80
} snug_gpu_info;

// Device memory that a process loses to CUDA's context and the libraries' code before its first
// allocation. It depends on the card, the driver and the libraries: published figures go from
// 300 MB to 1 GB (NAIRR's guide to estimating GPU memory).
#define SNUG_GPU_CONTEXT_BYTES ((size_t)512 << 20)

// Card |index| in the list, NULL past its end. Static storage.
const snug_gpu_info *snug_gpu_at(int index);

// The card called |name|. Case, spaces, dashes, the words NVIDIA, GeForce, Tesla and Quadro, and
// the memory's size ("RTX 3060 12GB") do not matter, and drivers' names are known.
// SNUG_NOT_FOUND names those that come near.
snug_status snug_gpu_find(const char *name, const snug_gpu_info **out);

// Opens |gpu| (static storage) as a device that plans are made for and nothing runs on: its free
// bytes are the usable ones less the context's, step times follow from its peak rates, and the
// libraries' workspace, which only the card could tell, counts as 0.
snug_status snug_gpu_open(const snug_gpu_info *gpu, snug_device **out);

#endif

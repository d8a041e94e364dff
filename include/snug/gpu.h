// NVIDIA cards by name, to plan for one that is not in this machine and to run a program dry on it.
#ifndef SNUG_GPU_H
#define SNUG_GPU_H

#include <stdbool.h>
#include <stddef.h>

#include "snug/api.h"
#include "snug/status.h"

SNUG_BEGIN

typedef struct snug_device snug_device;

// A card's published figures; all rates are peaks that no real kernel reaches.
typedef struct snug_gpu_info {
    const char *name;     // as sold, without the maker: "RTX 3060", "A100 80GB PCIe"
    const char *reported; // as its driver reports it: "NVIDIA GeForce RTX 3060"
    size_t memory_bytes;  // as sold, in GiB
    size_t total_bytes;   // as CUDA tells it (cudaDeviceProp.totalGlobalMem): less than sold, since
                          // the driver, and error correction in some memories, keep their part
    bool estimated;       // |total_bytes| is reckoned from cards like it, not seen
    int multiprocessors;
    size_t l2_bytes;
    int bus_bits;        // width of the memory's bus
    double memory_rate;  // bytes a second
    double float32_rate; // operations a second (a multiply-add is two), without tensor cores
    double tensor_rate;  // the same for 16-bit products with 32-bit sums, dense; 0: no tensor cores
    int capability;      // compute capability, 86 for 8.6; bfloat16 from 80
} snug_gpu_info;

// What follows from a card's architecture and its figures.
typedef struct snug_gpu_details {
    int cores;                 // CUDA cores in all
    size_t shared_bytes;       // shared memory of a multiprocessor
    size_t shared_optin_bytes; // the most of it that a block may have when it asks
    int clock_khz;             // at which |float32_rate| is reached
    int memory_clock_khz;      // at two transfers a clock, as CUDA counts it
    // What a PyTorch process takes before and beside its own allocations: CUDA's context, and the
    // code of kernels and libraries that it loads. It depends on the driver and on what the
    // program uses, too; where these are not known, a figure on the larger side.
    size_t context_bytes;
} snug_gpu_details;

// Card |index| in the list, NULL past its end. Static storage.
SNUG_API const snug_gpu_info *snug_gpu_at(int index);

// The card called |name|. Case, spaces, dashes, the words NVIDIA, GeForce, Tesla and Quadro, and
// the memory's size ("RTX 3060 12GB") do not matter, and drivers' names are known.
// SNUG_NOT_FOUND names those that come near.
SNUG_API snug_status snug_gpu_find(const char *name, const snug_gpu_info **out);

SNUG_API void snug_gpu_detail_sized(const snug_gpu_info *gpu, snug_gpu_details *out,
                                    size_t out_bytes);
static inline snug_gpu_details snug_gpu_detail(const snug_gpu_info *gpu) {
    snug_gpu_details details;
    snug_gpu_detail_sized(gpu, &details, sizeof details);
    return details;
}

// What a program can have of |gpu|: its total less the context.
SNUG_API size_t snug_gpu_usable_bytes(const snug_gpu_info *gpu);

// The part of the stand-ins' settings (src/standin/standin.h) that describes |gpu|, as
// "card=NVIDIA GeForce RTX 3060;memory=…;…", without a semicolon at the end. Freed with
// snug_string_free().
SNUG_API snug_status snug_gpu_standin_settings(const snug_gpu_info *gpu, char **out);

// Opens |gpu| (static storage) as a device that plans are made for and nothing runs on: its free
// bytes are the usable ones, step times follow from its peak rates, and the libraries' workspace,
// which only the card could tell, counts as 0.
SNUG_API snug_status snug_gpu_open(const snug_gpu_info *gpu, snug_device **out);

SNUG_END

#endif

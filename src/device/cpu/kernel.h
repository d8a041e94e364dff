// What a file under kernels/ exports: fast kernels for operators, found by the build. A kernel that
// does not exist, or declines a signature, is replaced by the operator's reference kernel.
#ifndef SNUG_DEVICE_CPU_KERNEL_H
#define SNUG_DEVICE_CPU_KERNEL_H

#include "device/cpu/onednn.h"
#include "device/kernel_cache.h"

typedef struct snug_cpu_kernel snug_cpu_kernel;

struct snug_cpu_kernel {
    snug_cached_kernel cached; // first; prepare sets cached.kernel.workspace_bytes
    int threads;               // of this kernel: the device's, or 1
    snug_onednn *onednn;

    // Set by the operator's prepare function.
    snug_status (*run)(snug_cpu_kernel *kernel, const snug_call *call);
    // Generates code; NULL: there is none. Called once, before the first run.
    snug_status (*finish)(snug_cpu_kernel *kernel);
    // Releases what |state| points to; NULL: it is one snug_memory allocation, or NULL.
    void (*discard)(snug_cpu_kernel *kernel);
    void *state;
    bool is_finished;
};

// Whether every input that is there, and every output, is float32.
bool snug_cpu_all_float(const snug_cpu_kernel *kernel);

// A kernel outside the device's cache, for one that is made of others: a fast one, or
// SNUG_UNSUPPORTED. The caller readies it with snug_cpu_kernel_finish() and frees it.
snug_status snug_cpu_kernel_new(const snug_signature *signature, int threads, snug_onednn *onednn,
                                snug_cpu_kernel **out);
snug_status snug_cpu_kernel_finish(snug_cpu_kernel *kernel);
void snug_cpu_kernel_free(snug_cpu_kernel *kernel);

typedef struct snug_cpu_kernel_entry {
    const snug_op *op;
    // Fills |kernel| in; SNUG_UNSUPPORTED, without a message, declines the signature.
    snug_status (*prepare)(snug_cpu_kernel *kernel);
} snug_cpu_kernel_entry;

// What a file exports: `const snug_cpu_kernel_file snug_cpu_kernels_<stem>`.
typedef struct snug_cpu_kernel_file {
    const snug_cpu_kernel_entry *entries; // ends with op NULL
} snug_cpu_kernel_file;

extern const snug_cpu_kernel_file *const snug_cpu_kernel_files[];

#endif

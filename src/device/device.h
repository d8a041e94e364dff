// A device runs kernels on memory it gave out. The same interface serves the CPU (oneDNN), the
// reference device (plain kernels, for tests) and GPUs. No code outside a device follows a pointer
// into device memory. A device and its kernels belong to one thread at a time.
#ifndef SNUG_DEVICE_DEVICE_H
#define SNUG_DEVICE_DEVICE_H

#include "base/text.h"
#include "graph/graph.h"
#include "snug/device.h"

// A node without its place in a graph: all that a kernel depends on.
typedef struct snug_signature {
    const snug_op *op;
    const void *attributes;
    int input_count, output_count;
    const snug_type *inputs; // rank 0 and U8 stand for an absent optional input: see |present|
    const snug_type *outputs;
    uint32_t present; // bit i: input i is there (inputs past 31 always are)
} snug_signature;

// Device-owned, shared by all nodes of one signature; lives until the device closes.
typedef struct snug_kernel {
    size_t workspace_bytes; // exactly what |run| uses of the arena beside inputs and outputs
    bool is_reference;      // the plain kernel: correct, slow
} snug_kernel;

typedef struct snug_device_class {
    const char *name; // "cpu", "reference"
    // |threads| 0: as many as the machine has. Threads are fixed from here on.
    snug_status (*open)(int threads, snug_device **out);
    void (*close)(snug_device *device);
    // Appends what the times of kernels depend on beside their shapes: the machine, its threads,
    // the library's version. NULL: kernels are not worth timing.
    void (*describe)(const snug_device *device, snug_text *out);
    // Bytes that allocate() could give now.
    size_t (*free_bytes)(const snug_device *device);
    // The kernel for |signature|, with its exact workspace; cheap enough for a planner to call for
    // every candidate (code is generated at the first run or by |finish|).
    // SNUG_UNSUPPORTED: no kernel for this operator and these types.
    snug_status (*prepare)(snug_device *device, const snug_signature *signature,
                           const snug_kernel **out);
    // Generates the kernel's code, so that |run| allocates nothing.
    snug_status (*finish)(snug_device *device, const snug_kernel *kernel);
    // Runs |kernel|; addresses in |call| are device memory.
    snug_status (*run)(snug_device *device, const snug_kernel *kernel, const snug_call *call);
    // One block, aligned to SNUG_ARENA_ALIGNMENT; contents unspecified.
    snug_status (*allocate)(snug_device *device, size_t bytes, void **out);
    void (*release)(snug_device *device, void *memory, size_t bytes);
    // Drops every kernel: pointers from |prepare| are void, so not while programs run. Planning
    // looks at many more kernels than a run needs.
    void (*forget)(snug_device *device);
    // Host to device, device to host.
    snug_status (*write)(snug_device *device, void *to, const void *from, size_t bytes);
    snug_status (*read)(snug_device *device, void *to, const void *from, size_t bytes);
} snug_device_class;

enum { SNUG_ARENA_ALIGNMENT = 64 };

struct snug_device {
    const snug_device_class *device_class;
    int threads;
    size_t allocated_bytes, allocated_peak; // through allocate(), now and at most
    int programs;                           // that hold kernels of its, which |forget| would void
    bool fast_bfloat16, fast_float16;       // arithmetic faster than float32's, not emulated
    double flops_per_second, bytes_per_second; // what the cost model assumes of this machine
    double low_flops_per_second;               // the same in the 16-bit types that are fast
    // NULL, or a note for people on what its plans leave out: nothing runs here, no kernel can be
    // timed, and a thread count (0) means nothing.
    const char *only_planned;
};

extern const snug_device_class snug_device_cpu, snug_device_reference;

// The kernel for a node of |graph|: |prepare| with its signature.
snug_status snug_device_prepare(snug_device *device, const snug_graph *graph, const snug_node *node,
                                const snug_kernel **out);

// Fills |out| (arrays borrowed from |types|, at least inputs+outputs entries) for a node.
snug_signature snug_signature_of(const snug_graph *graph, const snug_node *node, snug_type *types);

#endif

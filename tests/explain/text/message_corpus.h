// Out-of-memory texts made from the formats' grammar, with the figures that are in them.
#ifndef TESTS_EXPLAIN_TEXT_MESSAGE_CORPUS_H
#define TESTS_EXPLAIN_TEXT_MESSAGE_CORPUS_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "snug/explain.h"

typedef struct corpus_text {
    char text[4096];
    size_t length;
    const char *format;
    const char *masked; // the error that may hide one, NULL
    int gpu;            // -1: not told
    snug_figures figures;
    uint64_t state;
    bool last_is_number; // a cut within the last number cannot be seen
} corpus_text;

static inline uint64_t corpus_draw(corpus_text *c, uint64_t below) {
    c->state = c->state * 6364136223846793005u + 1442695040888963407u;
    return (c->state >> 33) % below;
}

__attribute__((format(printf, 2, 3))) static inline void corpus_say(corpus_text *c,
                                                                    const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    c->length +=
        (size_t)vsnprintf(c->text + c->length, sizeof c->text - c->length, format, arguments);
    va_end(arguments);
}

// A size as PyTorch prints it, of |most| bytes at most; what is printed becomes |figure|.
static inline void corpus_size(corpus_text *c, snug_amount *figure, uint64_t most) {
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}};
    uint64_t bytes = 1 + corpus_draw(c, most);
    if (corpus_draw(c, 9) == 0) bytes = corpus_draw(c, 1025);
    figure->known = true;
    if (bytes <= 1024) {
        figure->bytes = bytes;
        corpus_say(c, "%" PRIu64 " bytes", bytes);
        return;
    }
    int unit = bytes < (1 << 20) ? 0 : bytes < (1 << 30) ? 1 : 2;
    uint64_t hundredths = (uint64_t)((double)bytes / units[unit].bytes * 100 + 0.5);
    figure->bytes = (uint64_t)((double)hundredths / 100 * units[unit].bytes);
    corpus_say(c, "%" PRIu64 ".%02" PRIu64 " %s", hundredths / 100, hundredths % 100,
               units[unit].unit);
}

static inline void corpus_bytes(corpus_text *c, snug_amount *figure, uint64_t most) {
    *figure = (snug_amount){.known = true, .bytes = ((uint64_t)1 << 20) + corpus_draw(c, most)};
    corpus_say(c, "%" PRIu64, figure->bytes);
}

#define CORPUS_GIB ((uint64_t)1 << 30)

enum {
    CORPUS_ALLOWED = 1,
    CORPUS_HINT = 2,
    CORPUS_NEW_HINT = 4,
    CORPUS_NEWEST_HINT = 8,
    CORPUS_PROCESS = 16,
    CORPUS_INCLUDING = 32,
    CORPUS_POOLS = 64,
    CORPUS_CUT_AFTER_GPU = 128
};

static inline void corpus_hint(corpus_text *c, int options) {
    if (options & CORPUS_HINT)
        corpus_say(c, " If reserved memory is >> allocated memory try setting max_split_size_mb to "
                      "avoid fragmentation.  See documentation for Memory Management and "
                      "PYTORCH_CUDA_ALLOC_CONF");
    if (options & CORPUS_NEW_HINT)
        corpus_say(c, " If reserved but unallocated memory is large try setting "
                      "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  "
                      "See documentation for Memory Management  "
                      "(https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)");
    if (options & CORPUS_NEWEST_HINT)
        corpus_say(c, " If reserved but unallocated memory is large try setting "
                      "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See "
                      "documentation for Memory Management  (https://docs.pytorch.org/docs/stable/"
                      "notes/cuda.html#optimizing-memory-usage-with-pytorch-cuda-alloc-conf)");
}

// The formats with parentheses.
static inline void corpus_old(corpus_text *c, const char *device, bool cached, int options) {
    snug_figures *f = &c->figures;
    c->gpu = (int)corpus_draw(c, 8);
    corpus_say(c, "RuntimeError: %sut of memory. Tried to allocate ", device);
    corpus_size(c, &f->requested, 20 * CORPUS_GIB);
    corpus_say(c, " (GPU %d; ", c->gpu);
    corpus_size(c, &f->capacity, 80 * CORPUS_GIB);
    corpus_say(c, " total capacity; ");
    corpus_size(c, &f->allocated, 80 * CORPUS_GIB);
    corpus_say(c, " already allocated; ");
    corpus_size(c, &f->free, 20 * CORPUS_GIB);
    corpus_say(c, " free; ");
    if (options & CORPUS_ALLOWED) {
        corpus_size(c, &f->limit, 80 * CORPUS_GIB);
        corpus_say(c, " allowed; ");
    }
    corpus_size(c, cached ? &f->unallocated : &f->reserved, 80 * CORPUS_GIB);
    corpus_say(c, cached ? " cached)" : " reserved in total by PyTorch)");
    corpus_hint(c, options);
}

// "has a total capacity of".
static inline void corpus_new(corpus_text *c, const char *start, const char *capacity,
                              int options) {
    snug_figures *f = &c->figures;
    snug_amount other = {0};
    c->gpu = (int)corpus_draw(c, 8);
    corpus_say(c, "%sTried to allocate ", start);
    corpus_size(c, &f->requested, 20 * CORPUS_GIB);
    corpus_say(c, ". GPU ");
    if (options & CORPUS_CUT_AFTER_GPU) {
        c->gpu = -1;
        return;
    }
    corpus_say(c, "%d has a total %s of ", c->gpu, capacity);
    corpus_size(c, &f->capacity, 80 * CORPUS_GIB);
    corpus_say(c, " of which ");
    corpus_size(c, &f->free, 20 * CORPUS_GIB);
    corpus_say(c, " is free. ");
    for (int i = 0; i < 3 && options & CORPUS_PROCESS; i++) {
        corpus_say(c, "Process %d has ", 1000 + (int)corpus_draw(c, 100000));
        corpus_size(c, &other, 20 * CORPUS_GIB);
        corpus_say(c, " memory in use. ");
        if (corpus_draw(c, 2) == 0) break;
    }
    if (options & CORPUS_INCLUDING) {
        corpus_say(c, "Including non-PyTorch memory, this process has ");
        corpus_size(c, &f->process, 80 * CORPUS_GIB);
        corpus_say(c, " memory in use. ");
    }
    if (options & CORPUS_ALLOWED) {
        corpus_size(c, &f->limit, 80 * CORPUS_GIB);
        corpus_say(c, " allowed; ");
    }
    corpus_say(c, "Of the allocated memory ");
    corpus_size(c, &f->allocated, 80 * CORPUS_GIB);
    corpus_say(c, " is allocated by PyTorch, ");
    if (options & CORPUS_POOLS) {
        corpus_say(c, "with ");
        corpus_size(c, &f->private_pools, 10 * CORPUS_GIB);
        corpus_say(c, " allocated in private pools (e.g., CUDA Graphs), ");
    }
    corpus_say(c, "and ");
    corpus_size(c, &f->unallocated, 20 * CORPUS_GIB);
    corpus_say(c, " is reserved by PyTorch but unallocated.");
    if (options & CORPUS_HINT)
        corpus_say(c, " If reserved but unallocated memory is large try setting max_split_size_mb "
                      "to avoid fragmentation.  See documentation for Memory Management and "
                      "PYTORCH_CUDA_ALLOC_CONF");
    corpus_hint(c, options & ~CORPUS_HINT);
}

static inline void corpus_async(corpus_text *c, bool one_line, bool limited) {
    snug_figures *f = &c->figures;
    const char *next = one_line ? " " : "\n";
    c->gpu = (int)corpus_draw(c, 8);
    corpus_say(c,
               "torch.cuda.OutOfMemoryError: Allocation on device %d would exceed allowed "
               "memory. (out of memory)%sCurrently allocated     : ",
               c->gpu, next);
    corpus_size(c, &f->allocated, 80 * CORPUS_GIB);
    corpus_say(c, "%sRequested               : ", next);
    corpus_size(c, &f->requested, 20 * CORPUS_GIB);
    corpus_say(c, "%sDevice limit            : ", next);
    corpus_size(c, &f->capacity, 80 * CORPUS_GIB);
    corpus_say(c, "%sFree (according to CUDA): ", next);
    corpus_size(c, &f->free, 20 * CORPUS_GIB);
    corpus_say(c,
               "%sPyTorch limit (set by user-supplied memory fraction)%s"
               "                        : ",
               next, next);
    if (limited)
        corpus_size(c, &f->limit, 80 * CORPUS_GIB);
    else
        corpus_say(c, "17179869184.00 GiB");
}

static inline void corpus_others(corpus_text *c, int which) {
    snug_figures *f = &c->figures;
    c->gpu = (int)corpus_draw(c, 4);
    switch (which) {
    case 0:
        corpus_say(c, "RuntimeError: MPS backend out of memory (MPS allocated: ");
        corpus_size(c, &f->allocated, 30 * CORPUS_GIB);
        corpus_say(c, ", other allocations: ");
        corpus_size(c, &f->outside, 9 * CORPUS_GIB);
        corpus_say(c, ", max allowed: ");
        corpus_size(c, &f->capacity, 40 * CORPUS_GIB);
        corpus_say(c, "). Tried to allocate ");
        corpus_size(c, &f->requested, 20 * CORPUS_GIB);
        corpus_say(c, " on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper "
                      "limit for memory allocations (may cause system failure).");
        c->gpu = -1;
        return;
    case 1:
        corpus_say(c, "memory allocation failed with OOM on device %d while trying to allocate ",
                   c->gpu);
        corpus_bytes(c, &f->requested, 20 * CORPUS_GIB);
        corpus_say(c, " bytes (free: ");
        corpus_bytes(c, &f->free, CORPUS_GIB);
        corpus_say(c, ", total: ");
        corpus_bytes(c, &f->capacity, 80 * CORPUS_GIB);
        corpus_say(c, ").");
        return;
    case 2:
        corpus_say(c,
                   "ResourceExhaustedError: OOM when allocating tensor with shape[%d,%d,128] "
                   "and type float on /job:localhost/replica:0/task:0/device:GPU:%d by allocator "
                   "GPU_%d_bfc",
                   64, 1024, c->gpu, c->gpu);
        f->requested = (snug_amount){.known = true, .bytes = 64 * 1024 * 128 * 4};
        return;
    case 3:
        corpus_say(c,
                   "W tensorflow/core/common_runtime/bfc_allocator.cc:462] Allocator "
                   "(GPU_%d_bfc) ran out of memory trying to allocate ",
                   c->gpu);
        f->requested = (snug_amount){.known = true, .bytes = 3 * CORPUS_GIB / 2};
        corpus_say(c, "1.50GiB (rounded to 1610612736)\n"
                      "Limit:                 ");
        corpus_bytes(c, &f->capacity, 80 * CORPUS_GIB);
        corpus_say(c, "\nInUse:                  ");
        corpus_bytes(c, &f->allocated, 80 * CORPUS_GIB);
        corpus_say(c, "\nMaxInUse:               7464792320\nNumAllocs:                      82\n");
        return;
    case 4:
    case 5:
        corpus_say(c, which == 4
                          ? "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of "
                            "memory while trying to allocate "
                          : "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating ");
        corpus_bytes(c, &f->requested, 20 * CORPUS_GIB);
        corpus_say(c, " bytes.");
        c->gpu = -1;
        return;
    case 6:
        corpus_say(c, "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
                      "onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) Failed to "
                      "allocate memory for requested buffer of size ");
        corpus_bytes(c, &f->requested, 20 * CORPUS_GIB);
        c->last_is_number = true;
        c->gpu = -1;
        return;
    case 7:
        corpus_say(c, "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Available memory "
                      "of ");
        corpus_bytes(c, &f->free, CORPUS_GIB);
        corpus_say(c, " is smaller than requested bytes of ");
        corpus_bytes(c, &f->requested, 20 * CORPUS_GIB);
        c->last_is_number = true;
        c->gpu = -1;
        return;
    default:
        corpus_say(c, "ggml_gallocr_reserve_n: failed to allocate CUDA%d buffer of size ", c->gpu);
        corpus_bytes(c, &f->requested, 20 * CORPUS_GIB);
        c->last_is_number = true;
        return;
    }
}

static inline void corpus_masked(corpus_text *c, int which) {
    static const struct {
        const char *text, *masked;
    } errors[] = {
        {"RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
         "CUBLAS_STATUS_ALLOC_FAILED"},
        {"RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling "
         "`cublasCreate(handle)`",
         "CUBLAS_STATUS_NOT_INITIALIZED"},
        {"RuntimeError: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you "
         "passed in a non-contiguous input.",
         "CUDNN_STATUS_NOT_SUPPORTED"},
        {"RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"},
        {"RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at "
         "\"../c10/cuda/CUDACachingAllocator.cpp\":830, please report a bug to PyTorch.",
         "NVML_SUCCESS == r INTERNAL ASSERT FAILED"},
        {"RuntimeError: !handles_.at(i) INTERNAL ASSERT FAILED at "
         "\"../c10/cuda/CUDACachingAllocator.cpp\":406, please report a bug to PyTorch.",
         "!handles_.at(i) INTERNAL ASSERT FAILED"},
        {"RuntimeError: CUDA driver error: device not ready",
         "CUDA driver error: device not ready"},
    };
    c->format = "masked";
    c->masked = errors[which].masked;
    corpus_say(c, "%s", errors[which].text);
    c->gpu = -1;
}

static inline void corpus_bare(corpus_text *c, int which) {
    static const struct {
        const char *text, *format;
    } errors[] = {
        {"RuntimeError: cuda runtime error (2) : out of memory at "
         "/pytorch/aten/src/THC/generic/THCStorage.cu:58",
         "thc"},
        {"THCudaCheck FAIL file=/pytorch/aten/src/THC/generic/THCStorage.cu line=58 error=2 : out "
         "of memory",
         "thc"},
        {"RuntimeError: CUDA error: out of memory", "cuda"},
        {"torch.cuda.OutOfMemoryError: Allocation on device ", "async"},
    };
    c->format = errors[which].format;
    corpus_say(c, "%s", errors[which].text);
    c->gpu = -1;
}

typedef struct corpus_entry {
    const char *format; // NULL: the maker sets it
    int kind;           // which maker
    const char *text;   // its device or beginning
    int options;
} corpus_entry;

enum {
    CORPUS_CACHED,
    CORPUS_RESERVED,
    CORPUS_CAPACTY,
    CORPUS_CAPACITY,
    CORPUS_ASYNC,
    CORPUS_OTHER,
    CORPUS_MASKED,
    CORPUS_BARE
};

#define CORPUS_TORCH "torch.OutOfMemoryError: CUDA out of memory. "
#define CORPUS_TORCH_CUDA "torch.cuda.OutOfMemoryError: CUDA out of memory. "
static const corpus_entry corpus_entries[] = {
    {"cached", CORPUS_CACHED, "CUDA o", 0},
    {"cached", CORPUS_CACHED, "CUDA o", 0},
    {"cached", CORPUS_CACHED, "HIP o", 0},
    {"reserved", CORPUS_RESERVED, "CUDA o", 0},
    {"reserved", CORPUS_RESERVED, "CUDA o", 0},
    {"reserved", CORPUS_RESERVED, "CUDA o", CORPUS_ALLOWED},
    {"reserved", CORPUS_RESERVED, "CUDA o", CORPUS_HINT},
    {"reserved", CORPUS_RESERVED, "CUDA o", CORPUS_ALLOWED | CORPUS_HINT},
    {"reserved", CORPUS_RESERVED, "HIP o", CORPUS_HINT},
    {"reserved", CORPUS_RESERVED, "XPU o", 0},
    {"reserved", CORPUS_RESERVED, "NPU o", CORPUS_HINT},
    {"reserved", CORPUS_RESERVED, "O", 0},
    {"capacty", CORPUS_CAPACTY, CORPUS_TORCH_CUDA, 0},
    {"capacty", CORPUS_CAPACTY, CORPUS_TORCH_CUDA, CORPUS_HINT},
    {"capacty", CORPUS_CAPACTY, CORPUS_TORCH_CUDA, CORPUS_PROCESS | CORPUS_HINT},
    {"capacty", CORPUS_CAPACTY, CORPUS_TORCH_CUDA, CORPUS_INCLUDING | CORPUS_HINT},
    {"capacty", CORPUS_CAPACTY, CORPUS_TORCH_CUDA, CORPUS_PROCESS | CORPUS_INCLUDING},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH_CUDA, CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH_CUDA, CORPUS_PROCESS | CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH_CUDA, CORPUS_INCLUDING | CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH, CORPUS_INCLUDING | CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH, CORPUS_ALLOWED | CORPUS_INCLUDING},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH,
     CORPUS_ALLOWED | CORPUS_INCLUDING | CORPUS_NEWEST_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH, CORPUS_POOLS | CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH,
     CORPUS_POOLS | CORPUS_INCLUDING | CORPUS_NEWEST_HINT},
    {"capacity", CORPUS_CAPACITY, CORPUS_TORCH,
     CORPUS_ALLOWED | CORPUS_POOLS | CORPUS_PROCESS | CORPUS_INCLUDING | CORPUS_NEWEST_HINT},
    {"capacity", CORPUS_CAPACITY, "torch.OutOfMemoryError: Out of memory. ", CORPUS_NEWEST_HINT},
    {"capacity", CORPUS_CAPACITY, "torch.OutOfMemoryError: XPU out of memory. ", 0},
    {"capacity", CORPUS_CAPACITY, "torch.OutOfMemoryError: HIP out of memory. ", CORPUS_NEW_HINT},
    {"capacity", CORPUS_CAPACITY, "RuntimeError: CUDA out of memory. ", CORPUS_HINT},
    {"pytorch", CORPUS_CAPACITY, CORPUS_TORCH_CUDA, CORPUS_CUT_AFTER_GPU},
    {"async", CORPUS_ASYNC, "", 0},
    {"async", CORPUS_ASYNC, "one line", 0},
    {"async", CORPUS_ASYNC, "", CORPUS_ALLOWED},
    {"async", CORPUS_ASYNC, "one line", CORPUS_ALLOWED},
    {"mps", CORPUS_OTHER, "", 0},
    {"warning", CORPUS_OTHER, "", 1},
    {"tensorflow", CORPUS_OTHER, "", 2},
    {"tensorflow", CORPUS_OTHER, "", 3},
    {"jax", CORPUS_OTHER, "", 4},
    {"jax", CORPUS_OTHER, "", 5},
    {"onnxruntime", CORPUS_OTHER, "", 6},
    {"onnxruntime", CORPUS_OTHER, "", 7},
    {"llama.cpp", CORPUS_OTHER, "", 8},
    {NULL, CORPUS_MASKED, "", 0},
    {NULL, CORPUS_MASKED, "", 1},
    {NULL, CORPUS_MASKED, "", 2},
    {NULL, CORPUS_MASKED, "", 3},
    {NULL, CORPUS_MASKED, "", 4},
    {NULL, CORPUS_MASKED, "", 5},
    {NULL, CORPUS_MASKED, "", 6},
    {NULL, CORPUS_BARE, "", 0},
    {NULL, CORPUS_BARE, "", 1},
    {NULL, CORPUS_BARE, "", 2},
    {NULL, CORPUS_BARE, "", 3},
};
enum { CORPUS_ENTRIES = sizeof corpus_entries / sizeof corpus_entries[0] };

static inline void corpus_make(int index, uint64_t seed, corpus_text *out) {
    const corpus_entry *entry = &corpus_entries[index];
    *out =
        (corpus_text){.format = entry->format, .state = seed * 1000 + (uint64_t)index, .gpu = -1};
    switch (entry->kind) {
    case CORPUS_CACHED:
    case CORPUS_RESERVED:
        corpus_old(out, entry->text, entry->kind == CORPUS_CACHED, entry->options);
        break;
    case CORPUS_CAPACTY:
        corpus_new(out, entry->text, "capacty", entry->options);
        break;
    case CORPUS_CAPACITY:
        corpus_new(out, entry->text, "capacity", entry->options);
        break;
    case CORPUS_ASYNC:
        corpus_async(out, *entry->text, entry->options & CORPUS_ALLOWED);
        break;
    case CORPUS_OTHER:
        corpus_others(out, entry->options);
        break;
    case CORPUS_MASKED:
        corpus_masked(out, entry->options);
        break;
    default:
        corpus_bare(out, entry->options);
    }
}

#endif

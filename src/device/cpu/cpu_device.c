// The CPU device: fast kernels where kernels/ has them, the operators' reference kernels elsewhere.
#include <string.h>

#include "base/memory.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "device/cpu/widened.h"
#include "device/host_memory.h"

typedef struct cpu_device {
    snug_device device;
    snug_kernel_cache kernels;
    snug_onednn *onednn;
} cpu_device;

// Rates that the cost model assumes: float32 arithmetic that a library reaches on one core with
// wide vectors, and the memory traffic of one socket's few cores. They rank plans; they promise
// nothing.
#define FLOPS_PER_THREAD 50e9
#define BYTES_PER_SECOND 15e9

static snug_status open_device(int threads, snug_device **out) {
    cpu_device *self;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->device.device_class = &snug_device_cpu;
    self->device.threads = threads > 0 ? threads : snug_host_processors();
    self->device.flops_per_second = FLOPS_PER_THREAD * self->device.threads;
    self->device.low_flops_per_second = 2 * self->device.flops_per_second;
    self->device.bytes_per_second = BYTES_PER_SECOND;
    int callers = snug_threads_use(self->device.threads);
    snug_status status = snug_onednn_open(&self->onednn);
    snug_threads_use(callers);
    if (status != SNUG_OK) {
        snug_memory_free(self);
        return status;
    }
    self->device.fast_bfloat16 = snug_onednn_is_fast(SNUG_BF16);
    self->device.fast_float16 = snug_onednn_is_fast(SNUG_F16);
    *out = &self->device;
    return SNUG_OK;
}

static void describe(const snug_device *device, snug_text *out) {
    char processor[128], version[32];
    snug_host_processor_name(processor, sizeof processor);
    snug_onednn_version(version);
    snug_text_append(out, "cpu %s, %d of %d threads, oneDNN %s, snug kernels 4", processor,
                     device->threads, snug_host_processors(), version);
}

static void discard(snug_cached_kernel *cached) {
    snug_cpu_kernel *kernel = (snug_cpu_kernel *)cached;
    if (kernel->discard)
        kernel->discard(kernel);
    else
        snug_memory_free(kernel->state);
    kernel->state = NULL;
}

static void close_device(snug_device *device) {
    cpu_device *self = (cpu_device *)device;
    snug_kernel_cache_clear(&self->kernels, discard);
    snug_onednn_close(self->onednn);
    snug_memory_free(self);
}

static void forget(snug_device *device) {
    cpu_device *self = (cpu_device *)device;
    snug_kernel_cache_clear(&self->kernels, discard);
}

bool snug_cpu_all_float(const snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    for (int i = 0; i < signature->input_count; i++) {
        bool present = i >= 32 || signature->present >> i & 1;
        if (present && signature->inputs[i].dtype != SNUG_F32) return false;
    }
    for (int i = 0; i < signature->output_count; i++)
        if (signature->outputs[i].dtype != SNUG_F32) return false;
    return true;
}

static snug_status run_reference(snug_cpu_kernel *kernel, const snug_call *call) {
    return kernel->cached.signature.op->reference(call);
}

// The first file that takes the kernel's signature fills it in.
static snug_status prepare_fast(snug_cpu_kernel *kernel) {
    const snug_op *op = kernel->cached.signature.op;
    for (const snug_cpu_kernel_file *const *file = snug_cpu_kernel_files; *file; file++)
        for (const snug_cpu_kernel_entry *entry = (*file)->entries; entry->op; entry++) {
            if (entry->op != op) continue;
            snug_status status = entry->prepare(kernel);
            if (status != SNUG_UNSUPPORTED) return status;
        }
    return SNUG_UNSUPPORTED;
}

snug_status snug_cpu_kernel_new(const snug_signature *signature, int threads, snug_onednn *onednn,
                                snug_cpu_kernel **out) {
    *out = NULL;
    snug_cached_kernel *cached;
    SNUG_TRY(snug_cached_kernel_new(signature, sizeof(snug_cpu_kernel), &cached));
    snug_cpu_kernel *kernel = (snug_cpu_kernel *)cached;
    kernel->threads = threads;
    kernel->onednn = onednn;
    int callers = snug_threads_use(threads);
    snug_status status = prepare_fast(kernel);
    snug_threads_use(callers);
    if (status != SNUG_OK) {
        snug_cpu_kernel_free(kernel);
        return status;
    }
    *out = kernel;
    return SNUG_OK;
}

void snug_cpu_kernel_free(snug_cpu_kernel *kernel) {
    if (!kernel) return;
    discard(&kernel->cached);
    snug_cached_kernel_free(&kernel->cached);
}

static snug_status prepare_kernel(snug_cpu_kernel *kernel) {
    const snug_op *op = kernel->cached.signature.op;
    snug_status status = prepare_fast(kernel);
    if (status == SNUG_UNSUPPORTED) {
        discard(&kernel->cached);
        kernel->discard = NULL;
        status = snug_widened_prepare(kernel);
    }
    if (status != SNUG_UNSUPPORTED) return status;
    discard(&kernel->cached);
    kernel->discard = NULL;
    if (!op->reference) return snug_fail(SNUG_UNSUPPORTED, "%s has no kernel", op->name);
    kernel->cached.kernel = (snug_kernel){.is_reference = true};
    kernel->run = run_reference;
    kernel->finish = NULL;
    return SNUG_OK;
}

static double bytes_of(const snug_type *types, int count) {
    double bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (double)snug_type_bytes(&types[i]);
    return bytes;
}

// What takes a few microseconds runs on one thread: waking the others costs as much, and far more
// where other programs use their processors.
static int threads_for(const snug_device *device, const snug_signature *signature) {
    const double worth_waking = 5e-6; // seconds
    const snug_op *op = signature->op;
    double bytes = bytes_of(signature->inputs, signature->input_count) +
                   bytes_of(signature->outputs, signature->output_count);
    double seconds = bytes / BYTES_PER_SECOND;
    if (op->flops)
        seconds += op->flops(signature->attributes, signature->inputs, signature->outputs) /
                   FLOPS_PER_THREAD;
    return seconds < worth_waking ? 1 : device->threads;
}

static snug_status prepare(snug_device *device, const snug_signature *signature,
                           const snug_kernel **out) {
    cpu_device *self = (cpu_device *)device;
    *out = NULL;
    snug_cached_kernel *cached = snug_kernel_cache_find(&self->kernels, signature);
    if (!cached) {
        SNUG_TRY(snug_cached_kernel_new(signature, sizeof(snug_cpu_kernel), &cached));
        snug_cpu_kernel *kernel = (snug_cpu_kernel *)cached;
        kernel->threads = threads_for(device, signature);
        int callers = snug_threads_use(kernel->threads);
        kernel->onednn = self->onednn;
        snug_status status = prepare_kernel(kernel);
        snug_threads_use(callers);
        if (status == SNUG_OK) status = snug_kernel_cache_add(&self->kernels, cached);
        if (status != SNUG_OK) {
            discard(cached);
            snug_cached_kernel_free(cached);
            return status;
        }
    }
    *out = &cached->kernel;
    return SNUG_OK;
}

snug_status snug_cpu_kernel_finish(snug_cpu_kernel *kernel) {
    if (kernel->is_finished) return SNUG_OK;
    int callers = snug_threads_use(kernel->threads);
    snug_status status = kernel->finish ? kernel->finish(kernel) : SNUG_OK;
    snug_threads_use(callers);
    kernel->is_finished = status == SNUG_OK;
    return status;
}

// The cache owns its kernels and hands them out as const, so casting that away is sound.
static snug_cpu_kernel *own(const snug_kernel *kernel) {
    return (snug_cpu_kernel *)(uintptr_t)kernel;
}

static snug_status finish(snug_device *device, const snug_kernel *kernel) {
    (void)device;
    return snug_cpu_kernel_finish(own(kernel));
}

static snug_status run(snug_device *device, const snug_kernel *kernel, const snug_call *call) {
    (void)device;
    SNUG_TRY(snug_cpu_kernel_finish(own(kernel)));
    int callers = snug_threads_use(own(kernel)->threads);
    snug_status status = own(kernel)->run(own(kernel), call);
    snug_threads_use(callers);
    return status;
}

const snug_device_class snug_device_cpu = {
    .name = "cpu",
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .free_bytes = snug_host_free_bytes,
    .prepare = prepare,
    .finish = finish,
    .run = run,
    .allocate = snug_host_allocate,
    .release = snug_host_release,
    .forget = forget,
    .write = snug_host_copy,
    .read = snug_host_copy,
};

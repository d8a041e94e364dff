// The reference device: every operator by its plain kernel, for any type, on one thread. Slow;
// tests hold the other devices against it, and a new device starts as a copy of it.
#include "base/memory.h"
#include "device/host_memory.h"
#include "device/kernel_cache.h"

typedef struct reference_device {
    snug_device device;
    snug_kernel_cache kernels;
} reference_device;

static snug_status open_device(int threads, snug_device **out) {
    (void)threads;
    reference_device *self;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->device.device_class = &snug_device_reference;
    self->device.threads = 1;
    self->device.flops_per_second = 1e8;
    self->device.bytes_per_second = 1e8;
    *out = &self->device;
    return SNUG_OK;
}

static void close_device(snug_device *device) {
    reference_device *self = (reference_device *)device;
    snug_kernel_cache_clear(&self->kernels, NULL);
    snug_memory_free(self);
}

static void forget(snug_device *device) {
    reference_device *self = (reference_device *)device;
    snug_kernel_cache_clear(&self->kernels, NULL);
}

static snug_status prepare(snug_device *device, const snug_signature *signature,
                           const snug_kernel **out) {
    reference_device *self = (reference_device *)device;
    *out = NULL;
    snug_cached_kernel *kernel = snug_kernel_cache_find(&self->kernels, signature);
    if (!kernel) {
        if (!signature->op->reference)
            return snug_fail(SNUG_UNSUPPORTED, "%s has no kernel", signature->op->name);
        SNUG_TRY(snug_cached_kernel_new(signature, sizeof *kernel, &kernel));
        kernel->kernel.is_reference = true;
        snug_status status = snug_kernel_cache_add(&self->kernels, kernel);
        if (status != SNUG_OK) {
            snug_cached_kernel_free(kernel);
            return status;
        }
    }
    *out = &kernel->kernel;
    return SNUG_OK;
}

static snug_status finish(snug_device *device, const snug_kernel *kernel) {
    (void)device, (void)kernel;
    return SNUG_OK;
}

static snug_status run(snug_device *device, const snug_kernel *kernel, const snug_call *call) {
    (void)device;
    return ((const snug_cached_kernel *)kernel)->signature.op->reference(call);
}

const snug_device_class snug_device_reference = {
    .name = "reference",
    .open = open_device,
    .close = close_device,
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

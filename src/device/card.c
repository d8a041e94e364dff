// A card out of the list as a device: plans are made for it, nothing runs on it.
#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "device/device.h"
#include "snug/gpu.h"

typedef struct card_device {
    snug_device device;
    snug_device_class named; // the class below under the card's name
    snug_text note;
    const snug_gpu_info *gpu;
} card_device;

static void close_card(snug_device *device) {
    card_device *self = (card_device *)device;
    snug_text_clear(&self->note);
    snug_memory_free(self);
}

static size_t free_bytes(const snug_device *device) {
    return snug_gpu_usable_bytes(((const card_device *)device)->gpu);
}

static snug_status prepare(snug_device *device, const snug_signature *signature,
                           const snug_kernel **out) {
    static const snug_kernel unknown = {.workspace_bytes = 0};
    (void)device, (void)signature;
    *out = &unknown;
    return SNUG_OK;
}

static snug_status not_here(const snug_device *device) {
    return snug_fail(SNUG_UNSUPPORTED,
                     "nothing runs on the %s: it is only planned for, with its published figures",
                     device->device_class->name);
}

static snug_status finish(snug_device *device, const snug_kernel *kernel) {
    (void)kernel;
    return not_here(device);
}

static snug_status run(snug_device *device, const snug_kernel *kernel, const snug_call *call) {
    (void)kernel, (void)call;
    return not_here(device);
}

static snug_status allocate(snug_device *device, size_t bytes, void **out) {
    (void)bytes;
    *out = NULL;
    return not_here(device);
}

static void release(snug_device *device, void *memory, size_t bytes) {
    (void)device, (void)memory, (void)bytes;
}

static void forget(snug_device *device) {
    (void)device;
}

static snug_status copy(snug_device *device, void *to, const void *from, size_t bytes) {
    (void)to, (void)from, (void)bytes;
    return not_here(device);
}

static const snug_device_class card_class = {.close = close_card,
                                             .free_bytes = free_bytes,
                                             .prepare = prepare,
                                             .finish = finish,
                                             .run = run,
                                             .allocate = allocate,
                                             .release = release,
                                             .forget = forget,
                                             .write = copy,
                                             .read = copy};

static snug_status write_note(card_device *self) {
    char sold[SNUG_SIZE_TEXT], total[SNUG_SIZE_TEXT], context[SNUG_SIZE_TEXT];
    const snug_gpu_info *gpu = self->gpu;
    snug_text_append(
        &self->note,
        "The %s has %s, of which CUDA offers %s%s.\n"
        "The context and loaded kernels take about %s; the rest is the budget\n"
        "where `budget_bytes` does not say otherwise. The libraries' workspace is not\n"
        "counted: only the card could tell it. Steps are predicted from the card's\n"
        "peak rates: real ones take longer.\n",
        gpu->name, snug_size_print(gpu->memory_bytes, sold), gpu->estimated ? "about " : "",
        snug_size_print(gpu->total_bytes, total),
        snug_size_print(snug_gpu_detail(gpu).context_bytes, context));
    return snug_text_status(&self->note);
}

snug_status snug_gpu_open(const snug_gpu_info *gpu, snug_device **out) {
    SNUG_REQUIRE(out, "a place for the device");
    *out = NULL;
    SNUG_REQUIRE(gpu, "a card");
    card_device *self;
    *out = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->gpu = gpu;
    self->named = card_class;
    self->named.name = gpu->name;
    snug_status status = write_note(self);
    if (status != SNUG_OK) {
        close_card(&self->device);
        return status;
    }
    self->device = (snug_device){.device_class = &self->named,
                                 .flops_per_second = gpu->float32_rate,
                                 .bytes_per_second = gpu->memory_rate,
                                 .low_flops_per_second = gpu->tensor_rate,
                                 .fast_float16 = gpu->tensor_rate > 0,
                                 .fast_bfloat16 = gpu->tensor_rate > 0 && gpu->capability >= 80,
                                 .only_planned = self->note.data};
    *out = &self->device;
    return SNUG_OK;
}

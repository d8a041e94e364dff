// Times the CPU device's kernels at the shapes of MobileNetV2 and EfficientNet-B0, batch 32 at
// 96x96, beside the rate at which this machine copies memory in the same run.
//
//     kernels [OPERATOR...]     only these; by default all
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device/device.h"
#include "ops/ops.h"
#include "ops/sample.h"

enum { MAX_TENSORS = 8, REPEATS = 40 };

#define IMAGE SNUG_SAMPLE_IMAGE
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define CONV(k, s, g, h)                                                                           \
    &(const snug_conv2d_attributes) {                                                              \
        .stride = {s, s}, .padding = {(k) / 2, (k) / 2, (k) / 2, (k) / 2}, .dilation = {1, 1},     \
        .groups = (g), .input = {h, h}, .kernel = {k, k},                                          \
    }
#define CASE(name, values, ...)                                                                    \
    {                                                                                              \
        .op = &snug_op_##name, .attributes = (values), .inputs = { __VA_ARGS__ }                   \
    }
// A k x k convolution of c channels at h x h to o channels, in each direction.
#define LAYER(k, s, g, c, h, o)                                                                    \
    CASE(conv2d, CONV(k, s, g, h), IMAGE(32, c, h, h), ROWS(o, (c) / (g), k, k)),                  \
        CASE(conv2d_backward_input, CONV(k, s, g, h), IMAGE(32, o, (h) / (s), (h) / (s)),          \
             ROWS(o, (c) / (g), k, k)),                                                            \
        CASE(conv2d_backward_weight, CONV(k, s, g, h), IMAGE(32, c, h, h),                         \
             IMAGE(32, o, (h) / (s), (h) / (s)))
#define LARGE IMAGE(32, 96, 48, 48)
#define SMALL IMAGE(32, 144, 24, 24)
#define NARROW IMAGE(32, 24, 24, 24)

typedef struct bench_case {
    const snug_op *op;
    const void *attributes;
    snug_type inputs[MAX_TENSORS];
} bench_case;

static const snug_batch_norm_attributes norm = {.momentum = 0.1, .eps = 1e-5, .update = 1};
static const snug_sum_to_attributes squeeze = {.rank = 4, .dims = {32, 144, 1, 1}};
static const snug_reduce_attributes bias = {.axes = 13}, rows = {.axes = 1};
static const snug_pool2d_attributes pool = {.kernel = {3, 3},
                                            .stride = {2, 2},
                                            .padding = {1, 1, 1, 1},
                                            .dilation = {1, 1},
                                            .input = {48, 48}};
static const snug_adaptive_pool2d_attributes global = {.output = {1, 1}, .input = {24, 24}};
static const snug_axis_attributes channels = {.axis = 1, .start = 32, .length = 64, .extent = 144};
static const snug_matmul_attributes plain = {0, 0}, transposed = {1, 0};
static const snug_loss_attributes loss = {0};
static const snug_dropout_attributes dropout = {.p = 0.2, .salt = 1};
static const snug_sgd_attributes sgd = {.momentum = 0.9, .weight_decay = 1e-4, .nesterov = 1};
static const snug_adam_attributes adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};

static const bench_case cases[] = {
    LAYER(3, 2, 1, 3, 96, 32),
    LAYER(1, 1, 1, 16, 48, 96),
    LAYER(3, 2, 96, 96, 48, 96),
    LAYER(1, 1, 1, 24, 24, 144),
    LAYER(3, 1, 144, 144, 24, 144),
    LAYER(1, 1, 1, 144, 24, 24),
    LAYER(5, 2, 144, 144, 24, 144),
    LAYER(1, 1, 1, 384, 6, 64),
    LAYER(3, 1, 64, 64, 24, 64),
    LAYER(3, 1, 1, 64, 24, 64),
    CASE(batch_norm, &norm, LARGE, ROWS(96), ROWS(96), ROWS(96), ROWS(96)),
    CASE(batch_norm_backward, &norm, LARGE, ROWS(96), ROWS(96), ROWS(96), LARGE),
    CASE(batch_norm_inference, &norm, LARGE, ROWS(96), ROWS(96), ROWS(96), ROWS(96)),
    CASE(batch_norm, &norm, SMALL, ROWS(144), ROWS(144), ROWS(144), ROWS(144)),
    CASE(batch_norm_backward, &norm, SMALL, ROWS(144), ROWS(144), ROWS(144), SMALL),
    CASE(batch_norm, &norm, NARROW, ROWS(24), ROWS(24), ROWS(24), ROWS(24)),
    CASE(batch_norm_backward, &norm, NARROW, ROWS(24), ROWS(24), ROWS(24), NARROW),
    CASE(relu6, NULL, LARGE),
    CASE(relu6_backward, NULL, LARGE, LARGE),
    CASE(relu6, NULL, SMALL),
    CASE(relu6_backward, NULL, SMALL, SMALL),
    CASE(silu, NULL, LARGE),
    CASE(silu_backward, NULL, LARGE, LARGE),
    CASE(silu_backward, NULL, SMALL, SMALL),
    CASE(sigmoid, NULL, SMALL),
    CASE(hardswish_backward, NULL, SMALL, SMALL),
    CASE(gelu, NULL, SMALL),
    CASE(add, NULL, NARROW, NARROW),
    CASE(add, NULL, LARGE, LARGE),
    CASE(multiply, NULL, SMALL, IMAGE(32, 144, 1, 1)),
    CASE(multiply_sum_to, &squeeze, SMALL, SMALL),
    CASE(reduce_sum, &bias, SMALL),
    CASE(reduce_sum, &rows, ROWS(32, 1000)),
    CASE(max_pool2d, &pool, IMAGE(32, 64, 48, 48)),
    CASE(max_pool2d_backward, &pool, IMAGE(32, 64, 24, 24),
         SNUG_SAMPLE_TENSOR(SNUG_U8, SNUG_CHANNELS_LAST, 32, 64, 24, 24)),
    CASE(avg_pool2d, &pool, IMAGE(32, 64, 48, 48)),
    CASE(adaptive_avg_pool2d, &global, SMALL),
    CASE(adaptive_avg_pool2d_backward, &global, IMAGE(32, 144, 1, 1)),
    CASE(concat, &channels, SMALL, IMAGE(32, 32, 24, 24)),
    CASE(slice, &channels, SMALL),
    CASE(linear, NULL, ROWS(32, 1280), ROWS(1000, 1280), ROWS(1000)),
    CASE(matmul, &plain, ROWS(32, 1000), ROWS(1000, 1280)),
    CASE(matmul, &transposed, ROWS(32, 1000), ROWS(32, 1280)),
    CASE(cross_entropy, &loss, ROWS(32, 1000), SNUG_SAMPLE_INT32(32)),
    CASE(cross_entropy_backward, &loss, ROWS(32, 1000), SNUG_SAMPLE_INT32(32), SNUG_SAMPLE_SCALAR),
    CASE(dropout, &dropout, ROWS(32, 1280)),
    CASE(stochastic_depth, &dropout, SMALL),
    CASE(sgd_update, &sgd, ROWS(1280, 1000), ROWS(1280, 1000), ROWS(1280, 1000)),
    CASE(adam_update, &adam, ROWS(1280, 1000), ROWS(1280, 1000), ROWS(1280, 1000),
         ROWS(1280, 1000)),
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// A case with its memory; |call| points into it.
typedef struct bench {
    const snug_kernel *kernel;
    snug_view views[MAX_TENSORS + SNUG_MAX_OUTPUTS];
    snug_call call;
    double bytes, flops;
    void *memory;
    size_t memory_bytes;
} bench;

static const snug_run_state state = {.step = 1, .learning_rate = 0.1};
static const uint64_t no_attributes[SNUG_ATTRIBUTE_BYTES / 8];

static snug_status place(snug_device *device, bench *self, int count) {
    size_t offsets[MAX_TENSORS + SNUG_MAX_OUTPUTS + 1], at = 0;
    for (int i = 0; i < count; i++) {
        offsets[i] = at;
        at += (snug_type_bytes(&self->views[i].type) + 4095) & ~(size_t)4095;
        self->bytes += (double)snug_type_bytes(&self->views[i].type);
    }
    self->memory_bytes = at + self->kernel->workspace_bytes;
    snug_status status = device->device_class->allocate(device, self->memory_bytes, &self->memory);
    if (status != SNUG_OK) return status;
    for (int i = 0; i < count; i++) {
        self->views[i].data = (char *)self->memory + offsets[i];
        int64_t elements = snug_type_elements(&self->views[i].type);
        float *data = self->views[i].data;
        if (self->views[i].type.dtype == SNUG_F32)
            for (int64_t j = 0; j < elements; j++)
                data[j] = (float)(j * 7919 % 1009) * 0.001f;
    }
    self->call.workspace = (char *)self->memory + at;
    return SNUG_OK;
}

static snug_status begin(snug_device *device, const bench_case *from, bench *self) {
    const snug_op *op = from->op;
    snug_type types[MAX_TENSORS + SNUG_MAX_OUTPUTS] = {0};
    int inputs = 0;
    while (inputs < op->max_inputs && (from->inputs[inputs].rank > 0 || inputs < op->min_inputs))
        inputs++;
    if (op->max_inputs < 0)
        while (from->inputs[inputs].rank > 0)
            inputs++;
    memcpy(types, from->inputs, (size_t)inputs * sizeof *types);
    const void *attributes = from->attributes ? from->attributes : (const void *)no_attributes;
    snug_status status = op->infer(attributes, types, inputs, types + inputs);
    if (status != SNUG_OK) return status;
    snug_signature signature = {
        op, attributes, inputs, op->outputs, types, types + inputs, (1u << inputs) - 1};
    status = device->device_class->prepare(device, &signature, &self->kernel);
    if (status != SNUG_OK) return status;
    for (int i = 0; i < inputs + op->outputs; i++)
        self->views[i].type = types[i];
    self->call = (snug_call){attributes,  self->views, inputs, self->views + inputs,
                             op->outputs, NULL,        &state};
    self->flops = op->flops ? op->flops(attributes, types, types + inputs) : 0;
    return place(device, self, inputs + op->outputs);
}

// The fastest of some runs, in seconds.
static double best_time(snug_device *device, const bench *self) {
    double best = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        double start = now();
        if (device->device_class->run(device, self->kernel, &self->call) != SNUG_OK) return 0;
        double seconds = now() - start;
        if (i > 0 && seconds < best) best = seconds;
    }
    return best;
}

// Bytes read and written a second by concat of one large image, which is a copy on all threads.
static double copy_rate(snug_device *device) {
    const bench_case copy = CASE(concat, &channels, LARGE);
    bench self = {0};
    double rate = 0;
    if (begin(device, &copy, &self) == SNUG_OK) rate = self.bytes / best_time(device, &self);
    device->device_class->release(device, self.memory, self.memory_bytes);
    return rate;
}

static bool wanted(const char *op, char **names) {
    if (!*names) return true;
    for (; *names; names++)
        if (strcmp(op, *names) == 0) return true;
    return false;
}

static void report(snug_device *device, const bench_case *from, double rate) {
    bench self = {0};
    char text[SNUG_TYPE_TEXT];
    if (begin(device, from, &self) == SNUG_OK) {
        double seconds = best_time(device, &self);
        printf("%-28s %-34s %8.3f ms %7.1f GB/s (%4.2f of a copy's) %7.1f GFLOP/s%s\n",
               from->op->name, snug_type_print(&self.views[0].type, text), 1e3 * seconds,
               1e-9 * self.bytes / seconds, self.bytes / seconds / rate,
               1e-9 * self.flops / seconds, self.kernel->is_reference ? " reference" : "");
    } else {
        printf("%-28s %s\n", from->op->name, snug_error_message());
    }
    device->device_class->release(device, self.memory, self.memory_bytes);
}

int main(int argc, char **argv) {
    (void)argc;
    snug_device *device;
    if (snug_device_open("cpu", 2, &device) != SNUG_OK) {
        fprintf(stderr, "%s\n", snug_error_message());
        return EXIT_FAILURE;
    }
    double rate = copy_rate(device);
    printf("a copy moves %.1f GB/s on %d threads\n", 1e-9 * rate, device->threads);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (wanted(cases[i].op->name, argv + 1)) report(device, &cases[i], rate);
    snug_device_close(device);
    return EXIT_SUCCESS;
}

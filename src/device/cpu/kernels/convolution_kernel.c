// Convolutions through oneDNN on channels-last activations. The library chooses how weights lie
// where it computes; the graph's are row-major, so they are reordered within the workspace:
// [scratchpad | weights as the library wants them | scratchpad of the reorder].
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "device/cpu/kernel.h"
#include "device/cpu/kernels/depthwise.h"
#include "device/cpu/kernels/weight_gradient.h"
#include "ops/ops.h"

typedef struct convolution {
    snug_onednn_primitive *main, *reorder; // reorder NULL: the weights already lie right
    size_t weights_offset, reorder_offset; // in the workspace
} convolution;

// Which inputs and outputs of an operator are the convolution's tensors; outputs count from
// |from_outputs|, -1 stands for none.
enum { from_outputs = 100, absent = -1 };
typedef struct roles {
    snug_onednn_direction direction;
    int source, weights, bias, destination;
} roles;

static const roles forward = {SNUG_ONEDNN_FORWARD, 0, 1, 2, from_outputs};
static const roles backward_input = {SNUG_ONEDNN_BACKWARD_DATA, from_outputs, 1, absent, 0};
static const roles backward_weight = {SNUG_ONEDNN_BACKWARD_WEIGHTS, 0, from_outputs, absent, 1};

static snug_onednn_form form_of(const snug_signature *signature, int index) {
    bool is_input = index < from_outputs;
    if (index == absent ||
        (is_input && (index >= signature->input_count || !(signature->present >> index & 1))))
        return (snug_onednn_form){0};
    return snug_onednn_form_of(is_input ? &signature->inputs[index]
                                        : &signature->outputs[index - from_outputs]);
}

static void *address_of(const snug_call *call, int index) {
    if (index == absent || (index < from_outputs && index >= call->input_count)) return NULL;
    return index < from_outputs ? call->inputs[index].data
                                : call->outputs[index - from_outputs].data;
}

// (O, I, KH, KW) as (G, O/G, I, KH, KW), which is the same memory; volumes alike.
static snug_onednn_form split_groups(const snug_onednn_form *weights, int64_t groups) {
    if (groups == 1) return *weights;
    snug_onednn_form split = {.dtype = weights->dtype, .rank = weights->rank + 1};
    split.dims[0] = groups;
    split.dims[1] = weights->dims[0] / groups;
    split.strides[0] = weights->strides[0] * split.dims[1];
    split.strides[1] = weights->strides[0];
    for (int i = 1; i < weights->rank; i++) {
        split.dims[i + 1] = weights->dims[i];
        split.strides[i + 1] = weights->strides[i];
    }
    return split;
}

static void discard(snug_cpu_kernel *kernel) {
    convolution *self = kernel->state;
    if (!self) return;
    snug_onednn_primitive_free(self->reorder);
    snug_onednn_primitive_free(self->main);
    snug_memory_free(self);
}

// The attributes of images and volumes differ in the length of their arrays.
typedef struct window {
    int spatial; // dimensions
    int64_t groups;
    const int64_t *stride, *padding, *dilation;
} window;

static window window_of(const snug_signature *signature) {
    if (signature->inputs[0].rank == 5) {
        const snug_conv3d_attributes *conv = signature->attributes;
        return (window){3, conv->groups, conv->stride, conv->padding, conv->dilation};
    }
    const snug_conv2d_attributes *conv = signature->attributes;
    return (window){2, conv->groups, conv->stride, conv->padding, conv->dilation};
}

static snug_onednn_convolution describe(const snug_signature *signature, const roles *places) {
    window at = window_of(signature);
    snug_onednn_convolution described = {
        .direction = places->direction,
        .source = form_of(signature, places->source),
        .weights = form_of(signature, places->weights),
        .bias = form_of(signature, places->bias),
        .destination = form_of(signature, places->destination),
    };
    described.weights = split_groups(&described.weights, at.groups);
    for (int i = 0; i < at.spatial; i++) {
        described.strides[i] = at.stride[i];
        described.dilations[i] = at.dilation[i];
        described.padding_begin[i] = at.padding[i];
        described.padding_end[i] = at.padding[i + at.spatial];
    }
    return described;
}

static void lay_out_workspace(snug_cpu_kernel *kernel, convolution *self) {
    size_t bytes = snug_onednn_bytes(self->main, SNUG_ONEDNN_SCRATCHPAD);
    if (self->reorder) {
        self->weights_offset = snug_size_align(bytes, SNUG_ARENA_ALIGNMENT);
        bytes = self->weights_offset + snug_onednn_bytes(self->main, SNUG_ONEDNN_WEIGHTS);
        size_t scratchpad = snug_onednn_bytes(self->reorder, SNUG_ONEDNN_SCRATCHPAD);
        self->reorder_offset = snug_size_align(bytes, SNUG_ARENA_ALIGNMENT);
        if (scratchpad) bytes = self->reorder_offset + scratchpad;
    }
    kernel->cached.kernel.workspace_bytes = bytes;
}

static snug_status prepare(snug_cpu_kernel *kernel, const roles *places) {
    snug_onednn_convolution described = describe(&kernel->cached.signature, places);
    snug_onednn_form plain = described.weights;
    described.weights.is_any = true;
    convolution *self;
    SNUG_TRY(SNUG_NEW(&self, 1));
    kernel->state = self;
    kernel->discard = discard;
    SNUG_TRY(snug_onednn_convolution_new(kernel->onednn, &described, &self->main));
    if (!snug_onednn_takes(self->main, SNUG_ONEDNN_WEIGHTS, &plain)) {
        bool to_plain = places->direction == SNUG_ONEDNN_BACKWARD_WEIGHTS;
        SNUG_TRY(snug_onednn_reorder_new(kernel->onednn, self->main, SNUG_ONEDNN_WEIGHTS, &plain,
                                         to_plain, &self->reorder));
    }
    lay_out_workspace(kernel, self);
    return SNUG_OK;
}

static snug_status finish(snug_cpu_kernel *kernel) {
    convolution *self = kernel->state;
    if (self->reorder) SNUG_TRY(snug_onednn_generate(self->reorder));
    return snug_onednn_generate(self->main);
}

static snug_status reorder_weights(const convolution *self, const snug_call *call, void *from,
                                   void *to) {
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = from,
                                         [SNUG_ONEDNN_DESTINATION] = to,
                                         [SNUG_ONEDNN_SCRATCHPAD] =
                                             (char *)call->workspace + self->reorder_offset};
    return snug_onednn_run(self->reorder, data);
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call, const roles *places) {
    convolution *self = kernel->state;
    void *plain = address_of(call, places->weights), *weights = plain;
    if (self->reorder) weights = (char *)call->workspace + self->weights_offset;
    bool makes_weights = places->direction == SNUG_ONEDNN_BACKWARD_WEIGHTS;
    if (self->reorder && !makes_weights) SNUG_TRY(reorder_weights(self, call, plain, weights));
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = address_of(call, places->source),
                                         [SNUG_ONEDNN_WEIGHTS] = weights,
                                         [SNUG_ONEDNN_BIAS] = address_of(call, places->bias),
                                         [SNUG_ONEDNN_DESTINATION] =
                                             address_of(call, places->destination),
                                         [SNUG_ONEDNN_SCRATCHPAD] = call->workspace};
    SNUG_TRY(snug_onednn_run(self->main, data));
    if (self->reorder && makes_weights) return reorder_weights(self, call, weights, plain);
    return SNUG_OK;
}

static snug_status run_forward(snug_cpu_kernel *kernel, const snug_call *call) {
    return run(kernel, call, &forward);
}

static snug_status prepare_forward(snug_cpu_kernel *kernel) {
    kernel->run = run_forward;
    kernel->finish = finish;
    return prepare(kernel, &forward);
}

static snug_status run_backward_input(snug_cpu_kernel *kernel, const snug_call *call) {
    return run(kernel, call, &backward_input);
}

static snug_status prepare_backward_input(snug_cpu_kernel *kernel) {
    kernel->run = run_backward_input;
    kernel->finish = finish;
    return prepare(kernel, &backward_input);
}

static snug_status run_backward_weight(snug_cpu_kernel *kernel, const snug_call *call) {
    return run(kernel, call, &backward_weight);
}

// oneDNN's depthwise kernel does not take every form; what takes the others treats a channel as a
// group of sixteen and is several times slower than plain loops.
static bool is_slow_depthwise(const snug_cpu_kernel *kernel) {
    const convolution *self = kernel->state;
    return snug_depthwise_fits(kernel) &&
           (!self || !self->main || !strstr(snug_onednn_implementation(self->main), "dw"));
}

// oneDNN has no good depthwise kernel for this gradient in 16 bits.
static bool is_low_depthwise(const snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_conv2d_attributes *conv = signature->attributes;
    return signature->inputs[0].dtype != SNUG_F32 && conv->groups > 1 &&
           conv->groups == signature->inputs[0].dims[1];
}

// What an attempt left, before the next one.
static void reset(snug_cpu_kernel *kernel) {
    if (kernel->discard) kernel->discard(kernel);
    kernel->state = NULL;
    kernel->discard = NULL;
    kernel->finish = NULL;
}

static snug_status prepare_backward_weight(snug_cpu_kernel *kernel) {
    if (is_low_depthwise(kernel)) return SNUG_UNSUPPORTED;
    snug_onednn_convolution described = describe(&kernel->cached.signature, &backward_weight);
    snug_status status = snug_weight_gradient_prepare(kernel, &described);
    if (status != SNUG_UNSUPPORTED) return status;
    reset(kernel);
    kernel->run = run_backward_weight;
    kernel->finish = finish;
    status = prepare(kernel, &backward_weight);
    if (status != SNUG_OK && status != SNUG_UNSUPPORTED) return status;
    if (!is_slow_depthwise(kernel)) return status;
    reset(kernel);
    return snug_depthwise_prepare(kernel);
}

static snug_status prepare_volume_weight(snug_cpu_kernel *kernel) {
    kernel->run = run_backward_weight;
    kernel->finish = finish;
    return prepare(kernel, &backward_weight);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_conv3d, prepare_forward},
    {&snug_op_conv3d_backward_input, prepare_backward_input},
    {&snug_op_conv3d_backward_weight, prepare_volume_weight},
    {&snug_op_conv2d, prepare_forward},
    {&snug_op_conv2d_backward_input, prepare_backward_input},
    {&snug_op_conv2d_backward_weight, prepare_backward_weight},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_convolution = {entries};

// BatchNormalization. In training its running values are statistics that the step updates, whatever
// form the file has; a frozen one, and one that is evaluated, uses them.
#include "onnx/operators/emit.h"

typedef struct norm {
    snug_tensor_id inputs[5]; // x, scale, shift, mean, variance
    snug_batch_norm_attributes attributes;
    double momentum; // ONNX's: what is kept of the running values
} norm;

static bool is_statistic(const snug_onnx_call *call, snug_tensor_id tensor) {
    return tensor != SNUG_NO_TENSOR && call->graph->tensors[tensor]->role == SNUG_ROLE_STATISTIC;
}

static snug_status read(const snug_onnx_call *call, norm *self) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, SNUG_MAX_RANK));
    for (size_t i = 1; i < 5; i++)
        SNUG_TRY(snug_onnx_expect_rank(call, i, 1, 1));
    if (snug_onnx_integer(call, "spatial", 1) == 0)
        return snug_fail(SNUG_UNSUPPORTED, "batch norm of each pixel by itself (spatial 0)");
    self->momentum = snug_onnx_real(call, "momentum", 0.9);
    self->attributes = (snug_batch_norm_attributes){.momentum = 1 - self->momentum,
                                                    .eps = snug_onnx_real(call, "epsilon", 1e-5)};
    const snug_type *x = &call->inputs[0].type;
    self->inputs[0] = snug_onnx_use_as(call, 0, snug_emit_image_layout(x->rank));
    for (size_t i = 1; i < 5; i++)
        self->inputs[i] = snug_onnx_use(call, i);
    if (x->rank <= 5) return SNUG_OK;
    int64_t dims[] = {x->dims[0], x->dims[1], 1};
    for (int i = 2; i < x->rank; i++)
        dims[2] *= x->dims[i];
    self->inputs[0] = snug_emit_reshape(call, self->inputs[0], SNUG_CHANNELS_LAST, 3, dims);
    return SNUG_OK;
}

static void set_result(const snug_onnx_call *call, snug_tensor_id y) {
    const snug_type *x = &call->inputs[0].type;
    snug_onnx_set(call, 0,
                  x->rank <= 5 ? y
                               : snug_emit_reshape(call, y, SNUG_CHANNELS_LAST, x->rank, x->dims));
}

// Statistics that the step updates, with PyTorch's unbiased variance. Results that name the running
// values are those after the update.
static void emit_learning(const snug_onnx_call *call, norm *self) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS] = {SNUG_NO_TENSOR};
    self->attributes.update = 1;
    snug_graph_node(call->graph, &snug_op_batch_norm, &self->attributes, self->inputs, 5, outputs);
    set_result(call, outputs[0]);
    snug_onnx_pass(call, 1, 3);
    snug_onnx_pass(call, 2, 4);
}

// keep * running + (1 - keep) * new.
static snug_tensor_id blend(const snug_onnx_call *call, double keep, snug_tensor_id running,
                            snug_tensor_id fresh) {
    fresh = snug_emit_cast(call, fresh, snug_emit_type(call, running)->dtype);
    return snug_emit_binary(call, &snug_op_add,
                            snug_emit_with(call, &snug_op_multiply, running, keep),
                            snug_emit_with(call, &snug_op_multiply, fresh, 1 - keep));
}

// The training form to the letter: ONNX's running variance takes the biased one.
static void emit_written(const snug_onnx_call *call, norm *self) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    snug_graph_node(call->graph, &snug_op_batch_norm, &self->attributes, self->inputs, 5, outputs);
    set_result(call, outputs[0]);
    for (size_t i = 1; i < 3; i++)
        if (snug_onnx_is_used(call, i))
            snug_onnx_set(call, i, blend(call, self->momentum, self->inputs[2 + i], outputs[i]));
}

static snug_status translate(const snug_onnx_call *call) {
    norm self;
    SNUG_TRY(read(call, &self));
    bool learns = call->training && !call->freeze_bn;
    bool is_written = snug_onnx_integer(call, "training_mode", 0) != 0;
    if (learns && is_statistic(call, self.inputs[3]) && is_statistic(call, self.inputs[4])) {
        emit_learning(call, &self);
    } else if (learns || (is_written && call->as_written)) {
        emit_written(call, &self);
    } else {
        set_result(call, snug_graph_emit(call->graph, &snug_op_batch_norm_inference,
                                         &self.attributes, self.inputs, 5));
        snug_onnx_pass(call, 1, 3);
        snug_onnx_pass(call, 2, 4);
    }
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {{"BatchNormalization", "", 5, 5, translate}};
const snug_onnx_operators snug_onnx_operators_batch_normalization = {rows, 1};

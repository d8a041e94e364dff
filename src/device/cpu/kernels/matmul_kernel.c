// matmul and linear through oneDNN; transposed operands are strided ones. Workspace: scratchpad.
#include "device/cpu/kernel.h"
#include "ops/ops.h"

static void discard(snug_cpu_kernel *kernel) {
    snug_onednn_primitive_free(kernel->state);
}

static snug_status finish(snug_cpu_kernel *kernel) {
    return snug_onednn_generate(kernel->state);
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    bool has_bias = call->input_count > 2;
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = call->inputs[0].data,
                                         [SNUG_ONEDNN_WEIGHTS] = call->inputs[1].data,
                                         [SNUG_ONEDNN_BIAS] =
                                             has_bias ? call->inputs[2].data : NULL,
                                         [SNUG_ONEDNN_DESTINATION] = call->outputs[0].data,
                                         [SNUG_ONEDNN_SCRATCHPAD] = call->workspace};
    return snug_onednn_run(kernel->state, data);
}

// (..., rows, columns) as (batch, rows, columns), or as a matrix when there is no batch; transposed
// on demand.
static snug_onednn_form matrix_form(const snug_type *type, bool is_transposed) {
    int rank = type->rank;
    int64_t stored_rows = type->dims[rank - 2], stored_columns = type->dims[rank - 1];
    int64_t matrix = stored_rows * stored_columns;
    snug_onednn_form form = {.dtype = type->dtype};
    if (rank > 2) {
        form.dims[0] = matrix ? snug_type_elements(type) / matrix : 0;
        form.strides[0] = matrix;
        form.rank = 1;
    }
    form.dims[form.rank] = is_transposed ? stored_columns : stored_rows;
    form.strides[form.rank] = is_transposed ? 1 : stored_columns;
    form.dims[form.rank + 1] = is_transposed ? stored_rows : stored_columns;
    form.strides[form.rank + 1] = is_transposed ? stored_columns : 1;
    form.rank += 2;
    return form;
}

static snug_status prepare(snug_cpu_kernel *kernel, bool transpose_a, bool transpose_b,
                           const snug_onednn_form *bias) {
    const snug_signature *signature = &kernel->cached.signature;
    if (snug_type_elements(&signature->inputs[0]) == 0 ||
        snug_type_elements(&signature->inputs[1]) == 0)
        return SNUG_UNSUPPORTED;
    snug_onednn_form a = matrix_form(&signature->inputs[0], transpose_a);
    snug_onednn_form b = matrix_form(&signature->inputs[1], transpose_b);
    snug_onednn_form y = matrix_form(&signature->outputs[0], false);
    snug_onednn_primitive *primitive;
    SNUG_TRY(snug_onednn_matmul_new(kernel->onednn, &a, &b, bias, &y, &primitive));
    kernel->state = primitive;
    kernel->discard = discard;
    kernel->finish = finish;
    kernel->run = run;
    kernel->cached.kernel.workspace_bytes = snug_onednn_bytes(primitive, SNUG_ONEDNN_SCRATCHPAD);
    return SNUG_OK;
}

static snug_status prepare_matmul(snug_cpu_kernel *kernel) {
    const snug_matmul_attributes *matmul = kernel->cached.signature.attributes;
    const snug_onednn_form no_bias = {0};
    return prepare(kernel, matmul->transpose_a, matmul->transpose_b, &no_bias);
}

static snug_status prepare_linear(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_onednn_form bias = {0};
    if (signature->input_count > 2 && signature->present >> 2 & 1) {
        snug_type row =
            snug_type_matrix(signature->inputs[2].dtype, 1, signature->inputs[2].dims[0]);
        bias = snug_onednn_form_of(&row);
    }
    return prepare(kernel, false, true, &bias);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_matmul, prepare_matmul},
    {&snug_op_linear, prepare_linear},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_matmul = {entries};

// Casts between float32 and 16 bits: one pass over memory.
#include "device/cpu/convert.h"
#include "device/cpu/kernel.h"
#include "ops/ops.h"

static snug_status run_cast(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t count = snug_type_elements(&x->type);
    if (x->type.dtype == SNUG_F32)
        snug_narrow_all(kernel->threads, x->data, y->type.dtype, count, y->data);
    else
        snug_widen_all(kernel->threads, x->data, x->type.dtype, count, y->data);
    return SNUG_OK;
}

static snug_status prepare_cast(snug_cpu_kernel *kernel) {
    snug_dtype from = kernel->cached.signature.inputs[0].dtype;
    snug_dtype to = kernel->cached.signature.outputs[0].dtype;
    kernel->run = run_cast;
    bool fits =
        (from == SNUG_F32 && snug_is_16_bit(to)) || (to == SNUG_F32 && snug_is_16_bit(from));
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {{&snug_op_cast, prepare_cast}, {NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_cast = {entries};

// Batched matrix product, (..., M, K) x (..., K, N), as torch.matmul for equal leading dimensions.
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_matmul_attributes, transpose_a, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_matmul_attributes, transpose_b, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_matmul_attributes *matmul = attributes;
    const snug_type *a = &inputs[0], *b = &inputs[1];
    int rank = a->rank;
    char first[SNUG_TYPE_TEXT], second[SNUG_TYPE_TEXT];
    snug_type_print(a, first);
    snug_type_print(b, second);
    if (rank < 2 || b->rank != rank || a->layout != SNUG_ROW_MAJOR || b->layout != SNUG_ROW_MAJOR)
        return snug_fail(SNUG_INVALID, "two row-major matrices expected, found %s and %s", first,
                         second);
    for (int i = 0; i < rank - 2; i++)
        if (a->dims[i] != b->dims[i])
            return snug_fail(SNUG_INVALID, "equal leading dimensions expected, found %s and %s",
                             first, second);
    if (a->dims[rank - (matmul->transpose_a ? 2 : 1)] !=
        b->dims[rank - (matmul->transpose_b ? 1 : 2)])
        return snug_fail(SNUG_INVALID, "the inner dimensions of %s%s and %s%s differ", first,
                         matmul->transpose_a ? " transposed" : "", second,
                         matmul->transpose_b ? " transposed" : "");
    outputs[0] = *a;
    outputs[0].dims[rank - 2] = a->dims[rank - (matmul->transpose_a ? 1 : 2)];
    outputs[0].dims[rank - 1] = b->dims[rank - (matmul->transpose_b ? 2 : 1)];
    return SNUG_OK;
}

// For y = a b: da = dy b', db = a' dy; a transposed operand takes the transposed gradient.
static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_matmul_attributes *matmul = (const void *)node->attributes;
    bool ta = matmul->transpose_a, tb = matmul->transpose_b;
    snug_tensor_id a = node->inputs[0], b = node->inputs[1];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (snug_backward_wants(backward, node, 0)) {
        snug_matmul_attributes form =
            ta ? (snug_matmul_attributes){tb, 1} : (snug_matmul_attributes){0, !tb};
        snug_backward_give(
            backward, node, 0,
            SNUG_EMIT(backward->graph, &snug_op_matmul, &form, ta ? b : dy, ta ? dy : b));
    }
    if (snug_backward_wants(backward, node, 1)) {
        snug_matmul_attributes form =
            tb ? (snug_matmul_attributes){1, ta} : (snug_matmul_attributes){!ta, 0};
        snug_backward_give(
            backward, node, 1,
            SNUG_EMIT(backward->graph, &snug_op_matmul, &form, tb ? dy : a, tb ? a : dy));
    }
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_matmul_attributes *matmul = call->attributes;
    const snug_view *a = &call->inputs[0], *b = &call->inputs[1], *y = &call->outputs[0];
    int rank = y->type.rank;
    int64_t m = y->type.dims[rank - 2], n = y->type.dims[rank - 1];
    int64_t k = a->type.dims[rank - (matmul->transpose_a ? 2 : 1)];
    int64_t rows = m * n > 0 ? snug_type_elements(&y->type) / n : 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t batch = row / m, i = row % m;
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum +=
                    snug_view_get(a,
                                  batch * m * k + (matmul->transpose_a ? l * m + i : i * k + l)) *
                    snug_view_get(b, batch * k * n + (matmul->transpose_b ? j * k + l : l * n + j));
            snug_view_set(y, row * n + j, sum);
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    const snug_matmul_attributes *matmul = attributes;
    return 2.0 * (double)snug_type_elements(&outputs[0]) *
           (double)inputs[0].dims[inputs[0].rank - (matmul->transpose_a ? 2 : 1)];
}

static const snug_matmul_attributes plain = {0, 0}, a_transposed = {1, 0}, b_transposed = {0, 1},
                                    both = {1, 1};

#define MATRIX SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, form, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(form), .input_count = 2, .inputs = { __VA_ARGS__ }        \
    }

static const snug_sample samples[] = {
    SAMPLE("plain", plain, MATRIX(4, 5), MATRIX(5, 3)),
    SAMPLE("a transposed", a_transposed, MATRIX(5, 4), MATRIX(5, 3)),
    SAMPLE("b transposed", b_transposed, MATRIX(4, 5), MATRIX(3, 5)),
    SAMPLE("both transposed", both, MATRIX(5, 4), MATRIX(3, 5)),
    SAMPLE("batched", plain, MATRIX(2, 3, 4, 5), MATRIX(2, 3, 5, 2)),
};

// A product comes apart by its first dimension, which with matrices is the first operand's, or what
// is summed over where that is transposed: a weight's gradient.
static snug_rows rows_of(const void *attributes, const snug_type *outputs) {
    const snug_matmul_attributes *matmul = attributes;
    if (outputs[0].rank > 2) return (snug_rows){.inputs = 3};
    if (!matmul->transpose_a) return (snug_rows){.inputs = 1};
    return (snug_rows){.inputs = matmul->transpose_b ? 0 : 3, .sums = !matmul->transpose_b};
}

const snug_op snug_op_matmul = {
    .name = "matmul",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_matmul_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_MATRIX},
    .rows_of = rows_of,
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops,
    .reference = kernel,
    .onnx = "MatMul",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_matmul, NULL};
const snug_op_file snug_ops_matmul = {ops};

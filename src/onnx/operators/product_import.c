// MatMul with numpy's rules, and Gemm.
#include "onnx/operators/emit.h"

// The dimensions before the last two that |a| and |b| (of rank 2 and more) broadcast to; |*rank|
// includes the last two, which are |a|'s.
static snug_status join_batches(const snug_type *a, const snug_type *b, int *rank, int64_t *dims) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < *rank - 2; i++) {
        int from_a = i - (*rank - a->rank), from_b = i - (*rank - b->rank);
        int64_t x = from_a >= 0 ? a->dims[from_a] : 1, y = from_b >= 0 ? b->dims[from_b] : 1;
        dims[i] = x == 1 ? y : x;
        char first[SNUG_TYPE_TEXT], second[SNUG_TYPE_TEXT];
        if (x != 1 && y != 1 && x != y)
            return snug_fail(SNUG_BAD_FILE, "%s and %s do not broadcast to a product",
                             snug_type_print(a, first), snug_type_print(b, second));
    }
    return SNUG_OK;
}

static snug_tensor_id expand_batches(const snug_onnx_call *call, snug_tensor_id x, int rank,
                                     const int64_t *batches) {
    int64_t dims[SNUG_MAX_RANK] = {0};
    const snug_type *type = snug_emit_type(call, x);
    for (int i = 0; i < rank; i++)
        dims[i] = i < rank - 2 ? batches[i] : type->dims[type->rank - rank + i];
    return snug_emit_expand(call, x, rank, dims);
}

// The product of |a| and |b|, of rank 2 and more. A matrix on the right multiplies all rows of the
// left at once.
static snug_status emit_product(const snug_onnx_call *call, snug_tensor_id a, snug_tensor_id b,
                                snug_tensor_id *out) {
    static const snug_matmul_attributes plain = {0, 0};
    *out = SNUG_NO_TENSOR;
    if (a == SNUG_NO_TENSOR || b == SNUG_NO_TENSOR) return SNUG_OK;
    snug_type left = *snug_emit_type(call, a), right = *snug_emit_type(call, b);
    if (right.rank == 2 && left.rank > 2) {
        int64_t columns = left.dims[left.rank - 1];
        int64_t rows[] = {1, columns};
        for (int i = 0; i < left.rank - 1; i++)
            rows[0] *= left.dims[i];
        a = snug_emit_reshape(call, a, SNUG_ROW_MAJOR, 2, rows);
        snug_tensor_id y = SNUG_EMIT(call->graph, &snug_op_matmul, &plain, a, b);
        left.dims[left.rank - 1] = right.dims[1];
        *out = snug_emit_reshape(call, y, SNUG_ROW_MAJOR, left.rank, left.dims);
        return SNUG_OK;
    }
    int rank = 0;
    int64_t batches[SNUG_MAX_RANK] = {0};
    SNUG_TRY(join_batches(&left, &right, &rank, batches));
    a = expand_batches(call, a, rank, batches);
    b = expand_batches(call, b, rank, batches);
    *out = SNUG_EMIT(call->graph, &snug_op_matmul, &plain, a, b);
    return SNUG_OK;
}

static snug_status translate_matmul(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    SNUG_TRY(snug_onnx_expect_rank(call, 1, 1, SNUG_MAX_RANK));
    const snug_type *left = &call->inputs[0].type, *right = &call->inputs[1].type;
    snug_tensor_id a = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    snug_tensor_id b = snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR), y;
    // A vector is a row on the left and a column on the right, which the result then lacks.
    const int64_t row[] = {1, left->dims[0]}, column[] = {right->dims[0], 1};
    if (left->rank == 1) a = snug_emit_reshape(call, a, SNUG_ROW_MAJOR, 2, row);
    if (right->rank == 1) b = snug_emit_reshape(call, b, SNUG_ROW_MAJOR, 2, column);
    SNUG_TRY(emit_product(call, a, b, &y));
    if (y == SNUG_NO_TENSOR) return SNUG_OK;
    snug_type type = *snug_emit_type(call, y);
    int64_t dims[SNUG_MAX_RANK] = {0};
    int rank = 0;
    for (int i = 0; i < type.rank; i++) {
        bool lacks =
            (i == type.rank - 2 && left->rank == 1) || (i == type.rank - 1 && right->rank == 1);
        if (!lacks) dims[rank++] = type.dims[i];
    }
    snug_onnx_set(call, 0, snug_emit_reshape(call, y, SNUG_ROW_MAJOR, rank, dims));
    return SNUG_OK;
}

typedef struct gemm {
    double alpha, beta;
    snug_matmul_attributes form;
} gemm;

// Whether the bias is one row that linear() adds.
static bool is_linear(const snug_onnx_call *call, const gemm *self) {
    if (self->alpha != 1 || self->form.transpose_a || !self->form.transpose_b) return false;
    if (!snug_onnx_has(call, 2)) return true;
    const snug_type *bias = &call->inputs[2].type;
    return self->beta == 1 && bias->rank == 1 && bias->dims[0] == call->inputs[1].type.dims[0];
}

static snug_status translate_gemm(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, 2));
    SNUG_TRY(snug_onnx_expect_rank(call, 1, 2, 2));
    gemm self = {.alpha = snug_onnx_real(call, "alpha", 1),
                 .beta = snug_onnx_real(call, "beta", 1),
                 .form = {.transpose_a = snug_onnx_integer(call, "transA", 0) != 0,
                          .transpose_b = snug_onnx_integer(call, "transB", 0) != 0}};
    const snug_tensor_id inputs[] = {snug_onnx_use(call, 0), snug_onnx_use(call, 1),
                                     snug_onnx_use(call, 2)};
    bool has_bias = snug_onnx_has(call, 2);
    if (is_linear(call, &self)) {
        snug_onnx_set(
            call, 0, snug_graph_emit(call->graph, &snug_op_linear, NULL, inputs, has_bias ? 3 : 2));
        return SNUG_OK;
    }
    snug_tensor_id y = snug_graph_emit(call->graph, &snug_op_matmul, &self.form, inputs, 2);
    y = snug_emit_with(call, &snug_op_multiply, y, self.alpha);
    if (has_bias && self.beta != 0)
        y = snug_emit_binary(call, &snug_op_add, y,
                             snug_emit_with(call, &snug_op_multiply, inputs[2], self.beta));
    snug_onnx_set(call, 0, y);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"MatMul", "", 2, 2, translate_matmul},
    {"Gemm", "", 2, 3, translate_gemm},
};
const snug_onnx_operators snug_onnx_operators_product = {rows, sizeof rows / sizeof *rows};

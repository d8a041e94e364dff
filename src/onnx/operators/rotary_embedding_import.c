// RotaryEmbedding: pairs of a head's features turned by angles that depend on the position. The
// pairs are neighbours (interleaved), or lie half of the features apart.
#include "onnx/operators/emit.h"

typedef struct rotary {
    snug_type type;    // x as (batch, heads, positions, size) or (batch, positions, heads, size)
    bool heads_second; // the former
    bool is_interleaved;
    int64_t turned; // features of a head that are turned
} rotary;

static snug_status read(const snug_onnx_call *call, rotary *self, snug_tensor_id *x) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, 4));
    *x = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    self->type = call->inputs[0].type;
    self->type.layout = SNUG_ROW_MAJOR;
    self->heads_second = self->type.rank == 4;
    self->is_interleaved = snug_onnx_integer(call, "interleaved", 0) != 0;
    if (self->type.rank == 3) {
        int64_t heads = snug_onnx_integer(call, "num_heads", 0), whole = self->type.dims[2];
        if (heads < 1 || whole % heads != 0)
            return snug_fail(SNUG_BAD_FILE, "num_heads: a divisor of %lld expected, found %lld",
                             (long long)whole, (long long)heads);
        self->type.rank = 4;
        self->type.dims[2] = heads;
        self->type.dims[3] = whole / heads;
        *x = snug_emit_reshape(call, *x, SNUG_ROW_MAJOR, 4, self->type.dims);
    }
    self->turned = snug_onnx_integer(call, "rotary_embedding_dim", 0);
    if (self->turned == 0) self->turned = self->type.dims[3];
    if (self->turned < 0 || self->turned > self->type.dims[3] || self->turned % 2 != 0)
        return snug_fail(SNUG_BAD_FILE,
                         "rotary_embedding_dim: an even number up to %lld expected, found %lld",
                         (long long)self->type.dims[3], (long long)self->turned);
    return SNUG_OK;
}

// A table of cosines or sines beside one half of the turned features.
static snug_status use_table(const snug_onnx_call *call, const rotary *self, size_t index,
                             snug_tensor_id *out) {
    static const snug_gather_attributes rows = {.axis = 0};
    snug_tensor_id table = snug_onnx_use_as(call, index, SNUG_ROW_MAJOR);
    if (snug_onnx_has(call, 3))
        table = SNUG_EMIT(call->graph, &snug_op_gather, &rows, table,
                          snug_onnx_use_as(call, 3, SNUG_ROW_MAJOR));
    SNUG_TRY(snug_graph_status(call->graph));
    snug_type type = *snug_emit_type(call, table);
    int64_t positions = self->type.dims[self->heads_second ? 2 : 1], half = self->turned / 2;
    char text[SNUG_TYPE_TEXT];
    if (type.rank != 3 || (type.dims[0] != 1 && type.dims[0] != self->type.dims[0]) ||
        type.dims[1] != positions || type.dims[2] != half)
        return snug_fail(SNUG_BAD_FILE,
                         "angles for %lld positions and %lld pairs expected, found %s",
                         (long long)positions, (long long)half, snug_type_print(&type, text));
    const int64_t dims[] = {type.dims[0], self->heads_second ? 1 : positions,
                            self->heads_second ? positions : 1, self->is_interleaved ? half : 1,
                            self->is_interleaved ? 1 : half};
    *out = snug_emit_reshape(call, table, SNUG_ROW_MAJOR, 5, dims);
    return SNUG_OK;
}

// a * b with a sign, plus c * d.
static snug_tensor_id turn(const snug_onnx_call *call, const snug_op *op, snug_tensor_id a,
                           snug_tensor_id b, snug_tensor_id c, snug_tensor_id d) {
    return snug_emit_binary(call, op, snug_emit_binary(call, &snug_op_multiply, a, b),
                            snug_emit_binary(call, &snug_op_multiply, c, d));
}

static snug_status translate(const snug_onnx_call *call) {
    rotary self;
    snug_tensor_id x = SNUG_NO_TENSOR, cosine = SNUG_NO_TENSOR, sine = SNUG_NO_TENSOR;
    SNUG_TRY(read(call, &self, &x));
    SNUG_TRY(use_table(call, &self, 1, &cosine));
    SNUG_TRY(use_table(call, &self, 2, &sine));
    int64_t size = self.type.dims[3], half = self.turned / 2;
    snug_tensor_id turned = x, still = SNUG_NO_TENSOR;
    if (self.turned < size) {
        turned = snug_emit_slice(call, x, 3, 0, self.turned);
        still = snug_emit_slice(call, x, 3, self.turned, size - self.turned);
    }
    int64_t pairs[5] = {self.type.dims[0], self.type.dims[1], self.type.dims[2], 2, half};
    int axis = 3;
    if (self.is_interleaved) {
        axis = 4;
        pairs[3] = half;
        pairs[4] = 2;
    }
    turned = snug_emit_reshape(call, turned, SNUG_ROW_MAJOR, 5, pairs);
    snug_tensor_id a = snug_emit_slice(call, turned, axis, 0, 1);
    snug_tensor_id b = snug_emit_slice(call, turned, axis, 1, 1);
    turned = snug_emit_concat(call, turn(call, &snug_op_subtract, cosine, a, sine, b),
                              turn(call, &snug_op_add, sine, a, cosine, b), axis);
    int64_t dims[] = {self.type.dims[0], self.type.dims[1], self.type.dims[2], self.turned};
    turned = snug_emit_reshape(call, turned, SNUG_ROW_MAJOR, 4, dims);
    if (still != SNUG_NO_TENSOR) turned = snug_emit_concat(call, turned, still, 3);
    const snug_type *type = &call->inputs[0].type;
    snug_onnx_set(call, 0, snug_emit_reshape(call, turned, SNUG_ROW_MAJOR, type->rank, type->dims));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {{"RotaryEmbedding", "", 3, 4, translate}};
const snug_onnx_operators snug_onnx_operators_rotary_embedding = {rows, 1};

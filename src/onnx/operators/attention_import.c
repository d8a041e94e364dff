// Attention: scaled dot products of queries and keys, what masks leave of them through softmax, and
// the values' mixture. Keys and values may follow those of a cache; several heads of queries may
// share one of keys. Made of products, so that its gradient is, too.
#include <math.h>

#include "onnx/operators/emit.h"

enum { query, key, value, mask, past_key, past_value, valid_keys };
enum { capped_scores = 1, masked_scores = 2, shares = 3 }; // qk_matmul_output_mode

typedef struct attention {
    snug_tensor_id q, k, v; // (batch, heads, positions, head size)
    snug_dtype dtype;
    int64_t batch, heads, queries, keys; // keys: with those of the cache
    int64_t past;                        // keys of the cache
    snug_tensor_id bias;                 // added to scores, or SNUG_NO_TENSOR
    bool can_hide_all;                   // the bias may leave a query without keys
} attention;

// Input |index| as (batch, heads, positions, head size); of three dimensions, the last is heads
// after heads.
static snug_status use_heads(const snug_onnx_call *call, size_t index, const char *attribute,
                             snug_tensor_id *out) {
    static const int64_t heads_first[] = {0, 2, 1, 3};
    SNUG_TRY(snug_onnx_expect_rank(call, index, 3, 4));
    *out = snug_onnx_use_as(call, index, SNUG_ROW_MAJOR);
    const snug_type *type = &call->inputs[index].type;
    if (type->rank == 4) return SNUG_OK;
    int64_t heads = snug_onnx_integer(call, attribute, 0);
    if (heads < 1 || type->dims[2] % heads != 0)
        return snug_fail(SNUG_BAD_FILE, "%s: a divisor of %lld expected, found %lld", attribute,
                         (long long)type->dims[2], (long long)heads);
    const int64_t dims[] = {type->dims[0], type->dims[1], heads, type->dims[2] / heads};
    *out = snug_emit_transpose(call, snug_emit_reshape(call, *out, SNUG_ROW_MAJOR, 4, dims),
                               heads_first);
    return SNUG_OK;
}

// Keys and values of the cache come first; what there is then may be a result.
static void extend(const snug_onnx_call *call, attention *self) {
    if (snug_onnx_has(call, past_key)) {
        self->past = call->inputs[past_key].type.dims[2];
        self->k =
            snug_emit_concat(call, snug_onnx_use_as(call, past_key, SNUG_ROW_MAJOR), self->k, 2);
        self->v =
            snug_emit_concat(call, snug_onnx_use_as(call, past_value, SNUG_ROW_MAJOR), self->v, 2);
    }
    if (snug_onnx_is_used(call, 1)) snug_onnx_set(call, 1, self->k);
    if (snug_onnx_is_used(call, 2)) snug_onnx_set(call, 2, self->v);
}

static snug_status read(const snug_onnx_call *call, attention *self) {
    *self = (attention){.dtype = call->inputs[query].type.dtype, .bias = SNUG_NO_TENSOR};
    SNUG_TRY(use_heads(call, query, "q_num_heads", &self->q));
    SNUG_TRY(use_heads(call, key, "kv_num_heads", &self->k));
    SNUG_TRY(use_heads(call, value, "kv_num_heads", &self->v));
    if (snug_onnx_has(call, past_key) || snug_onnx_has(call, past_value)) {
        SNUG_TRY(snug_onnx_expect_rank(call, past_key, 4, 4));
        SNUG_TRY(snug_onnx_expect_rank(call, past_value, 4, 4));
    }
    extend(call, self);
    SNUG_TRY(snug_graph_status(call->graph));
    const snug_type *q = snug_emit_type(call, self->q), *k = snug_emit_type(call, self->k);
    self->batch = q->dims[0];
    self->heads = q->dims[1];
    self->queries = q->dims[2];
    self->keys = k->dims[2];
    const snug_type *v = snug_emit_type(call, self->v);
    if (v->dims[1] != k->dims[1])
        return snug_fail(SNUG_BAD_FILE,
                         "as many heads of values as of keys expected, found %lld and %lld",
                         (long long)v->dims[1], (long long)k->dims[1]);
    if (k->dims[1] < 1 || self->heads % k->dims[1] != 0)
        return snug_fail(SNUG_BAD_FILE, "%lld heads of queries cannot share %lld of keys",
                         (long long)self->heads, (long long)k->dims[1]);
    return SNUG_OK;
}

// Each head of |x| (batch, heads, ...) as often as queries have heads for it.
static snug_tensor_id repeat_heads(const snug_onnx_call *call, const attention *self,
                                   snug_tensor_id x) {
    snug_type type = *snug_emit_type(call, x);
    if (type.rank != 4 || type.dims[1] == self->heads) return x;
    int64_t repeats = self->heads / type.dims[1];
    const int64_t apart[] = {type.dims[0], type.dims[1], 1, type.dims[2], type.dims[3]};
    const int64_t each[] = {type.dims[0], type.dims[1], repeats, type.dims[2], type.dims[3]};
    const int64_t all[] = {type.dims[0], self->heads, type.dims[2], type.dims[3]};
    x = snug_emit_reshape(call, x, SNUG_ROW_MAJOR, 5, apart);
    return snug_emit_reshape(call, snug_emit_expand(call, x, 5, each), SNUG_ROW_MAJOR, 4, all);
}

// 0, 1, 2 ... |count| - 1 in float32, shaped (count) or (count, 1).
static snug_tensor_id emit_places(const snug_onnx_call *call, int64_t count, bool is_column) {
    static const snug_cumulative_attributes before = {.exclusive = 1};
    snug_type line = snug_type_vector(SNUG_F32, count);
    const int64_t column[] = {count, 1};
    snug_tensor_id places =
        SNUG_EMIT(call->graph, &snug_op_cumulative_sum, &before, snug_emit_full(call, &line, 1));
    return is_column ? snug_emit_reshape(call, places, SNUG_ROW_MAJOR, 2, column) : places;
}

static snug_tensor_id both(const snug_onnx_call *call, snug_tensor_id a, snug_tensor_id b) {
    return a == SNUG_NO_TENSOR ? b : snug_emit_binary(call, &snug_op_logical_and, a, b);
}

// Bools: which keys each query may look at, by causality, windows and valid keys; or
// SNUG_NO_TENSOR.
static snug_tensor_id emit_allowed(const snug_onnx_call *call, const attention *self) {
    bool is_causal = snug_onnx_integer(call, "is_causal", 0) != 0;
    int64_t left = snug_onnx_integer(call, "left_window_size", -1);
    int64_t right = snug_onnx_integer(call, "right_window_size", -1);
    bool has_valid = snug_onnx_has(call, valid_keys);
    snug_tensor_id allowed = SNUG_NO_TENSOR, valid = SNUG_NO_TENSOR;
    if (!is_causal && left < 0 && right < 0 && !has_valid) return allowed;
    snug_tensor_id keys = emit_places(call, self->keys, false);
    if (has_valid) {
        const int64_t each[] = {self->batch, 1, 1, 1};
        valid = snug_emit_cast(call, snug_onnx_use(call, valid_keys), SNUG_F32);
        valid = snug_emit_reshape(call, valid, SNUG_ROW_MAJOR, 4, each);
        allowed = snug_emit_binary(call, &snug_op_less, keys, valid);
    }
    if (!is_causal && left < 0 && right < 0) return allowed;
    // How far a key lies behind the query of its place, which counts from the cache's end.
    snug_tensor_id ahead =
        snug_emit_binary(call, &snug_op_subtract, keys, emit_places(call, self->queries, true));
    bool by_sample = has_valid && !snug_onnx_has(call, past_key);
    snug_tensor_id start =
        by_sample ? snug_emit_with(call, &snug_op_subtract, valid, (double)self->queries)
                  : snug_onnx_scalar(call, SNUG_F32, (double)self->past);
    ahead = snug_emit_binary(call, &snug_op_subtract, ahead, start);
    if (is_causal)
        allowed = both(call, allowed, snug_emit_with(call, &snug_op_less_or_equal, ahead, 0));
    if (left >= 0)
        allowed = both(call, allowed,
                       snug_emit_with(call, &snug_op_greater_or_equal, ahead, -(double)left));
    if (right >= 0)
        allowed =
            both(call, allowed, snug_emit_with(call, &snug_op_less_or_equal, ahead, (double)right));
    return allowed;
}

// The mask that is given, with keys hidden that it is too short for.
static snug_status use_mask(const snug_onnx_call *call, const attention *self,
                            snug_tensor_id *out) {
    SNUG_TRY(snug_onnx_expect_rank(call, mask, 1, 4));
    const snug_type *type = &call->inputs[mask].type;
    *out = snug_onnx_use_as(call, mask, SNUG_ROW_MAJOR);
    int last = type->rank - 1;
    if (type->dims[last] > self->keys)
        return snug_fail(SNUG_BAD_FILE, "a mask for %lld keys expected, found one for %lld",
                         (long long)self->keys, (long long)type->dims[last]);
    if (type->dims[last] == self->keys) return SNUG_OK;
    snug_pad_attributes pad = {.value = type->dtype == SNUG_BOOL ? 0 : -INFINITY};
    pad.after[last] = self->keys - type->dims[last];
    *out = SNUG_EMIT(call->graph, &snug_op_pad, &pad, *out);
    return SNUG_OK;
}

static snug_status emit_bias(const snug_onnx_call *call, attention *self) {
    snug_tensor_id given = SNUG_NO_TENSOR, allowed = emit_allowed(call, self);
    if (snug_onnx_has(call, mask)) {
        SNUG_TRY(use_mask(call, self, &given));
        if (call->inputs[mask].type.dtype == SNUG_BOOL) {
            allowed = both(call, allowed, given);
            given = SNUG_NO_TENSOR;
        }
    }
    if (allowed != SNUG_NO_TENSOR)
        self->bias = SNUG_EMIT(call->graph, &snug_op_where, NULL, allowed,
                               snug_onnx_scalar(call, self->dtype, 0),
                               snug_onnx_scalar(call, self->dtype, -INFINITY));
    if (given != SNUG_NO_TENSOR) {
        given = snug_emit_cast(call, given, self->dtype);
        self->bias = allowed == SNUG_NO_TENSOR
                         ? given
                         : snug_emit_binary(call, &snug_op_add, self->bias, given);
    }
    self->can_hide_all = snug_onnx_has(call, mask) || snug_onnx_has(call, valid_keys) ||
                         snug_onnx_integer(call, "left_window_size", -1) >= 0;
    return SNUG_OK;
}

// A query without keys mixes nothing.
static snug_tensor_id clear_hidden(const snug_onnx_call *call, const attention *self,
                                   snug_tensor_id x) {
    int rank = snug_emit_type(call, self->bias)->rank;
    snug_tensor_id highest =
        snug_emit_reduce(call, &snug_op_reduce_max, self->bias, UINT32_C(1) << (rank - 1));
    snug_tensor_id is_hidden = snug_emit_with(call, &snug_op_equal, highest, -INFINITY);
    return SNUG_EMIT(call->graph, &snug_op_where, NULL, is_hidden, snug_emit_number(call, x, 0), x);
}

// Queries and keys are scaled alike where 16 bits could overflow.
static snug_tensor_id emit_scores(const snug_onnx_call *call, const attention *self) {
    static const snug_matmul_attributes by_keys = {.transpose_b = 1};
    int64_t size = snug_emit_type(call, self->q)->dims[3];
    double scale = snug_onnx_real(call, "scale", 0);
    if (!snug_onnx_attribute_find(call->node, "scale")) scale = 1 / sqrt((double)size);
    bool is_low = self->dtype == SNUG_F16 || self->dtype == SNUG_BF16;
    snug_tensor_id q =
        snug_emit_with(call, &snug_op_multiply, self->q, is_low ? sqrt(scale) : scale);
    snug_tensor_id k = repeat_heads(call, self, self->k);
    if (is_low) k = snug_emit_with(call, &snug_op_multiply, k, sqrt(scale));
    return SNUG_EMIT(call->graph, &snug_op_matmul, &by_keys, q, k);
}

// Softmax over the keys. In 16 bits each of its steps rounds, as it does elsewhere.
static snug_tensor_id emit_softmax(const snug_onnx_call *call, snug_tensor_id x) {
    static const snug_axis_attributes over_keys = {.axis = 3};
    snug_dtype dtype = snug_emit_type(call, x)->dtype;
    if (dtype != SNUG_F16 && dtype != SNUG_BF16)
        return SNUG_EMIT(call->graph, &snug_op_softmax, &over_keys, x);
    x = snug_emit_binary(call, &snug_op_subtract, x,
                         snug_emit_reduce(call, &snug_op_reduce_max, x, 8));
    x = snug_emit_unary(call, &snug_op_exp, x);
    return snug_emit_binary(call, &snug_op_divide, x,
                            snug_emit_reduce(call, &snug_op_reduce_sum, x, 8));
}

static snug_status emit_shares(const snug_onnx_call *call, const attention *self,
                               snug_tensor_id scores, snug_tensor_id *out) {
    static const snug_dtype dtypes[] = {
        [1] = SNUG_F32, [10] = SNUG_F16, [11] = SNUG_F64, [16] = SNUG_BF16}; // TensorProto's
    int64_t precision = snug_onnx_integer(call, "softmax_precision", 0);
    bool is_known = precision == 1 || precision == 10 || precision == 11 || precision == 16;
    if (precision != 0 && !is_known)
        return snug_fail(SNUG_BAD_FILE,
                         "softmax_precision: a floating-point type expected, found "
                         "%lld",
                         (long long)precision);
    snug_tensor_id x = snug_emit_cast(call, scores, precision ? dtypes[precision] : self->dtype);
    x = emit_softmax(call, x);
    if (self->can_hide_all) x = clear_hidden(call, self, x);
    *out = snug_emit_cast(call, x, self->dtype);
    return SNUG_OK;
}

static void set_result(const snug_onnx_call *call, snug_tensor_id y) {
    static const int64_t heads_second[] = {0, 2, 1, 3};
    if (call->inputs[query].type.rank == 3 && y != SNUG_NO_TENSOR) {
        snug_type type = *snug_emit_type(call, y);
        const int64_t dims[] = {type.dims[0], type.dims[2], type.dims[1] * type.dims[3]};
        y = snug_emit_reshape(call, snug_emit_transpose(call, y, heads_second), SNUG_ROW_MAJOR, 3,
                              dims);
    }
    snug_onnx_set(call, 0, y);
}

static snug_status translate(const snug_onnx_call *call) {
    static const snug_matmul_attributes plain = {0, 0};
    attention self;
    SNUG_TRY(read(call, &self));
    SNUG_TRY(emit_bias(call, &self));
    SNUG_TRY(snug_graph_status(call->graph));
    int64_t mode = snug_onnx_integer(call, "qk_matmul_output_mode", 0);
    double cap = snug_onnx_real(call, "softcap", 0);
    snug_tensor_id scores = emit_scores(call, &self), seen = scores;
    snug_tensor_id mixture = SNUG_NO_TENSOR;
    if (cap > 0) {
        scores = snug_emit_with(call, &snug_op_multiply, scores, 1 / cap);
        scores = snug_emit_with(call, &snug_op_multiply,
                                snug_emit_unary(call, &snug_op_tanh, scores), cap);
    }
    if (mode == capped_scores) seen = scores;
    if (self.bias != SNUG_NO_TENSOR)
        scores = snug_emit_binary(call, &snug_op_add, scores, self.bias);
    if (mode == masked_scores) seen = scores;
    SNUG_TRY(emit_shares(call, &self, scores, &mixture));
    if (mode == shares) seen = mixture;
    if (snug_onnx_is_used(call, 3)) snug_onnx_set(call, 3, seen);
    set_result(call, SNUG_EMIT(call->graph, &snug_op_matmul, &plain, mixture,
                               repeat_heads(call, &self, self.v)));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {{"Attention", "", 3, 7, translate}};
const snug_onnx_operators snug_onnx_operators_attention = {rows, 1};

// Transposition, repetition, and blocks between channels and pixels.
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

// A transposition, as a view where no element moves: from channels last to (N, H, W, C) and back.
static snug_tensor_id transpose(const snug_onnx_call *call, snug_tensor_id x, const int64_t *perm) {
    const snug_type *type = snug_graph_type(call->graph, x);
    snug_transpose_attributes attributes = {.layout = SNUG_ROW_MAJOR};
    memcpy(attributes.perm, perm, (size_t)type->rank * sizeof *perm);
    if (snug_transpose_moves_nothing(type, &attributes))
        return SNUG_EMIT(call->graph, &snug_op_relabel, &attributes, x);
    attributes.layout = SNUG_CHANNELS_LAST;
    if (type->rank >= 3 && snug_transpose_moves_nothing(type, &attributes))
        return SNUG_EMIT(call->graph, &snug_op_relabel, &attributes, x);
    attributes.layout = SNUG_ROW_MAJOR;
    return SNUG_EMIT(call->graph, &snug_op_transpose, &attributes, x);
}

static snug_status translate_transpose(const snug_onnx_call *call) {
    int rank = call->inputs[0].type.rank;
    int64_t perm[SNUG_MAX_RANK];
    size_t count;
    SNUG_TRY(snug_onnx_integers(call, "perm", perm, SNUG_MAX_RANK, &count));
    if (count == 0) {
        for (int i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
    } else if ((int)count != rank) {
        return snug_fail(SNUG_BAD_FILE, "perm of %d dimensions expected, found %zu", rank, count);
    }
    for (int i = 0; i < rank; i++)
        SNUG_TRY(snug_onnx_axis(perm[i], rank, &perm[i]));
    if (rank < 2)
        snug_onnx_pass(call, 0, 0);
    else
        snug_onnx_set(call, 0, transpose(call, snug_onnx_use(call, 0), perm));
    return SNUG_OK;
}

static snug_tensor_id reshape(const snug_onnx_call *call, snug_tensor_id x, int rank,
                              const int64_t *dims) {
    snug_reshape_attributes view = {.rank = rank};
    memcpy(view.dims, dims, (size_t)rank * sizeof *dims);
    return SNUG_EMIT(call->graph, &snug_op_reshape, &view, x);
}

// |x|, row-major, |times| times along |axis|.
static snug_tensor_id repeat(const snug_onnx_call *call, snug_tensor_id x, int axis,
                             int64_t times) {
    snug_type type = *snug_graph_type(call->graph, x);
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < type.rank; i++)
        *(i < axis ? &outer : &inner) *= type.dims[i];
    if (__builtin_mul_overflow(type.dims[axis], times, &type.dims[axis]))
        return snug_graph_poison(call->graph, snug_fail(SNUG_BAD_FILE, "too many repeats"));
    snug_broadcast_to_attributes to = {
        .rank = 3, .dims = {outer, times, inner}, .reduced = 2, .scale = 1};
    x = reshape(call, x, 3, (const int64_t[]){outer, 1, inner});
    x = SNUG_EMIT(call->graph, &snug_op_broadcast_to, &to, x);
    return reshape(call, x, type.rank, type.dims);
}

static snug_status translate_tile(const snug_onnx_call *call) {
    int rank = call->inputs[0].type.rank;
    int64_t repeats[SNUG_MAX_RANK];
    size_t count;
    SNUG_TRY(snug_onnx_known_integers(call, 1, repeats, SNUG_MAX_RANK, &count));
    if ((int)count != rank)
        return snug_fail(SNUG_BAD_FILE, "%d repeats expected, found %zu", rank, count);
    snug_tensor_id x = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    for (int i = rank - 1; i >= 0; i--) { // the inner ones first: fewer elements are copied
        if (repeats[i] < 0) return snug_fail(SNUG_BAD_FILE, "%lld repeats", (long long)repeats[i]);
        if (repeats[i] != 1) x = repeat(call, x, i, repeats[i]);
    }
    snug_onnx_set(call, 0, x);
    return SNUG_OK;
}

static snug_status translate_concat(const snug_onnx_call *call) {
    snug_axis_attributes along = {0};
    snug_tensor_id inputs[4096]; // a loop collects as many
    if (call->input_count > sizeof inputs / sizeof *inputs)
        return snug_fail(SNUG_UNSUPPORTED, "%zu inputs", call->input_count);
    SNUG_TRY(
        snug_onnx_axis(snug_onnx_integer(call, "axis", 1), call->inputs[0].type.rank, &along.axis));
    if (call->input_count == 1) {
        snug_onnx_pass(call, 0, 0);
        return SNUG_OK;
    }
    snug_layout layout = snug_onnx_common_layout(call);
    for (size_t i = 0; i < call->input_count; i++)
        inputs[i] = snug_onnx_use_as(call, i, layout);
    snug_onnx_set(
        call, 0,
        snug_graph_emit(call->graph, &snug_op_concat, &along, inputs, (int)call->input_count));
    return SNUG_OK;
}

// An image as (N, H, W, C): a view where it is stored so.
static snug_tensor_id pixels(const snug_onnx_call *call) {
    return transpose(call, snug_onnx_use_as(call, 0, SNUG_CHANNELS_LAST),
                     (const int64_t[]){0, 2, 3, 1});
}

// How the places of a block and the channels are ordered in depth: blocks first or channels first.
static snug_status read_mode(const snug_onnx_call *call, bool *blocks_first) {
    const char *mode = snug_onnx_text(call, "mode", "DCR");
    *blocks_first = strcmp(mode, "DCR") == 0;
    if (*blocks_first || strcmp(mode, "CRD") == 0) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "mode DCR or CRD expected, found \"%.40s\"", mode);
}

static snug_status check_block(const snug_onnx_call *call, int64_t *block) {
    *block = snug_onnx_integer(call, "blocksize", 0);
    if (call->inputs[0].type.rank != 4)
        return snug_fail(SNUG_BAD_FILE, "4 dimensions expected, found %d",
                         call->inputs[0].type.rank);
    if (*block > 0 && *block <= INT32_MAX) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "a blocksize expected, found %lld", (long long)*block);
}

// (N, H, W, b, b, c) or, for CRD, (N, H, W, c, b, b) to (N, H, b, W, b, c).
static snug_status translate_depth_to_space(const snug_onnx_call *call) {
    const int64_t *dims = call->inputs[0].type.dims;
    bool blocks_first;
    int64_t b;
    SNUG_TRY(check_block(call, &b));
    SNUG_TRY(read_mode(call, &blocks_first));
    long long square = b * b;
    if (dims[1] % square)
        return snug_fail(SNUG_BAD_FILE, "a multiple of %lld channels expected, found %lld", square,
                         (long long)dims[1]);
    int64_t c = dims[1] / (b * b);
    snug_tensor_id x = pixels(call);
    if (blocks_first) {
        x = reshape(call, x, 6, (const int64_t[]){dims[0], dims[2], dims[3], b, b, c});
        x = transpose(call, x, (const int64_t[]){0, 1, 3, 2, 4, 5});
    } else {
        x = reshape(call, x, 6, (const int64_t[]){dims[0], dims[2], dims[3], c, b, b});
        x = transpose(call, x, (const int64_t[]){0, 1, 4, 2, 5, 3});
    }
    x = snug_onnx_to_layout(call, x, SNUG_ROW_MAJOR);
    x = reshape(call, x, 4, (const int64_t[]){dims[0], dims[2] * b, dims[3] * b, c});
    snug_onnx_set(call, 0, transpose(call, x, (const int64_t[]){0, 3, 1, 2}));
    return SNUG_OK;
}

static snug_status translate_space_to_depth(const snug_onnx_call *call) {
    const int64_t *dims = call->inputs[0].type.dims;
    bool blocks_first;
    int64_t b;
    SNUG_TRY(check_block(call, &b));
    SNUG_TRY(read_mode(call, &blocks_first));
    if (dims[2] % b || dims[3] % b)
        return snug_fail(SNUG_BAD_FILE, "multiples of %lld pixels expected, found %lld and %lld",
                         (long long)b, (long long)dims[2], (long long)dims[3]);
    int64_t height = dims[2] / b, width = dims[3] / b, channels;
    if (__builtin_mul_overflow(dims[1], b * b, &channels))
        return snug_fail(SNUG_BAD_FILE, "too many channels");
    snug_tensor_id x = pixels(call);
    x = reshape(call, x, 6, (const int64_t[]){dims[0], height, b, width, b, dims[1]});
    x = transpose(call, x,
                  blocks_first ? (const int64_t[]){0, 1, 3, 2, 4, 5}
                               : (const int64_t[]){0, 1, 3, 5, 2, 4});
    x = snug_onnx_to_layout(call, x, SNUG_ROW_MAJOR);
    x = reshape(call, x, 4, (const int64_t[]){dims[0], height, width, channels});
    snug_onnx_set(call, 0, transpose(call, x, (const int64_t[]){0, 3, 1, 2}));
    return SNUG_OK;
}

static snug_status translate_trilu(const snug_onnx_call *call) {
    snug_triangle_attributes triangle = {.upper = snug_onnx_integer(call, "upper", 1) != 0};
    size_t count = 1;
    if (snug_onnx_has(call, 1))
        SNUG_TRY(snug_onnx_known_integers(call, 1, &triangle.diagonal, 1, &count));
    if (count != 1) return snug_fail(SNUG_BAD_FILE, "one diagonal expected");
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_triangle, &triangle,
                            snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR)));
    return SNUG_OK;
}

static snug_status translate_reverse_sequence(const snug_onnx_call *call) {
    snug_reverse_attributes reverse = {0};
    int rank = call->inputs[0].type.rank;
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "time_axis", 0), rank, &reverse.time));
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "batch_axis", 1), rank, &reverse.batch));
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_reverse_sequence, &reverse,
                            snug_onnx_use(call, 0), snug_onnx_use(call, 1)));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Transpose", "", 1, 1, translate_transpose},
    {"Tile", "", 2, 2, translate_tile},
    {"Concat", "", 1, 0, translate_concat},
    {"DepthToSpace", "", 1, 1, translate_depth_to_space},
    {"SpaceToDepth", "", 1, 1, translate_space_to_depth},
    {"Trilu", "", 1, 2, translate_trilu},
    {"ReverseSequence", "", 2, 2, translate_reverse_sequence},
};
const snug_onnx_operators snug_onnx_operators_move = {rows, sizeof rows / sizeof *rows};

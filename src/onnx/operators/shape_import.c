// The shapes of values: Shape and Size, and the operators that give a tensor another shape without
// touching its elements.
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

static snug_status translate_shape(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    int64_t start = snug_onnx_integer(call, "start", 0);
    int64_t end = snug_onnx_integer(call, "end", x->rank);
    start = start < 0 ? start + x->rank : start;
    end = end < 0 ? end + x->rank : end;
    start = start < 0 ? 0 : start > x->rank ? x->rank : start;
    end = end < start ? start : end > x->rank ? x->rank : end;
    snug_type type = snug_type_vector(SNUG_I64, end - start);
    return snug_onnx_set_known(call, 0, &type, x->dims + start);
}

static snug_status translate_size(const snug_onnx_call *call) {
    snug_type type = snug_type_scalar(SNUG_I64);
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    return snug_onnx_set_known(call, 0, &type, &elements);
}

// Channels-last stays where the pixels are rearranged alone: (N, C, L) to (N, C, 1, L).
static bool keeps_channels(const snug_type *from, int rank, const int64_t *dims) {
    return from->layout == SNUG_CHANNELS_LAST && from->rank >= 3 && rank >= 3 &&
           from->dims[0] == dims[0] && from->dims[1] == dims[1];
}

// Input 0 under another shape becomes output 0.
static snug_status set_reshaped(const snug_onnx_call *call, int rank, const int64_t *dims) {
    if (rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_UNSUPPORTED, "%d dimensions: at most %d are supported", rank,
                         SNUG_MAX_RANK);
    snug_reshape_attributes view = {.rank = rank};
    memcpy(view.dims, dims, (size_t)rank * sizeof *dims);
    snug_tensor_id x = snug_onnx_use(call, 0);
    if (keeps_channels(snug_graph_type(call->graph, x), rank, dims))
        view.layout = SNUG_CHANNELS_LAST;
    else
        x = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_reshape, &view, x));
    return SNUG_OK;
}

// The shape of Reshape: an input since opset 5, before an attribute.
static snug_status wanted_shape(const snug_onnx_call *call, int64_t dims[SNUG_MAX_RANK],
                                size_t *rank) {
    if (call->opset < 5) return snug_onnx_integers(call, "shape", dims, SNUG_MAX_RANK, rank);
    return snug_onnx_known_integers(call, 1, dims, SNUG_MAX_RANK, rank);
}

static snug_status translate_reshape(const snug_onnx_call *call) {
    int64_t dims[SNUG_MAX_RANK], known = 1, elements = snug_type_elements(&call->inputs[0].type);
    const snug_type *x = &call->inputs[0].type;
    size_t rank;
    int open = -1;
    SNUG_TRY(wanted_shape(call, dims, &rank));
    bool allow_zero = snug_onnx_integer(call, "allowzero", 0) != 0;
    int count = (int)rank;
    bool has_zero = false;
    for (size_t i = 0; i < rank; i++)
        has_zero = has_zero || dims[i] == 0;
    if (!allow_zero || !has_zero)
        SNUG_TRY(snug_onnx_general_shape(call, 1, SNUG_ONNX_RESHAPE, dims, &count));
    for (int i = 0; i < (int)rank; i++) {
        if (dims[i] == 0 && !allow_zero) {
            if (i >= x->rank)
                return snug_fail(SNUG_BAD_FILE, "a 0 at %d of the shape, where %d dimensions are",
                                 i, x->rank);
            dims[i] = x->dims[i];
        }
        if (dims[i] < -1 || (dims[i] == -1 && open >= 0))
            return snug_fail(SNUG_BAD_FILE, "a shape with one -1 at most expected");
        if (dims[i] == -1)
            open = i;
        else if (__builtin_mul_overflow(known, dims[i], &known))
            return snug_fail(SNUG_BAD_FILE, "a shape that overflows");
    }
    if (open >= 0) {
        if (known == 0 || elements % known)
            return snug_fail(SNUG_BAD_FILE, "%lld elements do not make rows of %lld",
                             (long long)elements, (long long)known);
        dims[open] = elements / known;
    }
    return set_reshaped(call, (int)rank, dims);
}

static snug_status translate_flatten(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    int64_t axis = snug_onnx_integer(call, "axis", 1), dims[2] = {1, 1};
    if (axis < -x->rank || axis > x->rank)
        return snug_fail(SNUG_BAD_FILE, "an axis from %d to %d expected, found %lld", -x->rank,
                         x->rank, (long long)axis);
    if (axis < 0) axis += x->rank;
    for (int i = 0; i < x->rank; i++)
        dims[i >= axis] *= x->dims[i];
    return set_reshaped(call, 2, dims);
}

// Axes are an input since opset 13, before an attribute. |*given| is false when there are none.
static snug_status read_axes(const snug_onnx_call *call, int rank, uint32_t *out, bool *given) {
    int64_t axes[SNUG_MAX_RANK];
    size_t count;
    *out = 0;
    *given = call->opset < 13 ? snug_onnx_attribute_find(call->node, "axes") != NULL
                              : snug_onnx_has(call, 1);
    if (!*given) return SNUG_OK;
    if (call->opset < 13)
        SNUG_TRY(snug_onnx_integers(call, "axes", axes, SNUG_MAX_RANK, &count));
    else
        SNUG_TRY(snug_onnx_known_integers(call, 1, axes, SNUG_MAX_RANK, &count));
    for (size_t i = 0; i < count; i++) {
        SNUG_TRY(snug_onnx_axis(axes[i], rank, &axes[i]));
        if (*out >> axes[i] & 1)
            return snug_fail(SNUG_BAD_FILE, "axis %lld twice", (long long)axes[i]);
        *out |= UINT32_C(1) << axes[i];
    }
    return SNUG_OK;
}

static snug_status translate_squeeze(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    uint32_t axes;
    bool given;
    int64_t dims[SNUG_MAX_RANK];
    int rank = 0;
    SNUG_TRY(read_axes(call, x->rank, &axes, &given));
    for (int i = 0; i < x->rank; i++) {
        bool is_dropped = given ? axes >> i & 1 : x->dims[i] == 1;
        if (is_dropped && x->dims[i] != 1)
            return snug_fail(SNUG_BAD_FILE, "dimension %d is %lld, not 1", i,
                             (long long)x->dims[i]);
        if (!is_dropped) dims[rank++] = x->dims[i];
    }
    return set_reshaped(call, rank, dims);
}

static snug_status translate_unsqueeze(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    uint32_t axes;
    bool given;
    int64_t dims[2 * SNUG_MAX_RANK], most;
    size_t count;
    if (call->opset < 13) {
        int64_t values[SNUG_MAX_RANK];
        SNUG_TRY(snug_onnx_integers(call, "axes", values, SNUG_MAX_RANK, &count));
    } else {
        if (!snug_onnx_has(call, 1)) return snug_fail(SNUG_BAD_FILE, "axes are missing");
        most = snug_type_elements(&call->inputs[1].type);
        count = most < 0 || most > SNUG_MAX_RANK ? SNUG_MAX_RANK + 1 : (size_t)most;
    }
    int rank = x->rank + (int)count;
    if (rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_UNSUPPORTED, "%d dimensions: at most %d are supported", rank,
                         SNUG_MAX_RANK);
    SNUG_TRY(read_axes(call, rank, &axes, &given));
    for (int i = 0, from = 0; i < rank; i++)
        dims[i] = axes >> i & 1 ? 1 : x->dims[from++];
    return set_reshaped(call, rank, dims);
}

static const snug_onnx_operator rows[] = {
    {"Shape", "", 1, 1, translate_shape},     {"Size", "", 1, 1, translate_size},
    {"Reshape", "", 1, 2, translate_reshape}, {"Flatten", "", 1, 1, translate_flatten},
    {"Squeeze", "", 1, 2, translate_squeeze}, {"Unsqueeze", "", 1, 2, translate_unsqueeze},
};
const snug_onnx_operators snug_onnx_operators_shape = {rows, sizeof rows / sizeof *rows};

// Parts of tensors, and tensors as parts: Slice, Split, Pad, CenterCropPad.
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

// Integers that are an attribute before |as_input|, then input |index|.
static snug_status read(const snug_onnx_call *call, int64_t as_input, const char *name,
                        size_t index, int64_t *out, size_t most, size_t *count) {
    *count = 0;
    if (call->opset < as_input) return snug_onnx_integers(call, name, out, most, count);
    if (!snug_onnx_has(call, index)) return SNUG_OK;
    return snug_onnx_known_integers(call, index, out, most, count);
}

// Dimensions in |out|, or 0, 1 .. |count| - 1 when none are given.
static snug_status read_axes(const snug_onnx_call *call, int64_t as_input, size_t index,
                             size_t count, int64_t *out) {
    size_t found;
    uint32_t seen = 0;
    int rank = call->inputs[0].type.rank;
    SNUG_TRY(read(call, as_input, "axes", index, out, SNUG_MAX_RANK, &found));
    for (size_t i = 0; found == 0 && i < count; i++)
        out[i] = (int64_t)i;
    if ((found && found != count) || count > (size_t)rank)
        return snug_fail(SNUG_BAD_FILE, "values for %zu axes of %d expected, found %zu", found,
                         rank, count);
    for (size_t i = 0; i < count; i++) {
        SNUG_TRY(snug_onnx_axis(out[i], rank, &out[i]));
        if (seen >> out[i] & 1)
            return snug_fail(SNUG_BAD_FILE, "axis %lld twice", (long long)out[i]);
        seen |= UINT32_C(1) << out[i];
    }
    return SNUG_OK;
}

static int64_t clamped(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

// The elements that numpy's start:end:step takes of |extent|.
static void resolve(int64_t extent, int64_t start, int64_t end, int64_t step, int64_t *first,
                    int64_t *length) {
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? extent - 1 : extent;
    start = clamped(start < 0 ? clamped(start, -extent - 1, 0) + extent : start, low, high);
    end = clamped(end < 0 ? clamped(end, -extent - 1, 0) + extent : end, low, high);
    // Unsigned: the negative of the smallest step is none of int64's.
    uint64_t distance = (uint64_t)(step > 0 ? end - start : start - end);
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    bool is_empty = step > 0 ? end <= start : start <= end;
    *first = is_empty ? 0 : start;
    *length = is_empty ? 0 : (int64_t)((distance - 1) / stride + 1);
}

// One dimension of consecutive elements has an operator of its own, which is faster.
static snug_tensor_id emit_slice(const snug_onnx_call *call, snug_tensor_id x,
                                 const snug_strided_slice_attributes *slice) {
    const snug_type *type = snug_graph_type(call->graph, x);
    int cut = 0, last = 0;
    bool is_plain = true;
    for (int i = 0; i < type->rank; i++) {
        bool is_whole = slice->length[i] == type->dims[i] && slice->step[i] == 1;
        if (is_whole) continue;
        is_plain = is_plain && slice->step[i] == 1;
        cut++;
        last = i;
    }
    if (cut == 0) return x;
    if (cut > 1 || !is_plain) return SNUG_EMIT(call->graph, &snug_op_strided_slice, slice, x);
    snug_axis_attributes along = {
        .axis = last, .start = slice->start[last], .length = slice->length[last]};
    return SNUG_EMIT(call->graph, &snug_op_slice, &along, x);
}

static snug_status translate_slice(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    int64_t starts[SNUG_MAX_RANK], ends[SNUG_MAX_RANK], axes[SNUG_MAX_RANK], steps[SNUG_MAX_RANK];
    size_t count, end_count, step_count = 0;
    SNUG_TRY(read(call, 10, "starts", 1, starts, SNUG_MAX_RANK, &count));
    SNUG_TRY(read(call, 10, "ends", 2, ends, SNUG_MAX_RANK, &end_count));
    if (call->opset >= 10) SNUG_TRY(read(call, 10, "steps", 4, steps, SNUG_MAX_RANK, &step_count));
    if (end_count != count || (step_count && step_count != count))
        return snug_fail(SNUG_BAD_FILE, "as many ends and steps as starts expected, %zu", count);
    SNUG_TRY(read_axes(call, 10, 3, count, axes));
    snug_strided_slice_attributes slice = {0};
    for (int i = 0; i < x->rank; i++) {
        slice.step[i] = 1;
        slice.length[i] = x->dims[i];
    }
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i], step = step_count ? steps[i] : 1;
        if (step == 0) return snug_fail(SNUG_BAD_FILE, "a step of 0");
        resolve(x->dims[axis], starts[i], ends[i], step, &slice.start[axis], &slice.length[axis]);
        slice.step[axis] = step;
    }
    snug_onnx_set(call, 0, emit_slice(call, snug_onnx_use(call, 0), &slice));
    return SNUG_OK;
}

// The extents of Split's outputs: given, or as equal as can be with the last one smaller.
static snug_status read_lengths(const snug_onnx_call *call, int64_t extent, int64_t *out,
                                size_t most) {
    size_t count = call->output_count, given;
    if (count > most) return snug_fail(SNUG_UNSUPPORTED, "%zu outputs", count);
    SNUG_TRY(read(call, 13, "split", 1, out, most, &given));
    if (given && given != count)
        return snug_fail(SNUG_BAD_FILE, "%zu lengths for %zu outputs", given, count);
    int64_t each = count ? (extent + (int64_t)count - 1) / (int64_t)count : 0, total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!given) out[i] = each < extent - total ? each : extent - total;
        if (out[i] < 0 || out[i] > extent - total)
            return snug_fail(SNUG_BAD_FILE, "lengths that make %lld expected", (long long)extent);
        total += out[i];
    }
    if (total == extent) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "lengths that make %lld expected, found %lld in all",
                     (long long)extent, (long long)total);
}

static snug_status translate_split(const snug_onnx_call *call) {
    int64_t lengths[256] = {0};
    snug_axis_attributes along = {0};
    const snug_type *type = &call->inputs[0].type;
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", 0), type->rank, &along.axis));
    SNUG_TRY(read_lengths(call, type->dims[along.axis], lengths, sizeof lengths / sizeof *lengths));
    snug_tensor_id x = snug_onnx_use(call, 0);
    for (size_t i = 0; i < call->output_count; i++) {
        along.length = lengths[i];
        snug_onnx_set(call, i, SNUG_EMIT(call->graph, &snug_op_slice, &along, x));
        along.start += along.length;
    }
    return SNUG_OK;
}

static snug_status read_mode(const snug_onnx_call *call, int64_t *out) {
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = snug_onnx_text(call, "mode", "constant");
    for (*out = 0; *out < 4; ++*out)
        if (strcmp(names[*out], mode) == 0) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "mode constant, reflect, edge or wrap expected, found \"%.40s\"", mode);
}

// |values| are what comes before each of |count| axes, then what comes after.
static snug_status spread(const int64_t *values, size_t count, const int64_t *axes,
                          snug_pad_attributes *out) {
    for (size_t i = 0; i < count; i++) {
        out->before[axes[i]] = values[i];
        out->after[axes[i]] = values[count + i];
        if (values[i] < -INT32_MAX || values[i] > INT32_MAX || values[count + i] < -INT32_MAX ||
            values[count + i] > INT32_MAX)
            return snug_fail(SNUG_BAD_FILE, "padding of more than 2^31 elements");
    }
    return SNUG_OK;
}

static snug_status translate_pad(const snug_onnx_call *call) {
    int64_t values[2 * SNUG_MAX_RANK], axes[SNUG_MAX_RANK];
    size_t count;
    snug_pad_attributes pad = {0};
    SNUG_TRY(read_mode(call, &pad.mode));
    SNUG_TRY(read(call, 11, "pads", 1, values, 2 * SNUG_MAX_RANK, &count));
    if (count % 2) return snug_fail(SNUG_BAD_FILE, "pads before and after expected");
    if (call->opset < 18) {
        for (int i = 0; i < SNUG_MAX_RANK; i++)
            axes[i] = i;
        if ((int)count != 2 * call->inputs[0].type.rank)
            return snug_fail(SNUG_BAD_FILE, "%d pads expected, found %zu",
                             2 * call->inputs[0].type.rank, count);
    } else {
        SNUG_TRY(read_axes(call, 18, 3, count / 2, axes));
    }
    SNUG_TRY(spread(values, count / 2, axes, &pad));
    snug_tensor_id inputs[2] = {snug_onnx_use(call, 0)};
    bool has_value = call->opset >= 11 && pad.mode == SNUG_PAD_CONSTANT && snug_onnx_has(call, 2);
    if (call->opset < 11) {
        pad.value = snug_onnx_real(call, "value", 0);
    } else if (has_value && call->inputs[2].data) {
        has_value = false;
        SNUG_TRY(snug_onnx_known_reals(call, 2, &pad.value, 1, &count));
    }
    if (has_value) inputs[1] = snug_onnx_use(call, 2);
    snug_onnx_set(call, 0,
                  snug_graph_emit(call->graph, &snug_op_pad, &pad, inputs, has_value ? 2 : 1));
    return SNUG_OK;
}

// Half of what is too much or too little goes before, rounded down.
static snug_status translate_center_crop_pad(const snug_onnx_call *call) {
    int64_t shape[SNUG_MAX_RANK], axes[SNUG_MAX_RANK];
    size_t count, axis_count;
    snug_pad_attributes pad = {0};
    int rank = call->inputs[0].type.rank;
    SNUG_TRY(snug_onnx_known_integers(call, 1, shape, SNUG_MAX_RANK, &count));
    SNUG_TRY(snug_onnx_integers(call, "axes", axes, SNUG_MAX_RANK, &axis_count));
    if (axis_count == 0)
        for (; (int)axis_count < rank; axis_count++)
            axes[axis_count] = (int64_t)axis_count;
    if (axis_count != count)
        return snug_fail(SNUG_BAD_FILE, "%zu extents for %zu axes", count, axis_count);
    for (size_t i = 0; i < count; i++) {
        SNUG_TRY(snug_onnx_axis(axes[i], rank, &axes[i]));
        if (shape[i] < 0 || shape[i] > INT32_MAX)
            return snug_fail(SNUG_BAD_FILE, "an extent of %lld", (long long)shape[i]);
        int64_t more = shape[i] - call->inputs[0].type.dims[axes[i]];
        pad.before[axes[i]] = more < 0 ? -(-more / 2) : more / 2;
        pad.after[axes[i]] = more - pad.before[axes[i]];
    }
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_pad, &pad, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Slice", "", 1, 5, translate_slice},
    {"Split", "", 1, 2, translate_split},
    {"Pad", "", 1, 4, translate_pad},
    {"CenterCropPad", "", 2, 2, translate_center_crop_pad},
};
const snug_onnx_operators snug_onnx_operators_slice = {rows, sizeof rows / sizeof *rows};

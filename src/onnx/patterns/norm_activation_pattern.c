// The activation behind a norm becomes part of it, as in the networks that are built in: its
// operand need not be kept, and is not written.
#include "onnx/patterns.h"

static const struct {
    const snug_op *activation, *norm;
    size_t offset; // of the norm's attribute
    int64_t value;
} rows[] = {
#define ROW(function, kind, norm, value)                                                           \
    {                                                                                              \
        &snug_op_##function, &snug_op_##norm, offsetof(snug_##kind##_norm_attributes, activation), \
            (value)                                                                                \
    }
    ROW(relu, group, group_norm, SNUG_GROUP_NORM_RELU),
    ROW(silu, group, group_norm, SNUG_GROUP_NORM_SILU),
    ROW(relu, batch, batch_norm, SNUG_NORM_RELU),
    ROW(relu6, batch, batch_norm, SNUG_NORM_RELU6),
    ROW(relu, batch, batch_norm_inference, SNUG_NORM_RELU),
    ROW(relu6, batch, batch_norm_inference, SNUG_NORM_RELU6),
};

// |op|'s activation, where a norm has a name for it: clip between 0 and 6 is relu6.
static const snug_op *activation_of(const snug_node *node) {
    snug_parameter_attributes clip;
    memcpy(&clip, node->attributes, sizeof clip);
    bool is_relu6 = node->op == &snug_op_clip && clip.alpha == 0 && clip.beta == 6;
    return is_relu6 ? &snug_op_relu6 : node->op;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    const snug_op *activation = activation_of(root);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (activation != rows[i].activation) continue;
        const snug_node *norm = snug_pattern_inner(view, root->inputs[0], rows[i].norm);
        if (!norm) continue;
        char *place = (char *)out->attributes + rows[i].offset;
        int64_t before;
        memcpy(out->attributes, norm->attributes, sizeof out->attributes);
        memcpy(&before, place, sizeof before);
        if (before != 0) continue;
        memcpy(place, &rows[i].value, sizeof before);
        out->op = norm->op;
        out->replaces = norm;
        out->leaf_count = norm->input_count;
        memcpy(out->leaves, norm->inputs, (size_t)norm->input_count * sizeof *out->leaves);
        return true;
    }
    return false;
}

const snug_onnx_pattern snug_onnx_pattern_norm_activation = {
    .name = "norm with activation", .fuses = true, .match = match};

#include "plan/losses.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

static const struct {
    const char *name;
    const snug_op *loss, *correct; // correct NULL: no answer is right or wrong
} rows[] = {
    [SNUG_LOSS_CROSS_ENTROPY] = {"cross-entropy", &snug_op_cross_entropy, &snug_op_correct},
    [SNUG_LOSS_MSE] = {"mse", &snug_op_mse_loss, NULL},
    [SNUG_LOSS_BCE] = {"bce", &snug_op_bce_loss, &snug_op_correct_binary},
};
enum { LOSSES = sizeof rows / sizeof *rows };

const char *snug_loss_name(snug_loss loss) {
    return (unsigned)loss < LOSSES ? rows[loss].name : "unknown";
}

snug_status snug_loss_parse(const char *text, snug_loss *out) {
    SNUG_REQUIRE(text && out, "a text and a place for the loss");
    for (int i = 0; i < LOSSES; i++) {
        *out = (snug_loss)i;
        if (strcmp(text, rows[i].name) == 0) return SNUG_OK;
    }
    *out = SNUG_LOSS_CROSS_ENTROPY;
    return snug_fail(SNUG_INVALID, "'%s' is not a loss: expected cross-entropy, mse or bce", text);
}

// PyTorch has the classes in dimension 1. A sequence model's logits are (N, T, C) as often: then T
// is where an input has it, which of an encoder-decoder's is the decoder's.
static bool is_sequence(const snug_type *input, const snug_type *logits) {
    bool same_length = input->rank >= 2 && input->dims[1] == logits->dims[1];
    bool is_channel = input->rank == 3 && input->dims[2] == logits->dims[2];
    return same_length && !is_channel;
}

int snug_loss_class_axis(const snug_training *training, const snug_training_graph *built) {
    const snug_type *logits = snug_graph_type(built->graph, built->logits);
    int last = logits->rank - 1;
    if (training->class_axis != 0) return training->class_axis < 0 ? last : training->class_axis;
    for (int i = 0; logits->rank == 3 && i < built->input_count; i++)
        if (is_sequence(snug_graph_type(built->graph, built->inputs[i]), logits)) return last;
    return 1;
}

// Whether classes of |target|, of one sample, leave |axis| of the logits for the scores.
static bool leaves_axis(const snug_sample_tensor *target, const snug_type *logits, int axis) {
    if (target->rank != logits->rank - 2) return false;
    for (int i = 1, next = 0; i < logits->rank; i++)
        if (i != axis && target->dims[next++] != logits->dims[i]) return false;
    return true;
}

int snug_loss_told_axis(const snug_training_graph *built, const snug_sample_tensor *target) {
    const snug_type *logits = snug_graph_type(built->graph, built->logits);
    int last = logits->rank - 1;
    if (logits->rank < 3) return 0;
    bool first = leaves_axis(target, logits, 1), end = leaves_axis(target, logits, last);
    return first == end ? 0 : end ? -1 : 1;
}

const char *snug_loss_squashed(const snug_training *training, const snug_training_graph *built) {
    const snug_graph *graph = built->graph;
    snug_tensor_id at = built->logits;
    if (training->loss == SNUG_LOSS_MSE) return NULL;
    for (size_t i = graph->node_count; i-- > 0;) { // nodes are in the order in which they run
        const snug_node *node = graph->nodes[i];
        if (node->input_count == 0 || node->outputs[0] != at) continue;
        if (node->op == &snug_op_sigmoid || node->op == &snug_op_softmax) return node->op->name;
        if (!node->op->is_view && !node->op->keeps_values) return NULL;
        at = node->inputs[0];
    }
    return NULL;
}

static snug_tensor_id in_layout(snug_graph *graph, snug_tensor_id x, snug_layout layout) {
    snug_to_layout_attributes attributes = {.layout = layout};
    const snug_type *type = snug_graph_type(graph, x);
    if (type->layout == layout || type->rank < 3) return x;
    return SNUG_EMIT(graph, &snug_op_to_layout, &attributes, x);
}

static snug_tensor_id as_rows(snug_graph *graph, snug_tensor_id x, int rank, int64_t count,
                              int64_t columns) {
    snug_reshape_attributes flat = {.rank = rank, .dims = {count, columns}};
    return SNUG_EMIT(graph, &snug_op_reshape, &flat, x);
}

// Sets built->target; |operands| receives the logits and the target as the operators take them:
// rows of classes that are contiguous in memory.
static snug_status add_classes(const snug_training *training, snug_training_graph *built,
                               snug_tensor_id operands[2]) {
    snug_graph *graph = built->graph;
    snug_type logits = *snug_graph_type(graph, built->logits);
    int axis = snug_loss_class_axis(training, built), last = logits.rank - 1;
    char text[SNUG_TYPE_TEXT];
    if (logits.rank < 2 || axis > last || logits.dims[axis] < 1)
        return snug_fail(SNUG_INVALID,
                         "cross-entropy takes logits (N, C, ...), the network's output is %s: "
                         "`output` names another, `loss` another loss",
                         snug_type_print(&logits, text));
    if (axis != 1 && axis != last)
        return snug_fail(SNUG_INVALID, "classes in dimension 1 or the last expected, not in %d",
                         axis);
    if (logits.dims[axis] == 1)
        return snug_fail(SNUG_INVALID,
                         "cross-entropy of one class is 0 whatever the network says, and its "
                         "output is %s: `loss` bce takes one logit for two classes, mse a "
                         "number; where the classes are in another dimension, `class_axis`",
                         snug_type_print(&logits, text));
    snug_type target = {.dtype = SNUG_I32, .rank = last};
    for (int i = 0, next = 0; i < logits.rank; i++)
        if (i != axis) target.dims[next++] = logits.dims[i];
    built->target = snug_graph_tensor(graph, "target", &target, SNUG_ROLE_INPUT);
    operands[1] = built->target;
    operands[0] = in_layout(graph, built->logits, axis == 1 ? SNUG_CHANNELS_LAST : SNUG_ROW_MAJOR);
    if (axis == 1) return graph->status;
    int64_t count = snug_type_elements(&target);
    operands[0] = as_rows(graph, operands[0], 2, count, logits.dims[axis]);
    operands[1] = as_rows(graph, operands[1], 1, count, 0);
    return graph->status;
}

static snug_status add_numbers(snug_training_graph *built, snug_tensor_id operands[2]) {
    snug_type type = *snug_graph_type(built->graph, built->logits);
    built->target = snug_graph_tensor(built->graph, "target", &type, SNUG_ROLE_INPUT);
    operands[0] = built->logits;
    operands[1] = built->target;
    return built->graph->status;
}

static snug_status check_output(const snug_training_graph *built) {
    const snug_type *logits = snug_graph_type(built->graph, built->logits);
    char text[SNUG_TYPE_TEXT];
    if (logits->dtype == SNUG_F32 && logits->rank >= 1 && logits->dims[0] == built->samples)
        return SNUG_OK;
    const char *width = logits->dtype == SNUG_F64                                 ? "double"
                        : logits->dtype == SNUG_F16 || logits->dtype == SNUG_BF16 ? "half"
                                                                                  : NULL;
    if (width)
        return snug_fail(SNUG_INVALID,
                         "this is a network in %s precision, its output is %s: weights are "
                         "trained in float32. Export it again after net.float(), with float32 "
                         "inputs; `precision` then computes in 16 bits where that is asked for",
                         width, snug_type_print(logits, text));
    return snug_fail(SNUG_INVALID,
                     "an output of float32 with a first dimension of %lld, the samples, expected, "
                     "found %s: `output` names another",
                     (long long)built->samples, snug_type_print(logits, text));
}

snug_status snug_training_add_loss(const snug_training *training, bool training_form,
                                   int64_t denominator, snug_training_graph *built) {
    snug_graph *graph = built->graph;
    snug_tensor_id operands[2];
    graph->scope = "loss";
    SNUG_TRY(graph->status);
    SNUG_TRY(check_output(built));
    SNUG_TRY(training->loss == SNUG_LOSS_CROSS_ENTROPY ? add_classes(training, built, operands)
                                                       : add_numbers(built, operands));
    int64_t targets = snug_type_elements(snug_graph_type(graph, built->target)) / built->samples;
    snug_loss_attributes loss = {.label_smoothing = training_form ? training->label_smoothing : 0,
                                 .denominator = (training_form ? denominator : 1) * targets};
    built->loss = snug_graph_emit(graph, rows[training->loss].loss, &loss, operands, 2);
    if (!training_form && rows[training->loss].correct) {
        built->correct = snug_graph_emit(graph, rows[training->loss].correct, NULL, operands, 2);
        SNUG_TRY(graph->status);
        graph->tensors[built->correct]->is_result = true;
    }
    SNUG_TRY(graph->status);
    graph->tensors[built->loss]->is_result = true;
    return SNUG_OK;
}

// Indices of |tensor| are below this, where a table that it looks up tells; else 0. Casts and
// changes of shape are looked through.
static snug_status find_bound(const snug_graph *graph, snug_tensor_id tensor, int64_t *out) {
    bool *same = NULL; // by tensor: the same numbers
    *out = 0;
    SNUG_TRY(SNUG_NEW(&same, graph->tensor_count));
    same[tensor] = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->input_count == 0) continue;
        bool passes = node->op->is_view || node->op->keeps_values;
        if (passes && same[node->inputs[0]]) same[node->outputs[0]] = true;
        if (passes || node->op->roles[0] != SNUG_INPUT_TABLE || !same[node->inputs[1]]) continue;
        int64_t count = snug_graph_type(graph, node->inputs[0])->dims[0];
        if (count > 0 && (*out == 0 || count < *out)) *out = count;
    }
    snug_memory_free(same);
    return SNUG_OK;
}

// |id|'s type without the batch's dimension.
static void describe_type(const snug_graph *graph, snug_tensor_id id, snug_sample_tensor *out) {
    const snug_type *type = snug_graph_type(graph, id);
    *out = (snug_sample_tensor){.type = snug_dtype_name(type->dtype),
                                .rank = type->rank > 0 ? type->rank - 1 : 0};
    snprintf(out->name, sizeof out->name, "%s", graph->tensors[id]->name);
    for (int i = 1; i < type->rank; i++)
        out->dims[i - 1] = type->dims[i];
    int64_t samples = type->rank > 0 ? type->dims[0] : 1;
    out->bytes = samples > 0 ? snug_type_bytes(type) / (size_t)samples : 0;
}

static snug_status describe(const snug_graph *graph, snug_tensor_id id, snug_sample_tensor *out) {
    const snug_type *type = snug_graph_type(graph, id);
    describe_type(graph, id, out);
    out->channels_last = type->layout == SNUG_CHANNELS_LAST && type->rank >= 3;
    return snug_dtype_is_float(type->dtype) ? SNUG_OK : find_bound(graph, id, &out->below);
}

void snug_training_answer(const snug_training_graph *built, snug_sample_tensor *out) {
    describe_type(built->graph, built->logits, out);
}

snug_status snug_training_sample(const snug_training *training, const snug_training_graph *built,
                                 snug_sample_type *out) {
    *out = (snug_sample_type){.input_count = built->input_count};
    for (int i = 0; i < built->input_count; i++) {
        const snug_type *type = snug_graph_type(built->graph, built->inputs[i]);
        if (type->rank < 1 || type->dims[0] != built->samples)
            return snug_fail(SNUG_UNSUPPORTED,
                             "the input '%s' has no first dimension that counts the samples",
                             built->graph->tensors[built->inputs[i]]->name);
        const char *name = built->graph->tensors[built->inputs[i]]->name;
        if (strlen(name) >= sizeof out->inputs[i].name)
            return snug_fail(
                SNUG_UNSUPPORTED,
                "the input '%.60s...' has a name of more than %zu bytes: data is found "
                "by it",
                name, sizeof out->inputs[i].name - 1);
        SNUG_TRY(describe(built->graph, built->inputs[i], &out->inputs[i]));
    }
    SNUG_TRY(describe(built->graph, built->target, &out->target));
    if (training->loss == SNUG_LOSS_CROSS_ENTROPY)
        out->classes = snug_graph_type(built->graph, built->logits)
                           ->dims[snug_loss_class_axis(training, built)];
    out->target.below = out->classes;
    return SNUG_OK;
}

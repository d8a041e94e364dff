// Sequences of tensors. Exporters write them for a split whose parts are picked one by one, and
// their lengths do not change from step to step: a sequence is a list of values of the import, and
// nothing of it reaches the graph but what its elements are made by.
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/state.h"

// A node at hand, and where its names belong.
typedef struct sequence_call {
    snug_onnx_import *import;
    snug_onnx_scope *scope;
    const snug_onnx_node *node;
    snug_onnx_slot *const *inputs;
} sequence_call;

enum { MOST_PARTS = 256, MOST_JOINED = 4096 }; // what Split and Concat take
enum { BYTES_OF_A_PART = 2048 };               // of names, nodes and values, about

static const snug_onnx_slot *input_of(const sequence_call *call, size_t index) {
    return index < call->node->input_count ? call->inputs[index] : NULL;
}

static snug_status expect_sequence(const sequence_call *call, const snug_onnx_slot **out) {
    *out = input_of(call, 0);
    if (*out && (*out)->is_sequence) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "a sequence expected as input 0");
}

static snug_status expect_tensor(const sequence_call *call, size_t index,
                                 const snug_onnx_slot **out) {
    *out = input_of(call, index);
    if (*out && !(*out)->is_sequence && (*out)->operand.is_present) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "a tensor expected as input %zu", index);
}

// The known integers of input |index|, of which there are at most |most|.
static snug_status read_known(const sequence_call *call, size_t index, int64_t *out, size_t most,
                              size_t *count) {
    const snug_onnx_slot *slot = NULL;
    SNUG_TRY(expect_tensor(call, index, &slot));
    snug_onnx_operand operand = slot->operand;
    snug_onnx_call reader = {.import = call->import, .inputs = &operand, .input_count = 1};
    snug_status status = snug_onnx_known_integers(&reader, 0, out, most, count);
    return status == SNUG_OK ? status : snug_fail_context(status, "as input %zu", index);
}

// Which of the |places| in a sequence of |count| input |index| is, counted from the sequence's end
// where it is negative; the last where the input is absent.
static snug_status read_place(const sequence_call *call, size_t index, size_t count, size_t places,
                              size_t *out) {
    int64_t place;
    size_t found;
    *out = 0;
    if (places == 0) return snug_fail(SNUG_BAD_FILE, "the sequence is empty");
    *out = places - 1;
    if (!input_of(call, index) || !input_of(call, index)->operand.is_present) return SNUG_OK;
    SNUG_TRY(read_known(call, index, &place, 1, &found));
    if (found == 1 && place < 0) place += (int64_t)count;
    if (found != 1 || place < 0 || place >= (int64_t)places)
        return snug_fail(SNUG_BAD_FILE, "a place in a sequence of %zu expected as input %zu", count,
                         index);
    *out = (size_t)place;
    return SNUG_OK;
}

static snug_status define_result(const sequence_call *call, snug_onnx_slot *slot) {
    if (call->node->output_count != 1 || !call->node->outputs[0][0])
        return snug_fail(SNUG_BAD_FILE, "one output expected");
    return snug_onnx_define(call->scope, call->node->outputs[0], slot);
}

// Hostile files make sequences again and again: what that takes is counted as known values are.
static snug_status charge(const sequence_call *call, size_t count, size_t bytes_each) {
    if (count > call->import->known_left / bytes_each)
        return snug_fail(SNUG_UNSUPPORTED, "sequences of too many tensors");
    call->import->known_left -= count * bytes_each;
    return SNUG_OK;
}

// A sequence with room for |count| elements becomes the result; |*elements| is to be filled.
static snug_status define_sequence(const sequence_call *call, size_t count,
                                   snug_onnx_slot ***elements) {
    snug_onnx_slot *slot = NULL;
    snug_pool *pool = &call->import->pool;
    SNUG_TRY(charge(call, count, sizeof **elements));
    SNUG_TRY(snug_onnx_slot_new(call->import, &slot));
    SNUG_TRY(snug_pool_new(pool, (count + 1) * sizeof **elements, (void **)elements));
    slot->is_sequence = true;
    slot->elements = *elements;
    slot->element_count = count;
    if (call->node->output_count) slot->operand.name = call->node->outputs[0];
    return define_result(call, slot);
}

static snug_status construct(const sequence_call *call) {
    snug_onnx_slot **elements = NULL;
    const snug_onnx_slot *tensor = NULL;
    for (size_t i = 0; i < call->node->input_count; i++)
        SNUG_TRY(expect_tensor(call, i, &tensor));
    SNUG_TRY(define_sequence(call, call->node->input_count, &elements));
    for (size_t i = 0; i < call->node->input_count; i++)
        elements[i] = call->inputs[i];
    return SNUG_OK;
}

static snug_status insert(const sequence_call *call) {
    const snug_onnx_slot *from = NULL, *tensor = NULL;
    snug_onnx_slot **elements = NULL;
    size_t place;
    SNUG_TRY(expect_sequence(call, &from));
    SNUG_TRY(expect_tensor(call, 1, &tensor));
    SNUG_TRY(read_place(call, 2, from->element_count, from->element_count + 1, &place));
    SNUG_TRY(define_sequence(call, from->element_count + 1, &elements));
    for (size_t i = 0; i < from->element_count; i++)
        elements[i + (i >= place)] = from->elements[i];
    elements[place] = call->inputs[1];
    return SNUG_OK;
}

static snug_status erase(const sequence_call *call) {
    const snug_onnx_slot *from = NULL;
    snug_onnx_slot **elements = NULL;
    size_t place;
    SNUG_TRY(expect_sequence(call, &from));
    SNUG_TRY(read_place(call, 1, from->element_count, from->element_count, &place));
    SNUG_TRY(define_sequence(call, from->element_count - 1, &elements));
    for (size_t i = 0; i + 1 < from->element_count; i++)
        elements[i] = from->elements[i + (i >= place)];
    return SNUG_OK;
}

static snug_status at(const sequence_call *call) {
    const snug_onnx_slot *from = NULL, *given = NULL;
    size_t place;
    SNUG_TRY(expect_sequence(call, &from));
    SNUG_TRY(expect_tensor(call, 1, &given));
    SNUG_TRY(read_place(call, 1, from->element_count, from->element_count, &place));
    return define_result(call, from->elements[place]);
}

// Known integers under |name|.
static snug_status define_integers(const sequence_call *call, snug_onnx_scope *scope,
                                   const char *name, int rank, const int64_t *values,
                                   size_t count) {
    snug_onnx_slot *slot = NULL;
    void *data = NULL;
    SNUG_TRY(snug_onnx_slot_new(call->import, &slot));
    SNUG_TRY(snug_pool_new(&call->import->pool, (count + 1) * sizeof *values, &data));
    if (count) memcpy(data, values, count * sizeof *values);
    slot->operand = (snug_onnx_operand){.is_present = true,
                                        .type = snug_type_vector(SNUG_I64, (int64_t)count),
                                        .tensor = SNUG_NO_TENSOR,
                                        .other = SNUG_NO_TENSOR,
                                        .data = data,
                                        .name = name};
    if (rank == 0) slot->operand.type = snug_type_scalar(SNUG_I64);
    return snug_onnx_define(scope, name, slot);
}

static snug_status length(const sequence_call *call) {
    const snug_onnx_slot *from = NULL;
    SNUG_TRY(expect_sequence(call, &from));
    if (call->node->output_count != 1) return snug_fail(SNUG_BAD_FILE, "one output expected");
    int64_t count = (int64_t)from->element_count;
    return define_integers(call, call->scope, call->node->outputs[0], 0, &count, 1);
}

// --- Between tensors and sequences: the nodes that ONNX has for tensors do the work ---

// Nodes that are not in the document, and their names; |scope| is inside the call's.
typedef struct made_nodes {
    snug_onnx_scope scope;
    snug_onnx_node *nodes;
    size_t count;
    snug_onnx_attribute axis;
} made_nodes;

static const snug_onnx_opset opset = {"", 13};

static snug_status open_nodes(const sequence_call *call, int64_t axis, size_t most,
                              made_nodes *out) {
    SNUG_TRY(charge(call, most, BYTES_OF_A_PART));
    *out = (made_nodes){.scope = {.outer = call->scope,
                                  .opsets = &opset,
                                  .opset_count = 1,
                                  .path = call->scope->path},
                        .axis = {.name = "axis", .kind = SNUG_ONNX_INT, .integer = axis}};
    return snug_pool_new(&call->import->pool, most * sizeof *out->nodes, (void **)&out->nodes);
}

// |count| names, "<output><mark><i>".
static snug_status make_names(const sequence_call *call, char mark, size_t count,
                              const char ***out) {
    snug_pool *pool = &call->import->pool;
    SNUG_TRY(snug_pool_new(pool, (count + 1) * sizeof **out, (void **)out));
    for (size_t i = 0; i < count; i++) {
        char number[32], *name = NULL;
        snprintf(number, sizeof number, "%c%zu", mark, i);
        SNUG_TRY(snug_onnx_join_names(pool, call->node->outputs[0], number, &name));
        (*out)[i] = name;
    }
    return SNUG_OK;
}

static void add_node(const sequence_call *call, made_nodes *made, const char *op,
                     const char *const *inputs, size_t input_count, const char *const *outputs,
                     size_t output_count) {
    // The graph labels what it is made of, and outlives the import: only the document's names do.
    const snug_onnx_node *from = call->node;
    made->nodes[made->count++] =
        (snug_onnx_node){.name = from->name[0] ? from->name : from->outputs[0],
                         .op = op,
                         .domain = "",
                         .overload = "",
                         .inputs = inputs,
                         .outputs = outputs,
                         .input_count = input_count,
                         .output_count = output_count};
}

static snug_status read_axis(const sequence_call *call, int rank, int64_t *out) {
    const snug_onnx_attribute *given = snug_onnx_attribute_find(call->node, "axis");
    return snug_onnx_axis(given && given->kind == SNUG_ONNX_INT ? given->integer : 0, rank, out);
}

// The lengths of the parts of |extent|: given one by one, as the length of each, or 1.
static snug_status read_parts(const sequence_call *call, int64_t extent,
                              int64_t lengths[MOST_PARTS], size_t *count) {
    const snug_onnx_slot *given = input_of(call, 1);
    int64_t each = 1;
    if (given) {
        SNUG_TRY(read_known(call, 1, lengths, MOST_PARTS, count));
        if (given->operand.type.rank > 0) return SNUG_OK;
        each = lengths[0];
    }
    if (each < 1) return snug_fail(SNUG_BAD_FILE, "parts of %lld", (long long)each);
    if (extent / each >= MOST_PARTS)
        return snug_fail(SNUG_UNSUPPORTED, "more than %d parts", MOST_PARTS);
    for (*count = 0; extent > 0; extent -= each)
        lengths[(*count)++] = extent < each ? extent : each;
    return SNUG_OK;
}

// The parts are results of one Split; where each lost the dimension, of a Squeeze as well.
static snug_status split(const sequence_call *call, made_nodes *made, const int64_t *lengths,
                         size_t count, bool drops_axis) {
    const char **parts, **inputs, **flat = NULL;
    snug_onnx_slot **elements = NULL;
    SNUG_TRY(make_names(call, '#', count, &parts));
    SNUG_TRY(make_names(call, '%', 3 * count + 3, &inputs));
    inputs[0] = call->node->inputs[0];
    SNUG_TRY(define_integers(call, &made->scope, inputs[1], 1, lengths, count));
    SNUG_TRY(define_integers(call, &made->scope, inputs[2], 1, &made->axis.integer, 1));
    if (count) add_node(call, made, "Split", inputs, 2, parts, count);
    made->nodes[0].attributes = &made->axis;
    made->nodes[0].attribute_count = 1;
    if (drops_axis) SNUG_TRY(make_names(call, '@', count, &flat));
    for (size_t i = 0; drops_axis && i < count; i++) {
        const char **pair = &inputs[3 + 2 * i];
        pair[0] = parts[i];
        pair[1] = inputs[2];
        add_node(call, made, "Squeeze", pair, 2, &flat[i], 1);
    }
    SNUG_TRY(snug_onnx_translate(call->import, &made->scope, made->nodes, NULL, made->count));
    SNUG_TRY(define_sequence(call, count, &elements));
    for (size_t i = 0; i < count; i++)
        elements[i] = snug_onnx_lookup(&made->scope, drops_axis ? flat[i] : parts[i]);
    return SNUG_OK;
}

static snug_status split_to_sequence(const sequence_call *call) {
    const snug_onnx_slot *x = NULL;
    const snug_onnx_attribute *keep = snug_onnx_attribute_find(call->node, "keepdims");
    int64_t axis, lengths[MOST_PARTS] = {0};
    size_t count = 0;
    made_nodes made;
    SNUG_TRY(expect_tensor(call, 0, &x));
    if (call->node->output_count != 1) return snug_fail(SNUG_BAD_FILE, "one output expected");
    SNUG_TRY(read_axis(call, x->operand.type.rank, &axis));
    SNUG_TRY(read_parts(call, x->operand.type.dims[axis], lengths, &count));
    SNUG_TRY(open_nodes(call, axis, count + 1, &made));
    bool drops_axis = !input_of(call, 1) && keep && keep->integer == 0;
    snug_status status = split(call, &made, lengths, count, drops_axis);
    snug_onnx_names_clear(&made.scope.names);
    return status;
}

// One Concat, after an Unsqueeze of each where they get a dimension of their own.
static snug_status concat(const sequence_call *call, made_nodes *made, const snug_onnx_slot *from,
                          bool adds_axis) {
    const char **parts, **wide, **pairs;
    size_t count = from->element_count;
    SNUG_TRY(make_names(call, '#', count, &parts));
    SNUG_TRY(make_names(call, '@', count + 1, &wide));
    SNUG_TRY(make_names(call, '%', 2 * count + 1, &pairs));
    SNUG_TRY(define_integers(call, &made->scope, pairs[2 * count], 1, &made->axis.integer, 1));
    for (size_t i = 0; i < count; i++) {
        SNUG_TRY(snug_onnx_define(&made->scope, parts[i], from->elements[i]));
        pairs[2 * i] = parts[i];
        pairs[2 * i + 1] = pairs[2 * count];
        if (adds_axis) add_node(call, made, "Unsqueeze", &pairs[2 * i], 2, &wide[i], 1);
    }
    add_node(call, made, "Concat", adds_axis ? wide : parts, count, call->node->outputs, 1);
    made->nodes[made->count - 1].attributes = &made->axis;
    made->nodes[made->count - 1].attribute_count = 1;
    SNUG_TRY(snug_onnx_translate(call->import, &made->scope, made->nodes, NULL, made->count));
    return define_result(call, snug_onnx_lookup(&made->scope, call->node->outputs[0]));
}

static snug_status concat_from_sequence(const sequence_call *call) {
    const snug_onnx_slot *from = NULL;
    const snug_onnx_attribute *more = snug_onnx_attribute_find(call->node, "new_axis");
    bool adds_axis = more && more->integer == 1;
    int64_t axis;
    made_nodes made;
    SNUG_TRY(expect_sequence(call, &from));
    if (from->element_count == 0 || from->element_count > MOST_JOINED)
        return snug_fail(SNUG_UNSUPPORTED, "a sequence of %zu tensors", from->element_count);
    if (call->node->output_count != 1) return snug_fail(SNUG_BAD_FILE, "one output expected");
    SNUG_TRY(read_axis(call, from->elements[0]->operand.type.rank + adds_axis, &axis));
    SNUG_TRY(open_nodes(call, axis, from->element_count + 1, &made));
    snug_status status = concat(call, &made, from, adds_axis);
    snug_onnx_names_clear(&made.scope.names);
    return status;
}

static const struct {
    const char *name;
    snug_status (*follow)(const sequence_call *call);
} rows[] = {
    {"SequenceConstruct", construct},
    {"SequenceEmpty", construct},
    {"SequenceInsert", insert},
    {"SequenceErase", erase},
    {"SequenceAt", at},
    {"SequenceLength", length},
    {"SplitToSequence", split_to_sequence},
    {"ConcatFromSequence", concat_from_sequence},
};
enum { ROWS = sizeof rows / sizeof *rows };

bool snug_onnx_is_sequence_operator(const char *name) {
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0) return true;
    return false;
}

snug_status snug_onnx_follow_sequence(snug_onnx_import *import, snug_onnx_scope *scope,
                                      const snug_onnx_node *node, snug_onnx_slot *const *inputs) {
    const sequence_call call = {import, scope, node, inputs};
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, node->op) == 0) return rows[i].follow(&call);
    return snug_fail(SNUG_INTERNAL, "%.100s is no operator of sequences", node->op);
}

#include "onnx/batch_sizes.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "onnx/state.h"
#include "ops/ops.h"

void snug_onnx_trace_clear(snug_onnx_trace *trace) {
    snug_memory_free(trace->seen);
    *trace = (snug_onnx_trace){0};
}

static uint64_t hash_data(const void *data, size_t bytes) {
    return snug_hash_more(SNUG_HASH_START ^ bytes, data, bytes);
}

static size_t first_bytes(const snug_type *type) {
    bool is_split = type->rank > 0 && type->dims[0] > 0;
    return snug_type_bytes(type) / (size_t)(is_split ? type->dims[0] : 1);
}

// Where a value called |name| is, or goes.
static snug_onnx_seen *place_of(const snug_onnx_trace *trace, const char *name) {
    uint64_t hash = snug_hash_text(name) | 1;
    size_t at = snug_hash_slot(hash, trace->slot_count);
    while (trace->seen[at].name && trace->seen[at].name != hash)
        at = (at + 1) & (trace->slot_count - 1);
    return &trace->seen[at];
}

snug_status snug_onnx_trace_record(snug_onnx_slot *const *slots, size_t count, int64_t batch,
                                   snug_onnx_trace *out) {
    *out = (snug_onnx_trace){.batch = batch, .slot_count = 64};
    while (out->slot_count < 2 * count)
        out->slot_count *= 2;
    SNUG_TRY(SNUG_NEW(&out->seen, out->slot_count));
    for (size_t i = 0; i < count; i++) {
        const snug_onnx_operand *operand = &slots[i]->operand;
        snug_onnx_seen *seen = place_of(out, operand->name);
        *seen = (snug_onnx_seen){.name = snug_hash_text(operand->name) | 1, .type = operand->type};
        // An initializer is the same at every batch size.
        if (!operand->data || slots[i]->initializer) continue;
        seen->data = hash_data(operand->data, snug_type_bytes(&operand->type));
        seen->first = hash_data(operand->data, first_bytes(&operand->type));
    }
    return SNUG_OK;
}

const snug_onnx_seen *snug_onnx_trace_find(const snug_onnx_trace *trace,
                                           const snug_onnx_slot *slot) {
    if (!trace || !slot) return NULL;
    const snug_onnx_seen *seen = place_of(trace, slot->operand.name);
    return seen->name ? seen : NULL;
}

static bool differs(const snug_onnx_seen *seen, const snug_onnx_slot *slot) {
    const snug_onnx_operand *operand = &slot->operand;
    if (!operand->data || slot->initializer) return false;
    return !snug_type_same_shape(&seen->type, &operand->type) ||
           seen->data != hash_data(operand->data, snug_type_bytes(&operand->type));
}

bool snug_onnx_depends_on_batch(const snug_onnx_import *import, const snug_onnx_slot *slot) {
    const snug_onnx_seen *seen = snug_onnx_trace_find(import->other, slot);
    return import->other && slot && (!seen || differs(seen, slot));
}

bool snug_onnx_first_depends(const snug_onnx_import *import, const snug_onnx_slot *slot) {
    const snug_onnx_seen *seen = snug_onnx_trace_find(import->other, slot);
    const snug_onnx_operand *operand = &slot->operand;
    return !seen || seen->first != hash_data(operand->data, first_bytes(&operand->type));
}

bool snug_onnx_follows_batch(const snug_onnx_call *call, size_t index, int axis) {
    const snug_onnx_seen *seen =
        snug_onnx_trace_find(call->import->other, call->import->frame->inputs[index]);
    const snug_type *type = &call->inputs[index].type;
    return seen && seen->type.rank == type->rank && seen->type.dims[axis] != type->dims[axis];
}

// --- Documents that are exported for one batch ---

// Where the batch is in a value: in dimension |axis|, after |outer| elements of those around it,
// all as in the document.
typedef struct position {
    int axis; // -1: nowhere
    int64_t outer;
} position;

static snug_status unsound(const snug_onnx_import *import, const char *what) {
    return snug_fail(SNUG_UNSUPPORTED,
                     "the model is exported for a batch of %lld, and %s; export it with a dynamic "
                     "batch dimension (dynamic_axes, dynamic_shapes)",
                     (long long)import->reference->batch, what);
}

static snug_status find_batch(const snug_onnx_import *import, const snug_onnx_slot *slot,
                              position *out) {
    *out = (position){.axis = -1, .outer = slot && slot->pre ? slot->pre : 1};
    const snug_onnx_seen *seen = snug_onnx_trace_find(import->reference, slot);
    if (!seen || !slot->operand.is_present) return SNUG_OK;
    const snug_type *before = &seen->type, *now = &slot->operand.type;
    if (before->rank != now->rank) return unsound(import, "here is another rank at another batch");
    for (int i = 0; i < now->rank; i++) {
        if (before->dims[i] == now->dims[i]) continue;
        int64_t expected, found;
        bool is_scaled =
            !__builtin_mul_overflow(before->dims[i], import->options->batch, &expected) &&
            !__builtin_mul_overflow(now->dims[i], import->reference->batch, &found) &&
            expected == found;
        if (out->axis >= 0 || !is_scaled)
            return unsound(import, "what is computed here mixes its samples");
        out->axis = i;
    }
    for (int i = 0; i < out->axis; i++)
        out->outer *= before->dims[i];
    return SNUG_OK;
}

// The 0 and -1 of a Reshape from |x|; false when it does not work out.
static bool resolve(const snug_type *x, int64_t *dims, int rank) {
    int64_t known = 1, elements = snug_type_elements(x);
    int open = -1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0 && i < x->rank) dims[i] = x->dims[i];
        if (dims[i] == -1)
            open = i;
        else if (dims[i] < 0 || __builtin_mul_overflow(known, dims[i], &known))
            return false;
    }
    if (open >= 0) {
        if (known == 0 || elements % known) return false;
        dims[open] = elements / known;
        known = elements;
    }
    return known == elements;
}

// The dimension of |dims| that the batch goes to, whose elements before it are |outer|; |*pre| of
// them are within that dimension. A batch at the border of two belongs to the later, which it then
// leads, but not to the features at the very end: (T * batch, C) is what is meant there.
static int place(const int64_t *dims, int rank, int64_t outer, int64_t batch, int64_t *pre) {
    int64_t prefix = 1;
    int best = -1;
    for (int i = 0; i < rank; prefix *= dims[i++]) {
        if (prefix == outer && (best < 0 || (dims[best] != batch && dims[i] == batch))) {
            best = i;
            *pre = 1;
        }
        bool is_within = prefix < outer && outer < prefix * dims[i] && outer % prefix == 0;
        if (is_within && best < 0) {
            best = i;
            *pre = outer / prefix;
        }
    }
    bool is_last = best == rank - 1 && best > 0 && *pre == 1 && dims[best] != batch;
    if (is_last) *pre = dims[--best];
    return best;
}

static snug_status general_reshape(const snug_onnx_call *call, const snug_type *x, int64_t outer,
                                   int64_t *dims, int rank) {
    snug_onnx_import *import = call->import;
    int64_t batch = import->reference->batch, now = import->options->batch, pre = 1;
    if (!resolve(x, dims, rank)) return SNUG_OK; // the translator says what is wrong
    int axis = place(dims, rank, outer, batch, &pre);
    bool is_split = axis >= 0 && pre > 0 && dims[axis] % (pre * batch) == 0;
    int64_t scaled;
    if (!is_split || __builtin_mul_overflow(dims[axis] / batch, now, &scaled))
        return unsound(import, "it is not clear which dimension of this shape the batch is in");
    dims[axis] = scaled;
    import->result_pre = pre;
    return SNUG_OK;
}

snug_status snug_onnx_general_shape(const snug_onnx_call *call, size_t index,
                                    snug_onnx_shape_use use, int64_t *dims, const int *rank) {
    snug_onnx_import *import = call->import;
    if (!import->reference || index >= call->input_count) return SNUG_OK;
    const snug_onnx_slot *x = import->frame->inputs[0], *shape = import->frame->inputs[index];
    const snug_onnx_seen *seen_x = snug_onnx_trace_find(import->reference, x);
    const snug_onnx_seen *seen_shape = snug_onnx_trace_find(import->reference, shape);
    position at;
    SNUG_TRY(find_batch(import, x, &at));
    // A shape that is computed from the batch has it already.
    if (at.axis < 0 || !seen_x || !shape || (seen_shape && differs(seen_shape, shape)))
        return SNUG_OK;
    if (use == SNUG_ONNX_RESHAPE)
        return general_reshape(call, &seen_x->type, at.outer, dims, *rank);
    int axis = use == SNUG_ONNX_SIZE ? at.axis : at.axis + *rank - x->operand.type.rank;
    bool is_there = axis >= 0 && axis < *rank && dims[axis] == seen_x->type.dims[at.axis];
    if (is_there) dims[axis] = x->operand.type.dims[at.axis];
    return SNUG_OK;
}

// Input |index| repeated to |extent| along |axis|, where it is 1.
static snug_status repeat(const snug_onnx_call *call, size_t index, int axis, int64_t extent) {
    snug_onnx_operand *operand = &call->inputs[index];
    snug_tensor_id from = snug_onnx_use(call, index);
    SNUG_TRY(call->graph->status);
    snug_onnx_operand *owner = &call->import->frame->inputs[index]->operand;
    if (owner->tensor == SNUG_NO_TENSOR) owner->tensor = from;
    const snug_type *type = snug_graph_type(call->graph, from);
    snug_broadcast_to_attributes target = {
        .rank = type->rank, .layout = type->layout, .reduced = INT64_C(1) << axis, .scale = 1};
    memcpy(target.dims, type->dims, sizeof target.dims);
    target.dims[axis] = extent;
    operand->tensor = SNUG_EMIT(call->graph, &snug_op_broadcast_to, &target, from);
    operand->other = SNUG_NO_TENSOR;
    operand->data = NULL;
    operand->is_weight = false;
    operand->type = *snug_graph_type(call->graph, operand->tensor);
    return call->graph->status;
}

snug_status snug_onnx_general_operands(const snug_onnx_call *call) {
    const snug_onnx_import *import = call->import;
    bool is_concat = call->node->domain[0] == '\0' && strcmp(call->node->op, "Concat") == 0;
    if (!import->reference || !is_concat) return SNUG_OK;
    position at = {.axis = -1};
    size_t with = 0;
    for (; at.axis < 0 && with < call->input_count; with++)
        SNUG_TRY(find_batch(import, import->frame->inputs[with], &at));
    if (at.axis < 0) return SNUG_OK;
    const snug_type *type = &call->inputs[with - 1].type;
    int64_t along = snug_onnx_integer(call, "axis", 0);
    if (along < 0) along += type->rank;
    for (size_t i = 0; i < call->input_count; i++) {
        const snug_type *other = &call->inputs[i].type;
        bool lacks_batch = other->rank == type->rank && along != at.axis &&
                           other->dims[at.axis] != type->dims[at.axis];
        if (!lacks_batch) continue;
        if (other->dims[at.axis] != 1)
            return unsound(import, "an operand here is made for that batch");
        SNUG_TRY(repeat(call, i, at.axis, type->dims[at.axis]));
    }
    return SNUG_OK;
}

// Operators that work along |axis|, or all dimensions from it on.
static const struct {
    const char *op;
    int64_t axis;
    bool from_on;
} along_axis[] = {
    {"Softmax", -1, false},
    {"LogSoftmax", -1, false},
    {"CumSum", 0, false},
    {"TopK", -1, false},
    {"LayerNormalization", -1, true},
    {"RMSNormalization", -1, true},
    {"LpNormalization", -1, false},
};

static bool works_along(const snug_onnx_node *node, int rank, int batch_axis) {
    for (size_t i = 0; i < sizeof along_axis / sizeof *along_axis; i++) {
        if (node->domain[0] || strcmp(along_axis[i].op, node->op) != 0) continue;
        const snug_onnx_attribute *given = snug_onnx_attribute_find(node, "axis");
        int64_t axis = given ? given->integer : along_axis[i].axis;
        if (axis < 0) axis += rank;
        if (axis == batch_axis || (along_axis[i].from_on && batch_axis > axis)) return true;
    }
    return false;
}

snug_status snug_onnx_check_batch(snug_onnx_import *import, const snug_onnx_node *node,
                                  snug_onnx_slot *const *inputs, size_t index,
                                  snug_onnx_slot *slot) {
    if (!import->reference || slot->operand.data) return SNUG_OK;
    position at, from = {.axis = -1};
    int64_t extent = 0;
    SNUG_TRY(find_batch(import, slot, &at));
    const snug_onnx_seen *seen = snug_onnx_trace_find(import->reference, slot);
    for (size_t i = 0; i < node->input_count && from.axis < 0; i++) {
        if (!inputs[i] || inputs[i]->operand.data) continue;
        SNUG_TRY(find_batch(import, inputs[i], &from));
        if (from.axis < 0) continue;
        if (works_along(node, inputs[i]->operand.type.rank, from.axis))
            return unsound(import, "this works across its samples");
        extent = inputs[i]->operand.type.dims[from.axis];
        slot->pre = inputs[i]->pre;
    }
    if (index == 0 && from.axis >= 0 && at.axis < 0)
        return unsound(import, "what is computed here mixes its samples");
    if (at.axis < 0 || !seen || slot->operand.type.dims[at.axis] != extent) slot->pre = 1;
    if (import->result_pre && index == 0) slot->pre = import->result_pre;
    return SNUG_OK;
}

snug_status snug_onnx_check_outputs(const snug_onnx_import *import, const snug_onnx_built *built) {
    int64_t batch = import->options->batch;
    for (size_t i = 0; i < built->output_count; i++) {
        const snug_type *type = snug_graph_type(import->graph, built->outputs[i]);
        if (batch == 0 || (type->rank > 0 && type->dims[0] % batch == 0)) continue;
        char text[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_UNSUPPORTED,
                         "output \"%.200s\" is %s: the batch, %lld, is not in its first dimension",
                         built->output_names[i], snug_type_print(type, text), (long long)batch);
    }
    return SNUG_OK;
}

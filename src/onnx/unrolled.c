// Loop and Scan: their bodies, as often as they run, one after the other. How often is known at
// import: a graph has no loops. Names in a body are those of its iteration; what it carries on are
// values of the import (sequences, too), and what it collects becomes one Concat.
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/state.h"

typedef struct loop {
    snug_onnx_import *import;
    snug_onnx_scope *scope;
    const snug_onnx_node *node;
    snug_onnx_slot *const *inputs;
    const snug_onnx_graph *body;
    int64_t times;
    size_t skipped; // of the body's inputs and of its outputs, before what is carried: see below
    size_t skipped_outputs;
    size_t carried_count, collected_count;
    snug_onnx_slot **carried;    // as they are now
    snug_onnx_slot ***collected; // by output and iteration
} loop;

static const snug_onnx_slot *input_of(const loop *self, size_t index) {
    return index < self->node->input_count ? self->inputs[index] : NULL;
}

// Of an operand that is one known element.
static bool read_known(const snug_onnx_slot *slot, int64_t *out) {
    const snug_onnx_operand *operand = slot ? &slot->operand : NULL;
    *out = 0;
    if (!operand || !operand->data || snug_type_elements(&operand->type) != 1) return false;
    size_t bytes = snug_dtype_bytes(operand->type.dtype);
    if (snug_dtype_is_float(operand->type.dtype) || (bytes != 8 && bytes != 1)) return false;
    memcpy(out, operand->data, bytes);
    return true;
}

static snug_status define_known(snug_onnx_import *import, snug_onnx_scope *scope, const char *name,
                                snug_dtype dtype, int64_t value) {
    snug_onnx_slot *slot = NULL;
    void *data = NULL;
    SNUG_TRY(snug_onnx_slot_new(import, &slot));
    SNUG_TRY(snug_pool_new(&import->pool, sizeof value, &data));
    memcpy(data, &value, sizeof value);
    char *full = NULL;
    SNUG_TRY(snug_onnx_join_names(&import->pool, scope->path, name, &full));
    slot->operand = (snug_onnx_operand){.is_present = true,
                                        .type = snug_type_scalar(dtype),
                                        .tensor = SNUG_NO_TENSOR,
                                        .other = SNUG_NO_TENSOR,
                                        .data = data,
                                        .name = full};
    return snug_onnx_define(scope, name, slot);
}

// --- One iteration ---

// The scope of iteration |number|: what it makes is called after the loop and the number.
// Also one that does nothing counts as a node.
static snug_status open_scope(const loop *self, int64_t number, snug_onnx_scope *out) {
    const snug_onnx_node *node = self->node;
    if (self->import->nodes_left == 0)
        return snug_fail(SNUG_BAD_FILE, "more than %d nodes once loops are followed",
                         SNUG_ONNX_MAX_NODES);
    self->import->nodes_left--;
    snug_pool *pool = &self->import->pool;
    const char *own = node->name[0] ? node->name : node->output_count ? node->outputs[0] : "";
    char *path = NULL, suffix[32];
    snprintf(suffix, sizeof suffix, "#%lld/", (long long)number);
    SNUG_TRY(snug_onnx_join_names(pool, self->scope->path, own, &path));
    SNUG_TRY(snug_onnx_join_names(pool, path, suffix, &path));
    *out = (snug_onnx_scope){.outer = self->scope,
                             .opsets = self->scope->opsets,
                             .opset_count = self->scope->opset_count,
                             .path = path};
    return SNUG_OK;
}

static snug_status take_results(const loop *self, const snug_onnx_scope *inner, int64_t number) {
    for (size_t i = self->skipped_outputs; i < self->body->output_count; i++) {
        const char *name = self->body->outputs[i].name;
        snug_onnx_slot *slot = snug_onnx_lookup(inner, name);
        size_t at = i - self->skipped_outputs;
        if (!slot)
            return snug_fail(SNUG_BAD_FILE, "its body never computes its output \"%.200s\"", name);
        if (at < self->carried_count)
            self->carried[at] = slot;
        else
            self->collected[at - self->carried_count][number] = slot;
    }
    return SNUG_OK;
}

// Runs the body in |inner|, where its inputs are defined but for those that are carried.
static snug_status run_body(loop *self, snug_onnx_scope *inner, int64_t number) {
    for (size_t i = 0; i < self->carried_count; i++)
        SNUG_TRY(
            snug_onnx_define(inner, self->body->inputs[self->skipped + i].name, self->carried[i]));
    SNUG_TRY(snug_onnx_define_initializers(self->import, inner, self->body));
    SNUG_TRY(
        snug_onnx_translate(self->import, inner, self->body->nodes, NULL, self->body->node_count));
    return take_results(self, inner, number);
}

// --- Around the iterations ---

// Hostile files loop again and again: what is collected is counted as known values are.
static snug_status allocate(loop *self) {
    snug_onnx_import *import = self->import;
    if (self->times > SNUG_ONNX_MAX_NODES)
        return snug_fail(SNUG_UNSUPPORTED, "%lld iterations", (long long)self->times);
    size_t count = self->carried_count + (size_t)self->times * self->collected_count;
    if (count > import->known_left / sizeof(void *))
        return snug_fail(SNUG_UNSUPPORTED, "%lld iterations that collect %zu tensors",
                         (long long)self->times, self->collected_count);
    import->known_left -= count * sizeof(void *);
    SNUG_TRY(snug_pool_new(&import->pool, (self->carried_count + 1) * sizeof *self->carried,
                           (void **)&self->carried));
    SNUG_TRY(snug_pool_new(&import->pool, (self->collected_count + 1) * sizeof *self->collected,
                           (void **)&self->collected));
    for (size_t i = 0; i < self->collected_count; i++)
        SNUG_TRY(snug_pool_new(&import->pool, ((size_t)self->times + 1) * sizeof **self->collected,
                               (void **)&self->collected[i]));
    return SNUG_OK;
}

static snug_status carry_in(loop *self, size_t first_input) {
    for (size_t i = 0; i < self->carried_count; i++) {
        self->carried[i] = self->inputs[first_input + i];
        if (!self->carried[i])
            return snug_fail(SNUG_BAD_FILE, "input %zu is missing", first_input + i);
    }
    return SNUG_OK;
}

// What output |index| of the body was in all iterations, under the name |output|: as a sequence
// that becomes one tensor, along a new dimension |axis|.
static snug_status give_collected(const loop *self, size_t index, const char *output, int64_t axis,
                                  bool backwards) {
    snug_onnx_import *import = self->import;
    snug_onnx_slot *sequence = NULL, **elements = NULL;
    snug_onnx_attribute *attributes = NULL;
    const char **names = NULL;
    size_t count = (size_t)self->times;
    if (count == 0) return snug_fail(SNUG_UNSUPPORTED, "results of a loop that does not run");
    SNUG_TRY(snug_onnx_slot_new(import, &sequence));
    SNUG_TRY(snug_pool_new(&import->pool, count * sizeof *elements, (void **)&elements));
    SNUG_TRY(snug_pool_new(&import->pool, 2 * sizeof *attributes, (void **)&attributes));
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *names, (void **)&names));
    for (size_t i = 0; i < count; i++) {
        elements[i] = self->collected[index][backwards ? count - 1 - i : i];
        if (elements[i]->is_sequence || !elements[i]->operand.is_present)
            return snug_fail(SNUG_BAD_FILE, "a tensor expected as result %zu of its body",
                             self->carried_count + index);
    }
    sequence->is_sequence = true;
    sequence->elements = elements;
    sequence->element_count = count;
    names[0] = output;
    attributes[0] = (snug_onnx_attribute){.name = "axis", .kind = SNUG_ONNX_INT, .integer = axis};
    attributes[1] = (snug_onnx_attribute){.name = "new_axis", .kind = SNUG_ONNX_INT, .integer = 1};
    snug_onnx_node *node = NULL;
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *node, (void **)&node));
    *node = (snug_onnx_node){.name = self->node->name[0] ? self->node->name : output,
                             .op = "ConcatFromSequence",
                             .domain = "",
                             .overload = "",
                             .inputs = names,
                             .input_count = 1,
                             .outputs = names,
                             .output_count = 1,
                             .attributes = attributes,
                             .attribute_count = 2};
    return snug_onnx_follow_sequence(import, self->scope, node, &sequence);
}

static snug_status give_carried(const loop *self) {
    for (size_t i = 0; i < self->carried_count && i < self->node->output_count; i++)
        if (self->node->outputs[i][0])
            SNUG_TRY(snug_onnx_define(self->scope, self->node->outputs[i], self->carried[i]));
    return SNUG_OK;
}

// The name of collected output |index|, or NULL where nobody wants it.
static const char *collected_name(const loop *self, size_t index) {
    size_t at = self->carried_count + index;
    bool is_wanted = at < self->node->output_count && self->node->outputs[at][0];
    return is_wanted ? self->node->outputs[at] : NULL;
}

// --- Loop ---

static snug_status read_times(loop *self) {
    const snug_onnx_slot *times = input_of(self, 0), *condition = input_of(self, 1);
    int64_t goes_on;
    bool is_bounded = times && times->operand.is_present;
    if (is_bounded && !read_known(times, &self->times))
        return snug_fail(SNUG_UNSUPPORTED, "a loop whose number of iterations is not known before "
                                           "the run");
    if (is_bounded && snug_onnx_depends_on_batch(self->import, times))
        return snug_fail(SNUG_UNSUPPORTED, "a loop over the samples of a batch");
    if (!is_bounded) self->times = SNUG_ONNX_MAX_NODES;
    if (self->times < 0) self->times = 0;
    if (!condition || !condition->operand.is_present) return SNUG_OK;
    if (!read_known(condition, &goes_on))
        return snug_fail(SNUG_UNSUPPORTED, "a loop whose condition is not known before the run");
    if (!goes_on) self->times = 0;
    return SNUG_OK;
}

// |*goes_on|: what the body says of a further iteration.
static snug_status run_iteration(loop *self, int64_t number, bool *goes_on) {
    snug_onnx_scope inner = {.path = ""};
    int64_t condition;
    SNUG_TRY(open_scope(self, number, &inner));
    snug_status status =
        define_known(self->import, &inner, self->body->inputs[0].name, SNUG_I64, number);
    if (status == SNUG_OK)
        status = define_known(self->import, &inner, self->body->inputs[1].name, SNUG_BOOL, 1);
    if (status == SNUG_OK) status = run_body(self, &inner, number);
    const snug_onnx_slot *next =
        status == SNUG_OK ? snug_onnx_lookup(&inner, self->body->outputs[0].name) : NULL;
    if (status == SNUG_OK && !read_known(next, &condition))
        status = snug_fail(SNUG_UNSUPPORTED, "a loop whose condition is not known before the run");
    *goes_on = status == SNUG_OK && condition;
    snug_onnx_names_clear(&inner.names);
    return status;
}

static snug_status follow_loop(loop *self) {
    const snug_onnx_node *node = self->node;
    self->skipped = 2; // the iteration's number and the condition
    self->skipped_outputs = 1;
    size_t carried = node->input_count > 2 ? node->input_count - 2 : 0;
    if (self->body->input_count != carried + 2 || self->body->output_count < carried + 1)
        return snug_fail(SNUG_BAD_FILE,
                         "a body of %zu inputs and at least %zu outputs expected, found %zu and "
                         "%zu",
                         carried + 2, carried + 1, self->body->input_count,
                         self->body->output_count);
    self->carried_count = carried;
    self->collected_count = self->body->output_count - 1 - carried;
    SNUG_TRY(read_times(self));
    SNUG_TRY(allocate(self));
    SNUG_TRY(carry_in(self, 2));
    bool goes_on = true;
    int64_t number = 0;
    for (; goes_on && number < self->times; number++)
        SNUG_TRY(run_iteration(self, number, &goes_on));
    self->times = number;
    SNUG_TRY(give_carried(self));
    for (size_t i = 0; i < self->collected_count; i++)
        if (collected_name(self, i))
            SNUG_TRY(give_collected(self, i, collected_name(self, i), 0, false));
    return SNUG_OK;
}

// --- Scan ---

// Element |index| of the attribute |name|, a list, or |fallback|.
static int64_t listed(const loop *self, const char *name, size_t index, int64_t fallback) {
    const snug_onnx_attribute *found = snug_onnx_attribute_find(self->node, name);
    bool is_there = found && found->kind == SNUG_ONNX_INTS && index < found->count;
    return is_there ? found->integers[index] : fallback;
}

typedef struct scanned {
    snug_onnx_slot *from;
    int64_t axis;
    bool backwards;
} scanned;

// Scanned input |index|: how long it is must agree with those before.
static snug_status read_scanned(loop *self, size_t index, scanned *out) {
    snug_onnx_slot *slot = self->inputs[self->carried_count + index];
    if (!slot || slot->is_sequence || !slot->operand.is_present)
        return snug_fail(SNUG_BAD_FILE, "a tensor expected as input %zu",
                         self->carried_count + index);
    const snug_type *type = &slot->operand.type;
    int64_t axis = listed(self, "scan_input_axes", index, 0);
    SNUG_TRY(snug_onnx_axis(axis, type->rank, &axis));
    *out = (scanned){slot, axis, listed(self, "scan_input_directions", index, 0) == 1};
    const snug_onnx_seen *seen = snug_onnx_trace_find(self->import->other, slot);
    bool is_batch =
        seen && seen->type.rank == type->rank && seen->type.dims[axis] != type->dims[axis];
    if (is_batch) return snug_fail(SNUG_UNSUPPORTED, "a scan over the samples of a batch");
    if (index > 0 && type->dims[axis] != self->times)
        return snug_fail(SNUG_BAD_FILE, "inputs of %lld and of %lld steps", (long long)self->times,
                         (long long)type->dims[axis]);
    self->times = type->dims[axis];
    return SNUG_OK;
}

// The |step|-th element of |from| becomes input |index| of the body: a Gather of a known place.
static snug_status define_element(const loop *self, snug_onnx_scope *inner, const scanned *from,
                                  size_t index, int64_t step) {
    static const char *const inputs[] = {"#scanned", "#step"};
    snug_onnx_scope around = {.outer = inner,
                              .opsets = inner->opsets,
                              .opset_count = inner->opset_count,
                              .path = inner->path};
    snug_onnx_attribute axis = {.name = "axis", .kind = SNUG_ONNX_INT, .integer = from->axis};
    const char *name = self->body->inputs[self->carried_count + index].name;
    const snug_onnx_node *node = self->node;
    snug_onnx_node *gather = NULL;
    snug_onnx_attribute *kept = NULL;
    const char **output = NULL;
    // Known results remember the node that they come from.
    SNUG_TRY(snug_pool_new(&self->import->pool, sizeof *gather, (void **)&gather));
    SNUG_TRY(snug_pool_new(&self->import->pool, sizeof *kept, (void **)&kept));
    SNUG_TRY(snug_pool_new(&self->import->pool, sizeof *output, (void **)&output));
    *kept = axis;
    *output = name;
    *gather = (snug_onnx_node){.name = node->name[0] ? node->name : name,
                               .op = "Gather",
                               .domain = "",
                               .overload = "",
                               .inputs = inputs,
                               .input_count = 2,
                               .outputs = output,
                               .output_count = 1,
                               .attributes = kept,
                               .attribute_count = 1};
    snug_status status = snug_onnx_define(&around, inputs[0], from->from);
    if (status == SNUG_OK)
        status = define_known(self->import, &around, inputs[1], SNUG_I64,
                              from->backwards ? self->times - 1 - step : step);
    if (status == SNUG_OK) status = snug_onnx_translate(self->import, &around, gather, NULL, 1);
    snug_onnx_slot *slot = status == SNUG_OK ? snug_onnx_lookup(&around, name) : NULL;
    if (slot) status = snug_onnx_define(inner, name, slot);
    snug_onnx_names_clear(&around.names);
    return status;
}

static snug_status run_scan(loop *self, const scanned *from, size_t scanned_count) {
    for (int64_t number = 0; number < self->times; number++) {
        snug_onnx_scope inner = {.path = ""};
        SNUG_TRY(open_scope(self, number, &inner));
        snug_status status = SNUG_OK;
        for (size_t i = 0; status == SNUG_OK && i < scanned_count; i++)
            status = define_element(self, &inner, &from[i], i, number);
        if (status == SNUG_OK) status = run_body(self, &inner, number);
        snug_onnx_names_clear(&inner.names);
        SNUG_TRY(status);
    }
    return SNUG_OK;
}

static snug_status follow_scan(loop *self, int64_t opset) {
    const snug_onnx_attribute *given = snug_onnx_attribute_find(self->node, "num_scan_inputs");
    size_t inputs = self->node->input_count;
    if (opset < 9)
        return snug_fail(SNUG_UNSUPPORTED, "Scan of opset 8: export with a newer opset_version");
    bool fits = given && given->kind == SNUG_ONNX_INT && given->integer >= 1 &&
                (uint64_t)given->integer <= inputs && self->body->input_count == inputs &&
                self->body->output_count >= inputs - (size_t)given->integer;
    if (!fits)
        return snug_fail(SNUG_BAD_FILE, "num_scan_inputs, and a body of as many inputs as the node "
                                        "has, expected");
    size_t count = (size_t)given->integer;
    scanned *from = NULL;
    self->carried_count = inputs - count;
    self->collected_count = self->body->output_count - self->carried_count;
    SNUG_TRY(snug_pool_new(&self->import->pool, count * sizeof *from, (void **)&from));
    for (size_t i = 0; i < count; i++)
        SNUG_TRY(read_scanned(self, i, &from[i]));
    SNUG_TRY(allocate(self));
    SNUG_TRY(carry_in(self, 0));
    SNUG_TRY(run_scan(self, from, count));
    SNUG_TRY(give_carried(self));
    for (size_t i = 0; i < self->collected_count; i++)
        if (collected_name(self, i))
            SNUG_TRY(give_collected(self, i, collected_name(self, i),
                                    listed(self, "scan_output_axes", i, 0),
                                    listed(self, "scan_output_directions", i, 0) == 1));
    return SNUG_OK;
}

bool snug_onnx_is_loop(const char *name) {
    return strcmp(name, "Loop") == 0 || strcmp(name, "Scan") == 0;
}

snug_status snug_onnx_follow_loop(snug_onnx_import *import, snug_onnx_scope *scope,
                                  const snug_onnx_node *node, snug_onnx_slot *const *inputs,
                                  int64_t opset) {
    const snug_onnx_attribute *body = snug_onnx_attribute_find(node, "body");
    if (!body || !body->graph) return snug_fail(SNUG_BAD_FILE, "body expected");
    loop self = {
        .import = import, .scope = scope, .node = node, .inputs = inputs, .body = body->graph};
    return strcmp(node->op, "Loop") == 0 ? follow_loop(&self) : follow_scan(&self, opset);
}

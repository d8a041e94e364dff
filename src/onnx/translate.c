// Node after node: operands from names, the translator, names for its results. Functions and
// branches are followed in scopes of their own.
#include <string.h>

#include "base/memory.h"
#include "onnx/state.h"
#include "ops/reference.h"

snug_onnx_slot *snug_onnx_lookup(const snug_onnx_scope *scope, const char *name) {
    for (; scope; scope = scope->outer) {
        snug_onnx_slot *slot = snug_onnx_names_find(&scope->names, name);
        if (slot) return slot;
    }
    return NULL;
}

snug_status snug_onnx_define(snug_onnx_scope *scope, const char *name, snug_onnx_slot *slot) {
    if (snug_onnx_names_find(&scope->names, name))
        return snug_fail(SNUG_BAD_FILE, "two values are called \"%.200s\"", name);
    return snug_onnx_names_put(&scope->names, name, slot);
}

snug_status snug_onnx_slot_new(snug_onnx_import *import, snug_onnx_slot **out) {
    SNUG_TRY(SNUG_GROW(&import->slots, &import->slot_capacity, import->slot_count + 1));
    SNUG_TRY(snug_pool_new(&import->pool, sizeof **out, (void **)out));
    import->slots[import->slot_count++] = *out;
    (*out)->operand.tensor = (*out)->operand.other = SNUG_NO_TENSOR;
    (*out)->operand.name = "";
    return SNUG_OK;
}

static int64_t opset_of(const snug_onnx_scope *scope, const char *domain) {
    for (size_t i = 0; i < scope->opset_count; i++)
        if (strcmp(scope->opsets[i].domain, domain) == 0) return scope->opsets[i].version;
    return 1;
}

// The scope of the function, or of the graph, that |scope| is a branch in.
static const snug_onnx_scope *root_of(const snug_onnx_scope *scope) {
    while (scope->outer)
        scope = scope->outer;
    return scope;
}

// |given| under the name that |wanted| has; false when the caller gives none and the function has
// no default.
static bool resolve_reference(const snug_onnx_scope *root, const snug_onnx_attribute *wanted,
                              snug_onnx_attribute *out) {
    const snug_onnx_attribute *given =
        root->caller ? snug_onnx_attribute_find(root->caller, wanted->reference) : NULL;
    for (size_t i = 0; !given && root->function && i < root->function->attribute_count; i++)
        if (strcmp(root->function->attributes[i].name, wanted->reference) == 0)
            given = &root->function->attributes[i];
    if (!given) return false;
    *out = *given;
    out->name = wanted->name;
    return true;
}

// |node| with the attributes that it refers to in its function's call.
static snug_status resolve_attributes(snug_onnx_import *import, const snug_onnx_scope *scope,
                                      const snug_onnx_node **node) {
    size_t references = 0;
    for (size_t i = 0; i < (*node)->attribute_count; i++)
        references += (*node)->attributes[i].reference != NULL;
    if (references == 0) return SNUG_OK;
    snug_onnx_node *copy = NULL;
    snug_onnx_attribute *attributes = NULL;
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *copy, (void **)&copy));
    SNUG_TRY(snug_pool_new(&import->pool, (*node)->attribute_count * sizeof *attributes,
                           (void **)&attributes));
    *copy = **node;
    copy->attributes = attributes;
    copy->attribute_count = 0;
    for (size_t i = 0; i < (*node)->attribute_count; i++) {
        const snug_onnx_attribute *attribute = &(*node)->attributes[i];
        snug_onnx_attribute *to = &attributes[copy->attribute_count];
        *to = *attribute;
        bool is_given = !attribute->reference || resolve_reference(root_of(scope), attribute, to);
        copy->attribute_count += is_given;
    }
    *node = copy;
    return SNUG_OK;
}

// Room for a node's operands, and what they are.
typedef struct operands {
    snug_onnx_slot **inputs, **aliases;
    snug_onnx_operand *input_copies, *output_copies;
} operands;

static void free_operands(operands *self) {
    snug_memory_free(self->inputs);
    snug_memory_free(self->aliases);
    snug_memory_free(self->input_copies);
    snug_memory_free(self->output_copies);
}

static snug_status find_operands(const snug_onnx_scope *scope, const snug_onnx_node *node,
                                 operands *out) {
    SNUG_TRY(SNUG_NEW(&out->inputs, node->input_count + 1));
    SNUG_TRY(SNUG_NEW(&out->aliases, node->output_count + 1));
    SNUG_TRY(SNUG_NEW(&out->input_copies, node->input_count + 1));
    SNUG_TRY(SNUG_NEW(&out->output_copies, node->output_count + 1));
    for (size_t i = 0; i < node->input_count; i++) {
        if (!node->inputs[i][0]) continue;
        out->inputs[i] = snug_onnx_lookup(scope, node->inputs[i]);
        if (!out->inputs[i])
            return snug_fail(SNUG_BAD_FILE,
                             "input %zu, \"%.200s\", is no input, no initializer and no result of "
                             "a node before",
                             i, node->inputs[i]);
    }
    return SNUG_OK;
}

// Copies for the translator, which may fill in tensors.
static bool copy_operands(const snug_onnx_node *node, operands *self, bool as_known) {
    bool all_known = true;
    for (size_t i = 0; i < node->input_count; i++) {
        snug_onnx_operand *copy = &self->input_copies[i];
        *copy = self->inputs[i] ? self->inputs[i]->operand
                                : (snug_onnx_operand){.tensor = SNUG_NO_TENSOR,
                                                      .other = SNUG_NO_TENSOR,
                                                      .name = ""};
        if (as_known) copy->tensor = copy->other = SNUG_NO_TENSOR;
        all_known = all_known && (!copy->is_present || copy->data);
    }
    for (size_t i = 0; i < node->output_count; i++) {
        self->aliases[i] = NULL;
        self->output_copies[i] = (snug_onnx_operand){
            .tensor = SNUG_NO_TENSOR, .other = SNUG_NO_TENSOR, .name = node->outputs[i]};
    }
    return all_known;
}

static void give_tensors_back(const snug_onnx_node *node, operands *self) {
    for (size_t i = 0; i < node->input_count; i++) {
        if (!self->inputs[i]) continue;
        snug_onnx_operand *to = &self->inputs[i]->operand;
        if (to->tensor == SNUG_NO_TENSOR) to->tensor = self->input_copies[i].tensor;
        if (to->other == SNUG_NO_TENSOR && to->tensor == self->input_copies[i].tensor)
            to->other = self->input_copies[i].other;
    }
}

static snug_status define_outputs(snug_onnx_import *import, snug_onnx_scope *scope,
                                  const snug_onnx_node *node, operands *self,
                                  const snug_onnx_origin *origin) {
    for (size_t i = 0; i < node->output_count; i++) {
        if (!node->outputs[i][0]) continue;
        snug_onnx_slot *slot = self->aliases[i];
        if (!slot) {
            // An output that a translator does not make fails where it is used.
            if (!self->output_copies[i].is_present) continue;
            SNUG_TRY(snug_onnx_slot_new(import, &slot));
            slot->operand = self->output_copies[i];
            slot->origin = origin;
            slot->origin_output = i;
            char *name = NULL;
            if (scope->path[0])
                SNUG_TRY(snug_onnx_join_names(&import->pool, scope->path, node->outputs[i], &name));
            slot->operand.name = name ? name : node->outputs[i];
            SNUG_TRY(snug_onnx_check_batch(import, node, self->inputs, i, slot));
        }
        SNUG_TRY(snug_onnx_define(scope, node->outputs[i], slot));
    }
    return SNUG_OK;
}

static bool is_present(const snug_onnx_slot *slot) {
    return slot && slot->operand.is_present;
}

static snug_status call_translator(snug_onnx_import *import, snug_onnx_scope *scope,
                                   const snug_onnx_node *node, const snug_onnx_meaning *meaning,
                                   operands *self) {
    for (size_t i = 0; i < node->input_count; i++)
        if (self->inputs[i] && self->inputs[i]->is_sequence)
            return snug_fail(SNUG_BAD_FILE, "input %zu, \"%.200s\", is a sequence, not a tensor", i,
                             node->inputs[i]);
    snug_onnx_frame frame = {self->inputs, self->aliases};
    snug_onnx_call call = {.import = import,
                           .graph = import->graph,
                           .node = node,
                           .opset = opset_of(scope, node->domain),
                           .training = import->options->training,
                           .freeze_bn = import->options->freeze_bn,
                           .no_drop = import->options->no_drop,
                           .as_written = import->options->batch == 0,
                           .inputs = self->input_copies,
                           .input_count = node->input_count,
                           .outputs = self->output_copies,
                           .output_count = node->output_count};
    while (call.input_count && !is_present(self->inputs[call.input_count - 1]))
        call.input_count--; // absent at the end is as good as not there
    import->frame = &frame;
    const snug_onnx_origin *origin = NULL;
    bool done = false;
    if (copy_operands(node, self, true) && call.input_count)
        SNUG_TRY(snug_onnx_evaluate(meaning, &call, &done));
    if (done) {
        SNUG_TRY(snug_onnx_keep_origin(import, &call, meaning, &origin));
    } else {
        copy_operands(node, self, false);
        import->result_pre = 0;
        SNUG_TRY(snug_onnx_general_operands(&call));
        SNUG_TRY(snug_onnx_emit(meaning, &call));
        give_tensors_back(node, self);
    }
    return define_outputs(import, scope, node, self, origin);
}

// --- Functions and branches ---

static snug_status follow_function(snug_onnx_import *import, const snug_onnx_scope *scope,
                                   const snug_onnx_node *node, const snug_onnx_function *function,
                                   const operands *self, snug_onnx_scope *inner) {
    if (node->input_count > function->input_count || node->output_count > function->output_count)
        return snug_fail(SNUG_BAD_FILE, "more inputs or outputs than the function \"%.200s\" has",
                         function->name);
    for (size_t i = 0; i < node->input_count; i++)
        if (self->inputs[i])
            SNUG_TRY(snug_onnx_define(inner, function->inputs[i], self->inputs[i]));
    // Inputs that are not given are absent wherever the body uses them.
    for (size_t i = 0; i < function->input_count; i++) {
        if (i < node->input_count && self->inputs[i]) continue;
        snug_onnx_slot *slot = NULL;
        SNUG_TRY(snug_onnx_slot_new(import, &slot));
        SNUG_TRY(snug_onnx_define(inner, function->inputs[i], slot));
    }
    const char *own = node->name[0] ? node->name : node->output_count ? node->outputs[0] : "";
    char *path = NULL;
    SNUG_TRY(snug_onnx_join_names(&import->pool, scope->path, own, &path));
    SNUG_TRY(snug_onnx_join_names(&import->pool, path, "/", &path));
    inner->path = path;
    return snug_onnx_translate(import, inner, function->nodes, NULL, function->node_count);
}

static snug_status give_results(const snug_onnx_node *node, const char *const *names, size_t count,
                                const snug_onnx_scope *inner, snug_onnx_scope *scope) {
    for (size_t i = 0; i < node->output_count && i < count; i++) {
        if (!node->outputs[i][0]) continue;
        snug_onnx_slot *slot = snug_onnx_lookup(inner, names[i]);
        if (!slot)
            return snug_fail(SNUG_BAD_FILE, "its output \"%.200s\" is never computed", names[i]);
        SNUG_TRY(snug_onnx_define(scope, node->outputs[i], slot));
    }
    return SNUG_OK;
}

static snug_status inline_function(snug_onnx_import *import, snug_onnx_scope *scope,
                                   const snug_onnx_node *node, const snug_onnx_function *function,
                                   const operands *self) {
    snug_onnx_scope inner = {.opsets = function->opsets,
                             .opset_count = function->opset_count,
                             .function = function,
                             .caller = node};
    if (function->opset_count == 0) {
        inner.opsets = import->document->opsets;
        inner.opset_count = import->document->opset_count;
    }
    snug_status status = follow_function(import, scope, node, function, self, &inner);
    if (status == SNUG_OK)
        status = give_results(node, function->outputs, function->output_count, &inner, scope);
    snug_onnx_names_clear(&inner.names);
    return status;
}

static snug_status choose_branch(const snug_onnx_node *node, const operands *self,
                                 const snug_onnx_graph **out) {
    const snug_onnx_slot *condition = node->input_count ? self->inputs[0] : NULL;
    if (!condition || !condition->operand.data || snug_type_bytes(&condition->operand.type) != 1)
        return snug_fail(SNUG_UNSUPPORTED, "control flow whose condition is not known before the "
                                           "run");
    bool is_true = *(const uint8_t *)condition->operand.data != 0;
    const snug_onnx_attribute *branch =
        snug_onnx_attribute_find(node, is_true ? "then_branch" : "else_branch");
    if (!branch || !branch->graph)
        return snug_fail(SNUG_BAD_FILE, "then_branch and else_branch expected");
    *out = branch->graph;
    return SNUG_OK;
}

static snug_status follow_branch(snug_onnx_import *import, snug_onnx_scope *scope,
                                 const snug_onnx_node *node, const operands *self) {
    const snug_onnx_graph *branch = NULL;
    SNUG_TRY(choose_branch(node, self, &branch));
    snug_onnx_scope inner = {.outer = scope,
                             .opsets = scope->opsets,
                             .opset_count = scope->opset_count,
                             .path = scope->path};
    const char **names = NULL;
    snug_status status = SNUG_NEW(&names, branch->output_count + 1);
    for (size_t i = 0; status == SNUG_OK && i < branch->output_count; i++)
        names[i] = branch->outputs[i].name;
    if (status == SNUG_OK) status = snug_onnx_define_initializers(import, &inner, branch);
    if (status == SNUG_OK)
        status = snug_onnx_translate(import, &inner, branch->nodes, NULL, branch->node_count);
    if (status == SNUG_OK) status = give_results(node, names, branch->output_count, &inner, scope);
    snug_memory_free(names);
    snug_onnx_names_clear(&inner.names);
    return status;
}

static snug_status translate_resolved(snug_onnx_import *import, snug_onnx_scope *scope,
                                      const snug_onnx_node *node, operands *self) {
    SNUG_TRY(find_operands(scope, node, self));
    snug_onnx_slot *own = NULL;
    SNUG_TRY(snug_onnx_unshare(import, scope, node, self->inputs[0], &own));
    if (own) return snug_onnx_define(scope, node->outputs[0], own);
    snug_onnx_meaning meaning = snug_onnx_meaning_of(import, node);
    bool is_same = node->input_count == 1 && self->inputs[0] && self->inputs[0]->is_sequence &&
                   node->output_count == 1 && strcmp(node->op, "Identity") == 0;
    if (is_same) return snug_onnx_define(scope, node->outputs[0], self->inputs[0]);
    if (meaning.is_sequence) return snug_onnx_follow_sequence(import, scope, node, self->inputs);
    if (!meaning.function && !meaning.is_control) {
        if (!meaning.translator && !meaning.op)
            return snug_fail(SNUG_UNSUPPORTED, "an operator that snug does not know");
        return call_translator(import, scope, node, &meaning, self);
    }
    if (import->depth == SNUG_ONNX_MAX_DEPTH)
        return snug_fail(SNUG_BAD_FILE, "functions and branches more than %d deep",
                         SNUG_ONNX_MAX_DEPTH);
    import->depth++;
    snug_status status;
    if (meaning.function)
        status = inline_function(import, scope, node, meaning.function, self);
    else if (snug_onnx_is_loop(node->op))
        status =
            snug_onnx_follow_loop(import, scope, node, self->inputs, opset_of(scope, node->domain));
    else
        status = follow_branch(import, scope, node, self);
    import->depth--;
    return status;
}

static snug_status translate_node(snug_onnx_import *import, snug_onnx_scope *scope,
                                  const snug_onnx_node *node) {
    if (import->nodes_left-- == 0)
        return snug_fail(SNUG_BAD_FILE, "more than %d nodes once functions are followed",
                         SNUG_ONNX_MAX_NODES);
    const char *label = node->name[0] ? node->name : node->output_count ? node->outputs[0] : "";
    operands self = {0};
    import->graph->scope = label;
    snug_status status = resolve_attributes(import, scope, &node);
    if (status == SNUG_OK) status = translate_resolved(import, scope, node, &self);
    free_operands(&self);
    if (status == SNUG_OK) return SNUG_OK;
    bool was_right = import->reference && (status == SNUG_INVALID || status == SNUG_BAD_FILE);
    if (was_right)
        status = snug_fail_context(SNUG_UNSUPPORTED,
                                   "the model is exported for a batch of %lld; export it with a "
                                   "dynamic batch dimension",
                                   (long long)import->reference->batch);
    // What an operator of snug's refuses is a node that is wrong.
    return snug_fail_context(status == SNUG_INVALID ? SNUG_BAD_FILE : status,
                             "node \"%.200s\" (%s)", label, node->op);
}

// The result of |node| is the number 1.
static snug_status define_one(snug_onnx_import *import, snug_onnx_scope *scope,
                              const snug_onnx_node *node) {
    const snug_onnx_slot *like = snug_onnx_lookup(scope, node->inputs[0]);
    snug_type type = snug_type_scalar(like->operand.type.dtype);
    snug_onnx_slot *slot = NULL;
    void *one = NULL;
    SNUG_TRY(snug_onnx_slot_new(import, &slot));
    SNUG_TRY(snug_pool_new(&import->pool, sizeof(double), &one));
    snug_reference_store(one, type.dtype, 0, 1);
    slot->operand = (snug_onnx_operand){.is_present = true,
                                        .type = type,
                                        .tensor = SNUG_NO_TENSOR,
                                        .other = SNUG_NO_TENSOR,
                                        .data = one,
                                        .name = node->outputs[0]};
    return snug_onnx_define(scope, node->outputs[0], slot);
}

snug_status snug_onnx_translate(snug_onnx_import *import, snug_onnx_scope *scope,
                                const snug_onnx_node *nodes, const bool *needed, size_t count) {
    const snug_onnx_options *options = import->options;
    bool drops = options->batch == 0 || (options->training && !options->no_drop);
    for (size_t i = 0; i < count; i++) {
        if (needed && !needed[i]) continue;
        if (!drops && snug_onnx_is_drop(scope, nodes, i)) {
            SNUG_TRY(define_one(import, scope, &nodes[i]));
            continue;
        }
        SNUG_TRY(translate_node(import, scope, &nodes[i]));
    }
    return SNUG_OK;
}

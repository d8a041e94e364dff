// Which translator an operator of the document has, and the list of those that have none.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "onnx/state.h"
#include "ops/ops.h"
#include "ops/reference.h"

static snug_status put_operator(snug_onnx_import *import, const snug_onnx_operator *row) {
    snug_text key = {0};
    snug_text_append(&key, "%s.%s", row->domain, row->name);
    char *kept = NULL;
    snug_status status = snug_text_status(&key);
    if (status == SNUG_OK) status = snug_pool_text(&import->pool, snug_text_view(&key), &kept);
    snug_text_clear(&key);
    SNUG_TRY(status);
    return snug_onnx_names_put(&import->operators, kept, (void *)(uintptr_t)row);
}

snug_status snug_onnx_operators_index(snug_onnx_import *import) {
    for (size_t i = 0; snug_onnx_operator_files[i]; i++)
        for (size_t j = 0; j < snug_onnx_operator_files[i]->count; j++)
            SNUG_TRY(put_operator(import, &snug_onnx_operator_files[i]->rows[j]));
    return SNUG_OK;
}

static const snug_onnx_function *find_function(const snug_onnx_document *document,
                                               const snug_onnx_node *node) {
    for (size_t i = 0; i < document->function_count; i++) {
        const snug_onnx_function *function = &document->functions[i];
        if (strcmp(function->name, node->op) == 0 && strcmp(function->domain, node->domain) == 0 &&
            strcmp(function->overload, node->overload) == 0)
            return function;
    }
    return NULL;
}

// One of snug's operators that has no attributes and is the same as ONNX's.
static const snug_op *find_op(const char *name) {
    for (size_t i = 0; snug_op_files[i]; i++)
        for (const snug_op *const *op = snug_op_files[i]->ops; *op; op++)
            if ((*op)->onnx && !(*op)->attributes_size && strcmp((*op)->onnx, name) == 0)
                return *op;
    return NULL;
}

snug_onnx_meaning snug_onnx_meaning_of(const snug_onnx_import *import, const snug_onnx_node *node) {
    snug_onnx_meaning meaning = {.function = find_function(import->document, node)};
    if (meaning.function) return meaning;
    meaning.is_control =
        node->domain[0] == '\0' && (strcmp(node->op, "If") == 0 || snug_onnx_is_loop(node->op));
    meaning.is_sequence = node->domain[0] == '\0' && snug_onnx_is_sequence_operator(node->op);
    char key[256]; // longer than every row's
    snprintf(key, sizeof key, "%s.%s", node->domain, node->op);
    meaning.translator = snug_onnx_names_find(&import->operators, key);
    if (!meaning.translator && !node->domain[0] && !node->attribute_count)
        meaning.op = find_op(node->op);
    return meaning;
}

// --- Unknown operators ---

typedef struct unknown {
    const char *op, *domain;
    size_t times;
} unknown;

typedef struct census {
    const snug_onnx_import *import;
    unknown *unknown;
    size_t count, capacity;
    bool *visited; // by function
} census;

static snug_status count_unknown(census *self, const snug_onnx_node *node) {
    size_t i = 0;
    while (i < self->count && (strcmp(self->unknown[i].op, node->op) != 0 ||
                               strcmp(self->unknown[i].domain, node->domain) != 0))
        i++;
    if (i == self->count) {
        if (i == 100) return SNUG_OK; // a message that lists more helps nobody
        SNUG_TRY(SNUG_GROW(&self->unknown, &self->capacity, i + 1));
        self->unknown[self->count++] = (unknown){.op = node->op, .domain = node->domain};
    }
    self->unknown[i].times++;
    return SNUG_OK;
}

static snug_status visit(census *self, const snug_onnx_node *nodes, const bool *needed,
                         size_t count, int depth) {
    for (size_t i = 0; i < count; i++) {
        if (needed && !needed[i]) continue;
        snug_onnx_meaning meaning = snug_onnx_meaning_of(self->import, &nodes[i]);
        if (meaning.function && depth < SNUG_ONNX_MAX_DEPTH) {
            bool *visited = &self->visited[meaning.function - self->import->document->functions];
            if (!*visited) {
                *visited = true;
                SNUG_TRY(visit(self, meaning.function->nodes, NULL, meaning.function->node_count,
                               depth + 1));
            }
        } else if (!meaning.function && !meaning.translator && !meaning.op && !meaning.is_control &&
                   !meaning.is_sequence) {
            SNUG_TRY(count_unknown(self, &nodes[i]));
        }
    }
    return SNUG_OK;
}

static int by_times(const void *a, const void *b) {
    const unknown *first = a, *second = b;
    if (first->times != second->times) return first->times < second->times ? 1 : -1;
    return strcmp(first->op, second->op);
}

static snug_status name_unknown(census *self) {
    snug_text text = {0};
    qsort(self->unknown, self->count, sizeof *self->unknown, by_times);
    for (size_t i = 0; i < self->count; i++)
        snug_text_append(&text, "%s%s%s%.100s (%zu)", i ? ", " : "", self->unknown[i].domain,
                         self->unknown[i].domain[0] ? "." : "", self->unknown[i].op,
                         self->unknown[i].times);
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        status = snug_fail(SNUG_UNSUPPORTED, "operators that snug does not know: %s",
                           snug_text_view(&text));
    snug_text_clear(&text);
    return status;
}

snug_status snug_onnx_check_operators(const snug_onnx_import *import, const snug_onnx_node *nodes,
                                      const bool *needed, size_t count) {
    census self = {.import = import};
    SNUG_TRY(SNUG_NEW(&self.visited, import->document->function_count));
    snug_status status = visit(&self, nodes, needed, count, 0);
    if (status == SNUG_OK && self.count) status = name_unknown(&self);
    snug_memory_free(self.visited);
    snug_memory_free(self.unknown);
    return status;
}

// --- Emitting ---

// An operator of snug's as it is, operands of several brought to one rank and layout.
snug_status snug_onnx_emit_op(const snug_op *op, const snug_onnx_call *call) {
    snug_tensor_id inputs[8];
    if (call->input_count > 8 || call->input_count < (size_t)op->min_inputs ||
        (op->max_inputs >= 0 && call->input_count > (size_t)op->max_inputs))
        return snug_fail(SNUG_BAD_FILE, "%d inputs expected, found %zu", op->min_inputs,
                         call->input_count);
    int rank = 0;
    for (size_t i = 0; i < call->input_count; i++) {
        if (!call->inputs[i].is_present) return snug_fail(SNUG_BAD_FILE, "input %zu is missing", i);
        if (call->inputs[i].type.rank > rank) rank = call->inputs[i].type.rank;
    }
    snug_layout layout = snug_onnx_common_layout(call);
    for (size_t i = 0; i < call->input_count; i++)
        inputs[i] = call->input_count == 1 ? snug_onnx_use(call, i)
                                           : snug_onnx_use_ranked(call, i, rank, layout);
    snug_onnx_set(call, 0, snug_graph_emit(call->graph, op, NULL, inputs, (int)call->input_count));
    return SNUG_OK;
}

static snug_status check_inputs(const snug_onnx_operator *operator, const snug_onnx_call * call) {
    size_t most = operator->max_inputs ? operator->max_inputs : SIZE_MAX;
    bool enough = call->input_count >= operator->min_inputs && call->input_count <= most;
    for (size_t i = 0; enough && i < operator->min_inputs; i++)
        enough = call->inputs[i].is_present;
    if (enough) return SNUG_OK;
    return snug_fail(
        SNUG_BAD_FILE,
        "at least %zu inputs expected, found %zu, absent ones included", operator->min_inputs,
        call->input_count);
}

snug_status snug_onnx_emit(const snug_onnx_meaning *meaning, const snug_onnx_call *call) {
    snug_status status;
    if (meaning->translator) {
        SNUG_TRY(check_inputs(meaning->translator, call));
        status = meaning->translator->translate(call);
    } else {
        status = snug_onnx_emit_op(meaning->op, call);
    }
    if (status == SNUG_OK) status = snug_graph_status(call->graph);
    return status;
}

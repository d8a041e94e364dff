#include "plan/divergence.h"

#include <math.h>

#include "base/memory.h"
#include "ops/reference.h"

enum { PIECE = 16 * 1024 }; // bytes that are copied from the device at a time

// What an array holds beside finite numbers. Minus infinity alone is what masks are made of.
typedef enum contents { FINITE, MASKED, NOT_FINITE } contents;

static contents look_at(const void *data, snug_dtype dtype, size_t bytes) {
    contents found = FINITE;
    int64_t count = (int64_t)(bytes / snug_dtype_bytes(dtype));
    for (int64_t i = 0; i < count; i++) {
        double value = snug_reference_load(data, dtype, i);
        if (isfinite(value)) continue;
        if (!isinf(value) || value > 0) return NOT_FINITE;
        found = MASKED;
    }
    return found;
}

static snug_status look_at_slot(snug_program *program, const snug_slot *slot, contents *out) {
    unsigned char piece[PIECE];
    *out = FINITE;
    if (!snug_dtype_is_float(slot->type.dtype)) return SNUG_OK;
    for (size_t at = 0; at < slot->bytes && *out != NOT_FINITE; at += PIECE) {
        size_t bytes = slot->bytes - at < PIECE ? slot->bytes - at : PIECE;
        SNUG_TRY(snug_program_read_slot(program, slot, at, piece, bytes));
        contents found = look_at(piece, slot->type.dtype, bytes);
        if (found > *out) *out = found;
    }
    return SNUG_OK;
}

snug_status snug_divergence_find_slot(snug_program *program, const snug_persistent *persistent,
                                      const snug_slot **out) {
    *out = NULL;
    for (size_t i = 0; i < persistent->count && !*out; i++) {
        const snug_slot *slot = &persistent->slots[i];
        contents found = FINITE;
        if (slot->role == SNUG_ROLE_WEIGHT || slot->role == SNUG_ROLE_STATISTIC)
            SNUG_TRY(look_at_slot(program, slot, &found));
        if (found != FINITE) *out = slot;
    }
    return SNUG_OK;
}

static snug_status look_at_tensor(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                                  contents *out) {
    unsigned char piece[PIECE];
    const snug_type *type = snug_graph_type(pass->built.graph, id);
    size_t total = snug_type_bytes(type);
    *out = FINITE;
    if (!snug_dtype_is_float(type->dtype)) return SNUG_OK;
    for (size_t at = 0; at < total && *out != NOT_FINITE; at += PIECE) {
        size_t bytes = total - at < PIECE ? total - at : PIECE;
        SNUG_TRY(snug_program_read_part(program, pass, id, at, piece, bytes));
        contents found = look_at(piece, type->dtype, bytes);
        if (found > *out) *out = found;
    }
    return SNUG_OK;
}

// Whether |id| still holds its values once |done| nodes have run: a later one reads it, or a view
// of it. SNUG_NOMEM.
static snug_status is_there(const snug_graph *graph, snug_tensor_id id, size_t done, bool *out) {
    bool *same = NULL; // by tensor: |id| and its views
    *out = false;
    SNUG_TRY(SNUG_NEW(&same, graph->tensor_count + 1));
    same[id] = true;
    for (size_t i = 0; i < graph->node_count && !*out; i++) {
        const snug_node *node = graph->nodes[i];
        for (int k = 0; k < node->input_count; k++) {
            if (node->inputs[k] < 0 || !same[node->inputs[k]]) continue; // optional ones are absent
            if (node->op->is_view) same[node->outputs[0]] = true;
            *out = *out || (!node->op->is_view && i >= done);
        }
    }
    snug_memory_free(same);
    return SNUG_OK;
}

static snug_status find_in_inputs(snug_program *program, const snug_pass *pass, size_t done,
                                  bool *can_run, snug_text *out) {
    const snug_training_graph *built = &pass->built;
    SNUG_TRY(is_there(built->graph, built->target, done, can_run));
    for (int i = 0; i < built->input_count; i++) {
        contents found;
        bool intact;
        SNUG_TRY(is_there(built->graph, built->inputs[i], done, &intact));
        *can_run = *can_run && intact;
        if (intact) SNUG_TRY(look_at_tensor(program, pass, built->inputs[i], &found));
        if (intact && found != FINITE && out->length == 0)
            snug_text_append(out, "the data for the input '%s'",
                             built->graph->tensors[built->inputs[i]]->name);
    }
    return SNUG_OK;
}

static void describe_node(const snug_node *node, snug_text *out) {
    snug_text_append(out, "what %s gives", node->op->name);
    if (node->scope[0]) snug_text_append(out, " at '%s'", node->scope);
}

// Runs the first |done| nodes one by one. A mask is told only where nothing else is found.
static snug_status find_in_nodes(snug_program *program, const snug_pass *pass,
                                 const snug_run_state *state, size_t done, snug_text *out) {
    const snug_graph *graph = pass->built.graph;
    const snug_node *masked = NULL;
    for (size_t i = 0; i < done; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) continue;
        SNUG_TRY(snug_program_run_nodes(program, pass, i, i + 1, state));
        for (int k = 0; k < node->output_count; k++) {
            contents found;
            SNUG_TRY(look_at_tensor(program, pass, node->outputs[k], &found));
            if (found == MASKED && !masked) masked = node;
            if (found != NOT_FINITE) continue;
            describe_node(node, out);
            return SNUG_OK;
        }
    }
    if (masked) describe_node(masked, out);
    return SNUG_OK;
}

snug_status snug_divergence_find(snug_program *program, const snug_schedule *schedule,
                                 const snug_pass *pass, const snug_run_state *state,
                                 snug_text *out) {
    const snug_slot *slot;
    bool can_run;
    SNUG_TRY(snug_divergence_find_slot(program, &schedule->persistent, &slot));
    if (slot) {
        snug_text_append(out, "'%s' itself, since the update before", slot->name);
        return snug_text_status(out);
    }
    size_t done = snug_pass_loss_end(pass);
    SNUG_TRY(find_in_inputs(program, pass, done, &can_run, out));
    if (out->length == 0 && can_run) SNUG_TRY(find_in_nodes(program, pass, state, done, out));
    return snug_text_status(out);
}

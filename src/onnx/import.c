#include "onnx/import.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "graph/verify.h"
#include "onnx/patterns.h"
#include "onnx/state.h"
#include "ops/ops.h"

enum { OLDEST_OPSET = 1, NEWEST_OPSET = 28 };

static snug_status check_opset(const snug_onnx_document *document) {
    for (size_t i = 0; i < document->opset_count; i++) {
        const snug_onnx_opset *opset = &document->opsets[i];
        if (opset->domain[0]) continue;
        if (opset->version >= OLDEST_OPSET && opset->version <= NEWEST_OPSET) return SNUG_OK;
        return snug_fail(SNUG_UNSUPPORTED,
                         "opset %lld: %d to %d are supported; export with another opset_version",
                         (long long)opset->version, OLDEST_OPSET, NEWEST_OPSET);
    }
    return SNUG_OK;
}

// The outputs that are wanted.
static snug_status choose_outputs(const snug_onnx_import *import, snug_onnx_built *out) {
    const snug_onnx_graph *graph = &import->document->graph;
    const char *wanted = import->options->output;
    SNUG_TRY(SNUG_NEW(&out->outputs, graph->output_count + 1));
    SNUG_TRY(SNUG_NEW(&out->output_names, graph->output_count + 1));
    for (size_t i = 0; i < graph->output_count; i++)
        if (!wanted || strcmp(wanted, graph->outputs[i].name) == 0)
            out->output_names[out->output_count++] = graph->outputs[i].name;
    bool is_ambiguous = import->options->batch > 0 && out->output_count > 1;
    if (out->output_count && !is_ambiguous) return SNUG_OK;
    snug_text names = {0};
    for (size_t i = 0; i < graph->output_count; i++)
        snug_text_append(&names, "%s\"%.100s\"", i ? ", " : "", graph->outputs[i].name);
    snug_status status =
        snug_fail(SNUG_INVALID, "%s%.100s%s: the outputs are %s; `output` chooses one",
                  wanted ? "no output \"" : "the network has several outputs", wanted ? wanted : "",
                  wanted ? "\"" : "", snug_text_view(&names));
    snug_text_clear(&names);
    return status;
}

// An output as a tensor of the graph; known ones become constants.
static snug_status take_output(snug_onnx_import *import, const snug_onnx_scope *scope,
                               const char *name, snug_tensor_id *out) {
    snug_onnx_slot *slot = snug_onnx_lookup(scope, name);
    if (slot && slot->is_sequence)
        return snug_fail(SNUG_UNSUPPORTED, "output \"%.200s\" is a sequence of tensors", name);
    if (!slot || !slot->operand.is_present)
        return snug_fail(SNUG_BAD_FILE, "output \"%.200s\" is never computed", name);
    snug_onnx_slot *aliases[1] = {NULL};
    snug_onnx_frame frame = {&slot, aliases};
    snug_onnx_call call = {
        .import = import, .graph = import->graph, .inputs = &slot->operand, .input_count = 1};
    import->frame = &frame;
    *out = snug_onnx_use(&call, 0);
    return import->graph->status;
}

static snug_status build(snug_onnx_import *import, snug_onnx_scope *scope, snug_onnx_built *out) {
    const snug_onnx_graph *graph = &import->document->graph;
    bool *needed = NULL;
    SNUG_TRY(check_opset(import->document));
    SNUG_TRY(snug_onnx_operators_index(import));
    SNUG_TRY(choose_outputs(import, out));
    SNUG_TRY(snug_pool_new(&import->pool, graph->node_count + 1, (void **)&needed));
    SNUG_TRY(snug_onnx_find_uses(import, graph, out->output_names, out->output_count, needed));
    SNUG_TRY(snug_onnx_check_operators(import, graph->nodes, needed, graph->node_count));
    SNUG_TRY(snug_onnx_define_inputs(import, scope, out));
    SNUG_TRY(snug_onnx_define_initializers(import, scope, graph));
    SNUG_TRY(snug_onnx_translate(import, scope, graph->nodes, needed, graph->node_count));
    import->graph->scope = "";
    for (size_t i = 0; i < out->output_count; i++)
        SNUG_TRY(take_output(import, scope, out->output_names[i], &out->outputs[i]));
    SNUG_TRY(snug_onnx_check_outputs(import, out));
    // What is left to go wrong: a running statistic that other nodes read beside its batch norm.
    if (import->options->batch == 0) return SNUG_OK;
    snug_status status = snug_graph_verify(import->graph);
    if (status == SNUG_OK || status == SNUG_NOMEM) return status;
    return snug_fail_context(SNUG_UNSUPPORTED, "no network that trains");
}

// One import. |trace| (may be NULL) receives what it finds.
static snug_status build_once(const snug_onnx_document *document, const snug_onnx_options *options,
                              const snug_onnx_trace *reference, const snug_onnx_trace *other,
                              snug_graph *graph, snug_onnx_built *out, snug_onnx_trace *trace) {
    *out = (snug_onnx_built){0};
    bool is_general = reference && reference->seen && reference->batch != options->batch;
    snug_onnx_import import = {.document = document,
                               .options = options,
                               .graph = graph,
                               .reference = is_general ? reference : NULL,
                               .other = other && other->seen ? other : NULL,
                               .is_probe = trace != NULL,
                               .nodes_left = SNUG_ONNX_MAX_NODES,
                               .known_left = SNUG_ONNX_MAX_KNOWN,
                               .work_left = SNUG_ONNX_MAX_WORK};
    snug_onnx_scope scope = {
        .opsets = document->opsets, .opset_count = document->opset_count, .path = ""};
    snug_status status = build(&import, &scope, out);
    if (status == SNUG_OK && trace)
        status = snug_onnx_trace_record(import.slots, import.slot_count, options->batch, trace);
    if (status != SNUG_OK) {
        snug_graph_poison(graph, status);
        snug_onnx_built_clear(out);
    }
    graph->scope = "";
    snug_onnx_names_clear(&scope.names);
    snug_onnx_names_clear(&import.operators);
    snug_onnx_names_clear(&import.uses);
    snug_onnx_names_clear(&import.symbols);
    snug_onnx_names_clear(&import.persistent);
    snug_memory_free(import.slots);
    snug_pool_clear(&import.pool);
    return status;
}

// An import at |batch| that only leaves its trace.
static snug_status probe(const snug_onnx_document *document, const snug_onnx_options *options,
                         int64_t batch, const snug_onnx_trace *reference, snug_onnx_trace *out) {
    snug_onnx_options at_batch = *options;
    snug_onnx_built built = {0};
    snug_graph *graph = NULL;
    at_batch.batch = batch;
    SNUG_TRY(snug_graph_new(&graph));
    snug_status status = build_once(document, &at_batch, reference, NULL, graph, &built, out);
    snug_onnx_built_clear(&built);
    snug_graph_free(graph);
    return status;
}

// Imports at other batch sizes, which this one is compared with.
static snug_status find_traces(const snug_onnx_document *document, const snug_onnx_options *options,
                               snug_onnx_trace *reference, snug_onnx_trace *other) {
    int64_t fixed = snug_onnx_fixed_batch(document), batch = options->batch;
    if (batch == 0) return SNUG_OK;
    if (fixed > 0) SNUG_TRY(probe(document, options, fixed, NULL, reference));
    if (fixed > 0 && fixed != batch) return SNUG_OK;
    // Where that does not work, the network takes this batch alone, and all it knows is constant.
    int64_t another = fixed > 0 ? 2 * fixed : batch == 3 ? 5 : 3;
    snug_status status = probe(document, options, another, reference, other);
    return status == SNUG_NOMEM ? status : SNUG_OK;
}

snug_status snug_onnx_build(const snug_onnx_document *document, const snug_onnx_options *options,
                            snug_graph *graph, snug_onnx_built *out) {
    snug_onnx_trace reference = {0}, other = {0};
    *out = (snug_onnx_built){0};
    snug_status status = find_traces(document, options, &reference, &other);
    if (status == SNUG_OK)
        status = build_once(document, options, &reference, other.seen ? &other : &reference, graph,
                            out, NULL);
    else
        snug_graph_poison(graph, status);
    snug_onnx_trace_clear(&reference);
    snug_onnx_trace_clear(&other);
    if (status != SNUG_OK || options->batch == 0 || options->is_literal) return status;
    status = snug_onnx_recognise(graph, options->fuse, out);
    if (status != SNUG_OK) snug_onnx_built_clear(out);
    return status;
}

void snug_onnx_built_clear(snug_onnx_built *built) {
    snug_memory_free(built->inputs);
    snug_memory_free(built->outputs);
    snug_memory_free(built->input_names);
    snug_memory_free(built->output_names);
    *built = (snug_onnx_built){0};
}

// The plan as a page: page/plan.html with the shared style and script and its own, and the plan's
// data as JSON that the script draws. Every figure on the page comes from that JSON.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "plan/plan.h"
#include "plan/plan_page.h"

// The kind that memory of a role counts as: the fields of snug_plan_memory.
static const char *const kinds[] = {
    [SNUG_ROLE_ACTIVATION] = "activations", [SNUG_ROLE_INPUT] = "input",
    [SNUG_ROLE_WEIGHT] = "weights",         [SNUG_ROLE_STATISTIC] = "statistics",
    [SNUG_ROLE_OPTIMIZER] = "optimizer",    [SNUG_ROLE_GRADIENT] = "gradients",
    [SNUG_ROLE_CONSTANT] = "weights",
};

static void append_nodes(const snug_pass *pass, snug_text *text) {
    const snug_graph *graph = pass->built.graph;
    snug_text_append(text, "\"nodes\":[");
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        snug_text_append(text, "%s{\"op\":", i ? ",\n" : "\n");
        snug_page_append_string(text, node->op->name);
        snug_text_append(text, ",\"scope\":");
        snug_page_append_string(text, node->scope ? node->scope : "");
        snug_text_append(text, ",\"phase\":%d", (int)node->phase);
        if (node->recomputed) snug_text_append(text, ",\"again\":true");
        if (pass->workspace_bytes[i])
            snug_text_append(text, ",\"workspace\":%zu,\"at\":%zu", pass->workspace_bytes[i],
                             pass->workspace_offsets[i]);
        snug_text_append(text, "}");
    }
    snug_text_append(text, "]");
}

// A tensor is its node's number times SNUG_MAX_OUTPUTS and which of its outputs it is, or, for
// what the host writes, a name.
static void append_tensor(const snug_graph *graph, snug_tensor_id id, snug_text *text) {
    const snug_tensor *tensor = graph->tensors[id];
    if (tensor->producer == SNUG_NO_NODE) {
        snug_page_append_string(text, tensor->name ? tensor->name : "input");
        return;
    }
    const snug_node *node = graph->nodes[tensor->producer];
    int output = 0;
    while (output < node->output_count - 1 && node->outputs[output] != id)
        output++;
    snug_text_append(text, "%d", node->id * SNUG_MAX_OUTPUTS + output);
}

// Tensors by the storage they lie in, in the order of their ids: |next[id]| follows |id|.
static snug_status chain_tensors(const snug_pass *pass, snug_tensor_id **heads,
                                 snug_tensor_id **next) {
    size_t count = pass->built.graph->tensor_count;
    SNUG_TRY(SNUG_NEW(heads, pass->lifetimes.storage_count));
    SNUG_TRY(SNUG_NEW(next, count));
    for (size_t i = 0; i < pass->lifetimes.storage_count; i++)
        (*heads)[i] = SNUG_NO_TENSOR;
    for (size_t i = count; i-- > 0;) {
        int32_t storage = pass->lifetimes.storage_of[i];
        if (storage < 0) continue;
        (*next)[i] = (*heads)[storage];
        (*heads)[storage] = (snug_tensor_id)i;
    }
    return SNUG_OK;
}

static snug_status append_storages(const snug_pass *pass, snug_text *text) {
    snug_tensor_id *heads = NULL, *next = NULL;
    snug_status status = chain_tensors(pass, &heads, &next);
    snug_text_append(text, "\"storages\":[");
    for (size_t i = 0; status == SNUG_OK && i < pass->lifetimes.storage_count; i++) {
        const snug_storage *storage = &pass->lifetimes.storages[i];
        snug_text_append(text,
                         "%s{\"kind\":\"%s\",\"bytes\":%zu,\"offset\":%zu,\"first\":%d,\"end\":%d,"
                         "\"tensors\":[",
                         i ? ",\n" : "\n", kinds[storage->role], storage->bytes, pass->offsets[i],
                         (int)storage->first, (int)storage->end);
        for (snug_tensor_id id = heads[i]; id != SNUG_NO_TENSOR; id = next[id]) {
            if (id != heads[i]) snug_text_append(text, ",");
            append_tensor(pass->built.graph, id, text);
        }
        snug_text_append(text, "]}");
    }
    snug_text_append(text, "]");
    snug_memory_free(heads);
    snug_memory_free(next);
    return status;
}

static snug_status append_passes(const snug_plan *plan, snug_text *text) {
    bool first = true;
    snug_text_append(text, "\"passes\":[");
    for (size_t i = 0; i < plan->schedule.stage_count; i++) {
        const snug_stage *stage = &plan->schedule.stages[i];
        const snug_pass *pass = &stage->pass;
        if (pass->built.graph->node_count == 0) continue;
        snug_text_append(text,
                         "%s{\"name\":\"%s\",\"runs\":%" PRId64 ",\"samples\":%" PRId64
                         ",\"bytes\":%zu,\"in_use\":%zu,\"seconds\":%.9g,",
                         first ? "\n" : ",\n", stage->name, stage->runs, pass->built.samples,
                         pass->bytes, pass->load, pass->seconds);
        append_nodes(pass, text);
        snug_text_append(text, ",\n");
        SNUG_TRY(append_storages(pass, text));
        snug_text_append(text, "}");
        first = false;
    }
    snug_text_append(text, "]");
    return SNUG_OK;
}

static void append_persistent(const snug_persistent *persistent, snug_text *text) {
    snug_text_append(text, "\"persistent\":{\"bytes\":%zu,\"slots\":[", persistent->bytes);
    for (size_t i = 0; i < persistent->count; i++) {
        const snug_slot *slot = &persistent->slots[i];
        snug_text_append(text, "%s{\"name\":", i ? ",\n" : "\n");
        snug_page_append_string(text, slot->name);
        snug_text_append(text, ",\"kind\":\"%s\",\"offset\":%zu,\"bytes\":%zu}", kinds[slot->role],
                         slot->offset, slot->bytes);
    }
    snug_text_append(text, "]}");
}

// The plan's JSON, whose strings must not end the script element that holds them.
static snug_status append_plan(const snug_plan *plan, snug_text *text) {
    char *json = NULL;
    SNUG_TRY(snug_plan_json(plan, &json));
    snug_text_append(text, "\"plan\":");
    for (const char *at = json; *at;) {
        size_t plain = strcspn(at, "<>&");
        snug_text_append(text, "%.*s", (int)plain, at);
        at += plain;
        if (*at) snug_text_append(text, "\\u%04x", *at++);
    }
    snug_string_free(json);
    return SNUG_OK;
}

static snug_status append_data(const snug_plan *plan, snug_text *text) {
    const snug_model_options *options = &plan->training.options;
    snug_text_append(text,
                     "{\"input\":[%" PRId64 ",%" PRId64 ",%" PRId64 "],\"classes\":%" PRId64
                     ",\"threads\":%d,\"outputs\":%d,\"note\":",
                     options->channels, options->height, options->width, options->classes,
                     plan->device->threads, SNUG_MAX_OUTPUTS);
    snug_page_append_string(text, plan->device->only_planned ? plan->device->only_planned : "");
    snug_text_append(text, ",\n");
    SNUG_TRY(append_plan(plan, text));
    snug_text_append(text, ",\n");
    append_persistent(&plan->schedule.persistent, text);
    snug_text_append(text, ",\n");
    SNUG_TRY(append_passes(plan, text));
    snug_text_append(text, "}");
    return SNUG_OK;
}

static void append_title(const snug_plan *plan, snug_text *text) {
    snug_page_append_html(text, snug_plan_model(plan));
    snug_text_append(text, ", batch size %" PRId64, plan->batch_size);
}

static snug_status fill_mark(const char *name, const void *of, snug_text *text) {
    const snug_plan *plan = of;
    if (strcmp(name, "title") == 0) append_title(plan, text);
    if (strcmp(name, "css") == 0) snug_text_append(text, "%s", snug_page_css);
    if (strcmp(name, "js") == 0) snug_text_append(text, "%s%s", snug_page_js, snug_plan_js);
    return strcmp(name, "data") == 0 ? append_data(plan, text) : SNUG_OK;
}

snug_status snug_plan_html(const snug_plan *plan, char **out) {
    SNUG_REQUIRE(plan && out, "a plan and a place for the text");
    *out = NULL;
    snug_text text = {0};
    snug_status status = snug_page_fill(snug_plan_page, fill_mark, plan, &text);
    if (status != SNUG_OK) {
        snug_text_clear(&text);
        return status;
    }
    *out = text.data;
    return SNUG_OK;
}

snug_status snug_plan_html_write(const snug_plan *plan, const char *path) {
    SNUG_REQUIRE(plan && path, "a plan and a path");
    char *page = NULL;
    SNUG_TRY(snug_plan_html(plan, &page));
    snug_status status = snug_file_write_text(path, page);
    snug_string_free(page);
    return status;
}

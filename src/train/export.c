// A run's weights as a PyTorch state_dict.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "onnx/export.h"
#include "onnx/names.h"
#include "snug/train.h"

// Batch norm's count of batches stands behind its running variance.
static const char tracked_after[] = ".running_var", tracked[] = ".num_batches_tracked";

static bool is_followed(const char *name) {
    size_t length = strlen(name), suffix = sizeof tracked_after - 1;
    return length > suffix && strcmp(name + length - suffix, tracked_after) == 0;
}

typedef struct listing {
    snug_safetensors_item *items;
    // Of each item one of these: where its bytes come from.
    char **names;                           // of counts of batches; owned
    const void **data;                      // what the document holds
    const snug_safetensors_entry **entries; // a weight of the run
    size_t count;
    snug_pool pool;
} listing;

static void clear_listing(listing *self) {
    for (size_t i = 0; self->names && i < self->count; i++)
        snug_memory_free(self->names[i]);
    snug_memory_free(self->names);
    snug_memory_free(self->data);
    snug_memory_free(self->entries);
    snug_pool_clear(&self->pool);
    snug_memory_free(self->items);
}

static snug_status allocate(listing *out, size_t count) {
    SNUG_TRY(SNUG_NEW(&out->items, count + 1));
    SNUG_TRY(SNUG_NEW(&out->names, count + 1));
    SNUG_TRY(SNUG_NEW(&out->entries, count + 1));
    return SNUG_NEW(&out->data, count + 1);
}

// Buffers, and parameters that no output needs: as they are in the file that was trained.
static snug_status list_others(const snug_onnx_graph *graph, const bool *is_state, listing *out) {
    static const char nothing[8];
    snug_onnx_names listed = {0};
    snug_status status = SNUG_OK;
    for (size_t i = 0; status == SNUG_OK && i < out->count; i++)
        status = snug_onnx_names_put(&listed, out->items[i].name, out);
    for (size_t i = 0; status == SNUG_OK && i < graph->initializer_count; i++) {
        const snug_onnx_tensor *tensor = &graph->initializers[i];
        if (!is_state[i] || snug_onnx_names_find(&listed, tensor->name)) continue;
        out->data[out->count] = tensor->data ? tensor->data : nothing;
        out->items[out->count++] = (snug_safetensors_item){tensor->name, tensor->type};
        status = snug_onnx_names_put(&listed, tensor->name, out);
    }
    snug_onnx_names_clear(&listed);
    return status;
}

static snug_status list_weights(const snug_safetensors *weights, listing *out) {
    for (size_t i = 0; i < weights->count; i++) {
        const snug_safetensors_entry *entry = &weights->entries[i];
        out->entries[out->count] = entry;
        out->items[out->count++] = (snug_safetensors_item){entry->name, entry->type};
        if (!is_followed(entry->name)) continue;
        snug_text name = {0};
        snug_text_append(&name, "%.*s%s", (int)(strlen(entry->name) + 1 - sizeof tracked_after),
                         entry->name, tracked);
        SNUG_TRY(snug_text_status(&name));
        out->names[out->count] = name.data;
        out->items[out->count++] = (snug_safetensors_item){name.data, snug_type_scalar(SNUG_I64)};
    }
    return SNUG_OK;
}

// Second names of what is listed, with the same bytes.
static snug_status list_shared(const snug_onnx_graph *graph, const snug_onnx_shared *shared,
                               size_t count, listing *out) {
    snug_onnx_names listed = {0};
    snug_status status = SNUG_OK;
    size_t first = out->count;
    for (size_t i = 0; status == SNUG_OK && i < first; i++)
        status = snug_onnx_names_put(&listed, out->items[i].name, &out->items[i]);
    for (size_t i = 0; status == SNUG_OK && i < count; i++) {
        const char *name = graph->initializers[shared[i].initializer].name;
        const snug_safetensors_item *item = snug_onnx_names_find(&listed, name);
        if (!item || snug_onnx_names_find(&listed, shared[i].name)) continue;
        size_t from = (size_t)(item - out->items);
        out->entries[out->count] = out->entries[from];
        out->data[out->count] = out->data[from];
        out->items[out->count++] = (snug_safetensors_item){shared[i].name, item->type};
    }
    snug_onnx_names_clear(&listed);
    return status;
}

// |document| is NULL for a network that is no file.
static snug_status list(const snug_safetensors *weights, const snug_onnx_document *document,
                        listing *out) {
    size_t others = document ? document->graph.initializer_count : 0, count = 0;
    bool *is_state = NULL;
    snug_onnx_shared *shared = NULL;
    *out = (listing){0};
    if (document) SNUG_TRY(snug_onnx_find_shared(&document->graph, &out->pool, &shared, &count));
    snug_status status = allocate(out, 2 * weights->count + others + count);
    if (status == SNUG_OK) status = list_weights(weights, out);
    if (status == SNUG_OK && document) status = SNUG_NEW(&is_state, others + 1);
    if (status == SNUG_OK && document) status = snug_onnx_find_state(&document->graph, is_state);
    if (status == SNUG_OK && document) status = list_others(&document->graph, is_state, out);
    if (status == SNUG_OK && document) status = list_shared(&document->graph, shared, count, out);
    snug_memory_free(is_state);
    snug_memory_free(shared);
    return status;
}

static snug_status copy(const snug_safetensors *from, const snug_safetensors_entry *entry,
                        snug_file *to) {
    char piece[1 << 16];
    size_t total = snug_type_bytes(&entry->type);
    for (size_t at = 0; at < total; at += sizeof piece) {
        size_t bytes = total - at < sizeof piece ? total - at : sizeof piece;
        SNUG_TRY(snug_safetensors_read(from, entry, at, piece, bytes));
        SNUG_TRY(snug_file_write(to, piece, bytes));
    }
    return SNUG_OK;
}

static snug_status write_all(const snug_safetensors *weights, const listing *listed, int64_t steps,
                             snug_file *to) {
    for (size_t i = 0; i < listed->count; i++) {
        if (listed->names[i])
            SNUG_TRY(snug_file_write(to, &steps, sizeof steps));
        else if (listed->data[i])
            SNUG_TRY(snug_file_write(to, listed->data[i], snug_type_bytes(&listed->items[i].type)));
        else
            SNUG_TRY(copy(weights, listed->entries[i], to));
    }
    return SNUG_OK;
}

static snug_status export(const snug_safetensors *weights, const snug_onnx_document *document,
                          const char *network, const char *path) {
    const char *steps = snug_safetensors_metadata(weights, "steps");
    const char *metadata[] = {"format", "pt", "model", network, NULL};
    listing listed;
    snug_file file;
    snug_status status = list(weights, document, &listed);
    if (status == SNUG_OK)
        status = snug_safetensors_create(path, listed.items, listed.count, metadata, &file);
    if (status == SNUG_OK) {
        status = write_all(weights, &listed, steps ? strtoll(steps, NULL, 10) : 0, &file);
        if (status == SNUG_OK)
            status = snug_file_commit(&file);
        else
            snug_file_abandon(&file);
    }
    clear_listing(&listed);
    return status;
}

snug_status snug_run_export(const char *folder, const char *path) {
    SNUG_REQUIRE(folder && path, "a folder and a path");
    snug_run_info info;
    snug_safetensors weights;
    snug_onnx_document *document = NULL;
    snug_text from = {0};
    SNUG_TRY(snug_run_describe(folder, &info));
    snug_text_append(&from, "%s/weights.safetensors", folder);
    snug_status status = snug_text_status(&from);
    if (status == SNUG_OK) status = snug_safetensors_open(from.data, &weights);
    snug_text_clear(&from);
    SNUG_TRY(status);
    // A run outlives its file; then what the run has is all there is.
    if (info.is_file) status = snug_onnx_open(info.model, &document);
    if (status != SNUG_NOMEM) status = export(&weights, document, info.network, path);
    snug_onnx_close(document);
    snug_safetensors_close(&weights);
    return status;
}

// A run's network as an ONNX file: the file that it came from with the trained weights in it, or
// the graph of a network of snug's own.
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "onnx/export.h"
#include "plan/training.h"
#include "snug/train.h"

typedef struct source {
    const snug_safetensors *weights;
    const snug_onnx_wanted *wanted;
    void *bytes; // of the tensor that was asked for last
} source;

static snug_status give(void *context, size_t index, const void **out) {
    source *self = context;
    const snug_safetensors_entry *entry =
        snug_safetensors_find(self->weights, self->wanted->names[index]);
    if (!entry)
        return snug_fail(SNUG_BAD_FILE, "%s has no tensor '%s'", self->weights->path,
                         self->wanted->names[index]);
    size_t bytes = snug_type_bytes(&entry->type);
    snug_memory_free(self->bytes);
    SNUG_TRY(snug_memory_new(bytes + 1, 1, &self->bytes));
    *out = self->bytes;
    return snug_safetensors_read(self->weights, entry, 0, self->bytes, bytes);
}

static snug_status write_model(snug_onnx_writer *writer, const snug_onnx_wanted *wanted,
                               const snug_safetensors *weights, const char *path) {
    source from = {.weights = weights, .wanted = wanted};
    snug_status status = snug_onnx_writer_write(writer, path, give, &from);
    snug_memory_free(from.bytes);
    return status;
}

static bool is_trained(void *context, const snug_onnx_tensor *tensor) {
    const snug_safetensors_entry *entry = snug_safetensors_find(context, tensor->name);
    return entry && snug_type_equal(&entry->type, &tensor->type);
}

// Every trained tensor must be one of the file's: it may have changed since.
static snug_status check_document(const snug_onnx_document *document,
                                  const snug_safetensors *weights, const char *path) {
    const snug_onnx_graph *graph = &document->graph;
    for (size_t i = 0; i < weights->count; i++) {
        bool found = false;
        for (size_t j = 0; j < graph->initializer_count && !found; j++)
            found = strcmp(graph->initializers[j].name, weights->entries[i].name) == 0 &&
                    snug_type_equal(&graph->initializers[j].type, &weights->entries[i].type);
        if (!found)
            return snug_fail(SNUG_BAD_FILE,
                             "%s has no initializer that fits the trained '%s': is it still the "
                             "file that was trained?",
                             path, weights->entries[i].name);
    }
    return SNUG_OK;
}

static snug_status export_file(const snug_run_info *info, snug_safetensors *weights,
                               const char *path) {
    snug_onnx_document *document = NULL;
    snug_onnx_writer *writer = NULL;
    snug_onnx_wanted wanted = {0};
    SNUG_TRY(snug_onnx_open(info->model, &document));
    snug_status status;
    SNUG_TRY_GOTO(check_document(document, weights, info->model), done);
    SNUG_TRY_GOTO(snug_onnx_export_document(document, is_trained, weights, &writer, &wanted), done);
    status = write_model(writer, &wanted, weights, path);
done:
    snug_onnx_writer_free(writer);
    snug_onnx_wanted_clear(&wanted);
    snug_onnx_close(document);
    return status;
}

static snug_status export_own(const snug_run_info *info, const snug_safetensors *weights,
                              const char *path) {
    const snug_model *model = NULL;
    snug_model_options options = {.classes = info->classes,
                                  .channels = info->channels,
                                  .height = info->height,
                                  .width = info->width,
                                  .width_multiplier = info->width_multiplier,
                                  .separable = info->separable};
    snug_graph *graph = NULL;
    snug_model_ends ends;
    snug_onnx_writer *writer = NULL;
    snug_onnx_wanted wanted = {0};
    SNUG_TRY(snug_model_find(info->model, &model));
    SNUG_TRY(snug_model_resolve(model, &options));
    SNUG_TRY(snug_graph_new(&graph));
    snug_status status;
    SNUG_TRY_GOTO(snug_model_build(model, &options, 1, false, graph, &ends), done);
    SNUG_TRY_GOTO(snug_onnx_export_graph(graph, ends.inputs, ends.input_count, ends.logits,
                                         info->network, &writer, &wanted),
                  done);
    status = write_model(writer, &wanted, weights, path);
done:
    snug_onnx_writer_free(writer);
    snug_onnx_wanted_clear(&wanted);
    snug_graph_free(graph);
    return status;
}

snug_status snug_run_export_onnx(const char *folder, const char *path) {
    SNUG_REQUIRE(folder && path, "a folder and a path");
    snug_run_info info;
    snug_safetensors weights;
    snug_text from = {0};
    SNUG_TRY(snug_run_describe(folder, &info));
    snug_text_append(&from, "%s/weights.safetensors", folder);
    snug_status status = snug_text_status(&from);
    if (status == SNUG_OK) status = snug_safetensors_open(from.data, &weights);
    snug_text_clear(&from);
    SNUG_TRY(status);
    status = info.is_file ? export_file(&info, &weights, path) : export_own(&info, &weights, path);
    snug_safetensors_close(&weights);
    return status;
}

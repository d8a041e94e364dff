#include "plan/file_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "onnx/import.h"
#include "plan/kept_networks.h"
#include "plan/random_init.h"

static const char ending[] = ".onnx";

struct snug_file_model {
    snug_model model;
    char *path, *name;
    char *advice; // or NULL
    snug_onnx_document *document;
    snug_kept_networks *kept; // where a model is const, too
};

bool snug_file_model_matches(const char *name) {
    size_t length = strlen(name), suffix = sizeof ending - 1;
    return length > suffix && strcmp(name + length - suffix, ending) == 0;
}

// An importer's "cannot" is a file that cannot be used, whatever the reason. What contradicts the
// request stays SNUG_INVALID.
static snug_status as_bad_file(snug_status status) {
    return status == SNUG_UNSUPPORTED ? SNUG_BAD_FILE : status;
}

static snug_status take_ends(const snug_onnx_built *built, snug_graph *graph,
                             snug_model_ends *out) {
    if (built->input_count > SNUG_MAX_INPUTS)
        return snug_fail(SNUG_UNSUPPORTED, "%zu inputs: at most %d are supported",
                         built->input_count, SNUG_MAX_INPUTS);
    out->input_count = (int)built->input_count;
    for (size_t i = 0; i < built->input_count; i++)
        out->inputs[i] = built->inputs[i];
    if (built->output_count != 1)
        return snug_fail(SNUG_INTERNAL, "%zu outputs were built, one was asked for",
                         built->output_count);
    out->logits = built->outputs[0];
    return graph->status;
}

static snug_status import_file(const snug_file_model *file, const snug_model_options *options,
                               int64_t batch, bool training, snug_graph *graph,
                               snug_model_ends *out) {
    snug_onnx_options wanted = {.batch = batch,
                                .training = training,
                                .freeze_bn = options->freeze_bn,
                                .no_drop = !options->drop,
                                .fuse = options->fuse,
                                .output = options->output,
                                .sample = options->input_rank > 0 ? options->input_dims : NULL,
                                .sample_rank = options->input_rank,
                                .sample_suggested = options->input_suggested,
                                .named_samples = options->data_inputs,
                                .named_sample_count = options->data_input_count};
    snug_onnx_built built = {0};
    snug_status status = snug_onnx_build(file->document, &wanted, graph, &built);
    if (status == SNUG_OK) status = take_ends(&built, graph, out);
    if (status == SNUG_OK && options->random_init) status = snug_random_init(graph);
    snug_onnx_built_clear(&built);
    if (status != SNUG_OK && status != SNUG_NOMEM) snug_fail_context(status, "%s", file->path);
    return as_bad_file(status);
}

static snug_status build_file(const snug_model *model, const snug_model_options *options,
                              int64_t batch, bool training, snug_graph *graph,
                              snug_model_ends *out) {
    const snug_file_model *file = model->config;
    bool found;
    SNUG_TRY(snug_kept_networks_find(file->kept, options, batch, training, graph, out, &found));
    if (found) return SNUG_OK;
    SNUG_TRY(import_file(file, options, batch, training, graph, out));
    return snug_kept_networks_add(file->kept, options, batch, training, graph, out);
}

static snug_status refuse(const snug_model *model, const char *option, const char *why) {
    return snug_fail(SNUG_INVALID, "%s comes from a file: %s cannot change it; %s", model->name,
                     option, why);
}

static snug_status resolve(const snug_model *model, snug_model_options *options) {
    if (options->width_multiplier != 0 && options->width_multiplier != 1)
        return refuse(model, "a width", "export a narrower network");
    if (options->separable)
        return refuse(model, "`separable`", "export a network with such convolutions");
    if (options->classes != 0)
        return refuse(model, "a number of classes", "export a network with as many outputs");
    options->width_multiplier = 1;
    if (options->input_rank > 0 || options->channels == 0) return SNUG_OK;
    options->input_rank = 3;
    options->input_dims[0] = options->channels;
    options->input_dims[1] = options->height;
    options->input_dims[2] = options->width;
    return SNUG_OK;
}

static snug_status name_file(snug_file_model *file, const char *path) {
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return snug_fail(SNUG_BAD_FILE, "cannot read %s: %s: an ONNX file is expected", path,
                         strerror(errno));
    snug_status status = snug_memory_copy_text(absolute, &file->path);
    free(absolute); // the C library's own
    SNUG_TRY(status);
    const char *slash = strrchr(file->path, '/');
    SNUG_TRY(snug_memory_copy_text(slash ? slash + 1 : file->path, &file->name));
    size_t length = strlen(file->name);
    enum { MOST = 63 }; // what names of networks have room for
    if (snug_file_model_matches(file->name)) length -= sizeof ending - 1;
    file->name[length > MOST ? MOST : length] = '\0';
    return SNUG_OK;
}

snug_status snug_file_model_open(const char *path, snug_file_model **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    snug_file_model *file = *out;
    snug_status status = SNUG_NEW(&file->kept, 1);
    if (status == SNUG_OK) status = name_file(file, path);
    if (status == SNUG_OK) status = as_bad_file(snug_onnx_open(file->path, &file->document));
    if (status == SNUG_OK) status = snug_onnx_advise(file->document, &file->advice);
    if (status != SNUG_OK) {
        snug_file_model_close(file);
        *out = NULL;
        return status;
    }
    file->model = (snug_model){.name = file->name,
                               .family = "onnx",
                               .summary = "an ONNX file",
                               .config = file,
                               .build_file = build_file,
                               .resolve = resolve};
    return SNUG_OK;
}

void snug_file_model_close(snug_file_model *file) {
    if (!file) return;
    if (file->kept) snug_kept_networks_close(file->kept);
    snug_memory_free(file->kept);
    snug_onnx_close(file->document);
    snug_memory_free(file->path);
    snug_memory_free(file->name);
    snug_memory_free(file->advice);
    snug_memory_free(file);
}

void snug_file_model_settle(snug_file_model *file) {
    snug_kept_networks_close(file->kept);
}

const snug_model *snug_file_model_of(const snug_file_model *file) {
    return &file->model;
}

const char *snug_file_model_path(const snug_file_model *file) {
    return file->path;
}

bool snug_file_model_tells_buffers(const snug_file_model *file) {
    return snug_onnx_is_declared(file->document);
}

const char *snug_file_model_advice(const snug_file_model *file) {
    return file->advice;
}

// The document's inputs at a batch size.
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "onnx/state.h"

static const snug_onnx_tensor *given_of(const snug_onnx_options *options, const char *name) {
    for (size_t i = 0; i < options->known_input_count; i++)
        if (strcmp(options->known_inputs[i].name, name) == 0) return &options->known_inputs[i];
    return NULL;
}

static bool is_initializer(const snug_onnx_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (strcmp(graph->initializers[i].name, name) == 0) return true;
    return false;
}

int64_t snug_onnx_fixed_batch(const snug_onnx_document *document) {
    const snug_onnx_graph *graph = &document->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        const snug_onnx_value *value = &graph->inputs[i];
        if (is_initializer(graph, value->name)) continue;
        return value->has_shape && value->rank > 0 && value->dims[0] > 0 ? value->dims[0] : 0;
    }
    return 0;
}

// The extent that the samples have in |dimension| of the input called as |value| is; 0: none known.
static int64_t named_extent(const snug_onnx_options *options, const snug_onnx_value *value,
                            int dimension) {
    for (int i = 0; i < options->named_sample_count && dimension > 0; i++) {
        const snug_sample_tensor *sample = &options->named_samples[i];
        if (sample->rank == value->rank - 1 && strcmp(sample->name, value->name) == 0)
            return sample->dims[dimension - 1];
    }
    return 0;
}

// A dimension that the document leaves open.
static snug_status open_dimension(const snug_onnx_import *import, const snug_onnx_value *value,
                                  int dimension, int64_t *out) {
    const snug_onnx_options *options = import->options;
    const char *symbol = value->symbols[dimension];
    const int64_t *known = symbol[0] ? snug_onnx_names_find(&import->symbols, symbol) : NULL;
    if (known) {
        *out = *known;
    } else if (dimension == 0 && options->batch > 0) {
        *out = options->batch;
    } else if (named_extent(options, value, dimension) > 0) {
        *out = named_extent(options, value, dimension);
    } else {
        return snug_fail(SNUG_INVALID,
                         "input \"%.200s\" leaves dimension %d%s%.100s open: its size must be "
                         "given, by `input_dims` for the first input or by a tensor of the input's "
                         "name in the data",
                         value->name, dimension, symbol[0] ? ", " : "", symbol);
    }
    return SNUG_OK;
}

static snug_status keep_symbol(snug_onnx_import *import, const char *symbol, int64_t value) {
    int64_t *kept = NULL;
    if (!symbol[0] || snug_onnx_names_find(&import->symbols, symbol)) return SNUG_OK;
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *kept, (void **)&kept));
    *kept = value;
    return snug_onnx_names_put(&import->symbols, symbol, kept);
}

static void append_dims(const int64_t *dims, int count, snug_text *text) {
    for (int i = 0; i < count; i++)
        snug_text_append(text, dims[i] < 0 ? "%s?" : "%s%lld", i ? "x" : "", (long long)dims[i]);
}

// A sample that is asked for, not suggested, is one that the document takes.
static snug_status check_sample(const snug_onnx_options *options, const snug_onnx_value *value) {
    bool fits = options->sample_rank == value->rank - 1;
    for (int i = 0; i < options->sample_rank && fits; i++)
        fits = value->dims[i + 1] < 0 || value->dims[i + 1] == options->sample[i];
    if (fits) return SNUG_OK;
    snug_text wanted = {0}, found = {0};
    append_dims(options->sample, options->sample_rank, &wanted);
    append_dims(value->dims + 1, value->rank - 1, &found);
    snug_status status =
        snug_fail(SNUG_INVALID,
                  "an input of %s is asked for, but the file's \"%.200s\" takes %s%s: export for "
                  "other sizes, or leave `input_dims` out",
                  snug_text_view(&wanted), value->name, snug_text_view(&found),
                  strchr(snug_text_view(&found), '?') ? " (any size where there is a '?')" : "");
    snug_text_clear(&wanted);
    snug_text_clear(&found);
    return status;
}

static snug_status type_of(snug_onnx_import *import, const snug_onnx_value *value, bool is_first,
                           snug_type *out) {
    const snug_onnx_options *options = import->options;
    const snug_onnx_tensor *given = given_of(options, value->name);
    *out = (snug_type){0};
    if (!value->is_tensor)
        return snug_fail(SNUG_UNSUPPORTED, "input \"%.200s\" is not a tensor", value->name);
    if (given && given->is_known) {
        *out = given->type;
        out->layout = SNUG_ROW_MAJOR;
        return SNUG_OK;
    }
    if (!snug_onnx_dtype(value->data_type, &out->dtype))
        return snug_fail(SNUG_UNSUPPORTED, "input \"%.200s\" has elements of type %d", value->name,
                         value->data_type);
    if (!value->has_shape)
        return snug_fail(SNUG_UNSUPPORTED, "input \"%.200s\" has no shape", value->name);
    out->rank = value->rank;
    int64_t fixed = snug_onnx_fixed_batch(import->document);
    bool is_asked = is_first && options->sample && !options->sample_suggested && value->rank > 0;
    if (is_asked) SNUG_TRY(check_sample(options, value));
    for (int i = 0; i < value->rank; i++) {
        out->dims[i] = value->dims[i];
        bool is_open = value->dims[i] < 0;
        bool from_sample = is_first && i > 0 && i <= options->sample_rank;
        // Inputs that begin with the first one's fixed batch follow it.
        bool follows = is_first || (!is_open && value->dims[i] == fixed);
        if (i == 0 && options->batch > 0 && follows)
            out->dims[i] = options->batch;
        else if (is_open && from_sample)
            out->dims[i] = options->sample[i - 1];
        else if (is_open)
            SNUG_TRY(open_dimension(import, value, i, &out->dims[i]));
        if (is_open) SNUG_TRY(keep_symbol(import, value->symbols[i], out->dims[i]));
    }
    return SNUG_OK;
}

static snug_status define_input(snug_onnx_import *import, snug_onnx_scope *scope,
                                const snug_onnx_value *value, snug_onnx_built *built) {
    snug_type type;
    snug_onnx_slot *slot = NULL;
    SNUG_TRY(type_of(import, value, built->input_count == 0, &type));
    if (snug_type_check(&type) != SNUG_OK)
        return snug_fail_context(SNUG_BAD_FILE, "input \"%.200s\"", value->name);
    SNUG_TRY(snug_onnx_slot_new(import, &slot));
    slot->operand.is_present = true;
    slot->operand.type = type;
    slot->operand.name = value->name;
    const snug_onnx_tensor *given = given_of(import->options, value->name);
    if (import->options->make_inputs_known && given && given->data) {
        slot->operand.data = given->data;
        slot->role = SNUG_ROLE_CONSTANT;
    } else {
        // Images lie as kernels want them.
        bool is_image = type.rank == 4 && snug_dtype_is_float(type.dtype);
        if (is_image) type.layout = slot->operand.type.layout = SNUG_CHANNELS_LAST;
        slot->operand.tensor =
            snug_graph_tensor(import->graph, value->name, &type, SNUG_ROLE_INPUT);
        SNUG_TRY(import->graph->status);
    }
    built->inputs[built->input_count] = slot->operand.tensor;
    built->input_names[built->input_count++] = value->name;
    SNUG_TRY(snug_onnx_names_put(&import->persistent, value->name, slot));
    return snug_onnx_define(scope, value->name, slot);
}

snug_status snug_onnx_define_inputs(snug_onnx_import *import, snug_onnx_scope *scope,
                                    snug_onnx_built *built) {
    const snug_onnx_graph *graph = &import->document->graph;
    SNUG_TRY(SNUG_NEW(&built->inputs, graph->input_count + 1));
    SNUG_TRY(SNUG_NEW(&built->input_names, graph->input_count + 1));
    for (size_t i = 0; i < graph->input_count; i++)
        if (!is_initializer(graph, graph->inputs[i].name))
            SNUG_TRY(define_input(import, scope, &graph->inputs[i], built));
    return SNUG_OK;
}

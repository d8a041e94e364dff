#include "onnx/case.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "onnx/graph_run.h"
#include "onnx/import.h"
#include "ops/reference.h"

enum { MOST_VALUES = 64 };

typedef struct run {
    const char *path;
    snug_device *device;
    char *why;
    size_t why_bytes;
    double rtol, atol;
    snug_onnx_document *model;
    // Of the data set in hand.
    snug_onnx_document *inputs[MOST_VALUES], *outputs[MOST_VALUES];
    size_t input_count, output_count;
} run;

static case_result result_of(run *self, snug_status status) {
    if (status == SNUG_OK) return CASE_PASS;
    snprintf(self->why, self->why_bytes, "%s", snug_error_message());
    return status == SNUG_UNSUPPORTED ? CASE_UNSUPPORTED : CASE_FAIL;
}

static void read_tolerances(run *self) {
    char path[4096];
    self->rtol = 1e-3;
    self->atol = 1e-7;
    snprintf(path, sizeof path, "%s/data.json", self->path);
    json_t *data = json_load_file(path, 0, NULL);
    const json_t *rtol = json_object_get(data, "rtol"), *atol = json_object_get(data, "atol");
    if (json_is_number(rtol)) self->rtol = json_number_value(rtol);
    if (json_is_number(atol)) self->atol = json_number_value(atol);
    json_decref(data);
}

static bool file_exists(const char *path) {
    struct stat found;
    return stat(path, &found) == 0;
}

static snug_status open_values(const char *folder, const char *kind, snug_onnx_document **out,
                               size_t *count) {
    char path[4096];
    for (*count = 0; *count < MOST_VALUES; ++*count) {
        snprintf(path, sizeof path, "%s/%s_%zu.pb", folder, kind, *count);
        if (!file_exists(path)) return SNUG_OK;
        SNUG_TRY(snug_onnx_open_tensor(path, &out[*count]));
        if (!out[*count]->graph.initializers[0].is_known)
            return snug_fail(SNUG_UNSUPPORTED, "elements of type %d",
                             out[*count]->graph.initializers[0].data_type);
    }
    return snug_fail(SNUG_UNSUPPORTED, "more than %d values", MOST_VALUES);
}

static void close_values(snug_onnx_document **values, size_t count) {
    for (size_t i = 0; i < MOST_VALUES && i <= count; i++) {
        snug_onnx_close(values[i]);
        values[i] = NULL;
    }
}

static bool is_initializer(const snug_onnx_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (strcmp(graph->initializers[i].name, name) == 0) return true;
    return false;
}

// Only what is no tensor at all cannot be read.
static snug_status check_values(const snug_onnx_value *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!values[i].is_tensor)
            return snug_fail(SNUG_UNSUPPORTED, "\"%s\" is a sequence or optional", values[i].name);
    return SNUG_OK;
}

// Which inputs the import is told beforehand.
typedef enum known_inputs {
    KNOW_NONE,
    KNOW_INTEGERS,
    KNOW_ALL_BUT_FIRST,
    KNOW_ALL, // the bounds of a Range
    KNOW_WAYS
} known_inputs;

static bool is_told(known_inputs way, size_t index, const snug_onnx_tensor *tensor) {
    if (way == KNOW_INTEGERS) return !snug_dtype_is_float(tensor->type.dtype);
    return way == KNOW_ALL || (way == KNOW_ALL_BUT_FIRST && index > 0);
}

static snug_status build(run *self, known_inputs way, snug_graph *graph, snug_onnx_built *out) {
    static const char nothing[8];
    snug_onnx_tensor given[MOST_VALUES];
    size_t count = 0;
    const snug_onnx_graph *document = &self->model->graph;
    for (size_t i = 0; i < document->input_count; i++) {
        if (is_initializer(document, document->inputs[i].name)) continue;
        if (count == self->input_count)
            return snug_fail(SNUG_BAD_FILE, "the data set has only %zu inputs", count);
        given[count] = self->inputs[count]->graph.initializers[0];
        given[count].name = document->inputs[i].name;
        bool told = is_told(way, count, &given[count]);
        if (told && !given[count].data) given[count].data = nothing;
        if (!told) given[count].data = NULL;
        count++;
    }
    snug_onnx_options options = {
        .make_inputs_known = way != KNOW_NONE, .known_inputs = given, .known_input_count = count};
    return snug_onnx_build(self->model, &options, graph, out);
}

static snug_status compare_element(const run *self, const snug_onnx_tensor *expected,
                                   const snug_view *found, int64_t index, int64_t at) {
    size_t size = snug_dtype_bytes(expected->type.dtype);
    const char *a = (const char *)expected->data + (size_t)index * size;
    const char *b = (const char *)found->data + (size_t)at * size;
    int64_t element = 0;
    memcpy(&element, a, size);
    double want = snug_reference_load(&element, expected->type.dtype, 0);
    double have = snug_view_get(found, at);
    double rtol = self->rtol;
    if (expected->type.dtype == SNUG_BF16) rtol = fmax(rtol, 0x1p-6); // two units in the last place
    bool equal = memcmp(a, b, size) == 0;
    if (!equal && snug_dtype_is_float(expected->type.dtype))
        equal = (isnan(want) && isnan(have)) || want == have ||
                fabs(have - want) <= self->atol + rtol * fabs(want);
    return equal ? SNUG_OK
                 : snug_fail(SNUG_INVALID, "element %lld: expected %.9g, found %.9g",
                             (long long)index, want, have);
}

static snug_status compare(const run *self, const snug_onnx_tensor *expected,
                           const snug_view *found) {
    char want[SNUG_TYPE_TEXT], have[SNUG_TYPE_TEXT];
    if (expected->type.dtype != found->type.dtype ||
        !snug_type_same_shape(&expected->type, &found->type))
        return snug_fail(SNUG_INVALID, "expected %s, found %s",
                         snug_type_print(&expected->type, want),
                         snug_type_print(&found->type, have));
    int64_t elements = snug_type_elements(&expected->type), at[SNUG_MAX_RANK];
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&found->type, i, at);
        SNUG_TRY(
            compare_element(self, expected, found, i,
                            snug_reference_broadcast_index(&found->type, found->type.rank, at)));
    }
    return SNUG_OK;
}

static snug_status run_graph(run *self, const snug_graph *graph, const snug_onnx_built *built) {
    graph_run running;
    snug_status status = graph_run_open(graph, self->device, &running);
    for (size_t i = 0; status == SNUG_OK && i < built->input_count; i++)
        if (built->inputs[i] != SNUG_NO_TENSOR)
            graph_run_write(&running, built->inputs[i],
                            self->inputs[i]->graph.initializers[0].data);
    if (status == SNUG_OK) status = graph_run_go(&running);
    for (size_t i = 0; status == SNUG_OK && i < built->output_count; i++) {
        if (i >= self->output_count) break;
        snug_view found = graph_run_view(&running, built->outputs[i]);
        status = compare(self, &self->outputs[i]->graph.initializers[0], &found);
        if (status != SNUG_OK) status = snug_fail_context(status, "output %zu", i);
    }
    graph_run_close(&running);
    return status;
}

// The import of the case with inputs told in |way|, and its run.
static snug_status run_way(run *self, known_inputs way, bool *imported) {
    snug_graph *graph = NULL;
    snug_onnx_built built = {0};
    *imported = false;
    SNUG_TRY(snug_graph_new(&graph));
    snug_status status = build(self, way, graph, &built);
    if (status == SNUG_OK) {
        *imported = true;
        status = run_graph(self, graph, &built);
    }
    snug_onnx_built_clear(&built);
    snug_graph_free(graph);
    return status;
}

// With inputs as run-time tensors first; where the import wants to know a value, such as the shape
// of a Reshape, again with it known.
static case_result run_data_set(run *self) {
    snug_status status = SNUG_OK;
    for (int way = 0; way < KNOW_WAYS; way++) {
        bool imported;
        char before[512];
        snprintf(before, sizeof before, "%s", snug_error_message());
        snug_status again = run_way(self, (known_inputs)way, &imported);
        // What the first way says is what people want to read.
        if (way == 0 || again != SNUG_UNSUPPORTED)
            status = again;
        else
            status = snug_fail(SNUG_UNSUPPORTED, "%s", before);
        if (imported || status != SNUG_UNSUPPORTED) break;
    }
    return result_of(self, status);
}

static case_result run_data_sets(run *self) {
    char folder[3000];
    size_t count = 0;
    for (;; count++) {
        snprintf(folder, sizeof folder, "%s/test_data_set_%zu", self->path, count);
        if (!file_exists(folder)) break;
        snug_status status = open_values(folder, "input", self->inputs, &self->input_count);
        if (status == SNUG_OK)
            status = open_values(folder, "output", self->outputs, &self->output_count);
        case_result result = status == SNUG_OK ? run_data_set(self) : result_of(self, status);
        close_values(self->inputs, self->input_count);
        close_values(self->outputs, self->output_count);
        if (result != CASE_PASS) return result;
    }
    if (count) return CASE_PASS;
    snprintf(self->why, self->why_bytes, "no test_data_set_0");
    return CASE_FAIL;
}

case_result case_run(const char *path, snug_device *device, char *why, size_t why_bytes) {
    run self = {.path = path, .device = device, .why = why, .why_bytes = why_bytes};
    char model[4096];
    snprintf(model, sizeof model, "%s/model.onnx", path);
    read_tolerances(&self);
    snug_status status = snug_onnx_open(model, &self.model);
    if (status == SNUG_OK)
        status = check_values(self.model->graph.inputs, self.model->graph.input_count);
    if (status == SNUG_OK)
        status = check_values(self.model->graph.outputs, self.model->graph.output_count);
    case_result result = status == SNUG_OK ? run_data_sets(&self) : result_of(&self, status);
    snug_onnx_close(self.model);
    device->device_class->forget(device);
    return result;
}

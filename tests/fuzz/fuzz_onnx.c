// libFuzzer target: the ONNX reader, the importer and the planner on any bytes. Nothing they hold
// may crash them, hang them or make them take more than bounded memory; what they cannot take, they
// refuse with a reason.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "graph/verify.h"
#include "onnx/import.h"
#include "snug/plan.h"

enum { MOST_INPUTS = 8, MOST_BYTES = 4096, MOST_SECONDS = 20 };

static bool build(const snug_onnx_document *document, const snug_onnx_options *options) {
    snug_graph *graph;
    snug_onnx_built built;
    if (snug_graph_new(&graph) != SNUG_OK) return false;
    snug_status status = snug_onnx_build(document, options, graph, &built);
    // A case of the suite may read running statistics that it updates; a network that trains not.
    bool trains = status == SNUG_OK && options->batch > 0;
    if (trains && snug_graph_verify(graph) != SNUG_OK) {
        fprintf(stderr, "%s\n", snug_error_message());
        abort();
    }
    if (status != SNUG_OK && !snug_error_message()[0]) abort();
    snug_onnx_built_clear(&built);
    snug_graph_free(graph);
    return status == SNUG_OK;
}

static bool is_late(void *context) {
    return time(NULL) > *(time_t *)context + MOST_SECONDS;
}

// Plans what can be built, as any file is planned: by its path.
static void plan(const uint8_t *data, size_t size) {
    char path[64];
    snug_device *device;
    snug_plan *made;
    time_t began = time(NULL);
    snprintf(path, sizeof path, "/tmp/snug-fuzz-%ld.onnx", (long)getpid());
    FILE *file = fopen(path, "wb");
    if (!file) return;
    bool written = fwrite(data, 1, size, file) == size;
    if (fclose(file) == 0 && written && snug_device_open("reference", 1, &device) == SNUG_OK) {
        snug_plan_request request = {.model = path,
                                     .cost = SNUG_COST_SOURCE_MODEL,
                                     .batch_size = 2,
                                     .budget_bytes = (size_t)1 << 24,
                                     .allow = SNUG_FIDELITY_STATISTICS,
                                     .should_stop = is_late,
                                     .context = &began};
        snug_status status = snug_plan_make(device, &request, &made);
        if (status != SNUG_OK && !snug_error_message()[0]) abort();
        snug_plan_free(made);
        snug_device_close(device);
    }
    unlink(path);
}

// Small inputs known, so that every operator is evaluated on the host, too.
static void build_known(const snug_onnx_document *document, const uint8_t *data, size_t size) {
    static unsigned char elements[MOST_INPUTS][MOST_BYTES];
    snug_onnx_tensor known[MOST_INPUTS];
    size_t count = 0;
    for (size_t i = 0; i < document->graph.input_count && count < MOST_INPUTS; i++) {
        const snug_onnx_value *value = &document->graph.inputs[i];
        snug_onnx_tensor *tensor = &known[count];
        *tensor = (snug_onnx_tensor){.name = value->name};
        tensor->is_known = snug_onnx_dtype(value->data_type, &tensor->type.dtype);
        tensor->type.rank = value->rank;
        for (int j = 0; j < value->rank; j++)
            tensor->type.dims[j] = value->dims[j] < 0 ? 2 : value->dims[j];
        bool is_small = tensor->is_known && snug_type_check(&tensor->type) == SNUG_OK &&
                        snug_type_bytes(&tensor->type) <= MOST_BYTES;
        if (!is_small) continue;
        tensor->bytes = snug_type_bytes(&tensor->type);
        for (size_t j = 0; j < tensor->bytes; j++) {
            unsigned char byte = size ? data[(i * 31 + j) % size] : 0;
            elements[count][j] = tensor->type.dtype == SNUG_BOOL ? byte & 1 : byte;
            // Mostly small integers.
            if (!snug_dtype_is_float(tensor->type.dtype) &&
                j % snug_dtype_bytes(tensor->type.dtype) != 0 && byte < 250)
                elements[count][j] = 0;
        }
        tensor->data = elements[count++];
    }
    snug_onnx_options options = {
        .make_inputs_known = true, .known_inputs = known, .known_input_count = count};
    build(document, &options);
}

// One in sixteen, by its bytes: a plan takes a thousand times as long as an import.
static bool is_planned(const uint8_t *data, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += data[i];
    return sum % 16 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    snug_onnx_document *document;
    if (snug_onnx_parse(data, size, NULL, &document) != SNUG_OK) return 0;
    snug_onnx_options as_written = {0}, training = {.batch = 2, .training = true};
    build(document, &as_written);
    bool trains = build(document, &training);
    build_known(document, data, size);
    snug_onnx_close(document);
    if (trains && is_planned(data, size)) plan(data, size);
    return 0;
}

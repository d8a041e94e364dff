// libFuzzer target: the ONNX reader and importer on any bytes. Nothing they hold may crash it, hang
// it or make it take more than bounded memory; what it cannot take, it refuses with a reason.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "graph/verify.h"
#include "onnx/import.h"

enum { MOST_INPUTS = 8, MOST_BYTES = 4096 };

static void build(const snug_onnx_document *document, const snug_onnx_options *options) {
    snug_graph *graph;
    snug_onnx_built built;
    if (snug_graph_new(&graph) != SNUG_OK) return;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    snug_onnx_document *document;
    if (snug_onnx_parse(data, size, NULL, &document) != SNUG_OK) return 0;
    snug_onnx_options as_written = {0}, training = {.batch = 2, .training = true};
    build(document, &as_written);
    build(document, &training);
    build_known(document, data, size);
    snug_onnx_close(document);
    return 0;
}

// Which initializers of a document PyTorch's state_dict() holds.
#include "onnx/export.h"
#include "onnx/state.h"

static const char present[] = "";

static snug_status index_declared(const snug_onnx_graph *graph, snug_onnx_names *out) {
    for (size_t i = 0; i < graph->declared_count; i++) {
        snug_onnx_declared declared = graph->declared[i].declared;
        if (declared == SNUG_ONNX_PARAMETER || declared == SNUG_ONNX_BUFFER)
            SNUG_TRY(snug_onnx_names_put(out, graph->declared[i].name, (void *)(uintptr_t)present));
    }
    return SNUG_OK;
}

snug_status snug_onnx_find_state(const snug_onnx_graph *graph, bool *is_state) {
    snug_onnx_names declared = {0};
    snug_status status = index_declared(graph, &declared);
    for (size_t i = 0; status == SNUG_OK && i < graph->initializer_count; i++) {
        const snug_onnx_tensor *tensor = &graph->initializers[i];
        bool is_named = graph->declared_count
                            ? snug_onnx_names_find(&declared, tensor->name) != NULL
                            : !snug_onnx_is_anonymous(tensor->name);
        is_state[i] = tensor->is_known && is_named;
    }
    snug_onnx_names_clear(&declared);
    return status;
}

// A node's attributes, with their defaults.
#include "onnx/state.h"

// The attribute |name| when it is there and of |kind|; another kind poisons the graph.
static const snug_onnx_attribute *find(const snug_onnx_call *call, const char *name,
                                       snug_onnx_kind kind) {
    const snug_onnx_attribute *found = snug_onnx_attribute_find(call->node, name);
    if (!found || found->kind == kind) return found;
    snug_graph_poison(call->graph,
                      snug_fail(SNUG_BAD_FILE, "attribute \"%s\" is of kind %d, not %d", name,
                                (int)found->kind, (int)kind));
    return NULL;
}

int64_t snug_onnx_integer(const snug_onnx_call *call, const char *name, int64_t fallback) {
    const snug_onnx_attribute *found = find(call, name, SNUG_ONNX_INT);
    return found ? found->integer : fallback;
}

double snug_onnx_real(const snug_onnx_call *call, const char *name, double fallback) {
    const snug_onnx_attribute *found = find(call, name, SNUG_ONNX_FLOAT);
    return found ? found->real : fallback;
}

const char *snug_onnx_text(const snug_onnx_call *call, const char *name, const char *fallback) {
    const snug_onnx_attribute *found = find(call, name, SNUG_ONNX_STRING);
    return found ? found->text : fallback;
}

static snug_status check_count(const char *name, size_t count, size_t most) {
    if (count <= most) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "attribute \"%s\": at most %zu values expected, found %zu",
                     name, most, count);
}

snug_status snug_onnx_integers(const snug_onnx_call *call, const char *name, int64_t *out,
                               size_t most, size_t *count) {
    const snug_onnx_attribute *found = find(call, name, SNUG_ONNX_INTS);
    *count = 0;
    if (!found) return call->graph->status;
    SNUG_TRY(check_count(name, found->count, most));
    for (size_t i = 0; i < found->count; i++)
        out[i] = found->integers[i];
    *count = found->count;
    return SNUG_OK;
}

snug_status snug_onnx_reals(const snug_onnx_call *call, const char *name, double *out, size_t most,
                            size_t *count) {
    const snug_onnx_attribute *found = find(call, name, SNUG_ONNX_FLOATS);
    *count = 0;
    if (!found) return call->graph->status;
    SNUG_TRY(check_count(name, found->count, most));
    for (size_t i = 0; i < found->count; i++)
        out[i] = found->reals[i];
    *count = found->count;
    return SNUG_OK;
}

snug_status snug_onnx_axis(int64_t axis, int rank, int64_t *out) {
    *out = axis < 0 ? axis + rank : axis;
    if (axis >= -rank && axis < rank) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "an axis from %d to %d expected, found %lld", -rank, rank - 1,
                     (long long)axis);
}

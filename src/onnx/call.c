// What translators see of a node: its operands as tensors or known values.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "onnx/state.h"
#include "ops/ops.h"
#include "ops/reference.h"

enum { MOST_SPELT_OUT = 64 };

bool snug_onnx_has(const snug_onnx_call *call, size_t index) {
    return index < call->input_count && call->inputs[index].is_present;
}

static bool is_scratch(const snug_onnx_call *call) {
    return call->graph != call->import->graph;
}

// A name for a persistent tensor that none has yet.
static snug_status unique_name(const snug_onnx_call *call, const char *wanted, const char **out) {
    snug_onnx_import *import = call->import;
    const char *first = wanted[0] ? wanted : "constant";
    char number[32], *name = NULL;
    SNUG_TRY(snug_pool_text(&import->pool, first, &name));
    for (int i = 2; snug_onnx_names_find(&import->persistent, name); i++) {
        snprintf(number, sizeof number, "#%d", i);
        SNUG_TRY(snug_onnx_join_names(&import->pool, first, number, &name));
    }
    *out = name;
    return snug_onnx_names_put(&import->persistent, name, import);
}

// Whether all elements are the first one, bit for bit.
static bool is_uniform(const snug_type *type, const void *data) {
    size_t bytes = snug_type_bytes(type), size = snug_dtype_bytes(type->dtype);
    const char *at = data;
    return bytes >= size && memcmp(at, at + size, bytes - size) == 0;
}

static snug_status constant_init(const snug_onnx_call *call, const snug_type *type,
                                 const void *data, snug_init *out) {
    *out = (snug_init){.kind = SNUG_INIT_DATA, .data = data};
    if (is_scratch(call)) return SNUG_OK;
    size_t bytes = snug_type_bytes(type);
    bool is_exact = type->dtype != SNUG_I64 && type->dtype != SNUG_U64;
    if (is_exact && is_uniform(type, data)) {
        int64_t element = 0; // the file's may lie anywhere
        memcpy(&element, data, snug_dtype_bytes(type->dtype));
        *out = snug_init_of(SNUG_INIT_CONSTANT, snug_reference_load(&element, type->dtype, 0), 0);
        return SNUG_OK;
    }
    if (call->import->is_probe) return SNUG_OK;
    // The graph outlives the import, its copies outlive the graph: the document keeps the bytes.
    return snug_onnx_keep(call->import->document, data, bytes, &out->data);
}

static snug_status make_constant(const snug_onnx_call *call, const snug_type *type,
                                 const void *data, const char *wanted, snug_tensor_id *out) {
    snug_init init;
    const char *name = NULL;
    *out = SNUG_NO_TENSOR;
    SNUG_TRY(constant_init(call, type, data, &init));
    if (!is_scratch(call)) SNUG_TRY(unique_name(call, wanted, &name));
    *out = snug_graph_tensor(call->graph, name, type, SNUG_ROLE_CONSTANT);
    SNUG_TRY(call->graph->status);
    call->graph->tensors[*out]->init = init;
    return SNUG_OK;
}

// The elements at index 0 of dimension 0 as a constant, repeated along it.
static snug_tensor_id repeat_first(const snug_onnx_call *call, const snug_onnx_operand *operand) {
    snug_type first = operand->type;
    snug_broadcast_to_attributes target = {.rank = first.rank, .reduced = 1, .scale = 1};
    memcpy(target.dims, first.dims, sizeof target.dims);
    first.dims[0] = 1;
    snug_tensor_id from;
    snug_status status = make_constant(call, &first, operand->data, operand->name, &from);
    if (status != SNUG_OK) return snug_graph_poison(call->graph, status);
    return SNUG_EMIT(call->graph, &snug_op_broadcast_to, &target, from);
}

static double element_of(const snug_onnx_operand *operand, int64_t index) {
    size_t size = snug_dtype_bytes(operand->type.dtype);
    int64_t element = 0; // the file's may lie anywhere
    memcpy(&element, (const char *)operand->data + (size_t)index * size, size);
    return snug_reference_load(&element, operand->type.dtype, 0);
}

bool snug_onnx_is_exact(const void *data, snug_dtype dtype) {
    int64_t element = 0; // the file's may lie anywhere
    memcpy(&element, data, snug_dtype_bytes(dtype));
    if (dtype != SNUG_I64 && dtype != SNUG_U64) return true;
    return snug_reference_load_whole(&element, dtype, 0) ==
           (snug_wide)snug_reference_load(&element, dtype, 0);
}

// Whether the numbers that operators take as attributes can be all elements.
static bool is_exact(const snug_onnx_operand *operand) {
    size_t size = snug_dtype_bytes(operand->type.dtype);
    int64_t count = snug_type_elements(&operand->type);
    for (int64_t i = 0; i < count; i++)
        if (!snug_onnx_is_exact((const char *)operand->data + (size_t)i * size,
                                operand->type.dtype))
            return false;
    return true;
}

// Element by element.
static snug_tensor_id spell_out(const snug_onnx_call *call, const snug_onnx_operand *operand) {
    snug_tensor_id parts[MOST_SPELT_OUT];
    int64_t count = snug_type_elements(&operand->type);
    for (int64_t i = 0; i < count; i++) {
        snug_fill_attributes fill = {
            .value = element_of(operand, i), .rank = 1, .dims = {1}, .dtype = operand->type.dtype};
        parts[i] = SNUG_EMIT_NONE(call->graph, &snug_op_fill, &fill);
    }
    snug_axis_attributes along = {0};
    snug_reshape_attributes view = {.rank = operand->type.rank};
    memcpy(view.dims, operand->type.dims, sizeof view.dims);
    snug_tensor_id line =
        count == 1 ? parts[0]
                   : snug_graph_emit(call->graph, &snug_op_concat, &along, parts, (int)count);
    return SNUG_EMIT(call->graph, &snug_op_reshape, &view, line);
}

// Whether the elements count up or down by equal steps.
static bool is_range(const snug_onnx_operand *operand, snug_range_attributes *out) {
    int64_t count = snug_type_elements(&operand->type);
    if (operand->type.rank != 1 || count < 2) return false;
    *out = (snug_range_attributes){.start = element_of(operand, 0),
                                   .step = element_of(operand, 1) - element_of(operand, 0),
                                   .length = count,
                                   .dtype = operand->type.dtype};
    for (int64_t i = 0; i < count; i++)
        if (element_of(operand, i) != out->start + (double)i * out->step) return false;
    return true;
}

// A known value that depends on the batch is made anew in every pass: what persists must be the
// same in all of them.
static snug_tensor_id make_varying(const snug_onnx_call *call, const snug_onnx_operand *operand,
                                   const snug_onnx_slot *slot) {
    const snug_type *type = &operand->type;
    int64_t elements = snug_type_elements(type);
    snug_range_attributes range;
    bool exact = is_exact(operand);
    if (elements == 0 || (exact && is_uniform(type, operand->data))) {
        snug_fill_attributes fill = {.value = elements ? element_of(operand, 0) : 0,
                                     .rank = type->rank,
                                     .dtype = type->dtype};
        memcpy(fill.dims, type->dims, sizeof fill.dims);
        return SNUG_EMIT_NONE(call->graph, &snug_op_fill, &fill);
    }
    if (exact && is_range(operand, &range))
        return SNUG_EMIT_NONE(call->graph, &snug_op_range, &range);
    snug_type first = *type;
    first.dims[0] = 1;
    size_t step = snug_type_bytes(&first), all = snug_type_bytes(type);
    const char *at = operand->data;
    bool repeats = exact && type->rank > 0 && memcmp(at, at + step, all - step) == 0;
    if (repeats && !snug_onnx_first_depends(call->import, slot)) return repeat_first(call, operand);
    if (exact && elements <= MOST_SPELT_OUT) return spell_out(call, operand);
    snug_tensor_id computed;
    snug_status status = snug_onnx_compute(call, slot, &computed);
    return status == SNUG_OK ? computed : snug_graph_poison(call->graph, status);
}

static snug_status make_tensor(const snug_onnx_call *call, snug_onnx_operand *operand,
                               const snug_onnx_slot *slot) {
    bool is_parameter = slot && slot->initializer && slot->role != SNUG_ROLE_CONSTANT;
    if (!is_parameter && !is_scratch(call) && snug_onnx_depends_on_batch(call->import, slot)) {
        operand->tensor = make_varying(call, operand, slot);
        return call->graph->status;
    }
    if (!is_parameter)
        return make_constant(call, &operand->type, operand->data, operand->name, &operand->tensor);
    const char *name;
    SNUG_TRY(unique_name(call, operand->name, &name));
    operand->tensor = snug_graph_tensor(call->graph, name, &operand->type, slot->role);
    SNUG_TRY(call->graph->status);
    snug_tensor *tensor = call->graph->tensors[operand->tensor];
    tensor->init = (snug_init){.kind = SNUG_INIT_DATA, .data = slot->initializer->data};
    tensor->trainable = slot->role == SNUG_ROLE_WEIGHT;
    return SNUG_OK;
}

snug_tensor_id snug_onnx_use(const snug_onnx_call *call, size_t index) {
    if (!snug_onnx_has(call, index) || call->graph->status != SNUG_OK) return SNUG_NO_TENSOR;
    snug_onnx_operand *operand = &call->inputs[index];
    if (operand->tensor != SNUG_NO_TENSOR) return operand->tensor;
    // The same value may be several inputs of the node.
    const snug_onnx_slot *slot = call->import->frame->inputs[index];
    for (size_t i = 0; i < call->input_count; i++)
        if (call->import->frame->inputs[i] == slot && call->inputs[i].tensor != SNUG_NO_TENSOR) {
            operand->tensor = call->inputs[i].tensor;
            return operand->tensor;
        }
    snug_status status = make_tensor(call, operand, slot);
    if (status != SNUG_OK) return snug_graph_poison(call->graph, status);
    return operand->tensor;
}

snug_tensor_id snug_onnx_to_layout(const snug_onnx_call *call, snug_tensor_id tensor,
                                   snug_layout layout) {
    const snug_type *type = snug_graph_type(call->graph, tensor);
    if (tensor == SNUG_NO_TENSOR || type->rank < 3 || type->layout == layout) return tensor;
    int64_t pixels = 1;
    for (int i = 2; i < type->rank; i++)
        pixels *= type->dims[i];
    if (pixels == 1 || type->dims[1] == 1) { // no element moves
        snug_reshape_attributes view = {.rank = type->rank, .layout = layout};
        memcpy(view.dims, type->dims, sizeof view.dims);
        return SNUG_EMIT(call->graph, &snug_op_reshape, &view, tensor);
    }
    snug_to_layout_attributes attributes = {.layout = layout};
    return SNUG_EMIT(call->graph, &snug_op_to_layout, &attributes, tensor);
}

snug_tensor_id snug_onnx_use_as(const snug_onnx_call *call, size_t index, snug_layout layout) {
    snug_tensor_id tensor = snug_onnx_use(call, index);
    if (tensor == SNUG_NO_TENSOR) return tensor;
    snug_onnx_operand *operand = &call->inputs[index];
    const snug_type *type = snug_graph_type(call->graph, tensor);
    if (type->rank < 3 || type->layout == layout) return tensor;
    if (operand->other == SNUG_NO_TENSOR)
        operand->other = snug_onnx_to_layout(call, tensor, layout);
    return operand->other;
}

snug_layout snug_onnx_common_layout(const snug_onnx_call *call) {
    snug_layout layout = SNUG_ROW_MAJOR;
    int64_t most = -1;
    for (size_t i = 0; i < call->input_count; i++) {
        const snug_onnx_operand *operand = &call->inputs[i];
        if (!operand->is_present || operand->tensor == SNUG_NO_TENSOR || operand->type.rank < 3)
            continue;
        int64_t elements = snug_type_elements(&operand->type);
        if (elements <= most) continue;
        most = elements;
        layout = snug_graph_type(call->graph, operand->tensor)->layout;
    }
    return layout;
}

snug_tensor_id snug_onnx_use_ranked(const snug_onnx_call *call, size_t index, int rank,
                                    snug_layout layout) {
    if (!snug_onnx_has(call, index)) return SNUG_NO_TENSOR;
    const snug_type *type = &call->inputs[index].type;
    if (type->rank >= rank) return snug_onnx_use_as(call, index, layout);
    snug_tensor_id tensor = snug_onnx_use_as(call, index, SNUG_ROW_MAJOR);
    if (tensor == SNUG_NO_TENSOR) return tensor;
    snug_reshape_attributes view = {.rank = rank};
    for (int i = 0; i < rank; i++)
        view.dims[i] = i < rank - type->rank ? 1 : type->dims[i - (rank - type->rank)];
    tensor = SNUG_EMIT(call->graph, &snug_op_reshape, &view, tensor);
    return snug_onnx_to_layout(call, tensor, layout);
}

void snug_onnx_set(const snug_onnx_call *call, size_t index, snug_tensor_id tensor) {
    if (index >= call->output_count || tensor == SNUG_NO_TENSOR) return;
    snug_onnx_operand *output = &call->outputs[index];
    const char *name = output->name;
    *output = (snug_onnx_operand){.is_present = true,
                                  .type = *snug_graph_type(call->graph, tensor),
                                  .tensor = tensor,
                                  .other = SNUG_NO_TENSOR,
                                  .name = name};
}

snug_status snug_onnx_set_known(const snug_onnx_call *call, size_t index, const snug_type *type,
                                const void *data) {
    if (index >= call->output_count) return SNUG_OK;
    SNUG_TRY(snug_type_check(type));
    size_t bytes = snug_type_bytes(type);
    if (bytes > call->import->known_left)
        return snug_fail(SNUG_UNSUPPORTED, "constants of more than %zu MiB",
                         SNUG_ONNX_MAX_KNOWN >> 20);
    void *copy = NULL;
    SNUG_TRY(snug_pool_new(&call->import->pool, bytes, &copy));
    call->import->known_left -= bytes;
    if (bytes) memcpy(copy, data, bytes);
    snug_onnx_operand *output = &call->outputs[index];
    const char *name = output->name;
    *output = (snug_onnx_operand){.is_present = true,
                                  .type = *type,
                                  .tensor = SNUG_NO_TENSOR,
                                  .other = SNUG_NO_TENSOR,
                                  .data = copy,
                                  .name = name};
    output->type.layout = SNUG_ROW_MAJOR;
    return SNUG_OK;
}

void snug_onnx_pass(const snug_onnx_call *call, size_t index, size_t input) {
    if (index >= call->output_count || !snug_onnx_has(call, input)) return;
    call->import->frame->aliases[index] = call->import->frame->inputs[input];
    const char *name = call->outputs[index].name;
    call->outputs[index] = call->inputs[input];
    call->outputs[index].name = name;
}

// The |count| elements of input |index|, which must be known and no more than |most| of them.
static snug_status known(const snug_onnx_call *call, size_t index, size_t most,
                         const snug_onnx_operand **out, size_t *count) {
    *count = 0;
    if (!snug_onnx_has(call, index)) return snug_fail(SNUG_BAD_FILE, "input %zu is missing", index);
    const snug_onnx_operand *operand = *out = &call->inputs[index];
    if (!operand->data)
        return snug_fail(SNUG_UNSUPPORTED,
                         "input %zu, \"%.200s\", must be known before the run, and depends on %s",
                         index, operand->name,
                         operand->is_weight ? "a weight" : "what is computed in it");
    int64_t elements = snug_type_elements(&operand->type);
    if (operand->type.rank > 1 || (uint64_t)elements > most)
        return snug_fail(SNUG_BAD_FILE,
                         "input %zu: a vector of at most %zu elements expected, found %lld "
                         "elements in %d dimensions",
                         index, most, (long long)elements, operand->type.rank);
    *count = (size_t)elements;
    return SNUG_OK;
}

snug_status snug_onnx_known_integers(const snug_onnx_call *call, size_t index, int64_t *out,
                                     size_t most, size_t *count) {
    const snug_onnx_operand *operand = NULL;
    SNUG_TRY(known(call, index, most, &operand, count));
    assert(operand);
    if (snug_dtype_is_float(operand->type.dtype))
        return snug_fail(SNUG_BAD_FILE, "input %zu: integers expected, found %s", index,
                         snug_dtype_name(operand->type.dtype));
    size_t size = snug_dtype_bytes(operand->type.dtype);
    for (size_t i = 0; i < *count; i++) {
        int64_t element = 0;
        memcpy(&element, (const char *)operand->data + i * size, size);
        bool is_wide = size == sizeof element;
        out[i] = is_wide ? element : (int64_t)snug_reference_load(&element, operand->type.dtype, 0);
    }
    return SNUG_OK;
}

snug_status snug_onnx_known_reals(const snug_onnx_call *call, size_t index, double *out,
                                  size_t most, size_t *count) {
    const snug_onnx_operand *operand = NULL;
    SNUG_TRY(known(call, index, most, &operand, count));
    assert(operand);
    size_t size = snug_dtype_bytes(operand->type.dtype);
    for (size_t i = 0; i < *count; i++) {
        int64_t element = 0;
        memcpy(&element, (const char *)operand->data + i * size, size);
        out[i] = snug_reference_load(&element, operand->type.dtype, 0);
    }
    return SNUG_OK;
}

snug_tensor_id snug_onnx_scalar(const snug_onnx_call *call, snug_dtype dtype, double value) {
    snug_fill_attributes fill = {.value = value, .dtype = dtype};
    return SNUG_EMIT_NONE(call->graph, &snug_op_fill, &fill);
}

snug_tensor_id snug_onnx_constant(const snug_onnx_call *call, const snug_type *type,
                                  const void *data) {
    snug_status status = snug_type_check(type);
    if (status == SNUG_OK) status = call->graph->status;
    void *copy = NULL;
    size_t bytes = status == SNUG_OK ? snug_type_bytes(type) : 0;
    if (status == SNUG_OK) status = snug_pool_new(&call->import->pool, bytes + 1, &copy);
    if (status != SNUG_OK) return snug_graph_poison(call->graph, status);
    if (bytes) memcpy(copy, data, bytes);
    snug_onnx_operand operand = {.is_present = true,
                                 .type = *type,
                                 .tensor = SNUG_NO_TENSOR,
                                 .data = copy,
                                 .name = "",
                                 .other = SNUG_NO_TENSOR};
    status = make_tensor(call, &operand, NULL);
    return status == SNUG_OK ? operand.tensor : snug_graph_poison(call->graph, status);
}

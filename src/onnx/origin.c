// Known values that the graph computes after all. What depends on the batch cannot persist, and not
// every such value is of a kind that is made in one operator: then the node that it comes from goes
// into the graph, and those before it as far as they depend on the batch.
#include "base/memory.h"
#include "onnx/state.h"

snug_status snug_onnx_keep_origin(snug_onnx_import *import, const snug_onnx_call *call,
                                  const snug_onnx_meaning *meaning, const snug_onnx_origin **out) {
    snug_onnx_origin *origin = NULL;
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *origin, (void **)&origin));
    SNUG_TRY(snug_pool_new(&import->pool, (call->input_count + 1) * sizeof *origin->inputs,
                           (void **)&origin->inputs));
    origin->node = call->node;
    origin->meaning = *meaning;
    origin->opset = call->opset;
    origin->input_count = call->input_count;
    for (size_t i = 0; i < call->input_count; i++)
        origin->inputs[i] = import->frame->inputs[i];
    *out = origin;
    return SNUG_OK;
}

// What a translator is given, as its node had it.
typedef struct replay {
    snug_onnx_operand *inputs, *outputs;
    snug_onnx_slot **aliases;
} replay;

static snug_status fill_in(const snug_onnx_origin *origin, replay *self) {
    SNUG_TRY(SNUG_NEW(&self->inputs, origin->input_count + 1));
    SNUG_TRY(SNUG_NEW(&self->outputs, origin->node->output_count + 1));
    SNUG_TRY(SNUG_NEW(&self->aliases, origin->node->output_count + 1));
    static const snug_onnx_operand absent = {
        .tensor = SNUG_NO_TENSOR, .other = SNUG_NO_TENSOR, .name = ""};
    for (size_t i = 0; i < origin->input_count; i++)
        self->inputs[i] = origin->inputs[i] ? origin->inputs[i]->operand : absent;
    for (size_t i = 0; i < origin->node->output_count; i++) {
        self->outputs[i] = absent;
        self->outputs[i].name = origin->node->outputs[i];
    }
    return SNUG_OK;
}

// The tensor of output |index| after the translator.
static snug_tensor_id take(const snug_onnx_call *call, const replay *self,
                           const snug_onnx_origin *origin, size_t index) {
    if (!self->aliases[index]) return self->outputs[index].tensor;
    for (size_t i = 0; i < origin->input_count; i++)
        if (origin->inputs[i] == self->aliases[index]) return snug_onnx_use(call, i);
    return SNUG_NO_TENSOR;
}

static snug_status emit(const snug_onnx_call *outer, const snug_onnx_slot *slot, replay *self,
                        snug_tensor_id *out) {
    const snug_onnx_origin *origin = slot->origin;
    snug_onnx_frame frame = {origin->inputs, self->aliases};
    snug_onnx_call call = *outer;
    call.node = origin->node;
    call.opset = origin->opset;
    call.inputs = self->inputs;
    call.input_count = origin->input_count;
    call.outputs = self->outputs;
    call.output_count = origin->node->output_count;
    call.import->frame = &frame;
    SNUG_TRY(snug_onnx_emit(&origin->meaning, &call));
    *out = take(&call, self, origin, slot->origin_output);
    for (size_t i = 0; i < origin->input_count; i++)
        if (origin->inputs[i] && origin->inputs[i]->operand.tensor == SNUG_NO_TENSOR)
            origin->inputs[i]->operand.tensor = self->inputs[i].tensor;
    return call.graph->status;
}

snug_status snug_onnx_compute(const snug_onnx_call *call, const snug_onnx_slot *slot,
                              snug_tensor_id *out) {
    snug_onnx_import *import = call->import;
    *out = SNUG_NO_TENSOR;
    snug_status status = SNUG_OK;
    if (slot->origin && import->depth < SNUG_ONNX_MAX_DEPTH) {
        replay self = {0};
        const snug_onnx_frame *frame = import->frame;
        import->depth++;
        status = fill_in(slot->origin, &self);
        if (status == SNUG_OK) status = emit(call, slot, &self, out);
        import->depth--;
        import->frame = frame;
        snug_memory_free(self.inputs);
        snug_memory_free(self.outputs);
        snug_memory_free(self.aliases);
    }
    if (status == SNUG_OK && *out == SNUG_NO_TENSOR)
        status = snug_fail(SNUG_UNSUPPORTED, "\"%.200s\" is a constant that depends on the batch",
                           slot->operand.name);
    return status;
}

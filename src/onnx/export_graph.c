// A graph in inference form as nodes of ONNX's operators.
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx/export.h"
#include "ops/ops.h"

enum { NAME_BYTES = 32, MOST_INPUTS = 64 };

typedef struct state {
    const snug_graph *graph;
    snug_onnx_writer *writer;
    snug_onnx_wanted *wanted;
    const char **names; // by tensor
    int made;           // names that were made up for values in between
} state;

static snug_status make_name(state *self, const char **out) {
    char text[NAME_BYTES], *name = NULL;
    snprintf(text, sizeof text, "value_%d", self->made++);
    SNUG_TRY(snug_pool_text(&self->wanted->pool, text, &name));
    *out = name;
    return SNUG_OK;
}

// One node of |count| inputs ("" where absent) and an output.
static snug_status emit(state *self, const char *op, const char *const *inputs, size_t count,
                        const snug_onnx_attribute *attributes, size_t attribute_count,
                        const char *output) {
    snug_onnx_node node = {.name = "",
                           .op = op,
                           .domain = "",
                           .overload = "",
                           .inputs = inputs,
                           .input_count = count,
                           .outputs = &output,
                           .output_count = 1,
                           .attributes = attributes,
                           .attribute_count = attribute_count};
    return snug_onnx_writer_node(self->writer, &node);
}

static const snug_type *type_of(const state *self, snug_tensor_id id) {
    return snug_graph_type(self->graph, id);
}

static const char *input_of(const state *self, const snug_node *node, int index) {
    bool is_there = index < node->input_count && node->inputs[index] != SNUG_NO_TENSOR;
    return is_there ? self->names[node->inputs[index]] : "";
}

static const char *output_of(const state *self, const snug_node *node) {
    return self->names[node->outputs[0]];
}

// The node's own inputs, one node of |op|.
static snug_status emit_as(state *self, const snug_node *node, const char *op,
                           const snug_onnx_attribute *attributes, size_t attribute_count) {
    const char *inputs[MOST_INPUTS];
    if (node->input_count > MOST_INPUTS)
        return snug_fail(SNUG_UNSUPPORTED, "%s of %d inputs", op, node->input_count);
    size_t count = 0;
    for (int i = 0; i < node->input_count; i++) {
        inputs[i] = input_of(self, node, i);
        if (inputs[i][0]) count = (size_t)i + 1;
    }
    return emit(self, op, inputs, count, attributes, attribute_count, output_of(self, node));
}

// A constant as an initializer; |data| is copied.
static snug_status add_constant(state *self, const snug_type *type, const void *data,
                                const char **out) {
    void *kept = NULL;
    size_t bytes = snug_type_bytes(type);
    SNUG_TRY(make_name(self, out));
    SNUG_TRY(snug_pool_new(&self->wanted->pool, bytes + 1, &kept));
    memcpy(kept, data, bytes);
    SNUG_TRY(SNUG_GROW(&self->wanted->names, &self->wanted->capacity, self->wanted->count + 1));
    self->wanted->names[self->wanted->count++] = NULL;
    return snug_onnx_writer_initializer(self->writer, *out, type, kept);
}

static snug_status add_scalar(state *self, float value, const char **out) {
    snug_type type = snug_type_scalar(SNUG_F32);
    return add_constant(self, &type, &value, out);
}

static snug_status conv2d(state *self, const snug_node *node) {
    const snug_conv2d_attributes *conv = (const void *)node->attributes;
    const snug_type *weight = type_of(self, node->inputs[1]);
    snug_onnx_attribute attributes[] = {
        snug_onnx_attribute_integers("dilations", conv->dilation, 2),
        snug_onnx_attribute_integer("group", conv->groups),
        snug_onnx_attribute_integers("kernel_shape", weight->dims + 2, 2),
        snug_onnx_attribute_integers("pads", conv->padding, 4),
        snug_onnx_attribute_integers("strides", conv->stride, 2),
    };
    return emit_as(self, node, "Conv", attributes, 5);
}

static snug_status linear(state *self, const snug_node *node) {
    snug_onnx_attribute transposed = snug_onnx_attribute_integer("transB", 1);
    if (type_of(self, node->inputs[0])->rank != 2)
        return snug_fail(SNUG_UNSUPPORTED, "linear of another rank than 2");
    return emit_as(self, node, "Gemm", &transposed, 1);
}

static snug_status clip(state *self, const char *from, float low, float high, const char *to) {
    const char *inputs[3] = {from};
    SNUG_TRY(add_scalar(self, low, &inputs[1]));
    SNUG_TRY(add_scalar(self, high, &inputs[2]));
    return emit(self, "Clip", inputs, 3, NULL, 0, to);
}

static snug_status relu6(state *self, const snug_node *node) {
    return clip(self, input_of(self, node, 0), 0, 6, output_of(self, node));
}

static snug_status batch_norm(state *self, const snug_node *node) {
    const snug_batch_norm_attributes *norm = (const void *)node->attributes;
    snug_onnx_attribute epsilon = snug_onnx_attribute_real("epsilon", norm->eps);
    if (norm->activation == SNUG_NORM_LINEAR)
        return emit_as(self, node, "BatchNormalization", &epsilon, 1);
    const char *inputs[5], *between;
    for (int i = 0; i < 5; i++)
        inputs[i] = input_of(self, node, i);
    SNUG_TRY(make_name(self, &between));
    SNUG_TRY(emit(self, "BatchNormalization", inputs, 5, &epsilon, 1, between));
    if (norm->activation == SNUG_NORM_RELU6)
        return clip(self, between, 0, 6, output_of(self, node));
    return emit(self, "Relu", &between, 1, NULL, 0, output_of(self, node));
}

static snug_status hardsigmoid(state *self, const snug_node *node) {
    snug_onnx_attribute attributes[] = {snug_onnx_attribute_real("alpha", 1.0 / 6),
                                        snug_onnx_attribute_real("beta", 0.5)};
    return emit_as(self, node, "HardSigmoid", attributes, 2);
}

static snug_status silu(state *self, const snug_node *node) {
    const char *inputs[2] = {input_of(self, node, 0)};
    SNUG_TRY(make_name(self, &inputs[1]));
    SNUG_TRY(emit(self, "Sigmoid", inputs, 1, NULL, 0, inputs[1]));
    return emit(self, "Mul", inputs, 2, NULL, 0, output_of(self, node));
}

// What the far padding must be for whole windows to give the result's extents, whatever rule
// rounded them.
static snug_status max_pool2d(state *self, const snug_node *node) {
    const snug_pool2d_attributes *pool = (const void *)node->attributes;
    const snug_type *x = type_of(self, node->inputs[0]), *y = type_of(self, node->outputs[0]);
    int64_t pads[4] = {pool->padding[0], pool->padding[1]};
    for (int i = 0; i < 2; i++) {
        int64_t dilation = pool->dilation[i] ? pool->dilation[i] : 1;
        int64_t spanned = (y->dims[2 + i] - 1) * pool->stride[i] +
                          dilation * (pool->kernel[i] - 1) + 1 - x->dims[2 + i] - pads[i];
        pads[2 + i] = spanned > 0 ? spanned : 0;
    }
    snug_onnx_attribute attributes[] = {
        snug_onnx_attribute_integers("kernel_shape", pool->kernel, 2),
        snug_onnx_attribute_integers("pads", pads, 4),
        snug_onnx_attribute_integers("strides", pool->stride, 2),
        snug_onnx_attribute_integers("dilations", pool->dilation, 2),
    };
    return emit_as(self, node, "MaxPool", attributes, 4);
}

// The means over PyTorch's windows along an axis as a product with a matrix, |out| x |in|.
static snug_status add_means(state *self, int64_t in, int64_t out, bool transposed,
                             const char **name) {
    float *matrix = NULL;
    snug_type type = snug_type_matrix(SNUG_F32, transposed ? in : out, transposed ? out : in);
    SNUG_TRY(SNUG_NEW(&matrix, (size_t)(in * out)));
    for (int64_t i = 0; i < out; i++) {
        int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
        for (int64_t j = begin; j < end; j++)
            matrix[transposed ? j * out + i : i * in + j] = 1.0f / (float)(end - begin);
    }
    snug_status status = add_constant(self, &type, matrix, name);
    snug_memory_free(matrix);
    return status;
}

static snug_status adaptive_avg_pool2d(state *self, const snug_node *node) {
    const snug_adaptive_pool2d_attributes *pool = (const void *)node->attributes;
    const int64_t *in = type_of(self, node->inputs[0])->dims + 2, *out = pool->output;
    if (out[0] == 1 && out[1] == 1) return emit_as(self, node, "GlobalAveragePool", NULL, 0);
    if (out[0] == in[0] && out[1] == in[1]) return emit_as(self, node, "Identity", NULL, 0);
    const char *rows[2] = {NULL, input_of(self, node, 0)}, *columns[2];
    SNUG_TRY(add_means(self, in[0], out[0], false, &rows[0]));
    SNUG_TRY(add_means(self, in[1], out[1], true, &columns[1]));
    SNUG_TRY(make_name(self, &columns[0]));
    SNUG_TRY(emit(self, "MatMul", rows, 2, NULL, 0, columns[0]));
    return emit(self, "MatMul", columns, 2, NULL, 0, output_of(self, node));
}

static snug_status concat(state *self, const snug_node *node) {
    const snug_axis_attributes *along = (const void *)node->attributes;
    snug_onnx_attribute axis = snug_onnx_attribute_integer("axis", along->axis);
    return emit_as(self, node, "Concat", &axis, 1);
}

static snug_status flatten(state *self, const snug_node *node) {
    const snug_type *x = type_of(self, node->inputs[0]), *y = type_of(self, node->outputs[0]);
    snug_onnx_attribute axis = snug_onnx_attribute_integer("axis", 1);
    if (y->rank != 2 || x->rank < 2 || x->dims[0] != y->dims[0])
        return snug_fail(SNUG_UNSUPPORTED, "a change of shape that is no flattening");
    return emit_as(self, node, "Flatten", &axis, 1);
}

// Layouts are no concern of ONNX's.
static snug_status to_layout(state *self, const snug_node *node) {
    return emit_as(self, node, "Identity", NULL, 0);
}

static snug_status upsample2d(state *self, const snug_node *node) {
    const snug_upsample2d_attributes *up = (const void *)node->attributes;
    const int64_t *in = type_of(self, node->inputs[0])->dims + 2;
    const float scales[] = {1, 1, (float)up->output[0] / (float)in[0],
                            (float)up->output[1] / (float)in[1]};
    if (up->output[0] % in[0] || up->output[1] % in[1])
        return snug_fail(SNUG_UNSUPPORTED, "a resized image whose size is no multiple");
    snug_type type = snug_type_vector(SNUG_F32, 4);
    const char *inputs[3] = {input_of(self, node, 0), ""};
    const char *places = up->align_corners ? "align_corners"
                         : up->bilinear    ? "half_pixel"
                                           : "asymmetric";
    snug_onnx_attribute attributes[] = {
        snug_onnx_attribute_text("mode", up->bilinear ? "linear" : "nearest"),
        snug_onnx_attribute_text("coordinate_transformation_mode", places),
        snug_onnx_attribute_text("nearest_mode", "floor"),
    };
    SNUG_TRY(add_constant(self, &type, scales, &inputs[2]));
    return emit(self, "Resize", inputs, 3, attributes, 3, output_of(self, node));
}

static const struct {
    const snug_op *op;
    const char *onnx; // one node with the same inputs; NULL: |write|
    snug_status (*write)(state *self, const snug_node *node);
} rows[] = {
    {&snug_op_conv2d, NULL, conv2d},
    {&snug_op_linear, NULL, linear},
    {&snug_op_batch_norm_inference, NULL, batch_norm},
    {&snug_op_relu, "Relu", NULL},
    {&snug_op_relu6, NULL, relu6},
    {&snug_op_sigmoid, "Sigmoid", NULL},
    {&snug_op_tanh, "Tanh", NULL},
    {&snug_op_silu, NULL, silu},
    {&snug_op_hardsigmoid, NULL, hardsigmoid},
    {&snug_op_hardswish, "HardSwish", NULL},
    {&snug_op_max_pool2d, NULL, max_pool2d},
    {&snug_op_adaptive_avg_pool2d, NULL, adaptive_avg_pool2d},
    {&snug_op_add, "Add", NULL},
    {&snug_op_multiply, "Mul", NULL},
    {&snug_op_concat, NULL, concat},
    {&snug_op_reshape, NULL, flatten},
    {&snug_op_to_layout, NULL, to_layout},
    {&snug_op_upsample2d, NULL, upsample2d},
};

static snug_status write_node(state *self, const snug_node *node) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == node->op)
            return rows[i].onnx ? emit_as(self, node, rows[i].onnx, NULL, 0)
                                : rows[i].write(self, node);
    return snug_fail(SNUG_UNSUPPORTED, "snug's operator %s has no form in ONNX yet",
                     node->op->name);
}

// Names of all tensors: persistent ones and inputs have theirs.
static snug_status name_tensors(state *self, snug_tensor_id logits) {
    SNUG_TRY(SNUG_NEW(&self->names, self->graph->tensor_count));
    for (size_t i = 0; i < self->graph->tensor_count; i++) {
        const snug_tensor *tensor = self->graph->tensors[i];
        self->names[i] = tensor->name;
        if ((snug_tensor_id)i == logits) self->names[i] = "logits";
        if (!self->names[i]) SNUG_TRY(make_name(self, &self->names[i]));
    }
    return SNUG_OK;
}

static snug_status write_initializers(state *self) {
    snug_onnx_wanted *wanted = self->wanted;
    for (size_t i = 0; i < self->graph->tensor_count; i++) {
        const snug_tensor *tensor = self->graph->tensors[i];
        if (tensor->producer != SNUG_NO_NODE || !snug_role_is_persistent(tensor->role)) continue;
        SNUG_TRY(SNUG_GROW(&wanted->names, &wanted->capacity, wanted->count + 1));
        wanted->names[wanted->count++] = tensor->name;
        SNUG_TRY(snug_onnx_writer_initializer(self->writer, tensor->name, &tensor->type, NULL));
    }
    return SNUG_OK;
}

static snug_status write_graph(state *self, const snug_tensor_id *inputs, int input_count,
                               snug_tensor_id logits) {
    SNUG_TRY(name_tensors(self, logits));
    for (int i = 0; i < input_count; i++) {
        snug_onnx_value value =
            snug_onnx_value_of(self->names[inputs[i]], type_of(self, inputs[i]), "batch");
        SNUG_TRY(snug_onnx_writer_input(self->writer, &value));
    }
    snug_onnx_value value = snug_onnx_value_of("logits", type_of(self, logits), "batch");
    SNUG_TRY(snug_onnx_writer_output(self->writer, &value));
    SNUG_TRY(write_initializers(self));
    for (size_t i = 0; i < self->graph->node_count; i++)
        SNUG_TRY(write_node(self, self->graph->nodes[i]));
    return SNUG_OK;
}

snug_status snug_onnx_export_graph(const snug_graph *graph, const snug_tensor_id *inputs,
                                   int input_count, snug_tensor_id logits, const char *name,
                                   snug_onnx_writer **out, snug_onnx_wanted *wanted) {
    *wanted = (snug_onnx_wanted){0};
    SNUG_TRY(snug_onnx_writer_new(name, SNUG_ONNX_EXPORT_IR, SNUG_ONNX_EXPORT_OPSET, out));
    state self = {.graph = graph, .writer = *out, .wanted = wanted};
    snug_status status = write_graph(&self, inputs, input_count, logits);
    snug_memory_free(self.names);
    if (status == SNUG_OK) return SNUG_OK;
    snug_onnx_writer_free(*out);
    snug_onnx_wanted_clear(wanted);
    *out = NULL;
    return status;
}

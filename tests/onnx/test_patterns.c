// Patterns: each in the forms that exporters write, imported as it is written and put together. The
// operator must be there, and the reference kernels must find the same outputs and gradients by
// both. What only resembles a pattern stays.
#include <math.h>
#include <stdio.h>

#include "base/random.h"
#include "graph/autodiff.h"
#include "onnx/builder.h"
#include "onnx/import.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "support/interpret.h"

enum { MOST_LINES = 28, OPSET = 17, BATCH = 2 };
static const double tolerance = 2e-5; // of the largest element: float32 in another order

// A line is "weight NAME DIMS ...", "number NAME VALUE", "shape NAME INTEGERS ...",
// "mask NAME DIMS ..." (0 and -infinity), or a node: "Op inputs > outputs [attribute integers
// ...]".
typedef struct pattern_case {
    const char *name;
    snug_type x;
    const char *lines[MOST_LINES];
    const snug_op *op; // expected, or NULL: |absent| must not be there
    int count;
    const snug_op *absent;
} pattern_case;

#define X(...)                                                                                     \
    {                                                                                              \
        .rank = (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dims = {         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ATTEND                                                                                     \
    "weight q.w 2 1 4", "weight k.w 2 1 4", "weight v.w 2 1 4", "Mul x q.w > q", "Mul x k.w > k",  \
        "Mul x v.w > v", "number val_1 0.5"
#define GROUPS                                                                                     \
    "number val_1 1", "shape val_2 0 2 -1", "shape val_3 2", "Expand val_1 val_3 > ones",          \
        "Sub ones ones > zeros", "weight conv.w 6 3 1 1", "Conv x conv.w > h",                     \
        "Reshape h val_2 > a", "InstanceNormalization a ones zeros > b", "Shape h > s",            \
        "Reshape b s > c"

static const pattern_case cases[] = {
    {"silu", X(1, 3), {"Sigmoid x > a", "Mul a x > y"}, &snug_op_silu, 1, &snug_op_sigmoid},
    {"gelu",
     X(1, 5),
     {"number val_1 1.41421354", "number val_2 1", "number val_3 0.5", "Div x val_1 > a",
      "Erf a > b", "Add b val_2 > c", "Mul x c > d", "Mul d val_3 > y"},
     &snug_op_gelu,
     1,
     &snug_op_erf},
    {"gelu, half first",
     X(1, 5),
     {"number val_1 0.70710677", "number val_2 1", "number val_3 0.5", "Mul x val_3 > h",
      "Mul x val_1 > a", "Erf a > b", "Add b val_2 > c", "Mul h c > y"},
     &snug_op_gelu,
     1,
     &snug_op_erf},
    {"gelu by tanh",
     X(1, 5),
     {"number val_1 3", "number val_2 0.044715", "number val_3 0.7978845608", "number val_4 1",
      "number val_5 0.5", "Pow x val_1 > a", "Mul a val_2 > b", "Add x b > c", "Mul c val_3 > d",
      "Tanh d > e", "Add e val_4 > f", "Mul x val_5 > g", "Mul g f > y"},
     &snug_op_gelu_tanh,
     1,
     &snug_op_tanh},
    {"RMS norm",
     X(1, 3, 6),
     {"weight norm.w 6", "number val_1 2", "number val_2 0.000001", "Pow x val_1 > a",
      "ReduceMean a > b axes -1", "Add b val_2 > c", "Sqrt c > d", "Reciprocal d > e",
      "Mul x e > f", "Mul norm.w f > y"},
     &snug_op_rms_norm,
     1,
     &snug_op_sqrt},
    {"RMS norm, divided",
     X(1, 3, 6),
     {"number val_2 0.001", "Mul x x > a", "ReduceMean a > b axes -1", "Add b val_2 > c",
      "Sqrt c > d", "Div x d > y"},
     &snug_op_rms_norm,
     1,
     &snug_op_sqrt},
    {"layer norm",
     X(1, 3, 6),
     {"weight norm.w 6", "weight norm.b 6", "number val_1 2", "number val_2 0.00001",
      "ReduceMean x > a axes -1", "Sub x a > b", "Pow b val_1 > c", "ReduceMean c > d axes -1",
      "Add d val_2 > e", "Sqrt e > f", "Div b f > g", "Mul g norm.w > h", "Add h norm.b > y"},
     &snug_op_layer_norm,
     1,
     &snug_op_sqrt},
    {"group norm",
     X(1, 3, 4, 4),
     {GROUPS, "weight norm.w 6 1 1", "weight norm.b 6 1 1", "Mul c norm.w > d", "Add d norm.b > y"},
     &snug_op_group_norm,
     1,
     &snug_op_layer_norm},
    {"group norm and silu",
     X(1, 3, 4, 4),
     {GROUPS, "weight norm.w 6 1 1", "weight norm.b 6 1 1", "Mul c norm.w > d", "Add d norm.b > e",
      "Sigmoid e > f", "Mul e f > y"},
     &snug_op_group_norm,
     1,
     &snug_op_silu},
    {"group norm and relu",
     X(1, 3, 4, 4),
     {GROUPS, "Relu c > y"},
     &snug_op_group_norm,
     1,
     &snug_op_relu},
    {"group norm between convolutions",
     X(1, 3, 4, 4),
     {GROUPS, "weight norm.w 6 1 1", "weight norm.b 6 1 1", "weight last.w 2 6 1 1",
      "Mul c norm.w > d", "Add d norm.b > e", "Tanh e > f", "Conv f last.w > y"},
     &snug_op_group_norm,
     1,
     &snug_op_to_layout},
    {"group norm in a residual block",
     X(1, 3, 4, 4),
     {GROUPS, "weight norm.w 6 1 1", "weight norm.b 6 1 1", "weight last.w 2 6 1 1",
      "Mul c norm.w > d", "Add d norm.b > e", "Add e h > f", "Relu f > g", "Conv g last.w > y"},
     &snug_op_group_norm,
     1,
     &snug_op_to_layout},
    {"instance norm",
     X(1, 3, 4, 4),
     {"weight norm.w 3", "weight norm.b 3", "InstanceNormalization x norm.w norm.b > y"},
     &snug_op_group_norm,
     1,
     &snug_op_layer_norm},
    {"batch norm and relu",
     X(1, 3, 4, 4),
     {"weight bn.w 3", "weight bn.b 3", "weight bn.mean 3", "weight bn.variance 3",
      "BatchNormalization x bn.w bn.b bn.mean bn.variance > a", "Relu a > y"},
     &snug_op_batch_norm,
     1,
     &snug_op_relu},
    {"linear",
     X(1, 3, 4),
     {"weight fc.w 5 4", "weight fc.b 5", "Transpose fc.w > t perm 1 0", "MatMul x t > a",
      "Add a fc.b > y"},
     &snug_op_linear,
     1,
     &snug_op_add},
    {"attention",
     X(1, 2, 3, 4),
     {ATTEND, "Transpose k > t perm 0 1 3 2", "MatMul q t > a", "Mul a val_1 > b",
      "Softmax b > c axis -1", "MatMul c v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention, both operands scaled",
     X(1, 2, 3, 4),
     {ATTEND, "Sqrt val_1 > r", "Transpose k > t perm 0 1 3 2", "Mul q r > qs", "Mul t r > ts",
      "MatMul qs ts > a", "Softmax a > c axis -1", "MatMul c v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention with a mask",
     X(1, 2, 3, 4),
     {ATTEND, "mask val_2 1 1 3 3", "number val_3 0", "Transpose k > t perm 0 1 3 2",
      "MatMul q t > a", "Div a val_1 > b", "Add b val_2 > c", "Softmax c > d axis -1",
      "IsNaN d > n", "Where n val_3 d > e", "MatMul e v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention where keys are hidden",
     X(1, 2, 3, 4),
     {ATTEND, "mask val_2 3 3", "number val_3 -infinity", "number val_4 -1",
      "Transpose k > t perm 0 1 3 2", "MatMul q t > a", "Mul a val_1 > b", "Less val_2 val_4 > l",
      "Where l val_3 b > c", "Softmax c > d axis -1", "MatMul d v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention where keys are shown",
     X(1, 2, 3, 4),
     {ATTEND, "mask val_2 3 3", "number val_3 -3.4e38", "number val_4 -1",
      "Transpose k > t perm 0 1 3 2", "MatMul q t > a", "Mul a val_1 > b",
      "Greater val_2 val_4 > l", "Where l b val_3 > c", "Softmax c > d axis -1", "MatMul d v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention of one head",
     X(1, 3, 4),
     {"weight q.w 3 4", "weight k.w 3 4", "weight v.w 3 4", "Mul x q.w > q", "Mul x k.w > k",
      "Mul x v.w > v", "mask val_2 3 3", "Transpose k > t perm 0 2 1", "MatMul q t > a",
      "Add a val_2 > c", "Softmax c > d axis -1", "MatMul d v > y"},
     &snug_op_attention,
     1,
     &snug_op_softmax},
    {"attention between exchanges",
     X(1, 3, 8),
     {"weight q.w 8", "weight k.w 8", "shape val_9 0 3 2 4", "Mul x q.w > qf", "Mul x k.w > kf",
      "Reshape qf val_9 > qi", "Reshape kf val_9 > ki", "Reshape x val_9 > vi",
      "Transpose qi > q perm 0 2 1 3", "Transpose ki > t perm 0 2 3 1",
      "Transpose vi > v perm 0 2 1 3", "MatMul q t > a", "Softmax a > c axis -1", "MatMul c v > m",
      "Transpose m > o perm 0 2 1 3", "shape val_8 0 3 8", "Reshape o val_8 > y"},
     &snug_op_attention,
     1,
     &snug_op_transpose},
    // What stays.
    {"another argument",
     X(1, 3),
     {"Neg x > n", "Sigmoid n > a", "Mul a x > y"},
     &snug_op_sigmoid,
     1,
     &snug_op_silu},
    {"another number",
     X(1, 5),
     {"number val_1 1.5", "number val_2 1", "number val_3 0.5", "Div x val_1 > a", "Erf a > b",
      "Add b val_2 > c", "Mul x c > d", "Mul d val_3 > y"},
     &snug_op_erf,
     1,
     &snug_op_gelu},
    {"a mask that learns",
     X(1, 2, 3, 4),
     {ATTEND, "weight bias.w 1 2 3 3", "Transpose k > t perm 0 1 3 2", "MatMul q t > a",
      "Add a bias.w > b", "Softmax b > c axis -1", "MatMul c v > y"},
     &snug_op_softmax,
     1,
     &snug_op_attention},
    {"shares that are read elsewhere",
     X(1, 3, 3),
     {"Transpose x > t perm 0 2 1", "MatMul x t > a", "Softmax a > c axis -1", "MatMul c x > d",
      "Add c d > y"},
     &snug_op_softmax,
     1,
     &snug_op_attention},
    {"softmax of queries",
     X(1, 3, 3),
     {"Transpose x > t perm 0 2 1", "MatMul x t > a", "Softmax a > c axis 1", "MatMul c x > y"},
     &snug_op_softmax,
     1,
     &snug_op_attention},
};
enum { CASES = sizeof cases / sizeof *cases };

// --- Documents from lines ---

static float noise(uint64_t stream, int64_t index) {
    snug_random_block block = snug_random_at(stream, (uint64_t)index, 11);
    return (float)(0.2 + snug_random_uniform(block.words[0]));
}

static uint64_t stream_of(const char *name) {
    uint64_t sum = 7;
    for (; *name; name++)
        sum = sum * 31 + (unsigned char)*name;
    return sum;
}

static int read_integers(char *at, int64_t out[SNUG_MAX_RANK]) {
    int count = 0;
    for (char *word = strtok(at, " "); word && count < SNUG_MAX_RANK; word = strtok(NULL, " "))
        out[count++] = strtoll(word, NULL, 10);
    return count;
}

// Memory of initializers, which outlives the writing.
static void add_initializer(snug_onnx_writer *writer, const char *kind, const char *name,
                            char *rest) {
    static union {
        float reals[256];
        int64_t integers[SNUG_MAX_RANK];
    } pool[MOST_LINES];
    static int next;
    next = (next + 1) % MOST_LINES;
    int64_t dims[SNUG_MAX_RANK];
    snug_type type = snug_type_scalar(SNUG_F32);
    if (strcmp(kind, "number") == 0) {
        pool[next].reals[0] = strtof(rest, NULL);
    } else if (strcmp(kind, "shape") == 0) {
        type = snug_type_vector(SNUG_I64, read_integers(rest, pool[next].integers));
    } else {
        int rank = read_integers(rest, dims);
        type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, rank, dims);
        for (int64_t i = 0; i < snug_type_elements(&type); i++)
            pool[next].reals[i] = strcmp(kind, "weight") == 0 ? noise(stream_of(name), i)
                                  : i % 3 == 1                ? -INFINITY
                                                              : 0;
    }
    builder_initializer(writer, name, &type, &pool[next]);
}

static void add_node(snug_onnx_writer *writer, const char *op, char *rest) {
    char *outputs = strstr(rest, " > ");
    assert_non_null(outputs);
    *outputs = '\0';
    outputs += 3;
    int64_t integers[SNUG_MAX_RANK] = {0};
    char *attribute = strchr(outputs, ' ');
    if (!attribute) {
        builder_node(writer, op, rest, outputs);
        return;
    }
    *attribute++ = '\0';
    char *values = strchr(attribute, ' ');
    *values++ = '\0';
    int count = read_integers(values, integers);
    bool is_one = strcmp(attribute, "axis") == 0;
    snug_onnx_attribute made =
        is_one ? snug_onnx_attribute_integer(attribute, integers[0])
               : snug_onnx_attribute_integers(attribute, integers, (size_t)count);
    builder_node_of(writer, "", op, rest, outputs, &made, 1);
}

static snug_onnx_document *write_case(const pattern_case *self) {
    snug_onnx_writer *writer = builder_new(OPSET);
    builder_input(writer, "x", &self->x, "batch");
    builder_output(writer, "y");
    for (int i = 0; i < MOST_LINES && self->lines[i]; i++) {
        char line[200] = "";
        snprintf(line, sizeof line, "%s", self->lines[i]);
        char *rest = strchr(line, ' ');
        *rest++ = '\0';
        bool is_node = line[0] >= 'A' && line[0] <= 'Z';
        if (is_node) {
            add_node(writer, line, rest);
            continue;
        }
        char *name = rest;
        rest = strchr(rest, ' ');
        *rest++ = '\0';
        add_initializer(writer, line, name, rest);
    }
    return builder_open(writer);
}

// --- What a graph computes ---

typedef struct computed {
    snug_graph *graph;
    snug_onnx_built built;
    snug_tensor_id *gradients; // by tensor of the forward pass
    size_t tensors;
    void **memory;
} computed;

static void import(const snug_onnx_document *document, bool is_literal, computed *out) {
    snug_onnx_options options = {
        .batch = BATCH, .training = true, .is_literal = is_literal, .fuse = true};
    assert_int_equal(snug_graph_new(&out->graph), SNUG_OK);
    if (snug_onnx_build(document, &options, out->graph, &out->built) != SNUG_OK)
        fail_msg("%s", snug_error_message());
}

// loss: the sum of the output's elements, each times a number of its own.
static void differentiate(computed *self) {
    snug_graph *graph = self->graph;
    snug_tensor_id y = self->built.outputs[0];
    snug_type type = *snug_graph_type(graph, y);
    snug_to_layout_attributes plain = {.layout = SNUG_ROW_MAJOR};
    if (type.layout != SNUG_ROW_MAJOR) y = SNUG_EMIT(graph, &snug_op_to_layout, &plain, y);
    self->built.outputs[0] = y;
    type.layout = SNUG_ROW_MAJOR;
    snug_tensor_id factors = snug_graph_tensor(graph, "factors", &type, SNUG_ROLE_INPUT);
    snug_reduce_attributes all = {.axes = (1 << type.rank) - 1};
    snug_tensor_id loss = SNUG_EMIT(graph, &snug_op_reduce_sum, &all,
                                    SNUG_EMIT(graph, &snug_op_multiply, NULL, y, factors));
    self->tensors = graph->tensor_count;
    self->gradients = calloc(self->tensors, sizeof *self->gradients);
    if (snug_autodiff(graph, loss, self->built.inputs, 1, NULL, NULL, self->gradients) != SNUG_OK)
        fail_msg("%s", snug_error_message());
}

static void fill(const snug_tensor *tensor, const char *name, float *data) {
    int64_t count = snug_type_elements(&tensor->type), inner = 1;
    for (int64_t i = 0; i < count; i++)
        data[i] = 2 * noise(stream_of(name), i) - 1.4F;
    if (tensor->type.layout != SNUG_CHANNELS_LAST) return;
    // The same numbers, whatever the layout.
    float *plain = calloc((size_t)count, sizeof *plain);
    memcpy(plain, data, (size_t)count * sizeof *plain);
    for (int i = 2; i < tensor->type.rank; i++)
        inner *= tensor->type.dims[i];
    int64_t channels = tensor->type.dims[1];
    for (int64_t i = 0; i < count; i++) {
        int64_t pixel = i % inner, channel = i / inner % channels, sample = i / inner / channels;
        data[(sample * inner + pixel) * channels + channel] = plain[i];
    }
    free(plain);
}

static void compute(computed *self) {
    static const snug_run_state state = {.seed = 3};
    self->memory = interpret_allocate(self->graph);
    for (size_t i = 0; i < self->graph->tensor_count; i++) {
        const snug_tensor *tensor = self->graph->tensors[i];
        if (tensor->producer != SNUG_NO_NODE) continue;
        size_t bytes = snug_type_bytes(&tensor->type);
        if (tensor->role == SNUG_ROLE_INPUT)
            fill(tensor, tensor->name, self->memory[i]);
        else if (tensor->init.kind == SNUG_INIT_DATA && tensor->init.data)
            memcpy(self->memory[i], tensor->init.data, bytes);
        else
            for (int64_t j = 0; j < snug_type_elements(&tensor->type); j++)
                snug_reference_store(self->memory[i], tensor->type.dtype, j, tensor->init.a);
    }
    assert_int_equal(interpret_run(self->graph, self->memory, &state), SNUG_OK);
}

static void release(computed *self) {
    interpret_free(self->graph, self->memory);
    free(self->gradients);
    snug_onnx_built_clear(&self->built);
    snug_graph_free(self->graph);
}

static void expect_alike(const char *name, const char *what, const snug_type *type,
                         const float *found, const float *expected) {
    double largest = 1e-3;
    for (int64_t i = 0; i < snug_type_elements(type); i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (int64_t i = 0; i < snug_type_elements(type); i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= tolerance * largest))
            fail_msg("%s: %s[%lld] is %.9g by the pattern, %.9g as written", name, what,
                     (long long)i, (double)found[i], (double)expected[i]);
}

static snug_tensor_id find(const snug_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->name && strcmp(graph->tensors[i]->name, name) == 0)
            return (snug_tensor_id)i;
    return SNUG_NO_TENSOR;
}

static void expect_gradients(const char *name, const computed *found, const computed *expected) {
    int compared = 0;
    for (size_t i = 0; i < expected->tensors; i++) {
        const snug_tensor *tensor = expected->graph->tensors[i];
        snug_tensor_id gradient = expected->gradients[i];
        if (tensor->producer != SNUG_NO_NODE || gradient == SNUG_NO_TENSOR ||
            strcmp(tensor->name, "factors") == 0)
            continue;
        snug_tensor_id twin = find(found->graph, tensor->name);
        if (twin == SNUG_NO_TENSOR || found->gradients[twin] == SNUG_NO_TENSOR)
            fail_msg("%s: %s has no gradient by the pattern", name, tensor->name);
        const snug_tensor *other = found->graph->tensors[twin];
        assert_true(snug_type_equal(&tensor->type, &other->type));
        assert_int_equal(tensor->role, other->role);
        assert_int_equal(tensor->trainable, other->trainable);
        expect_alike(name, tensor->name, &tensor->type, found->memory[found->gradients[twin]],
                     expected->memory[gradient]);
        compared++;
    }
    assert_true(compared > 0);
}

static int count_of(const snug_graph *graph, const snug_op *op) {
    int count = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i]->op == op;
    return count;
}

static void test_patterns(void **state) {
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const pattern_case *self = &cases[i];
        snug_onnx_document *document = write_case(self);
        computed written = {0}, found = {0};
        import(document, true, &written);
        import(document, false, &found);
        if (count_of(found.graph, self->op) != self->count || count_of(found.graph, self->absent))
            fail_msg("%s: %d %s and no %s expected, found %d and %d", self->name, self->count,
                     self->op->name, self->absent->name, count_of(found.graph, self->op),
                     count_of(found.graph, self->absent));
        assert_true(found.graph->node_count <= written.graph->node_count);
        computed *both[] = {&written, &found};
        for (int j = 0; j < 2; j++) {
            differentiate(both[j]);
            compute(both[j]);
        }
        snug_tensor_id y = found.built.outputs[0];
        expect_alike(self->name, "y", snug_graph_type(found.graph, y), found.memory[y],
                     written.memory[written.built.outputs[0]]);
        expect_gradients(self->name, &found, &written);
        release(&written);
        release(&found);
        snug_onnx_close(document);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patterns)};
    return cmocka_run_group_tests_name("patterns", tests, NULL, NULL);
}

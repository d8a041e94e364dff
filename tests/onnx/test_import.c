// The importer: what initializers become, batch sizes, names, and documents that are wrong.
#include <stdio.h>

#include "graph/verify.h"
#include "onnx/builder.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "ops/ops.h"

static const float numbers[64] = {0.5F, -1, 2, 3, 0.25F, 7};

// A document's graph at a batch size.
typedef struct imported {
    snug_onnx_document *document;
    snug_graph *graph;
    snug_onnx_built built;
    snug_status status;
} imported;

static imported import_with(snug_onnx_writer *writer, const snug_onnx_options *options) {
    imported self = {.document = builder_open(writer)};
    assert_int_equal(snug_graph_new(&self.graph), SNUG_OK);
    self.status = snug_onnx_build(self.document, options, self.graph, &self.built);
    if (self.status == SNUG_OK) assert_int_equal(snug_graph_verify(self.graph), SNUG_OK);
    return self;
}

static imported import_at(snug_onnx_writer *writer, int64_t batch) {
    // As it is written: what patterns make of it is test_patterns.c's.
    snug_onnx_options options = {.batch = batch, .training = true, .is_literal = true};
    return import_with(writer, &options);
}

static void release(imported *self) {
    snug_onnx_built_clear(&self->built);
    snug_graph_free(self->graph);
    snug_onnx_close(self->document);
}

static const snug_tensor *find(const snug_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->name && strcmp(graph->tensors[i]->name, name) == 0)
            return graph->tensors[i];
    return NULL;
}

static size_t count_of(const snug_graph *graph, const snug_op *op) {
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i]->op == op;
    return count;
}

static void expect_output(const imported *self, int rank, const int64_t *dims) {
    if (self->status != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(self->built.output_count, 1);
    const snug_type *type = snug_graph_type(self->graph, self->built.outputs[0]);
    assert_int_equal(type->rank, rank);
    assert_memory_equal(type->dims, dims, (size_t)rank * sizeof *dims);
}

static void expect_failure(imported self, snug_status status, const char *part) {
    if (self.status != status || !strstr(snug_error_message(), part))
        fail_msg("expected %s with \"%s\", found %s: %s", snug_status_name(status), part,
                 snug_status_name(self.status), self.status ? snug_error_message() : "");
    release(&self);
}

// x (N, 4) * w (4, 3) + b (3)
static snug_onnx_writer *linear_model(const char *weight, const char *bias) {
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 4), w = snug_type_matrix(SNUG_F32, 4, 3),
              b = snug_type_vector(SNUG_F32, 3);
    char names[100];
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, weight, &w, numbers);
    builder_initializer(writer, bias, &b, numbers);
    snprintf(names, sizeof names, "x %s", weight);
    builder_node(writer, "MatMul", names, "a");
    snprintf(names, sizeof names, "a %s", bias);
    builder_node(writer, "Add", names, "y");
    return writer;
}

static void test_weights(void **state) {
    (void)state;
    imported self = import_at(linear_model("fc.weight", "fc.bias"), 5);
    expect_output(&self, 2, (const int64_t[]){5, 3});
    const snug_tensor *weight = find(self.graph, "fc.weight"), *bias = find(self.graph, "fc.bias");
    assert_non_null(weight);
    assert_non_null(bias);
    assert_int_equal(weight->role, SNUG_ROLE_WEIGHT);
    assert_true(weight->trainable && bias->trainable);
    assert_int_equal(weight->init.kind, SNUG_INIT_DATA);
    // The file's bytes, not a copy.
    assert_ptr_equal(weight->init.data, self.document->graph.initializers[0].data);
    release(&self);
    // Names that PyTorch made up: a weight by where it goes, a constant for arithmetic.
    self = import_at(linear_model("onnx::MatMul_12", "/fc/Constant_output_0"), 5);
    expect_output(&self, 2, (const int64_t[]){5, 3});
    assert_int_equal(find(self.graph, "onnx::MatMul_12")->role, SNUG_ROLE_WEIGHT);
    assert_int_equal(find(self.graph, "/fc/Constant_output_0")->role, SNUG_ROLE_CONSTANT);
    release(&self);
}

// Equal initializers that the exporter merged are parameters of their own.
static void test_unshared(void **state) {
    (void)state;
    static const float ones[3] = {1, 1, 1};
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3), w = snug_type_vector(SNUG_F32, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "a.weight", &w, ones);
    builder_initializer(writer, "t.weight", &w, numbers);
    builder_node(writer, "Identity", "a.weight", "b.weight");
    builder_node(writer, "Identity", "t.weight", "tied.weight");
    builder_node(writer, "Mul", "x a.weight", "p");
    builder_node(writer, "Mul", "p b.weight", "q");
    builder_node(writer, "Add", "q t.weight", "r");
    builder_node(writer, "Add", "r tied.weight", "y");
    imported self = import_at(writer, 2);
    expect_output(&self, 2, (const int64_t[]){2, 3});
    assert_non_null(find(self.graph, "a.weight"));
    assert_non_null(find(self.graph, "b.weight"));
    assert_non_null(find(self.graph, "t.weight"));
    assert_null(find(self.graph, "tied.weight"));
    release(&self);
}

static void declare(snug_onnx_writer *writer, const char *name, const snug_type *type,
                    snug_onnx_declared declared) {
    snug_onnx_value value = snug_onnx_value_of(name, type, NULL);
    value.declared = declared;
    assert_int_equal(snug_onnx_writer_declared(writer, &value), SNUG_OK);
}

static void expect_role(const imported *self, const char *name, snug_role role) {
    const snug_tensor *tensor = find(self->graph, name);
    if (!tensor || tensor->role != role) fail_msg("%s has another role", name);
}

// What the exporter says of initializers goes before what their places say.
static void test_declared(void **state) {
    (void)state;
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3), v = snug_type_vector(SNUG_F32, 3);
    static const char *const names[] = {"gain", "table", "triu", "scratch"};
    static const snug_onnx_declared kinds[] = {SNUG_ONNX_PARAMETER, SNUG_ONNX_BUFFER,
                                               SNUG_ONNX_FOLDED, SNUG_ONNX_TRANSIENT};
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    for (int i = 0; i < 4; i++) {
        builder_initializer(writer, names[i], &v, numbers);
        declare(writer, names[i], &v, kinds[i]);
    }
    builder_node(writer, "Div", "x gain", "a");
    builder_node(writer, "Mul", "a table", "b");
    builder_node(writer, "Add", "b triu", "c");
    builder_node(writer, "Mul", "c scratch", "y");
    imported self = import_at(writer, 2);
    expect_output(&self, 2, (const int64_t[]){2, 3});
    expect_role(&self, "gain", SNUG_ROLE_WEIGHT);
    for (int i = 1; i < 4; i++)
        expect_role(&self, names[i], SNUG_ROLE_CONSTANT);
    bool is_state[4];
    assert_int_equal(snug_onnx_find_state(&self.document->graph, is_state), SNUG_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(is_state[i], i < 2);
    release(&self);
}

// Parameters that a weight is computed of learn, as a weight norm's do; so does a temperature, and
// no deviation of the input.
static void test_expressions(void **state) {
    (void)state;
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3), w = snug_type_matrix(SNUG_F32, 3, 3),
              v = snug_type_vector(SNUG_F32, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "direction", &w, numbers);
    builder_initializer(writer, "temperature", &v, numbers);
    builder_initializer(writer, "deviation", &v, numbers);
    builder_node(writer, "Tanh", "direction", "t");
    builder_node(writer, "Div", "direction t", "weight");
    builder_node(writer, "Div", "x deviation", "a");
    builder_node(writer, "MatMul", "a weight", "b");
    builder_node(writer, "Div", "b temperature", "y");
    imported self = import_at(writer, 2);
    expect_output(&self, 2, (const int64_t[]){2, 3});
    expect_role(&self, "direction", SNUG_ROLE_WEIGHT);
    expect_role(&self, "temperature", SNUG_ROLE_WEIGHT);
    expect_role(&self, "deviation", SNUG_ROLE_CONSTANT);
    release(&self);
}

// A norm without scale is written with ones, a group norm with a scale of its own as a product.
static void test_norms(void **state) {
    (void)state;
    static const float ones[3] = {1, 1, 1}, zeros[3] = {0};
    static const int64_t groups[3] = {0, 1, -1};
    snug_onnx_writer *writer = builder_new(20);
    int64_t dims[] = {2, 3, 4};
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, dims),
              one = snug_type_vector(SNUG_F32, 1), shape = snug_type_vector(SNUG_I64, 3),
              scale = snug_type_matrix(SNUG_F32, 3, 1), v = snug_type_vector(SNUG_F32, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "val_1", &one, ones);
    builder_initializer(writer, "val_2", &one, zeros);
    builder_initializer(writer, "val_3", &scale, ones);
    builder_initializer(writer, "val_4", &scale, numbers);
    builder_initializer(writer, "norm.weight", &v, ones);
    builder_initializer(writer, "norm.bias", &v, zeros);
    builder_initializer(writer, "val_5", &shape, groups);
    builder_node(writer, "Reshape", "x val_5", "a");
    builder_node(writer, "InstanceNormalization", "a val_1 val_2", "b");
    builder_node(writer, "Shape", "x", "s");
    builder_node(writer, "Reshape", "b s", "c");
    builder_node(writer, "Mul", "c val_3", "d");
    builder_node(writer, "Add", "d val_4", "e");
    builder_node(writer, "InstanceNormalization", "e norm.weight norm.bias", "y");
    imported self = import_at(writer, 2);
    expect_output(&self, 3, dims);
    for (int i = 0; i < 2; i++)
        expect_role(&self, i ? "val_2" : "val_1", SNUG_ROLE_CONSTANT);
    for (int i = 0; i < 2; i++)
        expect_role(&self, i ? "val_4" : "val_3", SNUG_ROLE_WEIGHT);
    for (int i = 0; i < 2; i++)
        expect_role(&self, i ? "norm.bias" : "norm.weight", SNUG_ROLE_WEIGHT);
    release(&self);
}

// What no chosen output needs is not there.
static void test_outputs(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        snug_onnx_writer *writer = builder_new(20);
        snug_type x = snug_type_matrix(SNUG_F32, 1, 3);
        builder_input(writer, "x", &x, "batch");
        builder_output(writer, "logits");
        builder_output(writer, "aux");
        builder_node(writer, "Relu", "x", "logits");
        builder_node(writer, "Nonsense", "x", "aux");
        snug_onnx_options options = {.batch = 2,
                                     .output = way == 0   ? "logits"
                                               : way == 1 ? NULL
                                                          : "other"};
        imported self = import_with(writer, &options);
        if (way == 0) {
            expect_output(&self, 2, (const int64_t[]){2, 3});
            assert_string_equal(self.built.output_names[0], "logits");
            assert_int_equal(self.graph->node_count, 1);
            release(&self);
        } else {
            expect_failure(self, SNUG_INVALID, "\"logits\", \"aux\"");
        }
    }
}

static void test_unknown_operators(void **state) {
    (void)state;
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_node(writer, "Zip", "x", "a");
    builder_node(writer, "Zap", "a", "b");
    builder_node(writer, "Zip", "b", "c");
    builder_node_of(writer, "com.example", "Zip", "c", "y", NULL, 0);
    expect_failure(import_at(writer, 2), SNUG_UNSUPPORTED, "Zip (2), Zap (1), com.example.Zip (1)");
}

// --- Batch sizes ---

static snug_onnx_writer *reshape_model(const int64_t *shape, size_t rank, bool dynamic) {
    snug_onnx_writer *writer = builder_new(20);
    int64_t dims[] = {1, 6, 4};
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, dims);
    snug_type s = snug_type_vector(SNUG_I64, (int64_t)rank);
    builder_input(writer, "x", &x, dynamic ? "batch" : NULL);
    builder_output(writer, "y");
    builder_initializer(writer, "shape", &s, shape);
    builder_node(writer, "Reshape", "x shape", "r");
    builder_node(writer, "Relu", "r", "y");
    return writer;
}

// A batch of 1 that is written into shapes.
static void test_fixed_batch(void **state) {
    (void)state;
    static const struct {
        int64_t shape[4];
        size_t rank;
        int64_t expected[4];
    } cases[] = {
        {{1, 24}, 2, {5, 24}},           {{1, -1}, 2, {5, 24}}, {{-1, 24}, 2, {5, 24}},
        {{1, 2, 3, 4}, 4, {5, 2, 3, 4}}, {{0, -1}, 2, {5, 24}}, {{6, 4}, 2, {30, 4}},
        {{0, 0, 4}, 3, {5, 6, 4}},       {{24}, 1, {120}},      {{1, 1, 24}, 3, {5, 1, 24}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        imported self = import_at(reshape_model(cases[i].shape, cases[i].rank, false), 5);
        expect_output(&self, (int)cases[i].rank, cases[i].expected);
        release(&self);
    }
    int64_t wrong[] = {5, 5};
    expect_failure(import_at(reshape_model(wrong, 2, false), 5), SNUG_BAD_FILE, "Reshape");
    // A dynamic batch is as the document says.
    imported self = import_at(reshape_model((const int64_t[]){-1, 24}, 2, true), 5);
    expect_output(&self, 2, (const int64_t[]){5, 24});
    release(&self);
}

// A batch of 2: told apart from other dimensions, and never mixed.
static void test_fixed_batch_of_two(void **state) {
    (void)state;
    static const struct {
        int64_t shape[3];
        size_t rank;
        int64_t expected[3];
    } cases[] = {
        {{2, 24}, 2, {6, 24}},
        {{12, 4}, 2, {36, 4}},
        {{2, 2, 12}, 3, {6, 2, 12}},
        {{3, 16}, 2, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_onnx_writer *writer = builder_new(20);
        int64_t dims[] = {2, 6, 4};
        snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, dims);
        snug_type s = snug_type_vector(SNUG_I64, (int64_t)cases[i].rank);
        builder_input(writer, "x", &x, NULL);
        builder_output(writer, "y");
        builder_initializer(writer, "shape", &s, cases[i].shape);
        builder_node(writer, "Reshape", "x shape", "y");
        imported self = import_at(writer, 6);
        if (cases[i].expected[0]) {
            expect_output(&self, (int)cases[i].rank, cases[i].expected);
            release(&self);
        } else {
            expect_failure(self, SNUG_UNSUPPORTED, "batch");
        }
    }
}

// A constant that depends on the batch is made in each pass, another one persists.
static void test_constants(void **state) {
    (void)state;
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3), s = snug_type_vector(SNUG_F32, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "/Constant_output_0", &s, numbers);
    builder_node(writer, "Shape", "x", "shape");
    builder_node(writer, "ConstantOfShape", "shape", "zeros");
    builder_node(writer, "Add", "x zeros", "a");
    builder_node(writer, "Add", "a /Constant_output_0", "y");
    imported self = import_at(writer, 4);
    expect_output(&self, 2, (const int64_t[]){4, 3});
    assert_int_equal(count_of(self.graph, &snug_op_fill), 1);
    assert_int_equal(find(self.graph, "/Constant_output_0")->role, SNUG_ROLE_CONSTANT);
    assert_null(find(self.graph, "zeros"));
    release(&self);
}

// What depends on the batch and is neither uniform, nor a range, nor repeated is computed in each
// pass, from what it is computed of in the document.
static void test_computed_constants(void **state) {
    (void)state;
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 40), vector = snug_type_vector(SNUG_I64, 1),
              one = snug_type_scalar(SNUG_I64), columns = snug_type_vector(SNUG_I64, 40);
    int64_t numbers_to_40[40];
    for (int i = 0; i < 40; i++)
        numbers_to_40[i] = i;
    static const int64_t zero = 0, step = 1, factor = 40;
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "start", &one, &zero);
    builder_initializer(writer, "step", &one, &step);
    builder_initializer(writer, "place", &one, &zero);
    builder_initializer(writer, "axis", &vector, &step);
    builder_initializer(writer, "factor", &one, &factor);
    builder_initializer(writer, "columns", &columns, numbers_to_40);
    builder_node(writer, "Shape", "x", "shape");
    builder_node(writer, "Gather", "shape place", "batch");
    builder_node(writer, "Range", "start batch step", "rows");
    builder_node(writer, "Mul", "rows factor", "offsets");
    builder_node(writer, "Unsqueeze", "offsets axis", "column");
    builder_node(writer, "Add", "column columns", "indices");
    static const int64_t open = -1;
    builder_initializer(writer, "open", &vector, &open);
    builder_node(writer, "Reshape", "x open", "flat");
    builder_node(writer, "Gather", "flat indices", "y");
    imported self = import_at(writer, 100);
    expect_output(&self, 2, (const int64_t[]){100, 40});
    assert_int_equal(count_of(self.graph, &snug_op_range), 1);
    assert_null(find(self.graph, "indices"));
    assert_int_equal(find(self.graph, "columns")->role, SNUG_ROLE_CONSTANT);
    release(&self);
}

// --- Documents that are wrong ---

static snug_onnx_writer *small_model(void) {
    snug_onnx_writer *writer = builder_new(20);
    snug_type x = snug_type_matrix(SNUG_F32, 1, 3);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    return writer;
}

static void test_wrong_graphs(void **state) {
    (void)state;
    snug_onnx_writer *writer = small_model(); // a cycle
    builder_node(writer, "Add", "x b", "a");
    builder_node(writer, "Relu", "a", "b");
    builder_node(writer, "Relu", "b", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "\"b\"");
    writer = small_model(); // itself
    builder_node(writer, "Relu", "y", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "\"y\"");
    writer = small_model(); // twice
    builder_node(writer, "Relu", "x", "y");
    builder_node(writer, "Relu", "x", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "two values");
    writer = small_model(); // an input again
    builder_node(writer, "Relu", "x", "x");
    builder_node(writer, "Relu", "x", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "two values");
    writer = small_model(); // never
    builder_node(writer, "Relu", "x", "z");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "never computed");
    writer = small_model(); // too few inputs
    builder_node(writer, "Reshape", "", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "Reshape");
    writer = small_model(); // a loop of nothing
    builder_node(writer, "Loop", "x", "y");
    expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "body expected");
}

static void test_huge_values(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {
        {INT64_C(1) << 40, INT64_C(1) << 40}, {1 << 20, 1 << 20}, {-1, 4}, {INT64_MAX, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        snug_onnx_writer *writer = small_model();
        snug_type s = snug_type_vector(SNUG_I64, 2);
        builder_initializer(writer, "s", &s, shapes[i]);
        builder_node(writer, "ConstantOfShape", "s", "c");
        builder_node(writer, "Shape", "c", "t");
        builder_node(writer, "Reshape", "x t", "y");
        imported self = import_at(writer, 2);
        assert_int_not_equal(self.status, SNUG_OK);
        assert_int_not_equal(self.status, SNUG_NOMEM);
        release(&self);
    }
}

// A function that calls itself, and 40 that each call the next twice.
static void test_endless_functions(void **state) {
    (void)state;
    static const snug_onnx_opset opsets[] = {{"", 20}, {"own", 1}};
    for (int count = 1; count <= 40; count += 39) {
        snug_onnx_writer *writer = small_model();
        assert_int_equal(snug_onnx_writer_domain(writer, "own", 1), SNUG_OK);
        for (int i = 0; i < count; i++) {
            char name[16], next[16];
            snprintf(name, sizeof name, "f%d", i);
            snprintf(next, sizeof next, "f%d", i + 1 < count || count == 1 ? (i + 1) % count : i);
            const char *in[] = {"a"}, *middle[] = {"b"}, *out[] = {"c"};
            snug_onnx_node nodes[] = {{"", next, "own", "", "", in, middle, 1, 1, NULL, 0},
                                      {"", next, "own", "", "", middle, out, 1, 1, NULL, 0}};
            snug_onnx_function function = {.name = name,
                                           .domain = "own",
                                           .overload = "",
                                           .inputs = in,
                                           .outputs = out,
                                           .input_count = 1,
                                           .output_count = 1,
                                           .nodes = nodes,
                                           .node_count = 2,
                                           .opsets = opsets,
                                           .opset_count = 2};
            assert_int_equal(snug_onnx_writer_function(writer, &function), SNUG_OK);
        }
        builder_node_of(writer, "own", "f0", "x", "y", NULL, 0);
        expect_failure(import_at(writer, 2), SNUG_BAD_FILE, "deep");
    }
}

// A double cannot hold the largest int64: filling with it is refused, not rounded.
static void test_large_fill(void **state) {
    (void)state;
    static const int64_t three[] = {3}, values[] = {INT64_MAX, INT64_MIN, 7};
    for (int i = 0; i < 3; i++) {
        snug_onnx_writer *writer = builder_new(17);
        snug_type x = snug_type_make(SNUG_I64, SNUG_ROW_MAJOR, 2, (int64_t[]){1, 3}),
                  one = snug_type_vector(SNUG_I64, 1);
        const snug_onnx_attribute value = {.name = "value",
                                           .kind = SNUG_ONNX_TENSOR,
                                           .tensor = {.name = "",
                                                      .type = one,
                                                      .is_known = true,
                                                      .data_type = snug_onnx_data_type(SNUG_I64),
                                                      .data = &values[i],
                                                      .bytes = sizeof values[i]}};
        builder_input(writer, "x", &x, "n");
        builder_initializer(writer, "shape", &one, three);
        builder_node_of(writer, "", "ConstantOfShape", "shape", "filled", &value, 1);
        builder_node(writer, "Min", "x filled", "y");
        builder_output(writer, "y");
        snug_onnx_options options = {.batch = 2};
        imported self = import_with(writer, &options);
        assert_int_equal(self.status, values[i] == INT64_MAX ? SNUG_UNSUPPORTED : SNUG_OK);
        release(&self);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_unshared),
        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_unknown_operators),
        cmocka_unit_test(test_fixed_batch),
        cmocka_unit_test(test_fixed_batch_of_two),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_computed_constants),
        cmocka_unit_test(test_wrong_graphs),
        cmocka_unit_test(test_huge_values),
        cmocka_unit_test(test_endless_functions),
        cmocka_unit_test(test_large_fill),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}

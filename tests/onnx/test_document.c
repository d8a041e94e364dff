// Documents read and written: what is written comes back, and files that are cut off, changed or
// wrong in their declarations are refused within the memory that is allowed for them.
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "onnx/builder.h"
#include "onnx/import.h"

// The linker sends the library's allocations here.
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static size_t asked; // bytes since it was last set to 0, whatever was freed

void *__wrap_calloc(size_t count, size_t size) {
    asked += count * size;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    asked += size;
    return __real_realloc(memory, size);
}

static void test_round_trip(void **state) {
    (void)state;
    static const float weights[6] = {1, -2, 3.5F, 0, 1e-30F, 7};
    static const int64_t axes[3] = {-1, 0, INT64_C(1) << 40};
    snug_onnx_writer *writer = builder_new(17);
    snug_type x = snug_type_matrix(SNUG_F32, 5, 3), w = snug_type_matrix(SNUG_F32, 3, 2);
    assert_int_equal(snug_onnx_writer_domain(writer, "own", 2), SNUG_OK);
    builder_input(writer, "x", &x, "batch");
    builder_output(writer, "y");
    builder_initializer(writer, "w", &w, weights);
    snug_onnx_attribute attributes[] = {
        snug_onnx_attribute_integer("axis", -3), snug_onnx_attribute_real("alpha", 0.25),
        snug_onnx_attribute_text("mode", "linear"), snug_onnx_attribute_integers("axes", axes, 3)};
    builder_node_of(writer, "own", "Odd", "x - w", "y -", attributes, 4);
    snug_onnx_document *document = builder_open(writer);
    const snug_onnx_graph *graph = &document->graph;
    assert_int_equal(document->opset_count, 2);
    assert_int_equal(graph->node_count, 1);
    const snug_onnx_node *node = graph->nodes;
    assert_string_equal(node->op, "Odd");
    assert_string_equal(node->domain, "own");
    assert_int_equal(node->input_count, 3);
    assert_string_equal(node->inputs[1], "");
    assert_string_equal(node->inputs[2], "w");
    assert_int_equal(snug_onnx_attribute_find(node, "axis")->integer, -3);
    assert_true(snug_onnx_attribute_find(node, "alpha")->real == 0.25);
    assert_string_equal(snug_onnx_attribute_find(node, "mode")->text, "linear");
    const snug_onnx_attribute *found = snug_onnx_attribute_find(node, "axes");
    assert_int_equal(found->count, 3);
    assert_memory_equal(found->integers, axes, sizeof axes);
    assert_null(snug_onnx_attribute_find(node, "none"));
    assert_int_equal(graph->initializer_count, 1);
    assert_int_equal(graph->initializers[0].bytes, sizeof weights);
    assert_memory_equal(graph->initializers[0].data, weights, sizeof weights);
    assert_int_equal(graph->inputs[0].dims[0], -1);
    assert_string_equal(graph->inputs[0].symbols[0], "batch");
    assert_int_equal(graph->inputs[0].dims[1], 3);
    snug_onnx_close(document);
}

// Reads and imports |bytes|: any answer will do but a crash, or memory without bound.
static snug_status try_document(const unsigned char *bytes, size_t length) {
    snug_onnx_document *document = NULL;
    snug_graph *graph = NULL;
    snug_onnx_built built = {0};
    snug_onnx_options options = {.batch = 2, .training = true};
    asked = 0;
    snug_status status = snug_onnx_parse(bytes, length, NULL, &document);
    if (asked > ((size_t)128 << 20) + 16 * length) // arrays that grow are asked for twice over
        fail_msg("%zu bytes for a document of %zu", asked, length);
    if (status == SNUG_OK) {
        assert_int_equal(snug_graph_new(&graph), SNUG_OK);
        status = snug_onnx_build(document, &options, graph, &built);
    }
    assert_int_not_equal(status, SNUG_NOMEM);
    assert_int_not_equal(status, SNUG_INTERNAL);
    snug_onnx_built_clear(&built);
    snug_graph_free(graph);
    snug_onnx_close(document);
    return status;
}

static void test_damage(void **state) {
    (void)state;
    static unsigned char bytes[1 << 16], copy[1 << 16];
    FILE *file = fopen(SNUG_SOURCE_DIR "/tests/onnx/training/conv-script-training.onnx", "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(length > 1000 && length < sizeof bytes);
    assert_int_equal(try_document(bytes, length), SNUG_OK);
    for (size_t cut = 0; cut < length; cut += 3) {
        unsigned char *whole = malloc(cut + 1); // its end is the memory's, for AddressSanitizer
        assert_non_null(whole);
        memcpy(whole, bytes, cut);
        snug_status status = try_document(whole, cut);
        free(whole);
        if (status == SNUG_OK) fail_msg("the first %zu of %zu bytes are a model", cut, length);
    }
    static const unsigned char values[] = {0x00, 0x7F, 0x80, 0xFF};
    for (size_t at = 0; at < length; at += 5) {
        memcpy(copy, bytes, length);
        copy[at] = values[at % sizeof values];
        try_document(copy, length);
    }
}

// Initializers that say they are more, less or other than their bytes.
static void test_declarations(void **state) {
    (void)state;
    // dims, then data_type 1 (float) or another, name "w", 4 bytes of raw data
    static const struct {
        unsigned char bytes[40];
        size_t length;
    } tensors[] = {
        {{0x08, 0x02, 0x10, 0x01, 0x42, 0x01, 'w', 0x4A, 0x04, 0, 0, 0, 0}, 13},        // 2 floats
        {{0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x10, 0x01, // -1
          0x42, 0x01, 'w',  0x4A, 0x04, 0,    0,    0,    0},
         22},
        {{0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x10, 0x01, // 2^63 - 1
          0x42, 0x01, 'w',  0x4A, 0x04, 0,    0,    0,    0},
         21},
        {{0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F,
          0x10, 0x01, 0x42, 0x01, 'w',  0x4A, 0x04, 0,    0,    0,    0},
         23},                                                                    // 2^32 - 1 squared
        {{0x08, 0x01, 0x10, 0x0B, 0x42, 0x01, 'w', 0x4A, 0x04, 0, 0, 0, 0}, 13}, // float64
        {{0x08, 0x01, 0x10, 0x01, 0x42, 0x01, 'w', 0x4A, 0x7F, 0, 0, 0, 0}, 13}, // cut off
        {{0x08, 0x01, 0x10, 0x01, 0x42, 0x01, 'w', 0x4C, 0x04, 0, 0, 0, 0},
         13}, // a wrong wire type
    };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        // A graph (field 7) with this initializer (field 5).
        unsigned char model[64] = {0x3A, (unsigned char)(tensors[i].length + 2), 0x2A,
                                   (unsigned char)tensors[i].length};
        memcpy(model + 4, tensors[i].bytes, tensors[i].length);
        snug_onnx_document *document = NULL;
        snug_status status = snug_onnx_parse(model, tensors[i].length + 4, NULL, &document);
        if (status != SNUG_BAD_FILE)
            fail_msg("tensor %zu: the status is %s", i, snug_status_name(status));
        assert_null(document);
        snug_onnx_close(document);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_declarations)};
    return cmocka_run_group_tests_name("documents", tests, NULL, NULL);
}

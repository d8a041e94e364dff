// Small documents for tests: written with io/onnx/writer.h, opened again from a temporary file.
#ifndef TESTS_ONNX_BUILDER_H
#define TESTS_ONNX_BUILDER_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/onnx/writer.h"
#include "support/test.h"

enum { BUILDER_MOST = 8 };

static inline snug_onnx_writer *builder_new(int64_t opset) {
    snug_onnx_writer *writer = NULL;
    assert_int_equal(snug_onnx_writer_new("test", 9, opset, &writer), SNUG_OK);
    return writer;
}

// Names in |texts| between spaces; "-" is an absent one. Their memory is the test's until it ends.
static inline size_t builder_split(const char *texts, const char *out[BUILDER_MOST]) {
    static char memory[1 << 16];
    static size_t used;
    size_t length = strlen(texts) + 1, count = 0;
    if (used + length > sizeof memory) used = 0;
    char *at = memcpy(memory + used, texts, length);
    used += length;
    for (char *word = strtok(at, " "); word && count < BUILDER_MOST; word = strtok(NULL, " "))
        out[count++] = strcmp(word, "-") == 0 ? "" : word;
    return count;
}

static inline void builder_node_of(snug_onnx_writer *writer, const char *domain, const char *op,
                                   const char *inputs, const char *outputs,
                                   const snug_onnx_attribute *attributes, size_t count) {
    const char *in[BUILDER_MOST], *out[BUILDER_MOST];
    snug_onnx_node node = {.name = "",
                           .op = op,
                           .domain = domain,
                           .overload = "",
                           .inputs = in,
                           .outputs = out,
                           .input_count = builder_split(inputs, in),
                           .output_count = builder_split(outputs, out),
                           .attributes = attributes,
                           .attribute_count = count};
    assert_int_equal(snug_onnx_writer_node(writer, &node), SNUG_OK);
}

static inline void builder_node(snug_onnx_writer *writer, const char *op, const char *inputs,
                                const char *outputs) {
    builder_node_of(writer, "", op, inputs, outputs, NULL, 0);
}

static inline void builder_input(snug_onnx_writer *writer, const char *name, const snug_type *type,
                                 const char *symbol) {
    snug_onnx_value value = snug_onnx_value_of(name, type, symbol);
    assert_int_equal(snug_onnx_writer_input(writer, &value), SNUG_OK);
}

static inline void builder_output(snug_onnx_writer *writer, const char *name) {
    snug_type type = snug_type_scalar(SNUG_F32);
    snug_onnx_value value = snug_onnx_value_of(name, &type, NULL);
    assert_int_equal(snug_onnx_writer_output(writer, &value), SNUG_OK);
}

// An initializer whose bytes outlive the writing.
static inline void builder_initializer(snug_onnx_writer *writer, const char *name,
                                       const snug_type *type, const void *data) {
    assert_int_equal(snug_onnx_writer_initializer(writer, name, type, data), SNUG_OK);
}

// Writes, opens, and frees the writer.
static inline snug_onnx_document *builder_open(snug_onnx_writer *writer) {
    char path[] = "/tmp/snug-onnx-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
    snug_onnx_document *document = NULL;
    snug_status status = snug_onnx_open(path, &document);
    unlink(path);
    if (status != SNUG_OK) fail_msg("%s", snug_error_message());
    return document;
}

#endif

#include "io/onnx/writer.h"

#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/onnx/encode.h"

// Field numbers of GraphProto and ModelProto.
enum {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE = 13
};
enum { MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_FUNCTION = 25 };
enum { TENSOR_RAW = 9 };
#define MOST_BYTES ((size_t)0x7FFFFFFF)

typedef struct initializer {
    snug_encoded head; // of the graph's field and the tensor, up to its bytes
    size_t bytes;
    const void *data;
} initializer;

struct snug_onnx_writer {
    snug_encoded model; // before and after the graph
    snug_encoded graph; // all but the initializers
    initializer *initializers;
    size_t initializer_count, initializer_capacity;
};

snug_status snug_onnx_writer_new(const char *name, int64_t ir_version, int64_t opset,
                                 snug_onnx_writer **out) {
    *out = NULL;
    snug_onnx_writer *writer = NULL;
    SNUG_TRY(SNUG_NEW(&writer, 1));
    snug_encode_integer(&writer->model, MODEL_IR, ir_version);
    snug_encode_text(&writer->model, MODEL_PRODUCER, "snug");
    snug_encode_text(&writer->graph, GRAPH_NAME, name);
    snug_status status = writer->model.status ? writer->model.status : writer->graph.status;
    if (status == SNUG_OK) status = snug_onnx_writer_domain(writer, "", opset);
    if (status != SNUG_OK)
        snug_onnx_writer_free(writer);
    else
        *out = writer;
    return status;
}

void snug_onnx_writer_free(snug_onnx_writer *writer) {
    if (!writer) return;
    for (size_t i = 0; i < writer->initializer_count; i++)
        snug_encoded_clear(&writer->initializers[i].head);
    snug_memory_free(writer->initializers);
    snug_encoded_clear(&writer->model);
    snug_encoded_clear(&writer->graph);
    snug_memory_free(writer);
}

snug_status snug_onnx_writer_domain(snug_onnx_writer *writer, const char *domain, int64_t version) {
    snug_encoded part = {0};
    snug_encode_opset(&part, domain, version);
    snug_encode_message(&writer->model, MODEL_OPSET, &part);
    return writer->model.status;
}

snug_status snug_onnx_writer_node(snug_onnx_writer *writer, const snug_onnx_node *node) {
    snug_encoded part = {0};
    snug_encode_node(&part, node);
    snug_encode_message(&writer->graph, GRAPH_NODE, &part);
    return writer->graph.status;
}

static snug_status add_value(snug_onnx_writer *writer, uint32_t number,
                             const snug_onnx_value *value) {
    snug_encoded part = {0};
    snug_encode_value(&part, value);
    snug_encode_message(&writer->graph, number, &part);
    return writer->graph.status;
}

snug_status snug_onnx_writer_input(snug_onnx_writer *writer, const snug_onnx_value *value) {
    return add_value(writer, GRAPH_INPUT, value);
}

snug_status snug_onnx_writer_output(snug_onnx_writer *writer, const snug_onnx_value *value) {
    return add_value(writer, GRAPH_OUTPUT, value);
}

snug_status snug_onnx_writer_declared(snug_onnx_writer *writer, const snug_onnx_value *value) {
    return add_value(writer, GRAPH_VALUE, value);
}

snug_status snug_onnx_writer_function(snug_onnx_writer *writer,
                                      const snug_onnx_function *function) {
    snug_encoded part = {0};
    snug_encode_function(&part, function);
    snug_encode_message(&writer->model, MODEL_FUNCTION, &part);
    return writer->model.status;
}

snug_status snug_onnx_writer_initializer(snug_onnx_writer *writer, const char *name,
                                         const snug_type *type, const void *data) {
    SNUG_TRY(snug_type_check(type));
    SNUG_TRY(SNUG_GROW(&writer->initializers, &writer->initializer_capacity,
                       writer->initializer_count + 1));
    initializer *self = &writer->initializers[writer->initializer_count];
    *self = (initializer){.bytes = snug_type_bytes(type), .data = data};
    if (self->bytes > MOST_BYTES)
        return snug_fail(SNUG_INVALID, "\"%.200s\" has %zu bytes, more than an ONNX file takes",
                         name, self->bytes);
    snug_encoded tensor = {0};
    snug_encode_tensor_head(&tensor, name, type);
    snug_encode_head(&tensor, TENSOR_RAW, self->bytes);
    snug_encode_head(&self->head, GRAPH_INITIALIZER, tensor.length + self->bytes);
    writer->initializer_count++;
    // What follows the head is the tensor itself, not another field.
    snug_status status = tensor.status ? tensor.status : self->head.status;
    if (status == SNUG_OK)
        status =
            SNUG_GROW(&self->head.data, &self->head.capacity, self->head.length + tensor.length);
    if (status == SNUG_OK) memcpy(self->head.data + self->head.length, tensor.data, tensor.length);
    if (status == SNUG_OK) self->head.length += tensor.length;
    snug_encoded_clear(&tensor);
    return status;
}

static snug_status write_initializer(const snug_onnx_writer *writer, size_t index,
                                     snug_onnx_data *data, void *context, snug_file *file) {
    const initializer *self = &writer->initializers[index];
    const void *bytes = self->data;
    if (!bytes && self->bytes) {
        if (!data) return snug_fail(SNUG_INVALID, "initializer %zu has no data", index);
        SNUG_TRY(data(context, index, &bytes));
    }
    SNUG_TRY(snug_file_write(file, self->head.data, self->head.length));
    return snug_file_write(file, bytes, self->bytes);
}

static snug_status write_all(const snug_onnx_writer *writer, size_t graph_bytes,
                             snug_onnx_data *data, void *context, snug_file *file) {
    snug_encoded head = {0};
    snug_encode_head(&head, MODEL_GRAPH, graph_bytes);
    snug_status status = head.status;
    if (status == SNUG_OK) status = snug_file_write(file, writer->model.data, writer->model.length);
    if (status == SNUG_OK) status = snug_file_write(file, head.data, head.length);
    if (status == SNUG_OK) status = snug_file_write(file, writer->graph.data, writer->graph.length);
    for (size_t i = 0; status == SNUG_OK && i < writer->initializer_count; i++)
        status = write_initializer(writer, i, data, context, file);
    snug_encoded_clear(&head);
    return status;
}

snug_status snug_onnx_writer_write(snug_onnx_writer *writer, const char *path, snug_onnx_data *data,
                                   void *context) {
    SNUG_TRY(writer->model.status);
    SNUG_TRY(writer->graph.status);
    size_t bytes = writer->graph.length;
    for (size_t i = 0; i < writer->initializer_count && bytes <= MOST_BYTES; i++)
        bytes += writer->initializers[i].head.length + writer->initializers[i].bytes;
    if (bytes + writer->model.length > MOST_BYTES)
        return snug_fail(SNUG_INVALID, "%s: more than the 2 GiB that an ONNX file may have", path);
    snug_file file;
    SNUG_TRY(snug_file_create(path, &file));
    snug_status status = write_all(writer, bytes, data, context, &file);
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_onnx_value snug_onnx_value_of(const char *name, const snug_type *type, const char *symbol) {
    snug_onnx_value value = {.name = name,
                             .is_tensor = true,
                             .data_type = snug_onnx_data_type(type->dtype),
                             .has_shape = true,
                             .rank = type->rank};
    for (int i = 0; i < type->rank; i++) {
        value.dims[i] = type->dims[i];
        value.symbols[i] = "";
    }
    if (symbol && type->rank) {
        value.dims[0] = -1;
        value.symbols[0] = symbol;
    }
    return value;
}

static snug_onnx_attribute attribute_of(const char *name, snug_onnx_kind kind) {
    return (snug_onnx_attribute){.name = name, .kind = kind, .text = "", .tensor.name = ""};
}

snug_onnx_attribute snug_onnx_attribute_integer(const char *name, int64_t value) {
    snug_onnx_attribute attribute = attribute_of(name, SNUG_ONNX_INT);
    attribute.integer = value;
    return attribute;
}

snug_onnx_attribute snug_onnx_attribute_real(const char *name, double value) {
    snug_onnx_attribute attribute = attribute_of(name, SNUG_ONNX_FLOAT);
    attribute.real = value;
    return attribute;
}

snug_onnx_attribute snug_onnx_attribute_text(const char *name, const char *value) {
    snug_onnx_attribute attribute = attribute_of(name, SNUG_ONNX_STRING);
    attribute.text = value;
    return attribute;
}

snug_onnx_attribute snug_onnx_attribute_integers(const char *name, const int64_t *integers,
                                                 size_t count) {
    snug_onnx_attribute attribute = attribute_of(name, SNUG_ONNX_INTS);
    attribute.integers = integers;
    attribute.count = count;
    return attribute;
}

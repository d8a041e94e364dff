#include "io/onnx/encode.h"

#include <string.h>

#include "base/memory.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };

void snug_encoded_clear(snug_encoded *message) {
    snug_memory_free(message->data);
    *message = (snug_encoded){0};
}

static void append(snug_encoded *message, const void *data, size_t bytes) {
    if (message->status == SNUG_OK)
        message->status = SNUG_GROW(&message->data, &message->capacity, message->length + bytes);
    if (message->status != SNUG_OK || bytes == 0) return;
    memcpy(message->data + message->length, data, bytes);
    message->length += bytes;
}

static void append_varint(snug_encoded *message, uint64_t value) {
    unsigned char bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (unsigned char)(value | 0x80);
    bytes[length++] = (unsigned char)value;
    append(message, bytes, length);
}

static void append_key(snug_encoded *message, uint32_t number, uint32_t type) {
    append_varint(message, (uint64_t)number << 3 | type);
}

void snug_encode_integer(snug_encoded *message, uint32_t number, int64_t value) {
    append_key(message, number, VARINT);
    append_varint(message, (uint64_t)value);
}

void snug_encode_float(snug_encoded *message, uint32_t number, double value) {
    float narrow = (float)value;
    append_key(message, number, FIXED32);
    append(message, &narrow, sizeof narrow);
}

void snug_encode_head(snug_encoded *message, uint32_t number, size_t bytes) {
    append_key(message, number, BYTES);
    append_varint(message, bytes);
}

void snug_encode_bytes(snug_encoded *message, uint32_t number, const void *data, size_t bytes) {
    snug_encode_head(message, number, bytes);
    append(message, data, bytes);
}

void snug_encode_text(snug_encoded *message, uint32_t number, const char *text) {
    snug_encode_bytes(message, number, text, strlen(text));
}

void snug_encode_message(snug_encoded *message, uint32_t number, snug_encoded *part) {
    if (message->status == SNUG_OK) message->status = part->status;
    snug_encode_bytes(message, number, part->data, part->length);
    snug_encoded_clear(part);
}

static void encode_texts(snug_encoded *message, uint32_t number, const char *const *texts,
                         size_t count) {
    for (size_t i = 0; i < count; i++)
        snug_encode_text(message, number, texts[i]);
}

static void encode_name(snug_encoded *message, uint32_t number, const char *name) {
    if (name && name[0]) snug_encode_text(message, number, name);
}

void snug_encode_opset(snug_encoded *message, const char *domain, int64_t version) {
    snug_encode_text(message, 1, domain);
    snug_encode_integer(message, 2, version);
}

void snug_encode_tensor_head(snug_encoded *message, const char *name, const snug_type *type) {
    for (int i = 0; i < type->rank; i++)
        snug_encode_integer(message, 1, type->dims[i]);
    snug_encode_integer(message, 2, snug_onnx_data_type(type->dtype));
    encode_name(message, 8, name);
}

static void encode_tensor(snug_encoded *message, const snug_onnx_tensor *tensor) {
    if (!tensor->is_known && message->status == SNUG_OK)
        message->status =
            snug_fail(SNUG_UNSUPPORTED, "a tensor with elements of type %d", tensor->data_type);
    snug_encode_tensor_head(message, tensor->name, &tensor->type);
    snug_encode_bytes(message, 9, tensor->data, tensor->bytes);
}

static void encode_entry(snug_encoded *message, const char *key, const char *value) {
    snug_encoded entry = {0};
    snug_encode_text(&entry, 1, key);
    snug_encode_text(&entry, 2, value);
    snug_encode_message(message, 4, &entry);
}

static void encode_declared(snug_encoded *message, snug_onnx_declared declared) {
    if (declared == SNUG_ONNX_PARAMETER)
        encode_entry(message, SNUG_ONNX_DECLARED_KEY, SNUG_ONNX_DECLARED_PARAMETER);
    if (declared == SNUG_ONNX_BUFFER || declared == SNUG_ONNX_TRANSIENT)
        encode_entry(message, SNUG_ONNX_DECLARED_KEY, SNUG_ONNX_DECLARED_BUFFER);
    if (declared == SNUG_ONNX_TRANSIENT) encode_entry(message, SNUG_ONNX_PERSISTENT_KEY, "False");
    if (declared == SNUG_ONNX_FOLDED) encode_entry(message, SNUG_ONNX_FOLDED_KEY, "[]");
}

void snug_encode_value(snug_encoded *message, const snug_onnx_value *value) {
    snug_encoded shape = {0}, tensor = {0}, type = {0};
    for (int i = 0; i < value->rank; i++) {
        snug_encoded dimension = {0};
        if (value->dims[i] >= 0)
            snug_encode_integer(&dimension, 1, value->dims[i]);
        else
            encode_name(&dimension, 2, value->symbols[i]);
        snug_encode_message(&shape, 1, &dimension);
    }
    snug_encode_integer(&tensor, 1, value->data_type);
    if (value->has_shape)
        snug_encode_message(&tensor, 2, &shape);
    else
        snug_encoded_clear(&shape);
    snug_encode_message(&type, 1, &tensor);
    snug_encode_text(message, 1, value->name);
    snug_encode_message(message, 2, &type);
    encode_declared(message, value->declared);
}

static void encode_graph(snug_encoded *message, const snug_onnx_graph *graph) {
    for (size_t i = 0; i < graph->node_count; i++) {
        snug_encoded node = {0};
        snug_encode_node(&node, &graph->nodes[i]);
        snug_encode_message(message, 1, &node);
    }
    snug_encode_text(message, 2, graph->name);
    for (size_t i = 0; i < graph->initializer_count; i++) {
        snug_encoded tensor = {0};
        encode_tensor(&tensor, &graph->initializers[i]);
        snug_encode_message(message, 5, &tensor);
    }
    for (size_t i = 0; i < graph->input_count + graph->output_count; i++) {
        bool is_input = i < graph->input_count;
        snug_encoded value = {0};
        snug_encode_value(&value,
                          is_input ? &graph->inputs[i] : &graph->outputs[i - graph->input_count]);
        snug_encode_message(message, is_input ? 11 : 12, &value);
    }
}

// The value in the field of its kind.
static void encode_attribute_value(snug_encoded *message, const snug_onnx_attribute *attribute) {
    snug_encoded part = {0};
    switch (attribute->kind) {
    case SNUG_ONNX_FLOAT:
        snug_encode_float(message, 2, attribute->real);
        break;
    case SNUG_ONNX_INT:
        snug_encode_integer(message, 3, attribute->integer);
        break;
    case SNUG_ONNX_STRING:
        snug_encode_text(message, 4, attribute->text);
        break;
    case SNUG_ONNX_TENSOR:
        encode_tensor(&part, &attribute->tensor);
        snug_encode_message(message, 5, &part);
        break;
    case SNUG_ONNX_GRAPH:
        encode_graph(&part, attribute->graph);
        snug_encode_message(message, 6, &part);
        break;
    case SNUG_ONNX_FLOATS:
        for (size_t i = 0; i < attribute->count; i++)
            snug_encode_float(message, 7, attribute->reals[i]);
        break;
    case SNUG_ONNX_INTS:
        for (size_t i = 0; i < attribute->count; i++)
            snug_encode_integer(message, 8, attribute->integers[i]);
        break;
    case SNUG_ONNX_STRINGS:
        encode_texts(message, 9, attribute->texts, attribute->count);
        break;
    case SNUG_ONNX_UNDEFINED:
    case SNUG_ONNX_OTHER:
        if (message->status == SNUG_OK)
            message->status = snug_fail(SNUG_UNSUPPORTED,
                                        "attribute \"%.200s\" is of a kind that "
                                        "is not written",
                                        attribute->name);
        break;
    }
}

static void encode_attribute(snug_encoded *message, const snug_onnx_attribute *attribute) {
    // onnx.AttributeProto.AttributeType by kind.
    static const int64_t types[] = {
        [SNUG_ONNX_FLOAT] = 1,  [SNUG_ONNX_INT] = 2,     [SNUG_ONNX_STRING] = 3,
        [SNUG_ONNX_TENSOR] = 4, [SNUG_ONNX_GRAPH] = 5,   [SNUG_ONNX_FLOATS] = 6,
        [SNUG_ONNX_INTS] = 7,   [SNUG_ONNX_STRINGS] = 8, [SNUG_ONNX_OTHER] = 0};
    snug_encode_text(message, 1, attribute->name);
    snug_encode_integer(message, 20, types[attribute->kind]);
    if (attribute->reference)
        snug_encode_text(message, 21, attribute->reference);
    else
        encode_attribute_value(message, attribute);
}

static void encode_attributes(snug_encoded *message, uint32_t number,
                              const snug_onnx_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        snug_encoded attribute = {0};
        encode_attribute(&attribute, &attributes[i]);
        snug_encode_message(message, number, &attribute);
    }
}

void snug_encode_node(snug_encoded *message, const snug_onnx_node *node) {
    encode_texts(message, 1, node->inputs, node->input_count);
    encode_texts(message, 2, node->outputs, node->output_count);
    encode_name(message, 3, node->name);
    snug_encode_text(message, 4, node->op);
    encode_attributes(message, 5, node->attributes, node->attribute_count);
    encode_name(message, 7, node->domain);
    encode_name(message, 8, node->overload);
}

void snug_encode_function(snug_encoded *message, const snug_onnx_function *function) {
    snug_encode_text(message, 1, function->name);
    encode_texts(message, 4, function->inputs, function->input_count);
    encode_texts(message, 5, function->outputs, function->output_count);
    encode_texts(message, 6, function->attribute_names, function->attribute_name_count);
    for (size_t i = 0; i < function->node_count; i++) {
        snug_encoded node = {0};
        snug_encode_node(&node, &function->nodes[i]);
        snug_encode_message(message, 7, &node);
    }
    for (size_t i = 0; i < function->opset_count; i++) {
        snug_encoded opset = {0};
        snug_encode_opset(&opset, function->opsets[i].domain, function->opsets[i].version);
        snug_encode_message(message, 9, &opset);
    }
    snug_encode_text(message, 10, function->domain);
    encode_attributes(message, 11, function->attributes, function->attribute_count);
    encode_name(message, 13, function->overload);
}

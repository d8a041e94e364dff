// Graphs, their nodes, attributes and values.
#include <string.h>

#include "io/onnx/reader.h"

enum { MAX_DEPTH = 32 };

// Dimension: a value, or a symbol, or neither.
static snug_status read_dimension(snug_onnx_reader *reader, snug_wire message, int64_t *dim,
                                  const char **symbol) {
    snug_wire_field field;
    bool more;
    *dim = -1;
    *symbol = "";
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) {
            SNUG_TRY(snug_onnx_read_integer(&field, dim));
            if (*dim < 0) *dim = -1; // what some converters write for dynamic
        }
        if (field.number == 2) SNUG_TRY(snug_onnx_read_name(reader, &field, symbol));
    }
}

static snug_status read_shape(snug_onnx_reader *reader, snug_wire message, snug_onnx_value *out) {
    snug_wire_field field;
    bool more;
    out->has_shape = true;
    out->rank = 0;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != 1) continue;
        if (out->rank == SNUG_MAX_RANK)
            return snug_fail(SNUG_BAD_FILE, "more than %d dimensions, which are supported",
                             SNUG_MAX_RANK);
        SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
        SNUG_TRY(
            read_dimension(reader, field.bytes, &out->dims[out->rank], &out->symbols[out->rank]));
        out->rank++;
    }
}

static snug_status read_tensor_type(snug_onnx_reader *reader, snug_wire message,
                                    snug_onnx_value *out) {
    snug_wire_field field;
    bool more;
    out->is_tensor = true;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) {
            int64_t type;
            SNUG_TRY(snug_onnx_read_integer(&field, &type));
            out->data_type = type >= 0 && type < 1000 ? (int)type : 0;
        }
        if (field.number == 2) {
            SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
            SNUG_TRY(read_shape(reader, field.bytes, out));
        }
    }
}

static snug_status read_type(snug_onnx_reader *reader, snug_wire message, snug_onnx_value *out) {
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != 1) continue;
        SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
        SNUG_TRY(read_tensor_type(reader, field.bytes, out));
    }
}

snug_status snug_onnx_read_value(snug_onnx_reader *reader, snug_wire message,
                                 snug_onnx_value *out) {
    snug_wire_field field;
    bool more;
    *out = (snug_onnx_value){.name = ""};
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
        if (field.number != 2) continue;
        SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
        snug_status status = read_type(reader, field.bytes, out);
        if (status != SNUG_OK) return snug_fail_context(status, "value \"%.200s\"", out->name);
    }
}

// The fields of AttributeProto that hold a value, and the kind each is.
static const struct {
    uint32_t number;
    snug_onnx_kind kind;
    int64_t type; // onnx.AttributeProto.AttributeType
} kinds[] = {
    {2, SNUG_ONNX_FLOAT, 1},   {3, SNUG_ONNX_INT, 2},     {4, SNUG_ONNX_STRING, 3},
    {5, SNUG_ONNX_TENSOR, 4},  {6, SNUG_ONNX_GRAPH, 5},   {7, SNUG_ONNX_FLOATS, 6},
    {8, SNUG_ONNX_INTS, 7},    {9, SNUG_ONNX_STRINGS, 8}, {10, SNUG_ONNX_OTHER, 9},
    {11, SNUG_ONNX_OTHER, 10}, {14, SNUG_ONNX_OTHER, 13}, {15, SNUG_ONNX_OTHER, 14},
    {22, SNUG_ONNX_OTHER, 11}, {23, SNUG_ONNX_OTHER, 12},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

// By the type that the file gives; without one (before IR version 2), by the field that is there.
static snug_onnx_kind kind_of(int64_t type, const size_t counts[SNUG_WIRE_COUNTED]) {
    for (int i = 0; i < KINDS; i++)
        if (type ? kinds[i].type == type : counts[kinds[i].number] > 0) return kinds[i].kind;
    return type ? SNUG_ONNX_OTHER : SNUG_ONNX_UNDEFINED;
}

static snug_status read_subgraph(snug_onnx_reader *reader, snug_wire message,
                                 const snug_onnx_graph **out) {
    if (reader->depth >= MAX_DEPTH)
        return snug_fail(SNUG_BAD_FILE, "graphs nested more than %d deep", MAX_DEPTH);
    snug_onnx_graph *graph = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &graph, 1));
    reader->depth++;
    SNUG_TRY(snug_onnx_read_graph(reader, message, graph));
    reader->depth--;
    *out = graph;
    return SNUG_OK;
}

static double float_of(const void *at) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static snug_status read_reals(snug_onnx_reader *reader, snug_wire message,
                              snug_onnx_attribute *out) {
    const void *floats;
    double *reals = NULL;
    SNUG_TRY(snug_onnx_read_fixed(reader, message, 7, sizeof(float), &floats, &out->count));
    SNUG_TRY(SNUG_READER_NEW(reader, &reals, out->count));
    for (size_t i = 0; i < out->count; i++)
        reals[i] = float_of((const char *)floats + i * sizeof(float));
    out->reals = reals;
    return SNUG_OK;
}

static snug_status read_texts(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                              size_t count, const char *const **out, bool are_names) {
    const char **texts = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &texts, count));
    *out = texts;
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != number) continue;
        SNUG_TRY(are_names ? snug_onnx_read_name(reader, &field, texts)
                           : snug_onnx_read_text(reader, &field, texts));
        texts++;
    }
}

// One field that is not an array.
static snug_status read_single(snug_onnx_reader *reader, const snug_wire_field *field,
                               snug_onnx_attribute *out) {
    snug_wire bytes;
    switch (out->kind) {
    case SNUG_ONNX_FLOAT:
        if (field->type != SNUG_WIRE_FIXED32) return snug_fail(SNUG_BAD_FILE, "a float expected");
        out->real = float_of(field->bytes.at);
        return SNUG_OK;
    case SNUG_ONNX_INT:
        return snug_onnx_read_integer(field, &out->integer);
    case SNUG_ONNX_STRING:
        return snug_onnx_read_text(reader, field, &out->text);
    case SNUG_ONNX_TENSOR:
        SNUG_TRY(snug_onnx_read_message(field, &bytes));
        return snug_onnx_read_tensor(reader, bytes, &out->tensor);
    case SNUG_ONNX_GRAPH:
        SNUG_TRY(snug_onnx_read_message(field, &bytes));
        return read_subgraph(reader, bytes, &out->graph);
    default:
        return SNUG_OK;
    }
}

static uint32_t field_of(snug_onnx_kind kind) {
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind) return kinds[i].number;
    return 0;
}

static snug_status read_attribute_fields(snug_onnx_reader *reader, snug_wire message,
                                         snug_onnx_attribute *out, int64_t *type) {
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
        if (field.number == 20) SNUG_TRY(snug_onnx_read_integer(&field, type));
        if (field.number == 21) {
            SNUG_TRY(snug_onnx_read_name(reader, &field, &out->reference));
            if (!out->reference[0]) out->reference = NULL;
        }
    }
}

static snug_status read_value_of(snug_onnx_reader *reader, snug_wire message,
                                 const size_t counts[SNUG_WIRE_COUNTED], snug_onnx_attribute *out) {
    uint32_t number = field_of(out->kind);
    if (out->kind == SNUG_ONNX_FLOATS) return read_reals(reader, message, out);
    if (out->kind == SNUG_ONNX_INTS)
        return snug_onnx_read_integers(reader, message, number, &out->integers, &out->count);
    if (out->kind == SNUG_ONNX_STRINGS) {
        out->count = counts[number];
        return read_texts(reader, message, number, out->count, &out->texts, false);
    }
    if (out->kind == SNUG_ONNX_OTHER || out->kind == SNUG_ONNX_UNDEFINED) return SNUG_OK;
    bool may_be_absent = out->kind < SNUG_ONNX_TENSOR; // zero, by protobuf's rules
    if (counts[number] > 1 || (counts[number] == 0 && !may_be_absent))
        return snug_fail(SNUG_BAD_FILE, "one value expected, found %zu", counts[number]);
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == number) SNUG_TRY(read_single(reader, &field, out));
    }
}

snug_status snug_onnx_read_attribute(snug_onnx_reader *reader, snug_wire message,
                                     snug_onnx_attribute *out) {
    *out = (snug_onnx_attribute){.name = "", .text = "", .tensor.name = ""};
    size_t counts[SNUG_WIRE_COUNTED];
    int64_t type = 0;
    SNUG_TRY(snug_wire_count(message, counts));
    SNUG_TRY(read_attribute_fields(reader, message, out, &type));
    if (!out->name[0]) return snug_fail(SNUG_BAD_FILE, "an attribute without a name");
    out->kind = kind_of(type, counts);
    if (out->reference) return SNUG_OK;
    snug_status status = read_value_of(reader, message, counts, out);
    return status == SNUG_OK ? SNUG_OK : snug_fail_context(status, "attribute \"%s\"", out->name);
}

static snug_status read_node_fields(snug_onnx_reader *reader, snug_wire message,
                                    snug_onnx_node *out, snug_onnx_attribute *attributes) {
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 3) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
        if (field.number == 4) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->op));
        if (field.number == 7) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->domain));
        if (field.number == 8) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->overload));
        if (field.number != 5 && field.number != 9) continue;
        SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
        if (field.number == 9) {
            SNUG_TRY(
                snug_onnx_read_metadata(reader, field.bytes, SNUG_ONNX_SCOPES_KEY, &out->scopes));
            continue;
        }
        SNUG_TRY(
            snug_onnx_read_attribute(reader, field.bytes, &attributes[out->attribute_count++]));
    }
}

snug_status snug_onnx_read_node(snug_onnx_reader *reader, snug_wire message, snug_onnx_node *out) {
    *out = (snug_onnx_node){.name = "", .op = "", .domain = "", .overload = "", .scopes = ""};
    size_t counts[SNUG_WIRE_COUNTED];
    snug_onnx_attribute *attributes = NULL;
    SNUG_TRY(snug_wire_count(message, counts));
    out->input_count = counts[1];
    out->output_count = counts[2];
    SNUG_TRY(read_texts(reader, message, 1, counts[1], &out->inputs, true));
    SNUG_TRY(read_texts(reader, message, 2, counts[2], &out->outputs, true));
    SNUG_TRY(SNUG_READER_NEW(reader, &attributes, counts[5]));
    out->attributes = attributes;
    snug_status status = read_node_fields(reader, message, out, attributes);
    if (status == SNUG_OK && !out->op[0])
        status = snug_fail(SNUG_BAD_FILE, "a node without an operator");
    out->domain = snug_onnx_domain(out->domain);
    return status == SNUG_OK
               ? SNUG_OK
               : snug_fail_context(status, "node \"%.200s\" (%.60s)", out->name, out->op);
}

// Of the values between nodes those alone that say more than a shape, which is not needed.
static snug_status read_between(snug_onnx_reader *reader, snug_wire message,
                                snug_onnx_value *values, size_t *count) {
    snug_onnx_declared declared;
    SNUG_TRY(snug_onnx_read_declared(message, &declared));
    if (declared == SNUG_ONNX_UNDECLARED) return SNUG_OK;
    SNUG_TRY(snug_onnx_read_value(reader, message, &values[*count]));
    values[(*count)++].declared = declared;
    return SNUG_OK;
}

// How many of them there are.
static snug_status count_declared(snug_wire message, size_t *count) {
    snug_wire_field field;
    snug_onnx_declared declared;
    bool more;
    for (*count = 0;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != 13) continue;
        SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
        SNUG_TRY(snug_onnx_read_declared(field.bytes, &declared));
        *count += declared != SNUG_ONNX_UNDECLARED;
    }
}

static snug_status read_graph_fields(snug_onnx_reader *reader, snug_wire message,
                                     snug_onnx_graph *out, snug_onnx_node *nodes,
                                     snug_onnx_tensor *initializers, snug_onnx_value *inputs,
                                     snug_onnx_value *outputs, snug_onnx_value *declared) {
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 2) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
        bool is_part = field.number == 1 || field.number == 5 || field.number == 16 ||
                       (field.number >= 11 && field.number <= 13);
        if (!is_part) continue;
        snug_wire bytes;
        SNUG_TRY(snug_onnx_read_message(&field, &bytes));
        if (field.number == 1)
            SNUG_TRY(snug_onnx_read_node(reader, bytes, &nodes[out->node_count++]));
        if (field.number == 5)
            SNUG_TRY(snug_onnx_read_tensor(reader, bytes, &initializers[out->initializer_count++]));
        if (field.number == 11)
            SNUG_TRY(snug_onnx_read_value(reader, bytes, &inputs[out->input_count++]));
        if (field.number == 12)
            SNUG_TRY(snug_onnx_read_value(reader, bytes, &outputs[out->output_count++]));
        if (field.number == 13)
            SNUG_TRY(read_between(reader, bytes, declared, &out->declared_count));
        if (field.number == 16)
            SNUG_TRY(
                snug_onnx_read_metadata(reader, bytes, SNUG_ONNX_SIGNATURE_KEY, &out->signature));
    }
}

snug_status snug_onnx_read_graph(snug_onnx_reader *reader, snug_wire message,
                                 snug_onnx_graph *out) {
    *out = (snug_onnx_graph){.name = "", .signature = ""};
    size_t counts[SNUG_WIRE_COUNTED];
    snug_onnx_node *nodes = NULL;
    snug_onnx_tensor *initializers = NULL;
    snug_onnx_value *inputs = NULL, *outputs = NULL, *declared = NULL;
    size_t declared_count;
    SNUG_TRY(snug_wire_count(message, counts));
    SNUG_TRY(count_declared(message, &declared_count));
    if (counts[15]) return snug_fail(SNUG_UNSUPPORTED, "sparse initializers");
    SNUG_TRY(SNUG_READER_NEW(reader, &nodes, counts[1]));
    SNUG_TRY(SNUG_READER_NEW(reader, &initializers, counts[5]));
    SNUG_TRY(SNUG_READER_NEW(reader, &inputs, counts[11]));
    SNUG_TRY(SNUG_READER_NEW(reader, &outputs, counts[12]));
    SNUG_TRY(SNUG_READER_NEW(reader, &declared, declared_count));
    out->nodes = nodes;
    out->initializers = initializers;
    out->inputs = inputs;
    out->outputs = outputs;
    out->declared = declared;
    return read_graph_fields(reader, message, out, nodes, initializers, inputs, outputs, declared);
}

snug_status snug_onnx_read_opset(snug_onnx_reader *reader, snug_wire message,
                                 snug_onnx_opset *out) {
    *out = (snug_onnx_opset){.domain = ""};
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) break;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->domain));
        if (field.number == 2) SNUG_TRY(snug_onnx_read_integer(&field, &out->version));
    }
    out->domain = snug_onnx_domain(out->domain);
    return SNUG_OK;
}

static snug_status read_function_fields(snug_onnx_reader *reader, snug_wire message,
                                        snug_onnx_function *out, snug_onnx_node *nodes,
                                        snug_onnx_opset *opsets, snug_onnx_attribute *attributes) {
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
        if (field.number == 10) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->domain));
        if (field.number == 13) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->overload));
        snug_wire bytes;
        if (field.number != 7 && field.number != 9 && field.number != 11) continue;
        SNUG_TRY(snug_onnx_read_message(&field, &bytes));
        if (field.number == 7)
            SNUG_TRY(snug_onnx_read_node(reader, bytes, &nodes[out->node_count++]));
        if (field.number == 9)
            SNUG_TRY(snug_onnx_read_opset(reader, bytes, &opsets[out->opset_count++]));
        if (field.number == 11)
            SNUG_TRY(snug_onnx_read_attribute(reader, bytes, &attributes[out->attribute_count++]));
    }
}

snug_status snug_onnx_read_function(snug_onnx_reader *reader, snug_wire message,
                                    snug_onnx_function *out) {
    *out = (snug_onnx_function){.name = "", .domain = "", .overload = ""};
    size_t counts[SNUG_WIRE_COUNTED];
    snug_onnx_node *nodes = NULL;
    snug_onnx_opset *opsets = NULL;
    snug_onnx_attribute *attributes = NULL;
    SNUG_TRY(snug_wire_count(message, counts));
    out->input_count = counts[4];
    out->output_count = counts[5];
    out->attribute_name_count = counts[6];
    SNUG_TRY(read_texts(reader, message, 4, counts[4], &out->inputs, true));
    SNUG_TRY(read_texts(reader, message, 5, counts[5], &out->outputs, true));
    SNUG_TRY(read_texts(reader, message, 6, counts[6], &out->attribute_names, true));
    SNUG_TRY(SNUG_READER_NEW(reader, &nodes, counts[7]));
    SNUG_TRY(SNUG_READER_NEW(reader, &opsets, counts[9]));
    SNUG_TRY(SNUG_READER_NEW(reader, &attributes, counts[11]));
    out->nodes = nodes;
    out->opsets = opsets;
    out->attributes = attributes;
    snug_status status = read_function_fields(reader, message, out, nodes, opsets, attributes);
    out->domain = snug_onnx_domain(out->domain);
    return status == SNUG_OK ? SNUG_OK
                             : snug_fail_context(status, "function \"%.200s\"", out->name);
}

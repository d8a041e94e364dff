// TensorProto: where a tensor's elements lie, raw, typed or in another file.
#include <stdlib.h>
#include <string.h>

#include "io/onnx/reader.h"

// onnx.TensorProto.DataType by number, and the field that holds elements which are not raw. 8 are
// strings, 14 and 15 complex, 17 and up have less than 16 bits.
enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, DOUBLE_DATA = 10, UINT64_DATA = 11 };
static const struct {
    bool is_known;
    snug_dtype dtype;
    uint32_t field;
} data_types[] = {
    [1] = {true, SNUG_F32, FLOAT_DATA},   [2] = {true, SNUG_U8, INT32_DATA},
    [3] = {true, SNUG_I8, INT32_DATA},    [4] = {true, SNUG_U16, INT32_DATA},
    [5] = {true, SNUG_I16, INT32_DATA},   [6] = {true, SNUG_I32, INT32_DATA},
    [7] = {true, SNUG_I64, INT64_DATA},   [9] = {true, SNUG_BOOL, INT32_DATA},
    [10] = {true, SNUG_F16, INT32_DATA},  [11] = {true, SNUG_F64, DOUBLE_DATA},
    [12] = {true, SNUG_U32, UINT64_DATA}, [13] = {true, SNUG_U64, UINT64_DATA},
    [16] = {true, SNUG_BF16, INT32_DATA},
};
enum { DATA_TYPES = sizeof data_types / sizeof *data_types };

bool snug_onnx_dtype(int64_t data_type, snug_dtype *out) {
    bool known = data_type > 0 && data_type < DATA_TYPES && data_types[data_type].is_known;
    if (known) *out = data_types[data_type].dtype;
    return known;
}

int snug_onnx_data_type(snug_dtype dtype) {
    for (int i = 0; i < DATA_TYPES; i++)
        if (data_types[i].is_known && data_types[i].dtype == dtype) return i;
    return 0;
}

// Where a message says that its data lies.
typedef struct source {
    bool is_raw, is_external, is_segment;
    snug_wire raw;
    const char *location;
    uint64_t offset;
    size_t length; // SIZE_MAX: to the end of the file
} source;

static snug_status read_number(const char *text, const char *key, uint64_t *out) {
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out < UINT64_MAX) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "external data whose %s is \"%.40s\"", key, text);
}

// StringStringEntryProto: "location", "offset", "length"; a checksum is not looked at.
static snug_status read_entry(snug_onnx_reader *reader, snug_wire message, source *out) {
    const char *key = "", *value = "";
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) break;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_name(reader, &field, &key));
        if (field.number == 2) SNUG_TRY(snug_onnx_read_name(reader, &field, &value));
    }
    uint64_t length = SIZE_MAX;
    if (strcmp(key, "location") == 0) out->location = value;
    if (strcmp(key, "offset") == 0) SNUG_TRY(read_number(value, key, &out->offset));
    if (strcmp(key, "length") == 0) SNUG_TRY(read_number(value, key, &length));
    if (length < SIZE_MAX) out->length = (size_t)length;
    return SNUG_OK;
}

static snug_status read_fields(snug_onnx_reader *reader, snug_wire message, snug_onnx_tensor *out,
                               source *from) {
    snug_wire_field field;
    bool more;
    int64_t integer;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        switch (field.number) {
        case 2:
            SNUG_TRY(snug_onnx_read_integer(&field, &integer));
            out->data_type = integer >= 0 && integer < 1000 ? (int)integer : 0;
            break;
        case 3:
            from->is_segment = true;
            break;
        case 8:
            SNUG_TRY(snug_onnx_read_name(reader, &field, &out->name));
            break;
        case 9:
            SNUG_TRY(snug_onnx_read_message(&field, &from->raw));
            from->is_raw = true;
            break;
        case 13:
            SNUG_TRY(snug_onnx_read_message(&field, &field.bytes));
            SNUG_TRY(read_entry(reader, field.bytes, from));
            break;
        case 14:
            SNUG_TRY(snug_onnx_read_integer(&field, &integer));
            from->is_external = integer == 1;
            break;
        default:
            break;
        }
    }
}

static snug_status read_dims(snug_onnx_reader *reader, snug_wire message, snug_onnx_tensor *out) {
    const int64_t *dims;
    size_t rank;
    SNUG_TRY(snug_onnx_read_integers(reader, message, 1, &dims, &rank));
    if (rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_BAD_FILE, "%zu dimensions: at most %d are supported", rank,
                         SNUG_MAX_RANK);
    out->type.rank = (int)rank;
    if (rank) memcpy(out->type.dims, dims, rank * sizeof *dims);
    snug_status status = snug_type_check(&out->type);
    return status == SNUG_OK ? SNUG_OK
                             : snug_fail(SNUG_BAD_FILE, "its size overflows or is negative");
}

// Integers of 32 or 64 bits into elements of their type.
static snug_status read_narrow(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                               snug_onnx_tensor *out, size_t *count) {
    const int64_t *values;
    SNUG_TRY(snug_onnx_read_integers(reader, message, number, &values, count));
    size_t size = snug_dtype_bytes(out->type.dtype);
    if (size == sizeof *values) {
        out->data = values;
        return SNUG_OK;
    }
    uint8_t *narrow = NULL;
    SNUG_TRY(snug_onnx_reader_new(reader, *count, size, (void **)&narrow));
    for (size_t i = 0; i < *count; i++) // little-endian: the low bytes come first
        memcpy(narrow + i * size, &values[i], size);
    out->data = narrow;
    return SNUG_OK;
}

static snug_status read_typed(snug_onnx_reader *reader, snug_wire message, snug_onnx_tensor *out) {
    uint32_t field = data_types[out->data_type].field;
    size_t count = 0, size = snug_dtype_bytes(out->type.dtype);
    if (field == FLOAT_DATA || field == DOUBLE_DATA)
        SNUG_TRY(snug_onnx_read_fixed(reader, message, field, size, &out->data, &count));
    else
        SNUG_TRY(read_narrow(reader, message, field, out, &count));
    out->bytes = count * size;
    return SNUG_OK;
}

static snug_status find_data(snug_onnx_reader *reader, snug_wire message, const source *from,
                             snug_onnx_tensor *out) {
    if (from->is_external) {
        size_t length = from->length;
        SNUG_TRY(snug_onnx_external(reader, from->location, from->offset, &length, &out->data));
        size_t expected = snug_type_bytes(&out->type);
        bool is_open = from->length == SIZE_MAX && length > expected;
        out->bytes = is_open ? expected : length;
        return SNUG_OK;
    }
    if (!from->is_raw) return read_typed(reader, message, out);
    out->data = from->raw.at;
    out->bytes = snug_wire_length(&from->raw);
    return SNUG_OK;
}

// What kernels take as 0 or 1 is so.
static snug_status check_booleans(const snug_onnx_tensor *tensor) {
    const uint8_t *values = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++)
        if (values[i] > 1)
            return snug_fail(SNUG_BAD_FILE, "element %zu is %d, neither true nor false", i,
                             values[i]);
    return SNUG_OK;
}

static snug_status read_whole(snug_onnx_reader *reader, snug_wire message, snug_onnx_tensor *out) {
    source from = {.length = SIZE_MAX, .location = ""};
    SNUG_TRY(read_fields(reader, message, out, &from));
    if (from.is_segment) return snug_fail(SNUG_UNSUPPORTED, "a tensor in segments");
    out->is_known = snug_onnx_dtype(out->data_type, &out->type.dtype);
    SNUG_TRY(read_dims(reader, message, out));
    if (!out->is_known) return SNUG_OK;
    SNUG_TRY(find_data(reader, message, &from, out));
    if (out->bytes != snug_type_bytes(&out->type))
        return snug_fail(SNUG_BAD_FILE, "%zu bytes of data where its shape takes %zu", out->bytes,
                         snug_type_bytes(&out->type));
    return out->type.dtype == SNUG_BOOL ? check_booleans(out) : SNUG_OK;
}

snug_status snug_onnx_read_tensor(snug_onnx_reader *reader, snug_wire message,
                                  snug_onnx_tensor *out) {
    *out = (snug_onnx_tensor){.name = ""};
    snug_status status = read_whole(reader, message, out);
    return status == SNUG_OK ? SNUG_OK : snug_fail_context(status, "tensor \"%.200s\"", out->name);
}

// What PyTorch's newer exporter declares of values: whether an initializer is a parameter, a
// buffer, or what its optimizer folded. Nothing is copied, and what is not known is passed by.
#include <string.h>

#include "io/onnx/reader.h"

static const struct {
    const char *key, *value; // NULL: any
    snug_onnx_declared declared;
} rows[] = {
    {SNUG_ONNX_DECLARED_KEY, SNUG_ONNX_DECLARED_PARAMETER, SNUG_ONNX_PARAMETER},
    {SNUG_ONNX_DECLARED_KEY, SNUG_ONNX_DECLARED_BUFFER, SNUG_ONNX_BUFFER},
    {SNUG_ONNX_PERSISTENT_KEY, "False", SNUG_ONNX_TRANSIENT},
    {SNUG_ONNX_FOLDED_KEY, NULL, SNUG_ONNX_FOLDED},
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool is_text(const snug_wire *bytes, const char *text) {
    size_t length = strlen(text);
    return snug_wire_length(bytes) == length && memcmp(bytes->at, text, length) == 0;
}

// StringStringEntryProto. What is absent is empty.
static snug_status read_entry(snug_wire message, snug_wire_field *key, snug_wire_field *value) {
    static const uint8_t nothing[1];
    snug_wire_field field;
    bool more;
    *key = *value = (snug_wire_field){.type = SNUG_WIRE_BYTES, .bytes = {nothing, nothing}};
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.type != SNUG_WIRE_BYTES) continue;
        if (field.number == 1) *key = field;
        if (field.number == 2) *value = field;
    }
}

snug_status snug_onnx_read_metadata(snug_onnx_reader *reader, snug_wire message, const char *key,
                                    const char **out) {
    snug_wire_field found, value;
    SNUG_TRY(read_entry(message, &found, &value));
    return is_text(&found.bytes, key) ? snug_onnx_read_name(reader, &value, out) : SNUG_OK;
}

static snug_status read_row(snug_wire message, snug_onnx_declared *out) {
    snug_wire_field key, value;
    SNUG_TRY(read_entry(message, &key, &value));
    for (int i = 0; i < ROWS; i++)
        if (is_text(&key.bytes, rows[i].key) &&
            (!rows[i].value || is_text(&value.bytes, rows[i].value)))
            if (rows[i].declared > *out) *out = rows[i].declared; // whatever their order
    return SNUG_OK;
}

snug_status snug_onnx_read_declared(snug_wire message, snug_onnx_declared *out) {
    snug_wire_field field;
    bool more;
    *out = SNUG_ONNX_UNDECLARED;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        bool is_entry = field.number == 4 && field.type == SNUG_WIRE_BYTES;
        if (is_entry) SNUG_TRY(read_row(field.bytes, out));
    }
}

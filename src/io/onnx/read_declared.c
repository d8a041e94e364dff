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

// StringStringEntryProto
static snug_status read_entry(snug_wire message, snug_onnx_declared *out) {
    static const uint8_t nothing[1];
    snug_wire key = {nothing, nothing}, value = key;
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) break;
        if (field.type != SNUG_WIRE_BYTES) continue;
        if (field.number == 1) key = field.bytes;
        if (field.number == 2) value = field.bytes;
    }
    for (int i = 0; i < ROWS; i++)
        if (is_text(&key, rows[i].key) && (!rows[i].value || is_text(&value, rows[i].value)))
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
        if (is_entry) SNUG_TRY(read_entry(field.bytes, out));
    }
}

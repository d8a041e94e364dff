// Scalars, texts and arrays of them from fields of a message.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "io/onnx/reader.h"

snug_status snug_onnx_reader_new(snug_onnx_reader *reader, size_t count, size_t size, void **out) {
    *out = NULL;
    size_t bytes;
    if (count == 0) return SNUG_OK;
    if (!snug_size_multiply(count, size, &bytes) || bytes > reader->limit - reader->pooled)
        return snug_fail(SNUG_BAD_FILE, "what it describes is many times larger than the file");
    SNUG_TRY(snug_pool_new(&reader->storage->pool, bytes, out));
    reader->pooled += bytes;
    return SNUG_OK;
}

static snug_status expect(const snug_wire_field *field, snug_wire_type type) {
    if (field->type == type) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "field %u is of wire type %d where %d belongs",
                     (unsigned)field->number, (int)field->type, (int)type);
}

// Bytes of the UTF-8 character at |at|, 0 when there is none.
static size_t character(const uint8_t *at, size_t left) {
    size_t length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (length > left || at[0] == 0 || at[0] >= 0xF5) return 0;
    uint32_t value = length == 1 ? at[0] : at[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 2) return 0;
        value = value << 6 | (at[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool is_surrogate = value >= 0xD800 && value < 0xE000;
    return value >= least[length] && value < 0x110000 && !is_surrogate ? length : 0;
}

snug_status snug_onnx_read_text(snug_onnx_reader *reader, const snug_wire_field *field,
                                const char **out) {
    SNUG_TRY(expect(field, SNUG_WIRE_BYTES));
    size_t length = snug_wire_length(&field->bytes);
    if (length == 0) {
        *out = "";
        return SNUG_OK;
    }
    char *text = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &text, length + 1));
    assert(text);
    memcpy(text, field->bytes.at, length);
    *out = text;
    return SNUG_OK;
}

snug_status snug_onnx_read_name(snug_onnx_reader *reader, const snug_wire_field *field,
                                const char **out) {
    SNUG_TRY(expect(field, SNUG_WIRE_BYTES));
    size_t length = snug_wire_length(&field->bytes);
    for (size_t i = 0, step; i < length; i += step) {
        step = character(field->bytes.at + i, length - i);
        if (step == 0) return snug_fail(SNUG_BAD_FILE, "a name that is not UTF-8 text");
    }
    return snug_onnx_read_text(reader, field, out);
}

snug_status snug_onnx_read_integer(const snug_wire_field *field, int64_t *out) {
    SNUG_TRY(expect(field, SNUG_WIRE_VARINT));
    *out = (int64_t)field->integer;
    return SNUG_OK;
}

snug_status snug_onnx_read_message(const snug_wire_field *field, snug_wire *out) {
    SNUG_TRY(expect(field, SNUG_WIRE_BYTES));
    *out = field->bytes;
    return SNUG_OK;
}

static size_t varints_in(snug_wire bytes) {
    size_t count = 0;
    for (; bytes.at != bytes.end; bytes.at++)
        count += *bytes.at < 0x80;
    return count;
}

snug_status snug_onnx_read_integers(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                                    const int64_t **out, size_t *count) {
    snug_wire_field field;
    bool more;
    size_t total = 0;
    *count = 0;
    *out = NULL;
    for (snug_wire rest = message;;) {
        SNUG_TRY(snug_wire_next(&rest, &field, &more));
        if (!more) break;
        if (field.number == number)
            total += field.type == SNUG_WIRE_BYTES ? varints_in(field.bytes) : 1;
    }
    int64_t *values = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &values, total));
    *out = values;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != number) continue;
        if (field.type != SNUG_WIRE_BYTES) {
            assert(values);
            SNUG_TRY(snug_onnx_read_integer(&field, &values[(*count)++]));
            continue;
        }
        while (field.bytes.at != field.bytes.end) {
            uint64_t value;
            SNUG_TRY(snug_wire_varint(&field.bytes, &value));
            assert(values);
            values[(*count)++] = (int64_t)value;
        }
    }
}

snug_status snug_onnx_read_fixed(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                                 size_t bytes, const void **out, size_t *count) {
    snug_wire_field field;
    bool more;
    size_t total = 0, fields = 0;
    *count = 0;
    *out = NULL;
    for (snug_wire rest = message;;) {
        SNUG_TRY(snug_wire_next(&rest, &field, &more));
        if (!more) break;
        if (field.number != number) continue;
        if (field.type == SNUG_WIRE_VARINT || snug_wire_length(&field.bytes) % bytes)
            return snug_fail(SNUG_BAD_FILE, "numbers of %zu bytes expected in field %u", bytes,
                             (unsigned)number);
        total += snug_wire_length(&field.bytes);
        fields++;
        *out = field.bytes.at;
    }
    *count = total / bytes;
    if (fields < 2) return SNUG_OK;
    uint8_t *values = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &values, total));
    *out = values;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number != number) continue;
        if (snug_wire_length(&field.bytes) == 0) continue;
        assert(values);
        memcpy(values, field.bytes.at, snug_wire_length(&field.bytes));
        values += snug_wire_length(&field.bytes);
    }
}

#include "io/onnx/wire.h"

#include <assert.h>
#include <string.h>

snug_status snug_wire_varint(snug_wire *wire, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (wire->at == wire->end) return snug_fail(SNUG_BAD_FILE, "the file ends within a number");
        uint64_t part = *wire->at++;
        if (shift == 63 && part > 1) break;
        *out |= (part & 0x7F) << shift;
        if (part < 0x80) return SNUG_OK;
    }
    return snug_fail(SNUG_BAD_FILE, "a number of more than 64 bits");
}

static snug_status take(snug_wire *wire, size_t length, snug_wire *out) {
    if (length > snug_wire_length(wire))
        return snug_fail(SNUG_BAD_FILE, "a field of %zu bytes where %zu are left: is it truncated?",
                         length, snug_wire_length(wire));
    *out = (snug_wire){wire->at, wire->at + length};
    wire->at += length;
    return SNUG_OK;
}

static snug_status take_fixed(snug_wire *wire, size_t length, snug_wire_field *out) {
    SNUG_TRY(take(wire, length, &out->bytes));
    assert(out->bytes.at);
    for (size_t i = 0; i < length; i++)
        out->integer |= (uint64_t)out->bytes.at[i] << 8 * i;
    return SNUG_OK;
}

snug_status snug_wire_next(snug_wire *wire, snug_wire_field *out, bool *more) {
    *out = (snug_wire_field){0};
    *more = wire->at != wire->end;
    if (!*more) return SNUG_OK;
    uint64_t key, length;
    SNUG_TRY(snug_wire_varint(wire, &key));
    if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF)
        return snug_fail(SNUG_BAD_FILE, "a field number that cannot be");
    out->number = (uint32_t)(key >> 3);
    out->type = (snug_wire_type)(key & 7);
    switch (out->type) {
    case SNUG_WIRE_VARINT:
        return snug_wire_varint(wire, &out->integer);
    case SNUG_WIRE_FIXED64:
        return take_fixed(wire, 8, out);
    case SNUG_WIRE_FIXED32:
        return take_fixed(wire, 4, out);
    case SNUG_WIRE_BYTES:
        SNUG_TRY(snug_wire_varint(wire, &length));
        return take(wire, length > SIZE_MAX ? SIZE_MAX : (size_t)length, &out->bytes);
    }
    return snug_fail(SNUG_BAD_FILE, "a field of type %d, which there is not", (int)(key & 7));
}

snug_status snug_wire_count(snug_wire wire, size_t counts[SNUG_WIRE_COUNTED]) {
    memset(counts, 0, SNUG_WIRE_COUNTED * sizeof *counts);
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&wire, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number < SNUG_WIRE_COUNTED) counts[field.number]++;
    }
}

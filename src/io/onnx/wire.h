// The protocol buffers wire format, as far as .onnx files need it: fields of a message, one after
// the other, from bytes in memory. Groups, which ONNX never used, are refused.
#ifndef SNUG_IO_ONNX_WIRE_H
#define SNUG_IO_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// What is left of a message.
typedef struct snug_wire {
    const uint8_t *at, *end;
} snug_wire;

typedef enum snug_wire_type {
    SNUG_WIRE_VARINT = 0,
    SNUG_WIRE_FIXED64 = 1,
    SNUG_WIRE_BYTES = 2, // texts, messages, packed arrays
    SNUG_WIRE_FIXED32 = 5,
} snug_wire_type;

typedef struct snug_wire_field {
    uint32_t number;
    snug_wire_type type;
    uint64_t integer; // of a varint; the bits of a fixed one
    snug_wire bytes;
} snug_wire_field;

static inline size_t snug_wire_length(const snug_wire *wire) {
    return (size_t)(wire->end - wire->at);
}

// The next field; |*more| is false at the end of the message. SNUG_BAD_FILE for a field that runs
// over the end, a varint of more than 64 bits or a type that there is not.
snug_status snug_wire_next(snug_wire *wire, snug_wire_field *out, bool *more);

// Reads one varint, as packed arrays hold them.
snug_status snug_wire_varint(snug_wire *wire, uint64_t *out);

// How often each field number below |SNUG_WIRE_COUNTED| occurs. Walks the message once, so that
// what fails here never fails later.
enum { SNUG_WIRE_COUNTED = 32 };
snug_status snug_wire_count(snug_wire wire, size_t counts[SNUG_WIRE_COUNTED]);

#endif

// Inside the pickle reader: the machine's state, and what opcodes are made of.
#ifndef SNUG_IO_PICKLE_MACHINE_H
#define SNUG_IO_PICKLE_MACHINE_H

#include <stdbool.h>

#include "io/pickle.h"

#define NO_MEMO UINT32_MAX
#define MEMO_EMPTY UINT64_MAX
enum { SNUG_PICKLE_TAGS = 64 - SNUG_PICKLE_BITS }; // bits of a memo entry that are type and tag

struct snug_pickle {
    const unsigned char *bytes;
    size_t length, at;
    size_t opcode; // offset of the one being run
    const snug_pickle_consumer *consumer;
    snug_pickle_value *stack;
    size_t count, capacity;
    size_t *marks; // heights of the stack
    size_t mark_count, mark_capacity;
    uint64_t *memo;
    size_t memo_count, memo_capacity;
    size_t text_start, text_length; // of the last text, for the names of globals
    size_t before_start, before_length;
    bool stopped;
};

// Runs the opcode at |pickle->opcode|. pickle_opcodes.c.
snug_status snug_pickle_step(snug_pickle *pickle);
// "SETITEMS", "REDUCE"; "byte 0xff" for none.
const char *snug_pickle_opcode_name(unsigned char opcode);

snug_status snug_pickle_push(snug_pickle *pickle, snug_pickle_value value);
// The next |count| bytes; what a file counts has 64 bits, also where a size_t has fewer.
snug_status snug_pickle_take(snug_pickle *pickle, uint64_t count, const unsigned char **out);
snug_status snug_pickle_mark(snug_pickle *pickle);
// Height of the stack that the innermost open batch begins at; nothing below is an opcode's to
// take.
size_t snug_pickle_floor(const snug_pickle *pickle);
snug_status snug_pickle_underflow(const snug_pickle *pickle, const char *what);
snug_status snug_pickle_put(snug_pickle *pickle, uint64_t index);
snug_status snug_pickle_get(snug_pickle *pickle, uint64_t index);
void snug_pickle_changed(snug_pickle *pickle, const snug_pickle_value *value);

// Puts the path of the container at stack[height], which is being filled, in front of the message
// of the failure |status|; SNUG_OK where the consumer skips what is there. pickle_path.c.
snug_status snug_pickle_fail_at(const snug_pickle *pickle, size_t height, snug_status status);

#endif

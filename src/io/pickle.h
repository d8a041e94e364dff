// Reads pickles of protocols 2 to 5 without executing anything: numbers, texts, bytes, tuples,
// lists and dicts. Every other opcode, and so every global, call and object, is refused by its
// name.
//
// No tree is built. A container is handed to the consumer as soon as its items are there, innermost
// first, and the consumer gives a value in exchange: an index into records of its own, or nothing.
// What the machine keeps is its stack and its memo, so files of gigabytes need little memory. There
// is no recursion: nesting costs no more than items side by side.
#ifndef SNUG_IO_PICKLE_H
#define SNUG_IO_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

typedef enum snug_pickle_type {
    SNUG_PICKLE_NONE,
    SNUG_PICKLE_BOOL,  // |bits| is 0 or 1
    SNUG_PICKLE_INT,   // |bits| as a signed number
    SNUG_PICKLE_BIG,   // an integer beyond 64 bits; not kept
    SNUG_PICKLE_FLOAT, // |number|
    SNUG_PICKLE_TEXT,  // |bits| is the consumer's
    SNUG_PICKLE_BYTES, // not kept
    SNUG_PICKLE_TUPLE, // |bits| and |tag| are the consumer's, below
    SNUG_PICKLE_LIST,
    SNUG_PICKLE_DICT,
    SNUG_PICKLE_TYPES,
} snug_pickle_type;

// The consumer's |bits| of texts and containers have SNUG_PICKLE_BITS bits at most.
enum { SNUG_PICKLE_BITS = 48 };

typedef struct snug_pickle_value {
    uint8_t type;  // snug_pickle_type
    uint8_t tag;   // of containers: what the consumer made of it; 0 when it is new
    uint32_t memo; // the machine's
    union {
        uint64_t bits;
        double number;
    };
} snug_pickle_value;

// What makes something of the values. Items are borrowed during the call. A failure is passed on as
// snug_pickle_read()'s, with the path of the container in front of its message: a message of
// ".size: expected ..." becomes "segments[3].size: expected ...".
typedef struct snug_pickle_consumer {
    void *context;
    // |length| bytes that ought to be UTF-8, without a terminator. The consumer sets |text->bits|.
    snug_status (*text)(void *context, const char *bytes, size_t length, snug_pickle_value *text);
    snug_status (*tuple)(void *context, const snug_pickle_value *items, size_t count,
                         snug_pickle_value *tuple);
    // |list| gets |count| items more; long ones come in several batches.
    snug_status (*list)(void *context, const snug_pickle_value *items, size_t count,
                        snug_pickle_value *list);
    // |dict| gets |count| pairs of key and value more: items[2 * i] and items[2 * i + 1].
    snug_status (*dict)(void *context, const snug_pickle_value *items, size_t count,
                        snug_pickle_value *dict);
    // How many items |list| has so far, for paths.
    size_t (*length)(void *context, const snug_pickle_value *list);
    // The text that |key| is, for paths; NUL-terminated.
    const char *(*name)(void *context, const snug_pickle_value *key);
    // Whether what the outermost dict has under |key| (a text) does not matter: failures of the
    // functions above are passed over there. NULL: all of it matters.
    bool (*skips)(void *context, const snug_pickle_value *key);
} snug_pickle_consumer;

typedef struct snug_pickle snug_pickle;

// Reads the one value in |bytes| and gives it to |*out|. Time is linear in |length|; the machine's
// memory stays within |length| + 16 MiB, nesting within 1000 containers, else the pickle is
// refused. SNUG_BAD_FILE names the offset of the byte and what is wrong there; SNUG_NOMEM.
snug_status snug_pickle_read(const char *bytes, size_t length, const snug_pickle_consumer *consumer,
                             snug_pickle_value *out);

// The name of a type for people: "an integer", "a list".
const char *snug_pickle_type_name(snug_pickle_type type);

// Whether |bytes| begin as a pickle of protocol 2 or later does.
bool snug_pickle_matches(const char *bytes, size_t length);

#endif

// What each opcode does. One table: an opcode without a function is known, and refused by its name.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/pickle_machine.h"

static uint64_t little_endian(const unsigned char *bytes, size_t count) {
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static snug_status read_number(snug_pickle *pickle, size_t bytes, uint64_t *out) {
    const unsigned char *start;
    SNUG_TRY(snug_pickle_take(pickle, bytes, &start));
    *out = little_endian(start, bytes);
    return SNUG_OK;
}

static snug_status push_integer(snug_pickle *pickle, int64_t number) {
    return snug_pickle_push(pickle,
                            (snug_pickle_value){.type = SNUG_PICKLE_INT, .bits = (uint64_t)number});
}

static snug_status run_int1(snug_pickle *pickle) {
    uint64_t number;
    SNUG_TRY(read_number(pickle, 1, &number));
    return push_integer(pickle, (int64_t)number);
}

static snug_status run_int2(snug_pickle *pickle) {
    uint64_t number;
    SNUG_TRY(read_number(pickle, 2, &number));
    return push_integer(pickle, (int64_t)number);
}

static snug_status run_int4(snug_pickle *pickle) {
    uint64_t number;
    SNUG_TRY(read_number(pickle, 4, &number));
    return push_integer(pickle, (int32_t)(uint32_t)number);
}

// An integer of |length| bytes, two's complement, little end first.
static snug_status run_long(snug_pickle *pickle, uint64_t length) {
    const unsigned char *bytes;
    SNUG_TRY(snug_pickle_take(pickle, length, &bytes));
    size_t count = (size_t)length;
    if (count == 0) return push_integer(pickle, 0);
    unsigned char fill = bytes[count - 1] & 0x80 ? 0xff : 0;
    while (count > 8 && bytes[count - 1] == fill)
        count--;
    // With nine bytes or more the sign would be lost.
    if (count > 8 || (count == 8 && (bytes[7] & 0x80 ? 0xff : 0) != fill))
        return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_BIG});
    uint64_t number = little_endian(bytes, count);
    if (fill && count < 8) number |= UINT64_MAX << 8 * count;
    return push_integer(pickle, (int64_t)number);
}

static snug_status run_long1(snug_pickle *pickle) {
    uint64_t count;
    SNUG_TRY(read_number(pickle, 1, &count));
    return run_long(pickle, count);
}

static snug_status run_long4(snug_pickle *pickle) {
    uint64_t count;
    SNUG_TRY(read_number(pickle, 4, &count));
    if (count >> 31)
        return snug_fail(SNUG_BAD_FILE, "byte %zu: an integer of a negative length",
                         pickle->opcode);
    return run_long(pickle, count);
}

static snug_status run_float(snug_pickle *pickle) {
    const unsigned char *bytes;
    uint64_t bits = 0;
    snug_pickle_value value = {.type = SNUG_PICKLE_FLOAT};
    SNUG_TRY(snug_pickle_take(pickle, 8, &bytes));
    for (size_t i = 0; i < 8; i++) // big end first, unlike all else
        bits = bits << 8 | bytes[i];
    memcpy(&value.number, &bits, sizeof bits);
    return snug_pickle_push(pickle, value);
}

static snug_status run_none(snug_pickle *pickle) {
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_NONE});
}

static snug_status run_true(snug_pickle *pickle) {
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_BOOL, .bits = 1});
}

static snug_status run_false(snug_pickle *pickle) {
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_BOOL});
}

// A length of |width| bytes, then as many bytes.
static snug_status read_counted(snug_pickle *pickle, size_t width, const unsigned char **bytes,
                                size_t *count) {
    uint64_t length;
    SNUG_TRY(read_number(pickle, width, &length));
    SNUG_TRY(snug_pickle_take(pickle, length, bytes));
    *count = (size_t)length;
    return SNUG_OK;
}

static snug_status push_text(snug_pickle *pickle, size_t width) {
    const unsigned char *bytes;
    size_t count;
    snug_pickle_value value = {.type = SNUG_PICKLE_TEXT};
    const snug_pickle_consumer *consumer = pickle->consumer;
    SNUG_TRY(read_counted(pickle, width, &bytes, &count));
    pickle->before_start = pickle->text_start;
    pickle->before_length = pickle->text_length;
    pickle->text_start = (size_t)(bytes - pickle->bytes);
    pickle->text_length = count;
    SNUG_TRY(consumer->text(consumer->context, (const char *)bytes, count, &value));
    return snug_pickle_push(pickle, value);
}

static snug_status run_text1(snug_pickle *pickle) {
    return push_text(pickle, 1);
}
static snug_status run_text4(snug_pickle *pickle) {
    return push_text(pickle, 4);
}
static snug_status run_text8(snug_pickle *pickle) {
    return push_text(pickle, 8);
}

static snug_status push_bytes(snug_pickle *pickle, size_t width) {
    const unsigned char *bytes;
    size_t count;
    SNUG_TRY(read_counted(pickle, width, &bytes, &count));
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_BYTES});
}

static snug_status run_bytes1(snug_pickle *pickle) {
    return push_bytes(pickle, 1);
}
static snug_status run_bytes4(snug_pickle *pickle) {
    return push_bytes(pickle, 4);
}
static snug_status run_bytes8(snug_pickle *pickle) {
    return push_bytes(pickle, 8);
}

static snug_status run_mark(snug_pickle *pickle) {
    return snug_pickle_mark(pickle);
}

// Replaces the topmost |count| values by a tuple of them.
static snug_status make_tuple(snug_pickle *pickle, size_t count) {
    if (pickle->count - snug_pickle_floor(pickle) < count)
        return snug_pickle_underflow(pickle, "its items");
    const snug_pickle_consumer *consumer = pickle->consumer;
    snug_pickle_value tuple = {.type = SNUG_PICKLE_TUPLE};
    size_t first = pickle->count - count;
    snug_status status = consumer->tuple(consumer->context, pickle->stack + first, count, &tuple);
    if (status != SNUG_OK) SNUG_TRY(snug_pickle_fail_at(pickle, first, status));
    pickle->count = first;
    return snug_pickle_push(pickle, tuple);
}

static snug_status run_tuple0(snug_pickle *pickle) {
    return make_tuple(pickle, 0);
}
static snug_status run_tuple1(snug_pickle *pickle) {
    return make_tuple(pickle, 1);
}
static snug_status run_tuple2(snug_pickle *pickle) {
    return make_tuple(pickle, 2);
}
static snug_status run_tuple3(snug_pickle *pickle) {
    return make_tuple(pickle, 3);
}

// Removes the innermost mark; the values above it are stack[*first] and on.
static snug_status take_mark(snug_pickle *pickle, size_t *first) {
    if (pickle->mark_count == 0) return snug_pickle_underflow(pickle, "a MARK");
    *first = pickle->marks[--pickle->mark_count];
    return SNUG_OK;
}

static snug_status run_tuple(snug_pickle *pickle) {
    size_t first = 0;
    SNUG_TRY(take_mark(pickle, &first));
    return make_tuple(pickle, pickle->count - first);
}

// Gives the values from stack[first] on to the container below them.
static snug_status fill(snug_pickle *pickle, size_t first, snug_pickle_type type) {
    const snug_pickle_consumer *consumer = pickle->consumer;
    const char *wanted = type == SNUG_PICKLE_LIST ? "a list" : "a dict";
    if (first <= snug_pickle_floor(pickle) || pickle->stack[first - 1].type != type)
        return snug_pickle_underflow(pickle, wanted);
    snug_pickle_value *container = &pickle->stack[first - 1], *items = container + 1;
    size_t count = pickle->count - first;
    snug_status status = SNUG_OK;
    if (type == SNUG_PICKLE_LIST) {
        status = consumer->list(consumer->context, items, count, container);
    } else {
        if (count % 2 != 0) return snug_pickle_underflow(pickle, "as many values as keys");
        status = consumer->dict(consumer->context, items, count / 2, container);
    }
    if (status != SNUG_OK) SNUG_TRY(snug_pickle_fail_at(pickle, first - 1, status));
    snug_pickle_changed(pickle, container);
    pickle->count = first;
    return SNUG_OK;
}

static snug_status run_empty_list(snug_pickle *pickle) {
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_LIST});
}

static snug_status run_empty_dict(snug_pickle *pickle) {
    return snug_pickle_push(pickle, (snug_pickle_value){.type = SNUG_PICKLE_DICT});
}

static snug_status run_append(snug_pickle *pickle) {
    if (pickle->count == 0) return snug_pickle_underflow(pickle, "an item");
    return fill(pickle, pickle->count - 1, SNUG_PICKLE_LIST);
}

static snug_status run_appends(snug_pickle *pickle) {
    size_t first = 0;
    SNUG_TRY(take_mark(pickle, &first));
    return fill(pickle, first, SNUG_PICKLE_LIST);
}

static snug_status run_set_item(snug_pickle *pickle) {
    if (pickle->count < 2) return snug_pickle_underflow(pickle, "a key and a value");
    return fill(pickle, pickle->count - 2, SNUG_PICKLE_DICT);
}

static snug_status run_set_items(snug_pickle *pickle) {
    size_t first = 0;
    SNUG_TRY(take_mark(pickle, &first));
    return fill(pickle, first, SNUG_PICKLE_DICT);
}

static snug_status run_put1(snug_pickle *pickle) {
    uint64_t index;
    SNUG_TRY(read_number(pickle, 1, &index));
    return snug_pickle_put(pickle, index);
}

static snug_status run_put4(snug_pickle *pickle) {
    uint64_t index;
    SNUG_TRY(read_number(pickle, 4, &index));
    return snug_pickle_put(pickle, index);
}

static snug_status run_memoize(snug_pickle *pickle) {
    return snug_pickle_put(pickle, pickle->memo_count);
}

static snug_status run_get1(snug_pickle *pickle) {
    uint64_t index;
    SNUG_TRY(read_number(pickle, 1, &index));
    return snug_pickle_get(pickle, index);
}

static snug_status run_get4(snug_pickle *pickle) {
    uint64_t index;
    SNUG_TRY(read_number(pickle, 4, &index));
    return snug_pickle_get(pickle, index);
}

static snug_status run_proto(snug_pickle *pickle) {
    uint64_t version;
    SNUG_TRY(read_number(pickle, 1, &version));
    if (version >= 2 && version <= 5) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "byte %zu: pickle protocol %d; protocols 2 to 5 are known",
                     pickle->opcode, (int)version);
}

static snug_status run_frame(snug_pickle *pickle) {
    uint64_t length;
    SNUG_TRY(read_number(pickle, 8, &length));
    if (length <= pickle->length - pickle->at) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "byte %zu: a FRAME of %" PRIu64 " bytes, but the file ends %zu after it; it "
                     "was cut off",
                     pickle->opcode, length, pickle->length - pickle->at);
}

static snug_status run_stop(snug_pickle *pickle) {
    pickle->stopped = true;
    return SNUG_OK;
}

// What the next line says, for names of globals; at most 80 characters.
static int line_length(const snug_pickle *pickle, size_t start) {
    size_t end = start;
    while (end < pickle->length && end - start < 80 && pickle->bytes[end] >= ' ' &&
           pickle->bytes[end] < 0x7f)
        end++;
    return (int)(end - start);
}

static snug_status refuse_global(const snug_pickle *pickle) {
    int module = line_length(pickle, pickle->at);
    size_t name = pickle->at + (size_t)module + 1;
    int length = name < pickle->length ? line_length(pickle, name) : 0;
    return snug_fail(SNUG_BAD_FILE,
                     "byte %zu: the pickle wants the global %.*s.%.*s; snapshots have none, and "
                     "nothing is imported or executed",
                     pickle->opcode, module, (const char *)pickle->bytes + pickle->at, length,
                     (const char *)pickle->bytes + name * (length > 0));
}

static snug_status run_global(snug_pickle *pickle) {
    return refuse_global(pickle);
}

static snug_status run_stack_global(snug_pickle *pickle) {
    int module = line_length(pickle, pickle->before_start);
    int name = line_length(pickle, pickle->text_start);
    if ((size_t)module > pickle->before_length) module = (int)pickle->before_length;
    if ((size_t)name > pickle->text_length) name = (int)pickle->text_length;
    return snug_fail(SNUG_BAD_FILE,
                     "byte %zu: the pickle wants a global (STACK_GLOBAL; the last texts before it "
                     "are \"%.*s\" and \"%.*s\"); snapshots have none, and nothing is imported or "
                     "executed",
                     pickle->opcode, module, (const char *)pickle->bytes + pickle->before_start,
                     name, (const char *)pickle->bytes + pickle->text_start);
}

typedef struct opcode {
    const char *name;
    snug_status (*run)(snug_pickle *pickle);
} opcode;

static const opcode opcodes[256] = {
    ['('] = {"MARK", run_mark},
    [')'] = {"EMPTY_TUPLE", run_tuple0},
    ['.'] = {"STOP", run_stop},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['B'] = {"BINBYTES", run_bytes4},
    ['C'] = {"SHORT_BINBYTES", run_bytes1},
    ['F'] = {"FLOAT", NULL},
    ['G'] = {"BINFLOAT", run_float},
    ['I'] = {"INT", NULL},
    ['J'] = {"BININT", run_int4},
    ['K'] = {"BININT1", run_int1},
    ['L'] = {"LONG", NULL},
    ['M'] = {"BININT2", run_int2},
    ['N'] = {"NONE", run_none},
    ['P'] = {"PERSID", NULL},
    ['Q'] = {"BINPERSID", NULL},
    ['R'] = {"REDUCE", NULL},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", run_text4},
    ['U'] = {"SHORT_BINSTRING", run_text1},
    ['V'] = {"UNICODE", NULL},
    ['X'] = {"BINUNICODE", run_text4},
    [']'] = {"EMPTY_LIST", run_empty_list},
    ['a'] = {"APPEND", run_append},
    ['b'] = {"BUILD", NULL},
    ['c'] = {"GLOBAL", run_global},
    ['d'] = {"DICT", NULL},
    ['e'] = {"APPENDS", run_appends},
    ['g'] = {"GET", NULL},
    ['h'] = {"BINGET", run_get1},
    ['i'] = {"INST", NULL},
    ['j'] = {"LONG_BINGET", run_get4},
    ['l'] = {"LIST", NULL},
    ['o'] = {"OBJ", NULL},
    ['p'] = {"PUT", NULL},
    ['q'] = {"BINPUT", run_put1},
    ['r'] = {"LONG_BINPUT", run_put4},
    ['s'] = {"SETITEM", run_set_item},
    ['t'] = {"TUPLE", run_tuple},
    ['u'] = {"SETITEMS", run_set_items},
    ['}'] = {"EMPTY_DICT", run_empty_dict},
    [0x80] = {"PROTO", run_proto},
    [0x81] = {"NEWOBJ", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    [0x85] = {"TUPLE1", run_tuple1},
    [0x86] = {"TUPLE2", run_tuple2},
    [0x87] = {"TUPLE3", run_tuple3},
    [0x88] = {"NEWTRUE", run_true},
    [0x89] = {"NEWFALSE", run_false},
    [0x8a] = {"LONG1", run_long1},
    [0x8b] = {"LONG4", run_long4},
    [0x8c] = {"SHORT_BINUNICODE", run_text1},
    [0x8d] = {"BINUNICODE8", run_text8},
    [0x8e] = {"BINBYTES8", run_bytes8},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", run_stack_global},
    [0x94] = {"MEMOIZE", run_memoize},
    [0x95] = {"FRAME", run_frame},
    [0x96] = {"BYTEARRAY8", run_bytes8},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
};

const char *snug_pickle_opcode_name(unsigned char code) {
    return opcodes[code].name ? opcodes[code].name : "an unknown opcode";
}

snug_status snug_pickle_step(snug_pickle *pickle) {
    unsigned char code = pickle->bytes[pickle->opcode];
    const opcode *found = &opcodes[code];
    if (found->run) return found->run(pickle);
    if (found->name)
        return snug_fail(SNUG_BAD_FILE,
                         "byte %zu: the opcode %s, which no snapshot needs, is refused; only plain "
                         "values are read and nothing is executed",
                         pickle->opcode, found->name);
    return snug_fail(SNUG_BAD_FILE, "byte %zu: 0x%02x is no pickle opcode; the file is damaged",
                     pickle->opcode, code);
}

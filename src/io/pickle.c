// The machine: a stack, marks into it, and a memo. What each byte does is in pickle_opcodes.c.
#include "io/pickle.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "io/pickle_machine.h"

enum { MAX_DEPTH = 1000, SLACK = 16 << 20 };

bool snug_pickle_matches(const char *bytes, size_t length) {
    const unsigned char *start = (const unsigned char *)bytes;
    return length >= 2 && start[0] == 0x80 && start[1] >= 2 && start[1] < 32;
}

const char *snug_pickle_type_name(snug_pickle_type type) {
    static const char *const names[SNUG_PICKLE_TYPES] = {
        [SNUG_PICKLE_NONE] = "None",      [SNUG_PICKLE_BOOL] = "a boolean",
        [SNUG_PICKLE_INT] = "an integer", [SNUG_PICKLE_BIG] = "an integer beyond 64 bits",
        [SNUG_PICKLE_FLOAT] = "a float",  [SNUG_PICKLE_TEXT] = "a text",
        [SNUG_PICKLE_BYTES] = "bytes",    [SNUG_PICKLE_TUPLE] = "a tuple",
        [SNUG_PICKLE_LIST] = "a list",    [SNUG_PICKLE_DICT] = "a dict"};
    return type < SNUG_PICKLE_TYPES ? names[type] : "nothing";
}

// The machine's memory, were it a byte more than allowed, is refused rather than taken.
static snug_status check_memory(const snug_pickle *pickle) {
    size_t used = pickle->count * sizeof *pickle->stack + pickle->memo_count * sizeof *pickle->memo;
    if (used <= pickle->length + SLACK) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "byte %zu: %zu values wait on the stack and %zu in the memo, more than a file "
                     "of %zu bytes has reason to",
                     pickle->opcode, pickle->count, pickle->memo_count, pickle->length);
}

snug_status snug_pickle_push(snug_pickle *pickle, snug_pickle_value value) {
    if (pickle->count == pickle->capacity) {
        SNUG_TRY(check_memory(pickle));
        SNUG_TRY(SNUG_GROW(&pickle->stack, &pickle->capacity, pickle->count + 1));
    }
    value.memo = NO_MEMO;
    pickle->stack[pickle->count++] = value;
    return SNUG_OK;
}

snug_status snug_pickle_take(snug_pickle *pickle, uint64_t count, const unsigned char **out) {
    if (pickle->length - pickle->at < count)
        return snug_fail(SNUG_BAD_FILE,
                         "byte %zu: the file ends after %zu bytes, %" PRIu64
                         " before the end of what %s begins there; it was cut off",
                         pickle->opcode, pickle->length, count - (pickle->length - pickle->at),
                         snug_pickle_opcode_name(pickle->bytes[pickle->opcode]));
    *out = pickle->bytes + pickle->at;
    pickle->at += (size_t)count;
    return SNUG_OK;
}

snug_status snug_pickle_mark(snug_pickle *pickle) {
    if (pickle->mark_count == MAX_DEPTH)
        return snug_fail(SNUG_BAD_FILE, "byte %zu: nested more than %d deep", pickle->opcode,
                         MAX_DEPTH);
    SNUG_TRY(SNUG_GROW(&pickle->marks, &pickle->mark_capacity, pickle->mark_count + 1));
    pickle->marks[pickle->mark_count++] = pickle->count;
    return SNUG_OK;
}

snug_status snug_pickle_underflow(const snug_pickle *pickle, const char *what) {
    return snug_fail(SNUG_BAD_FILE, "byte %zu: %s without %s before it", pickle->opcode,
                     snug_pickle_opcode_name(pickle->bytes[pickle->opcode]), what);
}

size_t snug_pickle_floor(const snug_pickle *pickle) {
    return pickle->mark_count > 0 ? pickle->marks[pickle->mark_count - 1] : 0;
}

// Memo entries are values in eight bytes; numbers, which no pickler puts there, do not fit.
static uint64_t pack(const snug_pickle_value *value) {
    if (value->type < SNUG_PICKLE_TEXT) return MEMO_EMPTY;
    return (uint64_t)value->type << 56 | (uint64_t)value->tag << 48 | value->bits;
}

snug_status snug_pickle_put(snug_pickle *pickle, uint64_t index) {
    if (pickle->count == snug_pickle_floor(pickle)) return snug_pickle_underflow(pickle, "a value");
    if (index >= pickle->memo_count) {
        // Numbers count up; a gap is as much memory that no value has paid for.
        if (index - pickle->memo_count > 1000000 || index >= NO_MEMO)
            return snug_fail(SNUG_BAD_FILE,
                             "byte %zu: entry %" PRIu64
                             " of the memo comes after entry %zu; the file is damaged",
                             pickle->opcode, index, pickle->memo_count);
        size_t before = pickle->memo_count;
        pickle->memo_count = (size_t)index + 1;
        SNUG_TRY(check_memory(pickle));
        snug_status status = SNUG_GROW(&pickle->memo, &pickle->memo_capacity, pickle->memo_count);
        if (status != SNUG_OK) pickle->memo_count = before;
        SNUG_TRY(status);
        for (size_t i = before; i <= index; i++)
            pickle->memo[i] = MEMO_EMPTY;
    }
    snug_pickle_value *top = &pickle->stack[pickle->count - 1];
    pickle->memo[index] = pack(top);
    top->memo = (uint32_t)index;
    return SNUG_OK;
}

snug_status snug_pickle_get(snug_pickle *pickle, uint64_t index) {
    if (index >= pickle->memo_count || pickle->memo[index] == MEMO_EMPTY)
        return snug_fail(SNUG_BAD_FILE,
                         "byte %zu: refers to entry %" PRIu64 " of the memo, which has no value",
                         pickle->opcode, index);
    uint64_t packed = pickle->memo[index];
    return snug_pickle_push(pickle,
                            (snug_pickle_value){.type = (uint8_t)(packed >> 56),
                                                .tag = (uint8_t)(packed >> 48),
                                                .bits = packed & (MEMO_EMPTY >> SNUG_PICKLE_TAGS)});
}

// What the consumer made of a container that is in the memo holds there too.
void snug_pickle_changed(snug_pickle *pickle, const snug_pickle_value *value) {
    assert(value->bits >> SNUG_PICKLE_BITS == 0);
    if (value->memo != NO_MEMO) pickle->memo[value->memo] = pack(value);
}

static snug_status run(snug_pickle *pickle) {
    // Room at once, so that the stack has an address also while it is empty.
    SNUG_TRY(SNUG_GROW(&pickle->stack, &pickle->capacity, 64));
    while (!pickle->stopped) {
        if (pickle->at == pickle->length)
            return snug_fail(SNUG_BAD_FILE,
                             "the file ends after %zu bytes without the pickle's end; it was cut "
                             "off",
                             pickle->length);
        pickle->opcode = pickle->at++;
        SNUG_TRY(snug_pickle_step(pickle));
    }
    if (pickle->count != 1 || pickle->mark_count != 0)
        return snug_fail(SNUG_BAD_FILE, "byte %zu: the pickle ends with %zu values in place of one",
                         pickle->opcode, pickle->count);
    return SNUG_OK;
}

snug_status snug_pickle_read(const char *bytes, size_t length, const snug_pickle_consumer *consumer,
                             snug_pickle_value *out) {
    snug_pickle pickle = {
        .bytes = (const unsigned char *)bytes, .length = length, .consumer = consumer};
    snug_status status = run(&pickle);
    *out = (snug_pickle_value){0};
    if (status == SNUG_OK) *out = pickle.stack[0];
    snug_memory_free(pickle.stack);
    snug_memory_free(pickle.marks);
    snug_memory_free(pickle.memo);
    return status;
}

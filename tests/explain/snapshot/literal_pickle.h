// Snapshots for tests, written as Python's literals and turned into a pickle of protocol 2.
#ifndef TESTS_EXPLAIN_SNAPSHOT_LITERAL_PICKLE_H
#define TESTS_EXPLAIN_SNAPSHOT_LITERAL_PICKLE_H

#include <stdlib.h>
#include <string.h>

#include "snug/explain.h"
#include "support/test.h"

enum { MOST_BYTES = 1 << 20 };

typedef struct pickle_text {
    char bytes[MOST_BYTES];
    size_t length;
} pickle_text;

static void put(pickle_text *out, const void *bytes, size_t length) {
    assert_true(out->length + length <= sizeof out->bytes);
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_text(pickle_text *out, const char *text, size_t length) {
    const unsigned char head[] = {'X', (unsigned char)length, (unsigned char)(length >> 8), 0, 0};
    assert_true(length < 65536);
    put(out, head, sizeof head);
    put(out, text, length);
}

// Eight bytes with a sign, or nine where a positive number needs all 64 bits.
static void put_number(pickle_text *out, unsigned long long number, bool negative) {
    bool large = !negative && number >> 63;
    unsigned char bytes[11] = {0x8a, large ? 9 : 8};
    for (int i = 0; i < 8; i++)
        bytes[2 + i] = (unsigned char)(number >> (8 * i));
    put(out, bytes, large ? 11 : 10);
}

// One literal: a number, 'text', (tuple of two), [list], {dict}. Returns what follows it.
static const char *put_literal(pickle_text *out, const char *text) {
    text += strspn(text, " ,:");
    if (*text == '\'') {
        size_t length = strcspn(text + 1, "'");
        put_text(out, text + 1, length);
        return text + length + 2;
    }
    if (!strchr("[({", *text)) {
        char *end;
        put_number(out, strtoull(text, &end, 10), *text == '-');
        assert_true(end > text);
        return end;
    }
    char opens = *text++;
    if (opens == '[') put(out, "](", 2);
    if (opens == '{') put(out, "}(", 2);
    for (;;) {
        text += strspn(text, " ,:");
        if (strchr("])}", *text)) break;
        text = put_literal(out, text);
    }
    put(out, opens == '[' ? "e" : opens == '{' ? "u" : "\x86", 1);
    return text + 1;
}

static snug_status explain_literal(const char *literal, snug_explanation **out) {
    pickle_text *pickle = calloc(1, sizeof *pickle);
    assert_non_null(pickle);
    put(pickle, "\x80\x02", 2);
    put_literal(pickle, literal);
    put(pickle, ".", 1);
    *out = NULL;
    snug_status status = snug_explain_text(pickle->bytes, pickle->length, "made", out);
    free(pickle);
    return status;
}

#endif

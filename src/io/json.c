#include "io/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const char *bytes, *at, *end;
    snug_pool *pool;
} parser;

static snug_status wrong(const parser *self, const char *expected) {
    return snug_fail(SNUG_BAD_FILE, "JSON, byte %zu: expected %s", (size_t)(self->at - self->bytes),
                     expected);
}

static void skip_space(parser *self) {
    while (self->at < self->end && *self->at && strchr(" \t\r\n", *self->at))
        self->at++;
}

static bool take(parser *self, char c) {
    skip_space(self);
    bool found = self->at < self->end && *self->at == c;
    self->at += found;
    return found;
}

// ---- Strings -------------------------------------------------------------------------------

static bool read_hex(parser *self, uint32_t *out) {
    *out = 0;
    if (self->end - self->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, *self->at | 0x20);
        if (!*self->at || !digit) return false;
        *out = *out << 4 | (uint32_t)(digit - digits);
        self->at++;
    }
    return true;
}

// An escape behind its "u"; what is half a pair, or NUL, becomes U+FFFD.
static bool read_unicode(parser *self, uint32_t *out) {
    uint32_t low;
    if (!read_hex(self, out)) return false;
    if (*out >= 0xD800 && *out < 0xDC00 && self->end - self->at >= 6 && self->at[0] == '\\' &&
        self->at[1] == 'u') {
        self->at += 2;
        if (!read_hex(self, &low)) return false;
        *out = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00)
                                             : 0xFFFD;
    }
    if ((*out >= 0xD800 && *out < 0xE000) || *out == 0) *out = 0xFFFD;
    return true;
}

static char *put_utf8(char *to, uint32_t code) {
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(leads[more] | code >> (6 * more));
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> (6 * more) & 0x3F));
    return to;
}

static bool read_escape(parser *self, char **to) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (self->at == self->end) return false;
    char c = *self->at++;
    uint32_t code;
    if (c == 'u') {
        if (!read_unicode(self, &code)) return false;
        *to = put_utf8(*to, code);
        return true;
    }
    const char *name = c ? strchr(names, c) : NULL;
    if (!name) return false;
    *(*to)++ = values[name - names];
    return true;
}

// No escape is shorter than what it stands for, so the text has room in its own length.
static snug_status read_string(parser *self, const char **out) {
    char *text, *to;
    if (!take(self, '"')) return wrong(self, "a string");
    const char *close = self->at;
    while (close < self->end && *close != '"')
        close += *close == '\\' && close + 1 < self->end ? 2 : 1;
    SNUG_TRY(snug_pool_new(self->pool, (size_t)(close - self->at) + 1, (void **)&text));
    to = text;
    while (self->at < self->end && *self->at != '"') {
        char c = *self->at++;
        if ((unsigned char)c < ' ') return wrong(self, "no control character in a string");
        if (c != '\\')
            *to++ = c;
        else if (!read_escape(self, &to))
            return wrong(self, "an escape");
    }
    *out = text;
    return take(self, '"') ? SNUG_OK : wrong(self, "the end of a string");
}

// ---- Values --------------------------------------------------------------------------------

static snug_status read_number(parser *self, snug_json *out) {
    char copy[64], *end;
    size_t length = 0;
    while (self->at + length < self->end && length < sizeof copy - 1 && self->at[length] &&
           strchr("+-.0123456789eE", self->at[length]))
        length++;
    memcpy(copy, self->at, length);
    copy[length] = '\0';
    out->number = strtod(copy, &end);
    if (length == 0 || end != copy + length) return wrong(self, "a value");
    bool plain = strcspn(copy, ".eE") == length;
    if (plain)
        out->whole = strtoll(copy, NULL, 10);
    else if (out->number > -9e18 && out->number < 9e18)
        out->whole = (int64_t)out->number;
    out->type = SNUG_JSON_NUMBER;
    self->at += length;
    return SNUG_OK;
}

static snug_status read_word(parser *self, snug_json *out) {
    static const struct {
        const char *word;
        snug_json_type type;
    } words[] = {{"null", SNUG_JSON_NULL}, {"false", SNUG_JSON_FALSE}, {"true", SNUG_JSON_TRUE}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);
        if ((size_t)(self->end - self->at) < length || memcmp(self->at, words[i].word, length) != 0)
            continue;
        out->type = words[i].type;
        self->at += length;
        return SNUG_OK;
    }
    return read_number(self, out);
}

static snug_status read_value(parser *self, int depth, snug_json *out);

// The elements of a list or an object behind its bracket, up to |close|.
static snug_status read_elements(parser *self, int depth, char close, snug_json *out) {
    const snug_json **link = &out->first;
    if (depth >= SNUG_JSON_DEPTH) return wrong(self, "no deeper nesting");
    if (take(self, close)) return SNUG_OK;
    do {
        snug_json *item;
        SNUG_TRY(snug_pool_new(self->pool, sizeof *item, (void **)&item));
        if (out->type == SNUG_JSON_OBJECT) {
            SNUG_TRY(read_string(self, &item->key));
            if (!take(self, ':')) return wrong(self, "a colon");
        }
        SNUG_TRY(read_value(self, depth + 1, item));
        *link = item;
        link = &item->next;
        out->count++;
    } while (take(self, ','));
    return take(self, close) ? SNUG_OK : wrong(self, "a comma or the end of a list");
}

static snug_status read_value(parser *self, int depth,
                              snug_json *out) { // NOLINT(misc-no-recursion)
    out->string = "";
    skip_space(self);
    if (self->at == self->end) return wrong(self, "a value");
    switch (*self->at) {
    case '"':
        out->type = SNUG_JSON_STRING;
        return read_string(self, &out->string);
    case '[':
        out->type = SNUG_JSON_LIST;
        self->at++;
        return read_elements(self, depth, ']', out);
    case '{':
        out->type = SNUG_JSON_OBJECT;
        self->at++;
        return read_elements(self, depth, '}', out);
    default:
        return read_word(self, out);
    }
}

snug_status snug_json_read(const char *bytes, size_t length, snug_pool *pool,
                           const snug_json **out) {
    parser self = {.bytes = bytes, .at = bytes, .end = bytes + length, .pool = pool};
    snug_json *root;
    *out = NULL;
    SNUG_TRY(snug_pool_new(pool, sizeof *root, (void **)&root));
    SNUG_TRY(read_value(&self, 0, root));
    skip_space(&self);
    if (self.at != self.end) return wrong(&self, "nothing behind the value");
    *out = root;
    return SNUG_OK;
}

const snug_json *snug_json_member(const snug_json *object, const char *key) {
    if (!object || object->type != SNUG_JSON_OBJECT) return NULL;
    for (const snug_json *member = object->first; member; member = member->next)
        if (strcmp(member->key, key) == 0) return member;
    return NULL;
}

const char *snug_json_string(const snug_json *object, const char *key) {
    const snug_json *member = snug_json_member(object, key);
    return member ? member->string : "";
}

int64_t snug_json_whole(const snug_json *object, const char *key, int64_t otherwise) {
    const snug_json *member = snug_json_member(object, key);
    return member && member->type == SNUG_JSON_NUMBER ? member->whole : otherwise;
}

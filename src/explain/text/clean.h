// Text made readable for the parsers: escape codes, entities, JSON escapes and the prefixes of
// comments, quotes and logs are taken away. Two forms come out: lines, for stacks and logs, and one
// squeezed text in lower case without any white space, in which a message is the same however it
// was wrapped.
#ifndef SNUG_EXPLAIN_TEXT_CLEAN_H
#define SNUG_EXPLAIN_TEXT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct snug_clean_line {
    size_t start, length; // in |text|; the line is NUL-terminated there
    size_t prefix;        // characters of it that no message has: a comment's, a log's
    size_t source_line;   // in the file, from 1
    size_t squeezed;      // where the line begins in |squeezed|
} snug_clean_line;

typedef struct snug_clean {
    char *text;
    size_t text_length, text_capacity;
    char *squeezed; // NUL-terminated
    size_t squeezed_length, squeezed_capacity;
    snug_clean_line *lines;
    size_t line_count, line_capacity;
    bool notebook;
} snug_clean;

// Cleans |length| bytes (UTF-8, or UTF-16 with its mark) into |*out|, to be cleared by the caller
// also after a failure. SNUG_NOMEM.
snug_status snug_clean_text(const char *bytes, size_t length, snug_clean *out);
void snug_clean_clear(snug_clean *clean);

// The line (index into |lines|) that squeezed offset |at| lies on.
size_t snug_clean_line_at(const snug_clean *clean, size_t at);

// Line |index| as a text.
const char *snug_clean_line_text(const snug_clean *clean, size_t index);

// Whether |bytes| look like something else than text.
bool snug_clean_is_binary(const char *bytes, size_t length);

#endif

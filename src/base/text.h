// A growing text, for reports and stable prints.
#ifndef SNUG_BASE_TEXT_H
#define SNUG_BASE_TEXT_H

#include <stddef.h>

#include "base/status.h"

// Zero-initialise. |data| is NUL-terminated, or NULL while empty. After a failed append |failed|
// stays set, so that a sequence of appends needs one check: snug_text_status().
typedef struct snug_text {
    char *data;
    size_t length;
    size_t capacity;
    int failed;
} snug_text;

void snug_text_append(snug_text *text, const char *format, ...) SNUG_PRINTF(2, 3);

// SNUG_NOMEM when any append failed.
snug_status snug_text_status(const snug_text *text);

// The text so far, "" when empty. Borrowed.
const char *snug_text_view(const snug_text *text);

void snug_text_clear(snug_text *text);

#endif

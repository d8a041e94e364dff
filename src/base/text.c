#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

void snug_text_append(snug_text *text, const char *format, ...) {
    if (text->failed) return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 ||
        SNUG_GROW(&text->data, &text->capacity, text->length + (size_t)length + 1) != SNUG_OK) {
        text->failed = 1;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

snug_status snug_text_status(const snug_text *text) {
    return text->failed ? snug_fail(SNUG_NOMEM, "no host memory for a text") : SNUG_OK;
}

const char *snug_text_view(const snug_text *text) {
    return text->data ? text->data : "";
}

void snug_text_clear(snug_text *text) {
    snug_memory_free(text->data);
    *text = (snug_text){0};
}

void snug_string_free(char *text) {
    snug_memory_free(text);
}

#include "base/page.h"

#include <stdbool.h>
#include <string.h>

// The bytes of the UTF-8 character at |at|, 0 when it is not one (RFC 3629).
static size_t character_bytes(const unsigned char *at) {
    if (at[0] < 0x80) return 1;
    size_t bytes = at[0] >= 0xC2 && at[0] < 0xE0   ? 2
                   : at[0] >= 0xE0 && at[0] < 0xF0 ? 3
                   : at[0] >= 0xF0 && at[0] < 0xF5 ? 4
                                                   : 0;
    for (size_t i = 1; i < bytes; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xED && at[1] > 0x9F) || (at[0] == 0xF4 && at[1] > 0x8F);
    return overlong || beyond ? 0 : bytes;
}

void snug_page_append_string(snug_text *text, const char *string) {
    const unsigned char *at = (const unsigned char *)string;
    snug_text_append(text, "\"");
    while (*at) {
        size_t bytes = character_bytes(at);
        if (bytes == 0)
            snug_text_append(text, "\\ufffd");
        else if (*at < 0x20 || strchr("\"\\<>&", *at))
            snug_text_append(text, "\\u%04x", *at);
        else
            snug_text_append(text, "%.*s", (int)bytes, (const char *)at);
        at += bytes ? bytes : 1;
    }
    snug_text_append(text, "\"");
}

snug_status snug_page_fill(const char *page, snug_page_filler fill, const void *of,
                           snug_text *text) {
    for (const char *mark; (mark = strstr(page, "{{"));) {
        char name[16] = {0};
        size_t length = strcspn(mark + 2, "}");
        snug_text_append(text, "%.*s", (int)(mark - page), page);
        memcpy(name, mark + 2, length < sizeof name ? length : sizeof name - 1);
        SNUG_TRY(fill(name, of, text));
        page = mark + 2 + length + 2;
    }
    snug_text_append(text, "%s", page);
    return snug_text_status(text);
}

void snug_page_append_html(snug_text *text, const char *string) {
    for (; *string; string++) {
        if (strchr("\"'<>&", *string))
            snug_text_append(text, "&#%d;", *string);
        else
            snug_text_append(text, "%c", *string);
    }
}

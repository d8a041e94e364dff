// nvidia-smi's table: how full each card is.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "explain/text/context.h"

// "15109mib/16160mib" somewhere in |line|.
static bool read_use(const char *line, size_t length, snug_card_row *out) {
    for (size_t at = 0; at + 5 < length; at++) {
        if (!isdigit((unsigned char)line[at]) || (at > 0 && isdigit((unsigned char)line[at - 1])))
            continue;
        char *end;
        unsigned long long used = strtoull(line + at, &end, 10);
        if (strncmp(end, "mib/", 4) != 0 || !isdigit((unsigned char)end[4])) continue;
        unsigned long long total = strtoull(end + 4, &end, 10);
        if (strncmp(end, "mib", 3) != 0 || total < 256 || total > 1 << 24 || used > total) continue;
        out->used = used << 20;
        out->total = total << 20;
        return true;
    }
    return false;
}

static const char *squeezed_line(const snug_clean *clean, size_t index, size_t *length) {
    size_t start = clean->lines[index].squeezed;
    size_t end =
        index + 1 < clean->line_count ? clean->lines[index + 1].squeezed : clean->squeezed_length;
    *length = end - start;
    return clean->squeezed + start;
}

// The card's number stands at the beginning of the line with its name, one to three lines above.
static int read_index(const snug_clean *clean, size_t line, int otherwise) {
    for (size_t back = 1; back <= 3 && back <= line; back++) {
        size_t length;
        const char *text = squeezed_line(clean, line - back, &length);
        bool names = length > 4 && isdigit((unsigned char)text[0]) &&
                     memmem(text, length, "|0000", 5) != NULL;
        if (!names) continue;
        long index = strtol(text, NULL, 10);
        return index >= 0 && index < 64 ? (int)index : otherwise;
    }
    return otherwise;
}

void snug_card_table_read(const snug_clean *clean, size_t first, size_t last, snug_facts *facts) {
    for (size_t i = first; i < last && i < clean->line_count; i++) {
        size_t length;
        const char *text = squeezed_line(clean, i, &length);
        snug_card_row row = {0};
        if (!memmem(text, length, "mib/", 4) || !read_use(text, length, &row)) continue;
        row.gpu = read_index(clean, i, (int)facts->card_count);
        bool known = false;
        for (size_t j = 0; j < facts->card_count; j++)
            if (facts->cards[j].gpu == row.gpu) {
                facts->cards[j] = row; // a later table of the same card
                known = true;
            }
        if (!known && facts->card_count < SNUG_MAX_CARD_ROWS)
            facts->cards[facts->card_count++] = row;
    }
}

#include "base/size.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool unit_bytes(const char *unit, double *out) {
    static const struct {
        const char *name;
        double bytes;
    } units[] = {
        {"", 1},       {"B", 1},        {"K", 0x1p10},   {"KiB", 0x1p10}, {"KB", 1e3},
        {"M", 0x1p20}, {"MiB", 0x1p20}, {"MB", 1e6},     {"G", 0x1p30},   {"GiB", 0x1p30},
        {"GB", 1e9},   {"T", 0x1p40},   {"TiB", 0x1p40}, {"TB", 1e12},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(unit, units[i].name) == 0) {
            *out = units[i].bytes;
            return true;
        }
    }
    return false;
}

snug_status snug_size_parse(const char *text, size_t *out) {
    SNUG_REQUIRE(text && out, "a text and a place for the size");
    *out = 0;
    char *end = NULL;
    double bytes = 0;
    double number = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    bool valid = end && unit_bytes(end, &bytes);
    number *= bytes;
    if (!valid || !isfinite(number) || number >= 0x1p63)
        return snug_fail(SNUG_INVALID,
                         "'%s' is not a size: expected a number of bytes with an optional unit, "
                         "such as 512MiB, 8GiB or 2G",
                         text);
    if (number < 1) return snug_fail(SNUG_INVALID, "a size of '%s' leaves no memory at all", text);
    // Whole numbers of bytes are read exactly, past what a double holds.
    *out = bytes == 1 ? (size_t)strtoull(text, NULL, 10) : (size_t)number;
    return SNUG_OK;
}

const char *snug_size_print(uint64_t bytes, char text[SNUG_SIZE_TEXT]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        snprintf(text, SNUG_SIZE_TEXT, "%" PRIu64 " B", bytes);
        return text;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1024 && unit < 3) {
        value /= 1024;
        unit++;
    }
    snprintf(text, SNUG_SIZE_TEXT, "%.2f %s", value, units[unit]);
    return text;
}

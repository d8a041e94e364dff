#include "explain/quantity.h"

#include <ctype.h>
#include <string.h>

static bool is_digit(char character) {
    return isdigit((unsigned char)character) != 0;
}

// Digits from |at|; the number of them.
static size_t count_digits(const char *text, size_t at) {
    size_t count = 0;
    while (is_digit(text[at + count]))
        count++;
    return count;
}

// A comma groups thousands before three digits, and is a decimal one before others and a unit.
static size_t read_number(const char *text, size_t at, double *value) {
    double whole = 0, fraction = 0, scale = 1;
    size_t end = at;
    for (; is_digit(text[end]); end++)
        whole = whole * 10 + (text[end] - '0');
    while (text[end] == ',' && end - at <= 20 && count_digits(text, end + 1) == 3)
        for (size_t stop = ++end + 3; end < stop; end++)
            whole = whole * 10 + (text[end] - '0');
    size_t decimals = text[end] == '.' || text[end] == ',' ? count_digits(text, end + 1) : 0;
    bool comma = text[end] == ',';
    if (decimals > 0 &&
        (!comma || (decimals <= 2 && isalpha((unsigned char)text[end + 1 + decimals])))) {
        for (size_t stop = ++end + decimals; end < stop; end++) {
            if (scale > 1e-9) scale /= 10;
            fraction += scale * (text[end] - '0') * (scale > 1e-9);
        }
    }
    *value = whole + fraction;
    return end;
}

// Reads a unit at |at|; the power of two that it stands for, -1 for none.
static int read_unit(const char *text, size_t length, size_t at, size_t *used) {
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"bytes", 0}, {"byte", 0}, {"kib", 10}, {"mib", 20}, {"gib", 30},
                 {"tib", 40},  {"kb", 10},  {"mb", 20},  {"gb", 30},  {"tb", 40}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t wanted = strlen(units[i].name);
        size_t left = length - at;
        // Cut off at the end of the text: "15.90 Gi".
        size_t compared = left > 0 && left < wanted ? left : wanted;
        if (compared < 2 && left < wanted) continue;
        if (strncmp(text + at, units[i].name, compared) != 0) continue;
        *used = compared;
        return units[i].shift;
    }
    // One letter is a unit where no word begins with it.
    static const char letters[] = "bkmgt";
    const char *letter = text[at] ? strchr(letters, text[at]) : NULL;
    const char *after = text + at + 1;
    if (!letter || (isalnum((unsigned char)*after) && strncmp(after, "of", 2) != 0 &&
                    strncmp(after, "hbm", 3) != 0 && strncmp(after, "free", 4) != 0))
        return -1;
    *used = 1;
    return (int)(letter - letters) * 10;
}

bool snug_quantity_read(const char *text, size_t length, size_t at, snug_quantity *out) {
    *out = (snug_quantity){.start = at};
    if (at >= length || !is_digit(text[at])) return false;
    double value;
    out->digits_end = out->end = read_number(text, at, &value);
    if (out->end >= length) return false;
    size_t used = 0;
    int shift = read_unit(text, length, out->end, &used);
    out->has_unit = shift >= 0;
    out->end += used;
    for (int i = 0; i < shift; i++)
        value *= 2;
    out->unlimited = value >= 0x1p60;
    out->bytes = out->unlimited ? 0 : (uint64_t)(value + 0.5);
    return true;
}

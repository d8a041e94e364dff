#include "explain/text/quantity.h"

#include <ctype.h>
#include <string.h>

// Text that ends at |length|.
typedef struct span {
    const char *text;
    size_t length;
} span;

static char at(span in, size_t index) {
    return index < in.length ? in.text[index] : '\0';
}

static bool is_digit(char character) {
    return isdigit((unsigned char)character) != 0;
}

// Digits from |start|; the number of them.
static size_t count_digits(span in, size_t start) {
    size_t count = 0;
    while (is_digit(at(in, start + count)))
        count++;
    return count;
}

// A comma groups thousands before three digits, and is a decimal one before others and a unit.
static size_t read_number(span in, size_t start, double *value) {
    double whole = 0, fraction = 0, scale = 1;
    size_t end = start;
    for (; is_digit(at(in, end)); end++)
        whole = whole * 10 + (at(in, end) - '0');
    while (at(in, end) == ',' && end - start <= 20 && count_digits(in, end + 1) == 3)
        for (size_t stop = ++end + 3; end < stop; end++)
            whole = whole * 10 + (at(in, end) - '0');
    char point = at(in, end);
    size_t decimals = point == '.' || point == ',' ? count_digits(in, end + 1) : 0;
    bool is_decimal =
        point == '.' || (decimals <= 2 && isalpha((unsigned char)at(in, end + 1 + decimals)));
    if (decimals > 0 && is_decimal) {
        for (size_t stop = ++end + decimals; end < stop; end++) {
            if (scale > 1e-9) scale /= 10;
            fraction += scale * (at(in, end) - '0') * (scale > 1e-9);
        }
    }
    *value = whole + fraction;
    return end;
}

// Reads a unit at |at|; the power of two that it stands for, -1 for none.
static int read_unit(const char *text, size_t length, size_t start, size_t *used) {
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"bytes", 0}, {"byte", 0}, {"kib", 10}, {"mib", 20}, {"gib", 30}, {"tib", 40},
                 {"kb", 10},   {"mb", 20},  {"gb", 30},  {"tb", 40},  {"eb", 60},  {"eib", 60}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t wanted = strlen(units[i].name);
        size_t left = length - start;
        // Cut off at the end of the text: "15.90 Gi".
        size_t compared = left > 0 && left < wanted ? left : wanted;
        if (compared < 2 && left < wanted) continue;
        if (strncmp(text + start, units[i].name, compared) != 0) continue;
        *used = compared;
        return units[i].shift;
    }
    // One letter is a unit where no word begins with it.
    static const char letters[] = "bkmgt";
    const char *letter = text[start] ? strchr(letters, text[start]) : NULL;
    const char *after = text + start + 1;
    if (!letter || (isalnum((unsigned char)*after) && strncmp(after, "of", 2) != 0 &&
                    strncmp(after, "hbm", 3) != 0 && strncmp(after, "free", 4) != 0))
        return -1;
    *used = 1;
    return (int)(letter - letters) * 10;
}

bool snug_quantity_read(const char *text, size_t length, size_t start, snug_quantity *out) {
    span in = {text, length};
    *out = (snug_quantity){.start = start};
    if (!is_digit(at(in, start))) return false;
    double value;
    out->digits_end = out->end = read_number(in, start, &value);
    out->at_end = out->end + (at(in, out->end) == '.') >= length;
    size_t used = 0;
    int shift = out->at_end ? -1 : read_unit(text, length, out->end, &used);
    // One letter at the end may begin a word as well as a unit: then the decimals tell.
    bool whole = !memchr(text + start, '.', out->end - start);
    if (used == 1 && shift > 0 && whole && out->end + 1 >= length) {
        shift = -1;
        used = 0;
        out->at_end = true;
    }
    out->has_unit = shift >= 0;
    out->end += used;
    for (int i = 0; i < shift; i++)
        value *= 2;
    out->unlimited = value >= 0x1p60;
    out->bytes = value < 0x1.fffffffffffffp63 ? (uint64_t)(value + 0.5) : UINT64_MAX;
    return true;
}

#include "base/near.h"

#include <stddef.h>
#include <string.h>

enum { LONGEST = 64 };

// Levenshtein distance; texts longer than LONGEST are far from everything.
static size_t distance(const char *a, const char *b) {
    size_t length_a = strlen(a), length_b = strlen(b), row[LONGEST + 1];
    if (length_a > LONGEST || length_b > LONGEST) return LONGEST;
    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);
            size_t step = (above < row[j - 1] ? above : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
            diagonal = above;
        }
    }
    return row[length_b];
}

const char *snug_near_match(const char *text, const char *const *names) {
    const char *best = NULL;
    size_t best_distance = LONGEST;
    for (; *names; names++) {
        size_t far = distance(text, *names);
        if (far >= best_distance || 3 * far > strlen(*names)) continue;
        best_distance = far;
        best = *names;
    }
    return best;
}

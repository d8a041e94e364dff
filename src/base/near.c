#include "snug/near.h"

#include <stddef.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

// Edit distance, in which two letters in the wrong order are one mistake (optimal string
// alignment); texts longer than LONGEST are far from everything.
static size_t distance(const char *a, const char *b) {
    size_t length_a = strlen(a), length_b = strlen(b), rows[3][LONGEST + 1];
    if (length_a > LONGEST || length_b > LONGEST) return LONGEST;
    for (size_t i = 0; i <= length_a; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            if (i == 0) {
                row[j] = j;
                continue;
            }
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[length_a % 3][length_b];
}

const char *snug_near_match(const char *text, const char *const *names) {
    if (!text || !names) return NULL;
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

#include "base/sized.h"

#include <string.h>

snug_status snug_sized_take(void *to, size_t known, const void *from, size_t given,
                            const char *what) {
    if (!from) return snug_fail(SNUG_INVALID, "expected %s, found NULL", what);
    size_t common = given < known ? given : known;
    memset(to, 0, known);
    memcpy(to, from, common);
    const unsigned char *bytes = from;
    for (size_t i = common; i < given; i++)
        if (bytes[i])
            return snug_fail(SNUG_UNSUPPORTED,
                             "%s sets what this version of the library does not know: it was made "
                             "for a newer one",
                             what);
    return SNUG_OK;
}

void snug_sized_give(void *to, size_t given, const void *from, size_t known) {
    if (!to) return;
    size_t common = given < known ? given : known;
    memcpy(to, from, common);
    memset((unsigned char *)to + common, 0, given - common);
}

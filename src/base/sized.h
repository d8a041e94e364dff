// Structs that cross the library's border go with their size (snug/api.h), as in Linux's clone3().
#ifndef SNUG_BASE_SIZED_H
#define SNUG_BASE_SIZED_H

#include <stddef.h>

#include "base/status.h"

// Fills |to|, |known| bytes, from a caller's |from| of |given| bytes (NULL: SNUG_INVALID); what the
// caller does not know of becomes 0. SNUG_UNSUPPORTED where it has set what the library does not
// know of. |what| names it: "a request".
snug_status snug_sized_take(void *to, size_t known, const void *from, size_t given,
                            const char *what);

// Fills a caller's |to| of |given| bytes (NULL: nothing is done) from |from|; what the library does
// not know of becomes 0.
void snug_sized_give(void *to, size_t given, const void *from, size_t known);

#endif

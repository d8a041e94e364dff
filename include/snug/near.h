// Suggestions for misspelt names.
#ifndef SNUG_NEAR_H
#define SNUG_NEAR_H

#include "snug/api.h"

SNUG_BEGIN

// The name among |names| (ends with NULL) nearest to |text| by edit distance, or NULL when none is
// within a third of its length. Reentrant.
SNUG_API const char *snug_near_match(const char *text, const char *const *names);

SNUG_END

#endif

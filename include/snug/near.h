// Suggestions for misspelt names.
#ifndef SNUG_NEAR_H
#define SNUG_NEAR_H

// The name among |names| (ends with NULL) nearest to |text| by edit distance, or NULL when none is
// within a third of its length. Reentrant.
const char *snug_near_match(const char *text, const char *const *names);

#endif

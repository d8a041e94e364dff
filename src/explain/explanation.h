// The explanation as its reports see it.
#ifndef SNUG_EXPLAIN_EXPLANATION_H
#define SNUG_EXPLAIN_EXPLANATION_H

#include "base/pool.h"
#include "explain/explain.h"

struct snug_explanation {
    snug_pool pool; // texts and lists of the findings
    snug_finding *findings;
    size_t count, capacity;
    const char *name;
    snug_explain_options options;
};

// All findings at once, for who is of the library's own version.
const snug_finding *snug_explanation_findings(const snug_explanation *explanation, size_t *count);

#endif

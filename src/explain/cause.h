// Causes of running out of memory. A cause is one const descriptor in src/explain/causes/<cause>.c
// (a dash in its name is an underscore in the file's); the build gathers them into snug_causes, so
// adding a cause is adding a file. The same rules judge messages and snapshots: a fact that is
// unknown neither speaks for nor against.
#ifndef SNUG_EXPLAIN_CAUSE_H
#define SNUG_EXPLAIN_CAUSE_H

#include "base/text.h"
#include "explain/explain.h"

// Collects fixes in the order of being told; the same words twice count once.
typedef struct snug_advice snug_advice;
void snug_advise(snug_advice *advice, const char *why, const char *format, ...) SNUG_PRINTF(3, 4);

typedef struct snug_cause {
    const char *name;
    const char *help; // one line for people
    // How much speaks for it, 0..1, with sentences of evidence appended to |evidence|; below
    // SNUG_CAUSE_LEAST it is not reported.
    double (*judge)(const snug_facts *facts, snug_text *evidence);
    // What to do about it, best first.
    void (*advise)(const snug_facts *facts, snug_advice *advice);
} snug_cause;

#define SNUG_CAUSE_LEAST 0.1

extern const snug_cause *const snug_causes[]; // ends with NULL

#endif

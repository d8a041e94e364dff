#ifndef SNUG_EXPLAIN_REPORT_FINDING_JSON_H
#define SNUG_EXPLAIN_REPORT_FINDING_JSON_H

#include "base/text.h"
#include "snug/explain.h"

// Appends one finding as an object. <, > and & are escapes: it may stand inside a script element.
void snug_finding_append_json(const snug_finding *finding, snug_text *out);

#endif

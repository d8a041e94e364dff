#ifndef SNUG_DRYRUN_REPORT_JSON_H
#define SNUG_DRYRUN_REPORT_JSON_H

#include "base/text.h"
#include "dryrun/dry_run_result.h"

// Appends the whole of |run| as an object. <, > and & are escapes: it may stand inside a script
// element.
void snug_dry_run_append_json(const snug_dry_run *run, snug_text *out);

#endif

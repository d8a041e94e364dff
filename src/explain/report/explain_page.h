// The page that snug_explanation_html() fills in: the files under page/, as they are. The
// page holds {{title}}, {{css}}, {{data}} and {{js}}.
#ifndef SNUG_EXPLAIN_REPORT_EXPLAIN_PAGE_H
#define SNUG_EXPLAIN_REPORT_EXPLAIN_PAGE_H

#include "base/text.h"
#include "snug/explain.h"

extern const char snug_explain_page[], snug_explain_css[];
extern const char snug_explain_js[], snug_snapshot_js[]; // the second draws snapshots

// Appends what {{data}} stands for, which drawExplanation() of page/explain.js draws.
void snug_explain_page_append_data(const snug_explanation *explanation, snug_text *text);

#endif

// The page that snug_explanation_html() fills in: the files under page/, as they are. The
// page holds {{title}}, {{css}}, {{data}} and {{js}}.
#ifndef SNUG_EXPLAIN_REPORT_EXPLAIN_PAGE_H
#define SNUG_EXPLAIN_REPORT_EXPLAIN_PAGE_H

extern const char snug_explain_page[], snug_explain_css[];
extern const char snug_explain_js[], snug_snapshot_js[]; // the second draws snapshots

#endif

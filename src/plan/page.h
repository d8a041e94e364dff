// The page that snug_plan_html() fills in, and how texts enter it.
#ifndef SNUG_PLAN_PAGE_H
#define SNUG_PLAN_PAGE_H

#include "base/text.h"

// The files under plan/page/, as they are. The page holds {{title}}, {{css}}, {{data}} and {{js}}.
extern const char snug_page_html[], snug_page_css[], snug_page_js[];

// Appends |string| as a JSON string that may stand inside a script element: <, > and & become
// escapes, and a byte that is not part of valid UTF-8 becomes U+FFFD.
void snug_page_append_string(snug_text *text, const char *string);

// Appends |string| as HTML text.
void snug_page_append_html(snug_text *text, const char *string);

#endif

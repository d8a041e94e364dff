// What pages of reports share: their style, and how texts enter them.
#ifndef SNUG_BASE_PAGE_H
#define SNUG_BASE_PAGE_H

#include "base/text.h"

// base/page/page.css, as it is.
extern const char snug_page_css[];

// Appends |string| as a JSON string that may stand inside a script element: <, > and & become
// escapes, and a byte that is not part of valid UTF-8 becomes U+FFFD.
void snug_page_append_string(snug_text *text, const char *string);

// Appends |string| as HTML text.
void snug_page_append_html(snug_text *text, const char *string);

#endif

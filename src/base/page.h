// What pages of reports share: their style, and how texts enter them.
#ifndef SNUG_BASE_PAGE_H
#define SNUG_BASE_PAGE_H

#include "base/text.h"

// base/page/page.css and page.js, as they are. A page's script is one function: first page.js, then
// its own files.
extern const char snug_page_css[], snug_page_js[];

// Writes what the mark |name| of a page stands for. |of| is whose page it is.
typedef snug_status (*snug_page_filler)(const char *name, const void *of, snug_text *text);

// Appends |page| with each {{mark}} replaced by what |fill| writes.
snug_status snug_page_fill(const char *page, snug_page_filler fill, const void *of,
                           snug_text *text);

// Appends |string| as a JSON string that may stand inside a script element: <, > and & become
// escapes, and a byte that is not part of valid UTF-8 becomes U+FFFD.
void snug_page_append_string(snug_text *text, const char *string);

// Appends |string| as HTML text.
void snug_page_append_html(snug_text *text, const char *string);

#endif

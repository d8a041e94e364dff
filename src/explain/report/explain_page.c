// The explanation as a page: page/explain.html with the shared style and script and its own,
// and the findings' JSON, from which every figure of the page comes.
#include <string.h>

#include "base/page.h"
#include "explain/explanation.h"
#include "explain/report/explain_page.h"
#include "explain/report/finding_json.h"
#include "io/file.h"

// A log may hold any number of errors; a page holds the last of them.
enum { MOST_FINDINGS = 100 };

void snug_explain_page_append_data(const snug_explanation *explanation, snug_text *text) {
    size_t count = explanation->count;
    size_t first = count > MOST_FINDINGS ? count - MOST_FINDINGS : 0;
    snug_text_append(text, "{\"left_out\":%zu,\"findings\":[", first);
    for (size_t i = first; i < count; i++) {
        if (i > first) snug_text_append(text, ",\n");
        snug_finding_append_json(&explanation->findings[i], text);
    }
    snug_text_append(text, "]}");
}

static snug_status fill_mark(const char *name, const void *of, snug_text *text) {
    const snug_explanation *explanation = of;
    if (strcmp(name, "title") == 0) snug_page_append_html(text, explanation->name);
    if (strcmp(name, "css") == 0) snug_text_append(text, "%s%s", snug_page_css, snug_explain_css);
    if (strcmp(name, "js") == 0)
        snug_text_append(text, "%s%s%s", snug_page_js, snug_snapshot_js, snug_explain_js);
    if (strcmp(name, "data") == 0) snug_explain_page_append_data(explanation, text);
    return SNUG_OK;
}

snug_status snug_explanation_html(const snug_explanation *explanation, char **out) {
    SNUG_REQUIRE(explanation && out, "an explanation and a place for the text");
    snug_text text = {0};
    *out = NULL;
    snug_status status = snug_page_fill(snug_explain_page, fill_mark, explanation, &text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

snug_status snug_explanation_html_write(const snug_explanation *explanation, const char *path) {
    SNUG_REQUIRE(explanation && path, "an explanation and a path");
    char *page = NULL;
    SNUG_TRY(snug_explanation_html(explanation, &page));
    snug_status status = snug_file_write_text(path, page);
    snug_explanation_text_free(page);
    return status;
}

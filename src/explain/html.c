// The explanation as a page: page/explain.html with the shared style and its own script, and the
// findings' JSON, from which every figure of the page comes.
#include <string.h>

#include "base/page.h"
#include "explain/explanation.h"
#include "explain/page.h"
#include "explain/report_json.h"
#include "io/file.h"

static void append_data(const snug_explanation *explanation, snug_text *text) {
    snug_text_append(text, "[");
    for (size_t i = 0; i < explanation->count; i++) {
        if (i > 0) snug_text_append(text, ",\n");
        snug_finding_append_json(&explanation->findings[i], text);
    }
    snug_text_append(text, "]");
}

snug_status snug_explanation_html(const snug_explanation *explanation, char **out) {
    snug_text text = {0};
    const char *at = snug_explain_html;
    *out = NULL;
    for (const char *mark; (mark = strstr(at, "{{"));) {
        snug_text_append(&text, "%.*s", (int)(mark - at), at);
        at = strstr(mark, "}}") + 2;
        if (strncmp(mark, "{{title", 7) == 0) snug_page_append_html(&text, explanation->name);
        if (strncmp(mark, "{{css", 5) == 0)
            snug_text_append(&text, "%s%s", snug_page_css, snug_explain_css);
        if (strncmp(mark, "{{js", 4) == 0) snug_text_append(&text, "%s", snug_explain_js);
        if (strncmp(mark, "{{data", 6) == 0) append_data(explanation, &text);
    }
    snug_text_append(&text, "%s", at);
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

snug_status snug_explanation_html_write(const snug_explanation *explanation, const char *path) {
    char *page = NULL;
    SNUG_TRY(snug_explanation_html(explanation, &page));
    snug_status status = snug_file_write_text(path, page);
    snug_explanation_text_free(page);
    return status;
}

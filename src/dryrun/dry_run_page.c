// The report as a page: page/dry_run.html with the style and the drawings of explain's pages, and
// the same JSON that --json prints.
#include "dryrun/dry_run_page.h"

#include <string.h>

#include "base/page.h"
#include "dryrun/report_json.h"
#include "explain/report/explain_page.h"
#include "io/file.h"

static void append_title(const snug_dry_run *run, snug_text *out) {
    for (char *const *word = run->request.program; *word; word++) {
        if (word != run->request.program) snug_text_append(out, " ");
        snug_page_append_html(out, *word);
    }
}

static snug_status append_data(const snug_dry_run *run, snug_text *out) {
    snug_text_append(out, "{\"run\":");
    snug_dry_run_append_json(run, out);
    snug_text_append(out, ",\n\"recording\":{");
    if (run->peak.known) SNUG_TRY(snug_dry_drawing_append(&run->recordings[run->order[0]], out));
    snug_text_append(out, "}}");
    return SNUG_OK;
}

static snug_status fill_mark(const char *name, const void *of, snug_text *text) {
    const snug_dry_run *run = of;
    if (strcmp(name, "title") == 0) append_title(run, text);
    if (strcmp(name, "css") == 0) snug_text_append(text, "%s%s", snug_page_css, snug_explain_css);
    if (strcmp(name, "js") == 0)
        snug_text_append(text, "%s%s%s", snug_page_js, snug_snapshot_js, snug_dry_run_js);
    return strcmp(name, "data") == 0 ? append_data(run, text) : SNUG_OK;
}

snug_status snug_dry_run_html(const snug_dry_run *run, char **out) {
    SNUG_REQUIRE(run && out, "a dry run and a place for the text");
    snug_text text = {0};
    *out = NULL;
    snug_status status = snug_page_fill(snug_dry_run_page, fill_mark, run, &text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

snug_status snug_dry_run_html_write(const snug_dry_run *run, const char *path) {
    SNUG_REQUIRE(run && path, "a dry run and a path");
    char *page = NULL;
    SNUG_TRY(snug_dry_run_html(run, &page));
    snug_status status = snug_file_write_text(path, page);
    snug_dry_run_text_free(page);
    return status;
}

// The report as JSON, one object a line and finding.
#include <inttypes.h>

#include "base/page.h"
#include "explain/explanation.h"
#include "explain/report/finding_json.h"

static void append_text(const char *key, const char *value, snug_text *out) {
    snug_text_append(out, ",\"%s\":", key);
    if (value)
        snug_page_append_string(out, value);
    else
        snug_text_append(out, "null");
}

static void append_amount(const char *key, const snug_amount *amount, snug_text *out) {
    if (amount->known)
        snug_text_append(out, ",\"%s\":%" PRIu64, key, amount->bytes);
    else
        snug_text_append(out, ",\"%s\":null", key);
}

static void append_number(const char *key, long value, bool known, snug_text *out) {
    if (known)
        snug_text_append(out, ",\"%s\":%ld", key, value);
    else
        snug_text_append(out, ",\"%s\":null", key);
}

static void append_causes(const char *key, const snug_cause_found *causes, size_t count,
                          snug_text *out) {
    snug_text_append(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        snug_text_append(out, "%s{\"cause\":\"%s\",\"confidence\":%.2f", i ? "," : "",
                         causes[i].name, causes[i].confidence);
        append_text("help", causes[i].help, out);
        append_text("evidence", causes[i].evidence, out);
        append_text("against", causes[i].against, out);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "]");
}

void snug_finding_append_json(const snug_finding *finding, snug_text *out) {
    snug_text_append(out, "{\"event\":\"explain\",\"kind\":\"%s\"", finding->kind);
    append_text("format", finding->format, out);
    append_text("source", finding->source, out);
    append_number("line", (long)finding->line, finding->line > 0, out);
#define APPEND(field, key, words) append_amount(key, &finding->figures.field, out);
    SNUG_FIGURE_LIST(APPEND)
#undef APPEND
    append_number("gpu", finding->gpu, finding->gpu >= 0, out);
    append_number("pid", finding->pid, finding->pid >= 0, out);
    append_text("masked", finding->masked, out);
    append_text("user_file", finding->user_file, out);
    append_number("user_line", finding->user_line, finding->user_file != NULL, out);
    append_text("user_function", finding->user_function, out);
    append_text("user_code", finding->user_code, out);
    append_text("ranks", finding->ranks, out);
    append_number("repeats", (long)finding->repeats, true, out);
    if (finding->untraced) snug_text_append(out, ",\"untraced\":true");
    append_causes("causes", finding->causes, finding->cause_count, out);
    append_causes("refuted", finding->refuted, finding->refuted_count, out);
    snug_text_append(out, ",\"fixes\":[");
    for (size_t i = 0; i < finding->fix_count; i++) {
        snug_text_append(out, "%s{\"fix\":", i ? "," : "");
        snug_page_append_string(out, finding->fixes[i].fix);
        append_text("why", finding->fixes[i].why, out);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "]");
    if (finding->detail_json) snug_text_append(out, ",%s", finding->detail_json);
    snug_text_append(out, "}");
}

snug_status snug_explanation_json(const snug_explanation *explanation, char **out) {
    SNUG_REQUIRE(explanation && out, "an explanation and a place for the text");
    snug_text text = {0};
    *out = NULL;
    for (size_t i = 0; i < explanation->count; i++) {
        snug_finding_append_json(&explanation->findings[i], &text);
        snug_text_append(&text, "\n");
    }
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

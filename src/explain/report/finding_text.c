// The report for people, 80 columns wide.
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "explain/explanation.h"

enum { WIDTH = 80 };

// The columns of |length| bytes of UTF-8.
static size_t columns(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

// How much of |word| stands in |room| columns, at least a character.
static size_t fitting(const char *word, size_t length, size_t room) {
    size_t bytes = 0, used = 0;
    while (bytes < length) {
        size_t next = bytes + 1;
        while (next < length && ((unsigned char)word[next] & 0xC0) == 0x80)
            next++;
        if (++used > room && bytes > 0) break;
        bytes = next;
    }
    return bytes;
}

// Appends |words| behind |head|, wrapped, with later lines indented as far as |head| is long. Words
// that no line holds are broken.
static void append_wrapped(snug_text *out, const char *head, const char *words) {
    size_t indent = columns(head, strlen(head)), column = indent;
    snug_text_append(out, "%s", head);
    while (*words) {
        size_t length = strcspn(words, " \n\t\r\v\f"), wide = columns(words, length);
        bool first = column == indent;
        if (!first && column + 1 + wide > WIDTH) {
            snug_text_append(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (length > 0 && !first) snug_text_append(out, " ");
        column += length > 0 && !first;
        size_t taken = column + wide > WIDTH ? fitting(words, length, WIDTH - column) : length;
        snug_text_append(out, "%.*s", (int)taken, words);
        column += columns(words, taken);
        words += taken;
        if (taken < length) {
            snug_text_append(out, "\n%*s", (int)indent, "");
            column = indent;
            continue;
        }
        words += strspn(words, " \n\t\r\v\f");
    }
    snug_text_append(out, "\n");
}

static void append_title(const snug_explanation *explanation, const snug_finding *finding,
                         snug_text *out) {
    snug_text title = {0};
    snug_text_append(&title, "%s", explanation->name);
    if (finding->line > 0) snug_text_append(&title, ":%zu", finding->line);
    bool table = strcmp(finding->format, "nvidia-smi") == 0;
    bool failed = strcmp(finding->kind, "snapshot") != 0 || finding->figures.requested.known;
    snug_text_append(&title, ": %s",
                     finding->masked ? finding->masked
                     : table         ? "a table of what is in use, without an error"
                     : failed        ? "out of memory"
                     : finding->untraced
                         ? "a snapshot without a trace; what was live when it was written"
                         : "a snapshot without an out-of-memory error; its peak");
    if (finding->gpu >= 0) snug_text_append(&title, " on GPU %d", finding->gpu);
    snug_text_append(&title, " (%s)", finding->format);
    if (finding->repeats == 1) snug_text_append(&title, ", and once more");
    if (finding->repeats > 1) snug_text_append(&title, ", and %zu times more", finding->repeats);
    out->failed |= title.failed;
    append_wrapped(out, "", snug_text_view(&title));
    snug_text_clear(&title);
}

// Where it was asked for.
static void append_site(const snug_finding *finding, snug_text *out) {
    snug_text site = {0};
    if (!finding->user_file) return;
    snug_text_append(&site, "%s:%ld", finding->user_file, finding->user_line);
    if (finding->user_function) snug_text_append(&site, ", in %s", finding->user_function);
    if (finding->user_code) snug_text_append(&site, ": %.160s", finding->user_code);
    out->failed |= site.failed;
    append_wrapped(out, "  asked for at          ", snug_text_view(&site));
    snug_text_clear(&site);
}

static void append_figure(const char *words, const snug_amount *amount, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    if (!amount->known) return;
    snug_text_append(out, "  %-22s%12s%s\n", words, snug_size_print(amount->bytes, size),
                     amount->derived ? "  (worked out)" : "");
}

static void append_figures(const snug_finding *finding, snug_text *out) {
#define APPEND(field, key, words) append_figure(words, &finding->figures.field, out);
    SNUG_FIGURE_LIST(APPEND)
#undef APPEND
    if (finding->pid >= 0) snug_text_append(out, "  process id            %12ld\n", finding->pid);
    append_site(finding, out);
    if (finding->ranks) append_wrapped(out, "  the same on           ", finding->ranks);
}

static void append_cause(const snug_cause_found *cause, snug_text *out) {
    char head[64];
    snprintf(head, sizeof head, "  %-16s%3.0f %%  ", cause->name, 100 * cause->confidence);
    append_wrapped(out, head, cause->help);
    if (*cause->evidence) append_wrapped(out, "      for      ", cause->evidence);
    if (*cause->against) append_wrapped(out, "      against  ", cause->against);
}

static void append_finding(const snug_explanation *explanation, const snug_finding *finding,
                           snug_text *out) {
    append_title(explanation, finding, out);
    append_figures(finding, out);
    snug_text_append(out, "\nCauses, likeliest first\n");
    for (size_t i = 0; i < finding->cause_count; i++)
        append_cause(&finding->causes[i], out);
    if (finding->refuted_count > 0) snug_text_append(out, "\nRather not\n");
    for (size_t i = 0; i < finding->refuted_count; i++) {
        char head[64];
        snprintf(head, sizeof head, "  %-16s", finding->refuted[i].name);
        append_wrapped(out, head, finding->refuted[i].against);
    }
    snug_text_append(out, "\nWhat to do, in this order\n");
    for (size_t i = 0; i < finding->fix_count; i++) {
        char head[32];
        snprintf(head, sizeof head, "  %zu. ", i + 1);
        append_wrapped(out, head, finding->fixes[i].fix);
        append_wrapped(out, "     = ", finding->fixes[i].why);
    }
    if (finding->detail) snug_text_append(out, "\n%s", finding->detail);
}

snug_status snug_explanation_text(const snug_explanation *explanation, char **out) {
    SNUG_REQUIRE(explanation && out, "an explanation and a place for the text");
    snug_text text = {0};
    *out = NULL;
    for (size_t i = 0; i < explanation->count; i++) {
        if (i > 0) snug_text_append(&text, "\n");
        append_finding(explanation, &explanation->findings[i], &text);
    }
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

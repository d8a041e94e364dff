// Processes of one run that fail alike: one explanation, with what differs.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "explain/text/ranks.h"

// The number that a log's prefix gives the process: "[rank3]:", "rank3:", "(Worker pid=812)"; -1:
// none.
static long rank_of(const snug_clean *clean, const snug_message *message) {
    const snug_clean_line *line = &clean->lines[message->line];
    const char *text = snug_clean_line_text(clean, message->line);
    static const char *const words[] = {"pid=", "rank"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *found = memmem(text, line->prefix, words[i], strlen(words[i]));
        const char *digits = found ? found + strlen(words[i]) : "";
        digits += strspn(digits, " _:");
        if (isdigit((unsigned char)*digits)) return strtol(digits, NULL, 10);
    }
    return -1;
}

static bool are_alike(snug_amount a, snug_amount b, double most) {
    if (!a.known || !b.known) return a.known == b.known;
    double less = (double)(a.bytes < b.bytes ? a.bytes : b.bytes);
    double more = (double)(a.bytes < b.bytes ? b.bytes : a.bytes);
    return more <= less * most;
}

static bool is_same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_place(const snug_site *a, const snug_site *b) {
    return is_same_text(a->file, b->file) && a->line == b->line;
}

static bool is_other_rank(const snug_facts *a, long rank_a, const snug_facts *b, long rank_b) {
    bool elsewhere = a->gpu >= 0 && b->gpu >= 0 ? a->gpu != b->gpu
                                                : rank_a >= 0 && rank_b >= 0 && rank_a != rank_b;
    // Two errors of unknown sizes are alike only where the log says that they are of ranks.
    bool told = rank_a >= 0 && rank_b >= 0;
    bool sized = a->figures.requested.known && a->figures.capacity.known;
    return elsewhere && (told || sized) && is_same_text(a->format, b->format) &&
           is_same_text(a->masked, b->masked) && is_same_place(&a->user, &b->user) &&
           are_alike(a->figures.requested, b->figures.requested, 1.5) &&
           are_alike(a->figures.capacity, b->figures.capacity, 1.03);
}

// ", asked for 1.20 GiB to 1.31 GiB", where they differ.
static void append_range(snug_text *out, const char *words, const snug_amount *least,
                         const snug_amount *most) {
    if (!least->known || least->bytes == most->bytes) return;
    char low[SNUG_SIZE_TEXT], high[SNUG_SIZE_TEXT];
    snug_text_append(out, "; %s %s to %s", words, snug_size_print(least->bytes, low),
                     snug_size_print(most->bytes, high));
}

static void widen(snug_amount *least, snug_amount *most, const snug_amount *with) {
    if (!with->known) return;
    if (!least->known || with->bytes < least->bytes) *least = *with;
    if (!most->known || with->bytes > most->bytes) *most = *with;
}

// Joins those that are like message |leader| with it.
static snug_status join(snug_message *messages, snug_facts *facts, const long *ranks, size_t count,
                        size_t leader, snug_explanation *explanation) {
    snug_facts *first = &facts[leader];
    snug_amount asked[2] = {{0}}, available[2] = {{0}};
    snug_text names = {0}, words = {0};
    size_t joined = 0;
    widen(&asked[0], &asked[1], &first->figures.requested);
    widen(&available[0], &available[1], &first->figures.free);
    for (size_t i = leader + 1; i < count; i++) {
        if (messages[i].is_rank || !is_other_rank(first, ranks[leader], &facts[i], ranks[i]))
            continue;
        messages[i].is_rank = true;
        widen(&asked[0], &asked[1], &facts[i].figures.requested);
        widen(&available[0], &available[1], &facts[i].figures.free);
        bool gpu = facts[i].gpu >= 0;
        if (joined < 32)
            snug_text_append(&names, "%s%s%ld", joined ? ", " : "", gpu ? "GPU " : "rank ",
                             gpu ? (long)facts[i].gpu : ranks[i]);
        joined++;
    }
    snug_status status = SNUG_OK;
    if (joined > 0) {
        snug_text_append(&words, "%s%s", snug_text_view(&names), joined > 32 ? ", ..." : "");
        append_range(&words, "asked for", &asked[0], &asked[1]);
        append_range(&words, "free", &available[0], &available[1]);
        status = snug_text_status(&words);
        if (status == SNUG_OK)
            status = snug_explanation_keep(explanation, snug_text_view(&words), &first->others);
    }
    snug_text_clear(&names);
    snug_text_clear(&words);
    return status;
}

snug_status snug_ranks_join(const snug_clean *clean, snug_message *messages, snug_facts *facts,
                            size_t count, snug_explanation *explanation) {
    long ranks[SNUG_MAX_JOINED];
    if (count > SNUG_MAX_JOINED) count = SNUG_MAX_JOINED;
    for (size_t i = 0; i < count; i++)
        ranks[i] = rank_of(clean, &messages[i]);
    for (size_t i = 0; i < count; i++)
        if (!messages[i].is_rank) SNUG_TRY(join(messages, facts, ranks, count, i, explanation));
    return SNUG_OK;
}

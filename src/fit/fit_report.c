// What `snug fit` prints, as text and JSON, the code for those who write fixes themselves, and
// snug-fixes.json.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/page.h"
#include "base/size.h"
#include "dryrun/words.h"
#include "fit/fit.h"
#include "io/file.h"
#include "snug/version.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

void snug_fit_append_names(const snug_fit_candidate *candidate, snug_text *out) {
    bool any = false;
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        if (!candidate->amounts[i]) continue;
        snug_text_append(out, "%s%s", any ? "+" : "", snug_fit_fixes[i]->name);
        any = true;
    }
    if (!any) snug_text_append(out, "none");
}

void snug_fit_append_fixes(const snug_fit *fit, const snug_fit_candidate *candidate,
                           snug_text *out) {
    bool any = false;
    snug_text_append(out, "[");
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        if (!candidate->amounts[i]) continue;
        snug_text_append(out, "%s{\"fix\":\"%s\"", any ? "," : "", snug_fit_fixes[i]->name);
        if (snug_fit_fixes[i]->options)
            snug_fit_fixes[i]->options(&fit->situation, candidate->amounts[i], out);
        snug_text_append(out, "}");
        any = true;
    }
    snug_text_append(out, "]");
}

const char *snug_fit_allocator(const snug_fit *fit, const snug_fit_candidate *candidate) {
    for (size_t i = 0; snug_fit_fixes[i]; i++)
        if (candidate->amounts[i] && strcmp(snug_fit_fixes[i]->name, "allocator") == 0)
            return snug_fit_allocator_settings(&fit->situation);
    return NULL;
}

static const char *gpu_name(const snug_fit *fit) {
    return fit->request.gpu ? fit->request.gpu->name : NULL;
}

// ---- Text

static void append_head(const snug_fit *fit, snug_text *out) {
    const snug_fit_situation *situation = &fit->situation;
    snug_text line = {0};
    for (char *const *word = fit->request.program; *word; word++)
        snug_text_append(&line, "%s%s", line.length ? " " : "", *word);
    snug_text_append(&line, "\non %s%s%s", gpu_name(fit) ? gpu_name(fit) : "a card of ",
                     gpu_name(fit) ? ", " : "", SIZE(situation->total));
    snug_dry_wrap(out, 0, snug_text_view(&line));
    snug_text_clear(&line);
    snug_text_append(out, "\nAs it is it needs %s (seen in a dry run).\n\n",
                     SIZE(situation->needed));
}

static void append_row(const snug_fit *fit, int index, snug_text *out) {
    const snug_fit_candidate *one = &fit->candidates[index];
    snug_text names = {0};
    char overhead[16];
    snug_fit_append_names(one, &names);
    const char *text = snug_text_view(&names);
    size_t length = strlen(text);
    enum { ROOM = 38 };
    snprintf(overhead, sizeof overhead, "+%.0f %%", 100 * one->overhead);
    snug_text_append(out, "%c %s%-*s %-10s %12s %7s  %s\n",
                     index == fit->chosen ? '*'
                     : one->fits          ? ' '
                                          : '-',
                     length > ROOM ? ".." : "", length > ROOM ? ROOM - 2 : ROOM,
                     length > ROOM ? text + length - ROOM + 2 : text,
                     snug_fidelity_name(one->fidelity),
                     SIZE(one->fits ? one->used : one->predicted), overhead,
                     one->fits     ? ""
                     : one->failed ? "f"
                     : one->tried  ? ""
                                   : "p");
    snug_text_clear(&names);
}

static void append_table(const snug_fit *fit, snug_text *out) {
    snug_text_append(out, "  %-38s %-10s %12s %7s\n", "fixes", "changes", "needs", "step");
    for (size_t i = 0; i < fit->candidate_count; i++)
        append_row(fit, (int)i, out);
    snug_text_append(out, "\n  * chosen   - does not fit in its dry run (needs: predicted)\n"
                          "  p not tried   f the program failed with it   step: predicted\n");
}

static bool is_interrupted(const snug_fit *fit) {
    return fit->outcome == SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
}

static bool is_as_it_is(const snug_fit_candidate *one) {
    bool any = false;
    for (size_t i = 0; snug_fit_fixes[i]; i++)
        any |= one->amounts[i] > 0;
    return !any;
}

static void append_reserve(const snug_fit *fit, snug_text *out) {
    if (fit->situation.reserve == 0) return;
    snug_text_append(out,
                     "Of the card %s had to stay free: contexts and libraries differ "
                     "(--reserve).\n",
                     SIZE(fit->situation.reserve));
}

static void append_chosen(const snug_fit *fit, snug_text *out) {
    const snug_fit_candidate *chosen = &fit->candidates[fit->chosen];
    uint64_t total = fit->situation.total;
    if (is_as_it_is(chosen)) {
        snug_text_append(out, "\nIt fits as it is: %s of %s, %s to spare.\n", SIZE(chosen->used),
                         SIZE(total), SIZE(total - chosen->used));
        append_reserve(fit, out);
        return;
    }
    if (is_interrupted(fit))
        snug_text_append(out, "\nOf what was tried until then this is the best that fits.\n");
    snug_text_append(out,
                     "\nWith these it fits, seen in a dry run on that card: %s of %s, %s\nto "
                     "spare.\n",
                     SIZE(chosen->used), SIZE(total), SIZE(total - chosen->used));
    append_reserve(fit, out);
    snug_text_append(out, "\n");
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        const snug_fit_fix *fix = snug_fit_fixes[i];
        snug_text amount = {0}, line = {0};
        if (!chosen->amounts[i]) continue;
        snug_fidelity fidelity = snug_fit_fidelity(&fit->situation, i);
        fix->tell(&fit->situation, chosen->amounts[i], &amount);
        snug_text_append(&line, "%s: %s (%s). Changes %s.", fix->name, fix->help,
                         snug_text_view(&amount),
                         fidelity == SNUG_FIDELITY_EXACT ? "nothing in the results"
                                                         : snug_fidelity_name(fidelity));
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&amount);
        snug_text_clear(&line);
    }
}

static void append_left_out(const snug_fit *fit, snug_text *out) {
    bool any = false;
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        const snug_fit_fix *fix = snug_fit_fixes[i];
        const char *why = fix->why_not ? fix->why_not(&fit->situation) : NULL;
        snug_text line = {0};
        if (!why) continue;
        if (!any) snug_text_append(out, "\nLeft out:\n");
        any = true;
        snug_text_append(&line, "%s: %s", fix->name, why);
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
    for (size_t i = 0; i < fit->candidate_count; i++) {
        if (!fit->candidates[i].problem) continue;
        snug_text line = {0};
        snug_fit_append_names(&fit->candidates[i], &line);
        snug_text_append(&line, ": %.300s", fit->candidates[i].problem);
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
}

static void append_no_fit(const snug_fit *fit, snug_text *out) {
    if (is_interrupted(fit)) {
        snug_text_append(out, "Nothing that was tried until then fits; what was not tried may.\n");
        return;
    }
    snug_text_append(out, "\nNothing that '--allow %s' lets makes it fit.\n",
                     snug_fidelity_name(fit->request.allow));
    append_reserve(fit, out);
    snug_fit_append_otherwise(fit, out);
}

static snug_status take(snug_text *text, char **out) {
    snug_status status = snug_text_status(text);
    *out = NULL;
    if (status == SNUG_OK) status = snug_memory_copy_text(snug_text_view(text), out);
    snug_text_clear(text);
    return status;
}

// What there is to say where the program did not get through its first dry run.
static snug_status take_first_run(const snug_fit *fit, char **out) {
    snug_text text = {0};
    char *seen;
    *out = NULL;
    SNUG_TRY(snug_dry_run_text(fit->situation.unfixed, &seen));
    if (is_interrupted(fit))
        snug_text_append(&text, "It was interrupted before any fix was tried.\n\n");
    snug_text_append(&text, "%s", seen);
    snug_dry_run_text_free(seen);
    return take(&text, out);
}

snug_status snug_fit_text(const snug_fit *fit, char **out) {
    SNUG_REQUIRE(fit && out, "a fit and a place for the text");
    snug_text text = {0};
    if (fit->candidate_count == 0) return take_first_run(fit, out);
    append_head(fit, &text);
    append_table(fit, &text);
    if (is_interrupted(fit)) snug_text_append(&text, "\nIt was interrupted: not all was tried.\n");
    if (fit->chosen >= 0)
        append_chosen(fit, &text);
    else
        append_no_fit(fit, &text);
    snug_fit_append_verification(fit, &text);
    append_left_out(fit, &text);
    return take(&text, out);
}

// ---- JSON

static void append_candidate(const snug_fit *fit, const snug_fit_candidate *one, snug_text *out) {
    snug_text_append(out, "{\"fixes\":");
    snug_fit_append_fixes(fit, one, out);
    snug_text_append(
        out,
        ",\"fidelity\":\"%s\",\"reserved_peak_bytes\":%" PRIu64 ",\"allocated_peak_bytes\":%" PRIu64
        ",\"card_peak_bytes\":%" PRIu64 ",\"predicted_bytes\":%" PRIu64
        ",\"overhead\":%.4f,\"fits\":%s,\"dry_run\":%s",
        snug_fidelity_name(one->fidelity), one->reserved, one->allocated, one->used, one->predicted,
        one->overhead, one->fits ? "true" : "false", one->tried ? "true" : "false");
    if (one->problem) {
        snug_text_append(out, ",\"problem\":");
        snug_page_append_string(out, one->problem);
    }
    snug_text_append(out, "}");
}

static void append_variation(const snug_fit_request *request, snug_text *out) {
    if (!request->vary_name) return;
    snug_text_append(out, ",\"vary\":{\"name\":");
    snug_page_append_string(out, request->vary_name);
    snug_text_append(out, ",\"value\":");
    if (request->vary_is_number)
        snug_text_append(out, "%s", request->vary_value);
    else
        snug_page_append_string(out, request->vary_value);
    snug_text_append(out, "}");
}

snug_status snug_fit_json(const snug_fit *fit, char **out) {
    SNUG_REQUIRE(fit && out, "a fit and a place for the text");
    snug_text text = {0};
    snug_text_append(&text, "{\"event\":\"fit\",\"gpu\":");
    if (gpu_name(fit))
        snug_page_append_string(&text, gpu_name(fit));
    else
        snug_text_append(&text, "null");
    snug_text_append(
        &text,
        ",\"fits\":%s,\"interrupted\":%s,\"card_bytes\":%" PRIu64 ",\"reserve_bytes\":%" PRIu64
        ",\"unfixed_bytes\":%" PRIu64 ",\"dry_runs\":%d,\"chosen\":",
        fit->chosen >= 0 ? "true" : "false", is_interrupted(fit) ? "true" : "false",
        fit->situation.total, fit->situation.reserve, fit->situation.needed, fit->runs);
    if (fit->chosen >= 0)
        append_candidate(fit, &fit->candidates[fit->chosen], &text);
    else
        snug_text_append(&text, "null");
    snug_fit_append_verification_json(fit, &text);
    if (fit->outcome == SNUG_DRY_RUN_OUTCOME_NO_FIT) snug_fit_append_otherwise_json(fit, &text);
    append_variation(&fit->request, &text);
    snug_fit_append_parts_json(fit, &text);
    snug_text_append(&text, ",\"candidates\":[");
    for (size_t i = 0; i < fit->candidate_count; i++) {
        snug_text_append(&text, "%s", i ? "," : "");
        append_candidate(fit, &fit->candidates[i], &text);
    }
    snug_text_append(&text, "]}\n");
    return take(&text, out);
}

snug_status snug_fit_line(const snug_fit *fit, char **out) {
    SNUG_REQUIRE(fit && out, "a fit and a place for the text");
    snug_text text = {0}, wrapped = {0};
    const snug_fit_candidate *chosen = fit->chosen >= 0 ? &fit->candidates[fit->chosen] : NULL;
    if (chosen) {
        snug_text_append(&text, is_as_it_is(chosen) ? "fits as it is" : "fits with ");
        if (!is_as_it_is(chosen)) snug_fit_append_names(chosen, &text);
        snug_text_append(&text, " (%s): %s of %s, +%.0f %% of a step",
                         snug_fidelity_name(chosen->fidelity), SIZE(chosen->used),
                         SIZE(fit->situation.total), 100 * chosen->overhead);
    } else if (fit->outcome == SNUG_DRY_RUN_OUTCOME_NO_FIT) {
        snug_text_append(&text, "nothing fits");
        if (fit->last && fit->last->smallest)
            snug_text_append(&text, ": %s needed at least", SIZE(fit->last->smallest));
    } else {
        snug_text_append(&text, is_interrupted(fit) ? "interrupted" : "the program failed");
    }
    snug_dry_wrap(&wrapped, 4, snug_text_view(&text));
    snug_text_clear(&text);
    return take(&wrapped, out);
}

snug_status snug_fit_code(const snug_fit *fit, char **out) {
    SNUG_REQUIRE(fit && out, "a fit and a place for the text");
    snug_text text = {0};
    for (size_t i = 0; fit->chosen >= 0 && snug_fit_fixes[i]; i++) {
        size_t amount = fit->candidates[fit->chosen].amounts[i];
        if (!amount) continue;
        snug_text_append(&text, "%s# %s: %s\n", text.length ? "\n" : "", snug_fit_fixes[i]->name,
                         snug_fit_fixes[i]->help);
        snug_fit_fixes[i]->code(&fit->situation, amount, &text);
    }
    if (fit->outcome == SNUG_DRY_RUN_OUTCOME_NO_FIT) snug_fit_append_accumulation(fit, &text);
    return take(&text, out);
}

// ---- snug-fixes.json

snug_status snug_fit_write(const snug_fit *fit, const char *path) {
    SNUG_REQUIRE(fit && path, "a fit and a path");
    snug_text text = {0};
    if (fit->chosen < 0) return snug_fail(SNUG_INVALID, "there are no fixes to write: none fits");
    const snug_fit_candidate *chosen = &fit->candidates[fit->chosen];
    const snug_dry_place *worst = snug_dry_worst(fit->situation.unfixed);
    snug_text_append(&text, "{\"version\":1,\"snug\":\"%s\",\"torch\":", SNUG_VERSION);
    snug_page_append_string(&text, worst && worst->process->torch ? worst->process->torch : "");
    snug_text_append(&text, ",\n \"gpu\":");
    snug_page_append_string(&text, gpu_name(fit) ? gpu_name(fit) : "");
    snug_text_append(
        &text,
        ",\"card_bytes\":%" PRIu64 ",\"reserve_bytes\":%" PRIu64 ",\"unfixed_bytes\":%" PRIu64
        ",\n \"seen\":{\"card_peak_bytes\":%" PRIu64 ",\"reserved_peak_bytes\":%" PRIu64
        ",\"allocated_peak_bytes\":%" PRIu64 "},\n \"fidelity\":\"%s\",\n \"program\":[",
        fit->situation.total, fit->situation.reserve, fit->situation.needed, chosen->used,
        chosen->reserved, chosen->allocated, snug_fidelity_name(chosen->fidelity));
    for (char *const *word = fit->request.program; *word; word++) {
        snug_text_append(&text, "%s", word == fit->request.program ? "" : ",");
        snug_page_append_string(&text, *word);
    }
    snug_text_append(&text, "],\n \"fixes\":");
    snug_fit_append_fixes(fit, chosen, &text);
    snug_text_append(&text, "}\n");
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_file_write_text(path, snug_text_view(&text));
    snug_text_clear(&text);
    return status;
}

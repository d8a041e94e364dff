// The report for people, at most 80 columns wide.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "dryrun/words.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

enum { MOST_RANKS = 16, MOST_READS = 8, MOST_RETURNED = 8, LINE_ROOM = 46 };

// ---- The verdict ---------------------------------------------------------------------------

static void append_card(const snug_dry_run *run, snug_text *out) {
    const char *gpu = snug_dry_gpu_name(run);
    uint64_t bytes = snug_dry_card_bytes(run);
    if (bytes == 0 || bytes >= SNUG_DRY_UNLIMITED) // the second: as `snug fit` runs it first
        snug_text_append(out, "%s with all the memory it likes", gpu ? gpu : "a card");
    else if (gpu)
        snug_text_append(out, "%s, %s", gpu, SIZE(bytes));
    else
        snug_text_append(out, "a card of %s", SIZE(bytes));
    if (run->request.gpus > 1) snug_text_append(out, ", %d of them", run->request.gpus);
}

static void append_head(const snug_dry_run *run, snug_text *out) {
    const snug_dry_place *worst = snug_dry_worst(run);
    snug_text line = {0};
    snug_text_append(&line, "dry run of");
    for (char *const *word = run->request.program; *word; word++)
        snug_text_append(&line, " %s", *word);
    snug_text_append(&line, "\non ");
    append_card(run, &line);
    if (worst && *worst->process->torch)
        snug_text_append(&line, "; PyTorch %s", worst->process->torch);
    if (worst) {
        const snug_dry_process *process = worst->process;
        snug_text_append(&line, "; %" PRId64 " step%s", process->steps,
                         process->steps == 1 ? "" : "s");
    }
    snug_dry_wrap(out, 0, snug_text_view(&line));
    if (line.failed) out->failed = 1;
    snug_text_clear(&line);
}

static void append_fits(const snug_dry_run *run, const snug_dry_place *worst, snug_text *out) {
    uint64_t total = snug_dry_card_bytes(run);
    if (total == 0) {
        snug_text_append(out, "\nIt needs %s", SIZE(worst->used));
        if (run->smallest > 0 && run->smallest < worst->used)
            snug_text_append(out, ", and runs in %s", SIZE(run->smallest));
        snug_text_append(out, ".\n");
        return;
    }
    uint64_t spare = total > worst->used ? total - worst->used : 0;
    snug_text_append(out, "\n%s: %s of %s, %s to spare.\n",
                     spare < snug_dry_margin(total) ? "It fits, tightly" : "It fits",
                     SIZE(worst->used), SIZE(total), SIZE(spare));
    if (spare >= snug_dry_margin(total)) return;
    if (run->smallest > 0 && run->smallest + snug_dry_margin(total) < total)
        snug_text_append(out, "PyTorch fills what there is; it would run in %s.\n",
                         SIZE(run->smallest));
    else
        snug_dry_wrap(out, 0,
                      "Contexts differ by driver and libraries by as much as is left, so a real "
                      "card may refuse.");
}

static void append_no_fit(const snug_dry_run *run, snug_text *out) {
    snug_text_append(out, "\nIt does not fit: %s at hand",
                     SIZE(snug_dry_card_bytes(run) ? snug_dry_card_bytes(run) : run->first.memory));
    if (run->seen == &run->again && run->smallest > 0)
        snug_text_append(out, ", %s needed", SIZE(run->smallest));
    snug_text_append(out, ".\n");
}

static void append_handled(const snug_dry_run *run, snug_text *out) {
    const snug_dry_records *records = &run->first.records;
    if (run->judgement.outcome != SNUG_DRY_RUN_OUTCOME_FITS || run->judgement.handled == 0) return;
    snug_text line = {0};
    snug_text_append(&line,
                     "It ran out of memory %zu time%s, handled that itself and went on: what is "
                     "told here is what it did then.",
                     run->judgement.handled, run->judgement.handled == 1 ? "" : "s");
    for (size_t i = 0; i < records->process_count; i++) {
        const snug_dry_process *process = &records->processes[i];
        for (size_t j = 0; j < process->failure_count && j < 3; j++) {
            const snug_dry_failure *failure = &process->failures[j];
            snug_text_append(
                &line, "\n%s more at %s (step %" PRId64 ", %s)", SIZE(failure->requested),
                *failure->line ? failure->line : "an unknown line", failure->step, failure->phase);
        }
    }
    snug_dry_wrap(out, 0, snug_text_view(&line));
    snug_text_clear(&line);
}

static void append_left_over(const snug_dry_run *run, snug_text *out) {
    int count = run->first.end.left_over;
    if (count > 0)
        snug_text_append(out, "%d process%s still ran when the program ended, and %s stopped.\n",
                         count, count == 1 ? "" : "es", count == 1 ? "was" : "were");
}

static void append_verdict(const snug_dry_run *run, snug_text *out) {
    const snug_dry_place *worst = snug_dry_worst(run);
    snug_text line = {0};
    switch (run->judgement.outcome) {
    case SNUG_DRY_RUN_OUTCOME_FITS:
        if (worst) append_fits(run, worst, out);
        append_handled(run, out);
        break;
    case SNUG_DRY_RUN_OUTCOME_NO_FIT:
        append_no_fit(run, out);
        break;
    case SNUG_DRY_RUN_OUTCOME_FAILED:
        snug_text_append(&line, "The program failed by itself: ");
        snug_dry_append_end(&run->first.end, &line);
        snug_text_append(&line, ".");
        break;
    case SNUG_DRY_RUN_OUTCOME_CANNOT:
        snug_text_append(&line, "It cannot be run dry. ");
        snug_dry_explain_cannot(run->judgement.cannot, run, &line);
        break;
    case SNUG_DRY_RUN_OUTCOME_INTERRUPTED:
        snug_text_append(&line, "Interrupted; what follows is what was seen until then.");
        break;
    }
    if (line.length > 0) snug_text_append(out, "\n");
    snug_dry_wrap(out, 0, snug_text_view(&line));
    append_left_over(run, out);
    snug_text_clear(&line);
}

// ---- Failures ------------------------------------------------------------------------------

static void append_error(const snug_dry_run *run, snug_text *out) {
    const snug_dry_process *failed = run->judgement.failed;
    if (!failed || !failed->error_type || run->judgement.cannot) return;
    snug_text line = {0};
    snug_text_append(&line, "%s: %.1500s", failed->error_type, failed->error_message);
    if (failed->error_line && *failed->error_line)
        snug_text_append(&line, "\nat %s", failed->error_line);
    snug_text_append(out, "\n");
    snug_dry_wrap(out, 2, snug_text_view(&line));
    if (strstr(failed->error_message, "invalid device ordinal"))
        snug_dry_wrap(out, 0,
                      "It asked for a card that is not there: `--gpus N` says how many there are.");
    snug_text_clear(&line);
}

static void append_explanation(const snug_dry_run *run, snug_text *out) {
    const snug_finding *finding = run->finding;
    if (!finding) return;
    snug_text_append(out, "\nWhy\n");
    for (size_t i = 0; i < finding->cause_count && i < 2; i++) {
        snug_text line = {0};
        snug_text_append(&line, "%s (%.0f %%): %s", finding->causes[i].help,
                         100 * finding->causes[i].confidence, finding->causes[i].evidence);
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
    if (finding->fix_count > 0) snug_text_append(out, "\nWhat to try\n");
    for (size_t i = 0; i < finding->fix_count && i < 5; i++) {
        // snug's own engine is no way to run this program.
        if (strncmp(finding->fixes[i].fix, "snug train", 10) == 0) continue;
        snug_text line = {0};
        snug_text_append(&line, "%s: %s", finding->fixes[i].fix, finding->fixes[i].why);
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
}

// ---- The peak ------------------------------------------------------------------------------

static void append_when(const snug_dry_peak *peak, snug_text *out) {
    const char *file = peak->file ? peak->file : peak->marked_file;
    snug_text_append(out, "  at                      ");
    if (peak->step > 0) snug_text_append(out, "step %" PRId64 ", ", peak->step);
    snug_text_append(out, "%s", peak->phase);
    if (*file) {
        snug_text_append(out, ", ");
        snug_dry_append_line(out, file, peak->line, 34);
    }
    snug_text_append(out, "\n");
    if (peak->first_step > 0 && peak->later_steps > 0)
        snug_text_append(out, "  first step, later ones  %s, %s allocated\n",
                         SIZE(peak->first_step), SIZE(peak->later_steps));
}

static void append_peak(const snug_dry_run *run, snug_text *out) {
    const snug_dry_place *worst = snug_dry_worst(run);
    if (!worst) return;
    snug_text_append(out, "\nPeak%s\n",
                     run->seen == &run->again ? ", with all the memory it likes" : "");
    snug_text_append(out, "  allocated by tensors  %13s\n", SIZE(worst->allocated));
    snug_text_append(out, "  reserved by PyTorch   %13s\n", SIZE(worst->reserved));
    snug_text_append(out, "  with CUDA's context   %13s  (%s of it; by card and driver)\n",
                     SIZE(worst->used), SIZE(worst->context));
    if (run->peak.known) append_when(&run->peak, out);
    if (run->recording_problem) {
        snug_text line = {0};
        snug_text_append(&line,
                         "There is no recording of it (%s): lines, kinds and cards cannot "
                         "be told.",
                         run->recording_problem);
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
}

static void append_kinds(const snug_dry_run *run, snug_text *out) {
    const snug_dry_peak *peak = &run->peak;
    if (!peak->known) return;
    snug_text_append(out, "\nAt the peak, by kind\n");
    for (int kind = 0; kind < SNUG_KINDS; kind++)
        if (peak->kinds[kind] > 0)
            snug_text_append(
                out, "  %-20s  %13s  %3.0f %%\n",
                kind == SNUG_KIND_UNCLASSIFIED ? "other" : snug_kind_names[kind],
                SIZE(peak->kinds[kind]),
                peak->allocated ? 100.0 * (double)peak->kinds[kind] / (double)peak->allocated : 0);
    if (peak->line_count > 0) snug_text_append(out, "\nAt the peak, by line\n");
    for (size_t i = 0; i < peak->line_count; i++) {
        const snug_dry_line *line = &peak->lines[i];
        snug_text_append(out, "  %13s  %-12s  ", SIZE(line->bytes), line->kind);
        if (line->file)
            snug_dry_append_line(out, line->file, line->line, LINE_ROOM);
        else
            snug_text_append(out, "(no line of yours)");
        snug_text_append(out, "\n");
    }
}

// ---- Ranks ---------------------------------------------------------------------------------

static void append_ranks(const snug_dry_run *run, snug_text *out) {
    const snug_dry_records *records = &run->seen->records;
    if (records->place_count < 2) return;
    snug_text_append(out, "\n%-22s %13s %13s %13s\n", "The most first", "allocated", "reserved",
                     "with context");
    for (size_t i = 0; i < records->place_count && i < MOST_RANKS; i++) {
        char name[48];
        const snug_dry_place *place = &records->places[run->order[i]];
        snug_dry_place_name(run, place, name);
        snug_text_append(out, "  %-20.20s %13s %13s %13s%s\n", name, SIZE(place->allocated),
                         SIZE(place->reserved), SIZE(place->used),
                         snug_dry_place_fits(run, place) ? "" : "  no");
    }
    if (records->place_count > MOST_RANKS)
        snug_text_append(out, "  and %zu more; --json has all\n",
                         records->place_count - MOST_RANKS);
}

// ---- Cards ---------------------------------------------------------------------------------

// Cards of one size (as sold) and one verdict, in a line or two.
static void append_group(const snug_dry_run *run, size_t first, snug_text *out) {
    snug_text line = {0};
    const snug_dry_card *card = &run->cards[first];
    size_t size = card->gpu->memory_bytes;
    for (size_t i = 0; i < run->card_count; i++) {
        const snug_dry_card *other = &run->cards[i];
        if (other->gpu->memory_bytes != size || other->verdict != card->verdict) continue;
        if (i < first) return; // told with that one
        snug_text_append(&line, "%s%s", line.length ? ", " : "", other->gpu->name);
    }
    static const char *const words[] = {"fits", "tight", "no"};
    // A list of names that is too long is cut at a comma.
    if (line.length > 57) {
        size_t end = 52;
        while (end > 0 && line.data[end] != ',')
            end--;
        line.data[end] = '\0';
        snug_text_append(out, "  %-5s  %9s   %s, ...\n", words[card->verdict], SIZE(size),
                         line.data);
    } else {
        snug_text_append(out, "  %-5s  %9s   %s\n", words[card->verdict], SIZE(size),
                         snug_text_view(&line));
    }
    snug_text_clear(&line);
}

// Sizes that need no line: those far too small, and those far larger than needed.
typedef struct shown_sizes {
    size_t first, end; // of the cards
} shown_sizes;

enum { SIZES_BELOW = 2, SIZES_ABOVE = 4 };

// Whether card |index| is of another size (as sold) than the one before; card |edge| is in any
// case.
static bool begins_size(const snug_dry_run *run, size_t index, size_t edge) {
    if (index == edge || index == 0 || index >= run->card_count) return true;
    const snug_gpu_info *gpu = run->cards[index].gpu, *before = run->cards[index - 1].gpu;
    return !gpu || !before || gpu->memory_bytes != before->memory_bytes;
}

static shown_sizes choose_sizes(const snug_dry_run *run) {
    const snug_dry_card *cards = run->cards;
    size_t count = run->card_count, edge = 0, last_no = 0;
    while (edge < count && cards[edge].verdict == SNUG_DRY_DOES_NOT)
        edge++;
    for (size_t i = 0; i < count; i++)
        if (cards[i].verdict != SNUG_DRY_FITS) last_no = i + 1;
    shown_sizes out = {edge, last_no > edge ? last_no : edge};
    for (int sizes = 0; out.first > 0; out.first--) {
        if (begins_size(run, out.first, edge) && sizes++ == SIZES_BELOW) break;
    }
    for (int sizes = 0; out.end < count; out.end++) {
        if (begins_size(run, out.end, 0) && sizes++ == SIZES_ABOVE) break;
    }
    return out;
}

static void append_cards(const snug_dry_run *run, snug_text *out) {
    const snug_gpu_info *smallest = NULL;
    if (run->card_count == 0) return;
    for (size_t i = 0; i < run->card_count && !smallest; i++)
        if (run->cards[i].verdict == SNUG_DRY_FITS) smallest = run->cards[i].gpu;
    snug_text_append(out, "\nCards, by replaying the recording in each one's memory (predicted)\n");
    if (smallest)
        snug_text_append(out, "  the smallest that it fits on: %s (%s)\n", smallest->name,
                         SIZE(smallest->total_bytes));
    else
        snug_text_append(out, "  it fits on none that is known\n");
    shown_sizes shown = choose_sizes(run);
    for (size_t i = shown.first; i < shown.end; i++)
        append_group(run, i, out);
    if (shown.end < run->card_count) snug_text_append(out, "  fits   and on all that are larger\n");
    size_t without = 0;
    const snug_dry_process *process = snug_dry_worst(run)->process;
    for (int i = 0; snug_gpu_at(i); i++)
        without += !snug_dry_has_kernels(process, snug_gpu_at(i)->capability);
    if (without)
        snug_text_append(out, "  left out: %zu cards that this PyTorch has no kernels for\n",
                         without);
}

static void append_settings(const snug_dry_run *run, snug_text *out) {
    if (run->setting_count == 0) return;
    snug_text_append(out, "\nPYTORCH_CUDA_ALLOC_CONF worth trying (predicted)%s\n",
                     snug_dry_card_bytes(run) ? "" : ", and what PyTorch then needs");
    for (size_t i = 0; i < run->setting_count; i++)
        snug_text_append(out, "  %-50s %13s%s\n", run->settings[i].text,
                         SIZE(run->settings[i].reserved), run->settings[i].runs ? "  it runs" : "");
}

// ---- What could not be known ---------------------------------------------------------------

static void append_reads(const snug_dry_process *process, snug_text *out) {
    for (size_t i = 0; i < process->read_count && i < MOST_READS; i++) {
        const snug_dry_read *read = &process->reads[i];
        snug_text line = {0};
        snug_text_append(&line, "`%s` %s%s read numbers that were %s, %" PRIu64 " time%s",
                         *read->operation ? read->operation : "a copy", *read->line ? "at " : "",
                         *read->line ? read->line : "somewhere",
                         read->dropped ? "not kept (--keep-bytes)" : "never computed", read->count,
                         read->count == 1 ? "" : "s");
        snug_dry_wrap(out, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
    if (process->read_count > MOST_READS)
        snug_text_append(out, "  and %zu more such reads\n", process->read_count - MOST_READS);
    if (process->read_count > 0)
        snug_dry_wrap(out, 2,
                      "What depends on these may be smaller or larger in reality; --answer ones "
                      "tries the other way.");
}

static void append_returned(const snug_dry_process *process, snug_text *out) {
    snug_text line = {0};
    for (size_t i = 0; i < process->returned_count && i < MOST_RETURNED; i++)
        snug_text_append(&line, "%s%s",
                         i ? ", " : "Functions that only returned: ", process->returned[i].name);
    if (process->returned_count > MOST_RETURNED)
        snug_text_append(&line, " and %zu more", process->returned_count - MOST_RETURNED);
    snug_dry_wrap(out, 2, snug_text_view(&line));
    snug_text_clear(&line);
}

// A recording is a ring: what a long program allocated first is not in it.
static void append_lost(const snug_dry_run *run, snug_text *out) {
    if (!run->peak.known) return;
    const snug_dry_recording *recording = &run->recordings[run->order[0]];
    if (recording->lost_peak)
        snug_dry_wrap(out, 2,
                      "The recording holds the program's last allocations alone, and its peak lies "
                      "before them: for cards the most that was reserved counts.");
    else if (!recording->complete)
        snug_dry_wrap(out, 2,
                      "The recording holds the program's last allocations alone, its peak among "
                      "them: what came before is taken to run where they do.");
}

static void append_unknown(const snug_dry_run *run, snug_text *out) {
    const snug_dry_place *worst = snug_dry_worst(run);
    if (!worst) return;
    const snug_dry_process *process = worst->process;
    snug_text found = {0};
    for (size_t i = 0; i < process->workspace_count; i++) {
        const snug_dry_workspaces *of = &process->workspaces[i];
        snug_text line = {0};
        snug_text_append(&line,
                         "Workspace by a model: %s, %" PRIu64 " call%s, at most %s at a time",
                         of->what, of->calls, of->calls == 1 ? "" : "s", SIZE(of->largest));
        snug_dry_wrap(&found, 2, snug_text_view(&line));
        snug_text_clear(&line);
    }
    append_lost(run, &found);
    append_reads(process, &found);
    append_returned(process, &found);
    for (size_t i = 0; i < process->note_count; i++)
        snug_dry_wrap(&found, 2, process->notes[i]);
    for (size_t i = 0; i < process->problem_count; i++)
        snug_dry_wrap(&found, 2, process->problems[i]);
    if (found.length > 0)
        snug_text_append(out, "\nWhat the dry run could not know\n%s", found.data);
    snug_text_clear(&found);
}

snug_status snug_dry_run_text(const snug_dry_run *run, char **out) {
    SNUG_REQUIRE(run && out, "a dry run and a place for the text");
    snug_text text = {0};
    *out = NULL;
    append_head(run, &text);
    append_verdict(run, &text);
    append_error(run, &text);
    append_explanation(run, &text);
    if (run->judgement.outcome != SNUG_DRY_RUN_OUTCOME_CANNOT) append_peak(run, &text);
    if (snug_dry_is_whole(run)) {
        append_kinds(run, &text);
        append_ranks(run, &text);
        append_cards(run, &text);
        append_settings(run, &text);
        append_unknown(run, &text);
    }
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

// The same for programs. The keys are a contract: shared by scripts, kept and added to.
#include <inttypes.h>
#include <string.h>

#include "base/page.h"
#include "dryrun/report_json.h"
#include "dryrun/words.h"
#include "explain/report/finding_json.h"

static const char *const outcomes[] = {"fits", "does-not-fit", "failed", "cannot", "interrupted"};

static void append_string(snug_text *out, const char *key, const char *value) {
    snug_text_append(out, ",\"%s\":", key);
    if (value)
        snug_page_append_string(out, value);
    else
        snug_text_append(out, "null");
}

static void append_bytes(snug_text *out, const char *key, uint64_t bytes) {
    snug_text_append(out, ",\"%s\":%" PRIu64, key, bytes);
}

static void append_rank(const snug_dry_run *run, const snug_dry_place *place, snug_text *out) {
    const snug_dry_process *process = place->process;
    snug_text_append(out, "{\"rank\":%d,\"pid\":%ld,\"device\":%d,\"fits\":%s", process->rank,
                     process->pid, place->device,
                     snug_dry_place_fits(run, place) ? "true" : "false");
    snug_text_append(out, ",\"steps\":%" PRId64, process->steps);
    append_string(out, "ended", process->ended);
    append_bytes(out, "allocated_peak_bytes", place->allocated);
    append_bytes(out, "reserved_peak_bytes", place->reserved);
    append_bytes(out, "used_peak_bytes", place->used);
    append_bytes(out, "context_bytes", place->context);
    append_bytes(out, "allocations", place->allocations);
    append_bytes(out, "pinned_peak_bytes", process->pinned_peak);
    snug_text_append(out, "}");
}

static void append_ranks(const snug_dry_run *run, snug_text *out) {
    const snug_dry_records *records = &run->seen->records;
    snug_text_append(out, ",\"ranks\":[");
    for (size_t i = 0; run->order && i < records->place_count; i++) {
        if (i > 0) snug_text_append(out, ",");
        append_rank(run, &records->places[run->order[i]], out);
    }
    snug_text_append(out, "]");
}

static void append_cards(const snug_dry_run *run, snug_text *out) {
    const char *smallest = NULL;
    snug_text_append(out, ",\"cards\":[");
    for (size_t i = 0; i < run->card_count; i++) {
        const snug_dry_card *card = &run->cards[i];
        bool fits = card->verdict == SNUG_DRY_FITS;
        if (fits && !smallest) smallest = card->gpu->name;
        snug_text_append(out, "%s{\"gpu\":", i ? "," : "");
        snug_page_append_string(out, card->gpu->name);
        append_bytes(out, "card_bytes", card->gpu->total_bytes);
        append_bytes(out, "needed_bytes", card->needed);
        snug_text_append(out, ",\"fits\":%s,\"verdict\":\"%s\",\"predicted\":true}",
                         fits ? "true" : "false", snug_dry_verdict_names[card->verdict]);
    }
    snug_text_append(out, "]");
    append_string(out, "smallest_gpu", smallest);
    snug_text_append(out, ",\"gpus_without_kernels\":[");
    const snug_dry_place *worst = snug_dry_worst(run);
    for (int i = 0, listed = 0; worst && snug_gpu_at(i); i++) {
        if (snug_dry_has_kernels(worst->process, snug_gpu_at(i)->capability)) continue;
        if (listed++) snug_text_append(out, ",");
        snug_page_append_string(out, snug_gpu_at(i)->name);
    }
    snug_text_append(out, "]");
    snug_text_append(out, ",\"settings\":[");
    for (size_t i = 0; i < run->setting_count; i++) {
        snug_text_append(out, "%s{\"settings\":", i ? "," : "");
        snug_page_append_string(out, run->settings[i].text);
        append_bytes(out, "reserved_bytes", run->settings[i].reserved);
        snug_text_append(out, ",\"fits\":%s,\"predicted\":true}",
                         run->settings[i].runs ? "true" : "false");
    }
    snug_text_append(out, "]");
}

static void append_place(snug_text *out, const char *file, int line) {
    append_string(out, "file", file && *file ? file : NULL);
    snug_text_append(out, ",\"line\":%d", line);
}

static void append_peak(const snug_dry_run *run, snug_text *out) {
    const snug_dry_peak *peak = &run->peak;
    if (!peak->known) {
        snug_text_append(out, ",\"peak\":null");
        return;
    }
    snug_text_append(out, ",\"peak\":{\"step\":%" PRId64, peak->step);
    append_string(out, "phase", peak->phase);
    append_place(out, peak->file ? peak->file : peak->marked_file, peak->line);
    append_bytes(out, "allocated_bytes", peak->allocated);
    append_bytes(out, "first_step_bytes", peak->first_step);
    append_bytes(out, "later_steps_bytes", peak->later_steps);
    snug_text_append(out, ",\"memory\":{");
    for (int kind = 0; kind < SNUG_KINDS; kind++)
        snug_text_append(out, "%s\"%s\":%" PRIu64, kind ? "," : "",
                         kind == SNUG_KIND_UNCLASSIFIED ? "other" : snug_kind_names[kind],
                         peak->kinds[kind]);
    snug_text_append(out, "},\"lines\":[");
    for (size_t i = 0; i < peak->line_count; i++) {
        const snug_dry_line *line = &peak->lines[i];
        snug_text_append(out, "%s{\"kind\":\"%s\"", i ? "," : "", line->kind);
        append_place(out, line->file, line->line);
        append_string(out, "function", line->function);
        append_bytes(out, "bytes", line->bytes);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "]}");
}

static void append_failures(const snug_dry_run *run, snug_text *out) {
    const snug_dry_records *records = &run->first.records;
    bool begun = false;
    snug_text_append(out, ",\"out_of_memory\":[");
    for (size_t i = 0; i < records->process_count; i++) {
        const snug_dry_process *process = &records->processes[i];
        for (size_t j = 0; j < process->failure_count; j++) {
            const snug_dry_failure *failure = &process->failures[j];
            snug_text_append(out, "%s{\"rank\":%d,\"device\":%d,\"step\":%" PRId64,
                             begun ? "," : "", process->rank, failure->device, failure->step);
            append_string(out, "phase", failure->phase);
            append_string(out, "place", *failure->line ? failure->line : NULL);
            append_bytes(out, "requested_bytes", failure->requested);
            append_bytes(out, "free_bytes", failure->free_bytes);
            snug_text_append(out, "}");
            begun = true;
        }
    }
    snug_text_append(out, "]");
}

static void append_error(const snug_dry_run *run, snug_text *out) {
    const snug_dry_process *failed = run->judgement.failed;
    if (failed && failed->error_type) {
        snug_text_append(out, ",\"error\":{\"type\":");
        snug_page_append_string(out, failed->error_type);
        append_string(out, "message", failed->error_message);
        append_string(out, "place", *failed->error_line ? failed->error_line : NULL);
        snug_text_append(out, "}");
    } else {
        snug_text_append(out, ",\"error\":null");
    }
    snug_text_append(out, ",\"explanation\":");
    if (run->finding)
        snug_finding_append_json(run->finding, out);
    else
        snug_text_append(out, "null");
}

static void append_texts(snug_text *out, const char *key, const char *const *texts, size_t count) {
    snug_text_append(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) snug_text_append(out, ",");
        snug_page_append_string(out, texts[i]);
    }
    snug_text_append(out, "]");
}

static void append_unknown(const snug_dry_process *process, snug_text *out) {
    snug_text_append(out, ",\"unknown\":{\"reads\":[");
    for (size_t i = 0; i < process->read_count; i++) {
        const snug_dry_read *read = &process->reads[i];
        snug_text_append(out, "%s{\"count\":%" PRIu64 ",\"dropped\":%s", i ? "," : "", read->count,
                         read->dropped ? "true" : "false");
        append_string(out, "operation", read->operation);
        append_string(out, "place", *read->line ? read->line : NULL);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "],\"workspaces\":[");
    for (size_t i = 0; i < process->workspace_count; i++) {
        const snug_dry_workspaces *of = &process->workspaces[i];
        snug_text_append(out, "%s{\"calls\":%" PRIu64, i ? "," : "", of->calls);
        append_string(out, "what", of->what);
        append_bytes(out, "sum_bytes", of->sum);
        append_bytes(out, "largest_bytes", of->largest);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "],\"returned\":[");
    for (size_t i = 0; i < process->returned_count; i++) {
        snug_text_append(out, "%s{\"calls\":%" PRIu64, i ? "," : "", process->returned[i].calls);
        append_string(out, "library", process->returned[i].library);
        append_string(out, "name", process->returned[i].name);
        snug_text_append(out, "}");
    }
    snug_text_append(out, "]");
    append_texts(out, "notes", process->notes, process->note_count);
    append_texts(out, "problems", process->problems, process->problem_count);
    snug_text_append(out, "}");
}

static void append_program(const snug_dry_run *run, snug_text *out) {
    size_t count = 0;
    while (run->request.program[count])
        count++;
    append_texts(out, "program", (const char *const *)run->request.program, count);
    snug_text end = {0};
    snug_dry_append_end(&run->first.end, &end);
    append_string(out, "end", snug_text_view(&end));
    snug_text_clear(&end);
}

void snug_dry_run_append_json(const snug_dry_run *run, snug_text *out) {
    const snug_dry_place *worst = snug_dry_worst(run);
    const snug_dry_process *process = worst ? worst->process : NULL;
    snug_text_append(out, "{\"event\":\"dry-run\"");
    append_string(out, "gpu", snug_dry_gpu_name(run));
    snug_text_append(out, ",\"fits\":%s",
                     run->judgement.outcome == SNUG_DRY_RUN_OUTCOME_FITS ? "true" : "false");
    append_string(out, "outcome", outcomes[run->judgement.outcome]);
    append_string(out, "cannot",
                  run->judgement.cannot ? snug_dry_cannot_keys[run->judgement.cannot] : NULL);
    append_program(run, out);
    append_string(out, "pytorch", process ? process->torch : NULL);
    snug_text_append(out, ",\"steps\":%" PRId64, process ? process->steps : 0);
    append_bytes(out, "allocated_peak_bytes", worst ? worst->allocated : 0);
    append_bytes(out, "reserved_peak_bytes", worst ? worst->reserved : 0);
    append_bytes(out, "used_peak_bytes", worst ? worst->used : 0);
    append_bytes(out, "context_bytes", worst ? worst->context : 0);
    snug_text_append(out, ",\"card_bytes\":");
    if (snug_dry_card_bytes(run))
        snug_text_append(out, "%" PRIu64, snug_dry_card_bytes(run));
    else
        snug_text_append(out, "null");
    append_bytes(out, "smallest_memory_bytes", run->smallest);
    snug_text_append(out, ",\"seen_with_unlimited_memory\":%s,\"handled_out_of_memory\":%zu",
                     run->seen == &run->again || snug_dry_card_bytes(run) == 0 ? "true" : "false",
                     run->judgement.outcome == SNUG_DRY_RUN_OUTCOME_FITS ? run->judgement.handled
                                                                         : 0);
    append_ranks(run, out);
    append_cards(run, out);
    append_peak(run, out);
    append_failures(run, out);
    append_error(run, out);
    if (process) append_unknown(process, out);
    snug_text_append(out, "}");
}

snug_status snug_dry_run_json(const snug_dry_run *run, char **out) {
    SNUG_REQUIRE(run && out, "a dry run and a place for the text");
    snug_text text = {0};
    *out = NULL;
    snug_dry_run_append_json(run, &text);
    snug_text_append(&text, "\n");
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

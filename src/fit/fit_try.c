// A candidate in a dry run on the card.
#include "base/memory.h"
#include "fit/fit.h"

static snug_status note_failure(const snug_dry_run *run, snug_fit_candidate *candidate) {
    const snug_dry_process *failed = run->judgement.failed;
    const char *message = failed && failed->error_message ? failed->error_message
                                                          : "the program ended with a failure";
    candidate->failed = true;
    if (candidate->problem) return SNUG_OK;
    return snug_memory_copy_text(message, &candidate->problem);
}

static void note_peak(const snug_dry_run *run, snug_fit_candidate *candidate) {
    const snug_dry_place *worst = snug_dry_worst(run);
    candidate->fits = true;
    if (!worst) return;
    candidate->used = worst->used;
    candidate->reserved = worst->reserved;
    candidate->allocated = worst->allocated;
    // A card that has room is used: the recording replayed tells what it would have run in.
    candidate->needed = run->smallest ? run->smallest : worst->used;
    candidate->held = worst->allocated + (worst->used - worst->reserved);
}

// When it ran out of memory, so much more would have been needed at least.
static void note_lack(const snug_dry_run *run, uint64_t reserve, snug_fit_candidate *candidate) {
    const snug_dry_process *failed = run->judgement.failed;
    if (!failed || failed->failure_count == 0) return;
    const snug_dry_failure *last = &failed->failures[failed->failure_count - 1];
    candidate->needed = last->card_bytes + last->requested - last->free_bytes;
    candidate->needed -= reserve < candidate->needed ? reserve : 0;
    uint64_t cached = failed->peak_reserved - failed->peak_allocated;
    candidate->held = candidate->needed > cached ? candidate->needed - cached : 0;
}

static void tell_run(const snug_fit *fit, const snug_fit_candidate *candidate) {
    const snug_fit_request *request = &fit->request;
    snug_text text = {0};
    if (!request->tell) return;
    snug_text_append(&text, "dry run %d: ", fit->runs);
    snug_fit_append_names(candidate, &text);
    request->tell(request->context, snug_text_view(&text));
    snug_text_clear(&text);
}

static snug_status run_dry(snug_fit *fit, const snug_fit_candidate *candidate, uint64_t memory,
                           snug_dry_run **out) {
    const snug_fit_request *asked = &fit->request;
    snug_text fixes = {0};
    snug_dry_run_request request = snug_dry_run_defaults();
    snug_fit_append_fixes(fit, candidate, &fixes);
    request.program = asked->program;
    request.gpu = asked->gpu;
    request.memory_bytes = memory;
    request.context_bytes = asked->context_bytes;
    if (memory != SNUG_DRY_UNLIMITED) request.others_bytes = fit->situation.reserve;
    request.gpus = asked->gpus;
    request.steps = asked->steps;
    request.seconds = asked->seconds;
    request.fixes = snug_text_view(&fixes);
    request.allocator = snug_fit_allocator(fit, candidate);
    request.output = fit->output;
    request.once = true;
    *out = NULL;
    snug_status status = snug_text_status(&fixes);
    if (status == SNUG_OK) status = snug_dry_run_start(&request, out);
    snug_text_clear(&fixes);
    return status;
}

static snug_status note(snug_fit *fit, const snug_dry_run *run, snug_fit_candidate *candidate) {
    switch (snug_dry_run_outcome_of(run)) {
    case SNUG_DRY_RUN_OUTCOME_FITS:
        // What ran out of memory and went on is no fit.
        if (run->judgement.handled == 0) note_peak(run, candidate);
        return SNUG_OK;
    case SNUG_DRY_RUN_OUTCOME_NO_FIT:
        note_lack(run, fit->situation.reserve, candidate);
        return SNUG_OK;
    case SNUG_DRY_RUN_OUTCOME_INTERRUPTED:
        candidate->tried = false; // nothing was seen
        fit->outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
        return SNUG_OK;
    default:
        return note_failure(run, candidate);
    }
}

snug_status snug_fit_try(snug_fit *fit, snug_fit_candidate *candidate) {
    snug_dry_run *run;
    candidate->tried = true;
    fit->runs++;
    tell_run(fit, candidate);
    SNUG_TRY(run_dry(fit, candidate, fit->request.memory_bytes, &run));
    snug_status status = note(fit, run, candidate);
    snug_dry_run_free(run);
    return status;
}

snug_status snug_fit_try_without_limit(snug_fit *fit, snug_fit_candidate *candidate) {
    fit->runs++;
    tell_run(fit, candidate);
    SNUG_TRY(run_dry(fit, candidate, SNUG_DRY_UNLIMITED, &fit->last));
    if (snug_dry_run_outcome_of(fit->last) == SNUG_DRY_RUN_OUTCOME_INTERRUPTED)
        fit->outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
    return SNUG_OK;
}

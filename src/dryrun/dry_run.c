#include "snug/dry_run.h"
#include "base/sized.h"
#include "explain/explanation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dryrun/dry_run_result.h"
#include "io/file.h"

static snug_status check(const snug_dry_run_request *request) {
    if (!request->program || !request->program[0])
        return snug_fail(SNUG_INVALID, "no program to run");
    if (request->gpus < 1 || request->gpus > 64)
        return snug_fail(SNUG_INVALID, "%d cards: expected 1 to 64", request->gpus);
    return SNUG_OK;
}

static snug_status attempt(const snug_dry_run_request *request, uint64_t memory,
                           snug_dry_attempt *out) {
    SNUG_TRY(snug_dry_setup_make(request, memory, &out->setup));
    out->memory = memory;
    snug_launch_request launch = {.program = request->program,
                                  .environment = out->setup.environment,
                                  .output = request->output,
                                  .seconds = request->seconds};
    SNUG_TRY(snug_launch_run(&launch, &out->end));
    if (out->end.start_errno)
        return snug_fail(SNUG_NOT_FOUND, "cannot start '%s': %s", request->program[0],
                         strerror(out->end.start_errno));
    return snug_dry_records_read(out->setup.directory, &out->records);
}

static void clear_attempt(snug_dry_attempt *attempt) {
    snug_dry_records_clear(&attempt->records);
    snug_dry_setup_clear(&attempt->setup);
}

// What it would need is seen where there is enough.
static snug_status attempt_again(snug_dry_run *run) {
    const snug_dry_run_request *request = &run->request;
    if (request->once || run->judgement.outcome != SNUG_DRY_RUN_OUTCOME_NO_FIT ||
        run->first.memory >= SNUG_DRY_UNLIMITED)
        return SNUG_OK;
    if (request->tell)
        request->tell(request->context,
                      "it does not fit; the program runs once more, with all the memory it likes, "
                      "to see what it needs");
    SNUG_TRY(attempt(request, SNUG_DRY_UNLIMITED, &run->again));
    run->ran_again = true;
    snug_dry_judgement judgement;
    snug_dry_judge(&run->again, request->program, &judgement);
    if (judgement.outcome == SNUG_DRY_RUN_OUTCOME_FITS) run->seen = &run->again;
    if (judgement.outcome == SNUG_DRY_RUN_OUTCOME_INTERRUPTED)
        run->judgement.outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
    return SNUG_OK;
}

// By PyTorch's own snapshot of the failure, else by its message.
static snug_status explain_failure(snug_dry_run *run) {
    char path[PATH_MAX];
    size_t count = 0;
    const snug_dry_process *failed = run->judgement.failed;
    if (run->judgement.outcome != SNUG_DRY_RUN_OUTCOME_NO_FIT || !failed) return SNUG_OK;
    snprintf(path, sizeof path, "%s/%ld.oom.pickle", run->first.setup.directory, failed->pid);
    snug_explain_options options = {.what_if = true};
    snug_status status = snug_explain_file_with(path, &options, &run->explanation);
    if (status != SNUG_OK && status != SNUG_NOMEM && failed->error_message)
        status = snug_explain_text(failed->error_message, strlen(failed->error_message),
                                   "the program's error", &run->explanation);
    if (run->explanation) run->finding = snug_explanation_findings(run->explanation, &count);
    if (count == 0) run->finding = NULL;
    return status == SNUG_NOMEM ? status : SNUG_OK;
}

static snug_status copy_file(const char *from, const char *to) {
    char buffer[1 << 16];
    snug_file out;
    FILE *in = fopen(from, "rbe");
    if (!in) return snug_fail(SNUG_IO, "there is no recording to keep as '%s'", to);
    snug_status status = snug_file_create(to, &out);
    if (status == SNUG_OK) {
        for (size_t got; status == SNUG_OK && (got = fread(buffer, 1, sizeof buffer, in)) > 0;)
            status = snug_file_write(&out, buffer, got);
        if (status == SNUG_OK)
            status = snug_file_commit(&out);
        else
            snug_file_abandon(&out);
    }
    fclose(in);
    return status;
}

snug_status snug_dry_run_recording_write(const snug_dry_run *run, const char *to) {
    SNUG_REQUIRE(run && to, "a dry run and a path");
    char path[PATH_MAX];
    const snug_dry_place *worst = snug_dry_worst(run);
    if (run->finding && run->judgement.failed)
        snprintf(path, sizeof path, "%s/%ld.oom.pickle", run->first.setup.directory,
                 run->judgement.failed->pid);
    else
        snprintf(path, sizeof path, "%s/%ld.recording.pickle", run->seen->setup.directory,
                 worst ? worst->process->pid : 0);
    return copy_file(path, to);
}

snug_status snug_dry_run_start_sized(const snug_dry_run_request *given, size_t request_bytes,
                                     snug_dry_run **out) {
    snug_dry_run *run;
    snug_dry_run_request wanted, *request = &wanted;
    SNUG_REQUIRE(out, "a place for the dry run");
    *out = NULL;
    SNUG_TRY(snug_sized_take(request, sizeof *request, given, request_bytes, "a request"));
    SNUG_TRY(check(request));
    SNUG_TRY(SNUG_NEW(&run, 1));
    run->request = *request;
    run->seen = &run->first;
    snug_status status = attempt(request, snug_dry_setup_memory(request), &run->first);
    if (status == SNUG_OK) {
        snug_dry_judge(&run->first, request->program, &run->judgement);
        status = attempt_again(run);
    }
    if (status == SNUG_OK) status = explain_failure(run);
    if (status == SNUG_OK) status = snug_dry_needs_find(run);
    if (status == SNUG_OK)
        *out = run;
    else
        snug_dry_run_free(run);
    return status;
}

void snug_dry_run_free(snug_dry_run *run) {
    if (!run) return;
    for (size_t i = 0; run->recordings && i < run->seen->records.place_count; i++)
        snug_dry_recording_clear(&run->recordings[i]);
    snug_memory_free(run->recordings);
    snug_memory_free(run->needs);
    snug_memory_free(run->order);
    snug_memory_free(run->cards);
    snug_memory_free(run->recording_problem);
    snug_explanation_free(run->explanation);
    clear_attempt(&run->first);
    clear_attempt(&run->again);
    snug_memory_free(run);
}

snug_dry_run_outcome snug_dry_run_outcome_of(const snug_dry_run *run) {
    if (!run) return SNUG_DRY_RUN_OUTCOME_FAILED;
    return run->judgement.outcome;
}

void snug_dry_run_text_free(char *text) {
    snug_memory_free(text);
}

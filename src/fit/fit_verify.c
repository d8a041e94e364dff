// The chosen fixes on the CPU: the program as it is, then with them, from the same seeds; what the
// hook compared (python/snug_hook/verify.py) is held to what the fixes' fidelity promises. Where
// they differ, the program once more as it is: some give other results each time.
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/page.h"
#include "dryrun/words.h"
#include "fit/fit.h"
#include "io/file.h"
#include "io/json.h"

// Rounding: sums in another order. Precision: bfloat16 rounds by up to 2^-9 each time, and losses
// are sums of many; gradients are told, and held to nothing.
static const double rounding = 1e-5, precision = 2e-2;

// ---- Runs

// Why the program ended as it did; NULL: well.
static snug_status find_problem(const snug_launch_end *end, const snug_dry_records *records,
                                char **out) {
    snug_text text = {0};
    *out = NULL;
    if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0) return SNUG_OK;
    snug_dry_append_end(end, &text);
    for (size_t i = 0; i < records->process_count; i++) {
        const snug_dry_process *process = &records->processes[i];
        if (!process->error_type) continue;
        snug_text_append(&text, ", %s: %.200s", process->error_type,
                         process->error_message ? process->error_message : "");
        break;
    }
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_memory_copy_text(snug_text_view(&text), out);
    snug_text_clear(&text);
    return status;
}

static snug_status run_on_cpu(snug_fit *fit, const char *verify, const char *fixes,
                              char **problem) {
    snug_dry_setup setup;
    snug_launch_end end = {0};
    snug_dry_records records = {0};
    const snug_dry_run_request request = {.program = fit->request.program,
                                          .gpus = 1,
                                          .steps = fit->request.verify_steps,
                                          .fixes = fixes,
                                          .verify = verify};
    snug_status status = snug_dry_setup_make(&request, 0, &setup);
    if (status == SNUG_OK) {
        snug_launch_request launch = {
            .program = request.program, .environment = setup.environment, .output = fit->output};
        status = snug_launch_run(&launch, &end);
    }
    if (status == SNUG_OK) status = snug_dry_records_read(setup.directory, &records);
    if (status == SNUG_OK) status = find_problem(&end, &records, problem);
    if (end.interrupted) fit->outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
    snug_dry_records_clear(&records);
    snug_dry_setup_clear(&setup);
    return status;
}

// ---- What was compared

static snug_fit_difference read_difference(const snug_json *root, const char *kind) {
    const snug_json *member = snug_json_member(root, kind);
    const snug_json *relative = snug_json_member(member, "relative");
    return (snug_fit_difference){.tensors = snug_json_whole(member, "tensors", 0),
                                 .different = snug_json_whole(member, "different", 0),
                                 .missing = snug_json_whole(member, "missing", 0),
                                 .first_step = snug_json_whole(member, "first_step", 0),
                                 .relative = relative ? relative->number : 0};
}

// SNUG_NOT_FOUND where nothing was compared.
static snug_status read_comparison(const char *folder, snug_fit_verification *out) {
    char path[PATH_MAX], *bytes = NULL;
    size_t length = 0;
    snug_pool pool = {0};
    const snug_json *root = NULL;
    snprintf(path, sizeof path, "%.500s/verify.json", folder);
    SNUG_TRY(snug_file_read(path, &bytes, &length));
    snug_status status = snug_json_read(bytes, length, &pool, &root);
    if (status == SNUG_OK) {
        out->steps = snug_json_whole(root, "steps", 0);
        out->losses = read_difference(root, "losses");
        out->gradients = read_difference(root, "gradients");
        out->weights = read_difference(root, "weights");
        out->buffers = read_difference(root, "buffers");
        out->random = read_difference(root, "random");
    }
    snug_pool_clear(&pool);
    snug_memory_free(bytes);
    return status;
}

static bool is_within(const snug_fit_difference *one, double most) {
    return one->relative >= 0 && one->relative <= most;
}

static bool is_the_same(const snug_fit_verification *seen) {
    return seen->losses.different + seen->losses.missing + seen->gradients.different +
               seen->weights.different + seen->weights.missing + seen->buffers.different +
               seen->buffers.missing + seen->random.different ==
           0;
}

static snug_fit_verdict judge(snug_fidelity fidelity, const snug_fit_verification *seen) {
    if (is_the_same(seen)) return SNUG_FIT_KEPT;
    switch (fidelity) {
    case SNUG_FIDELITY_EXACT:
        return SNUG_FIT_BROKEN;
    case SNUG_FIDELITY_ROUNDING:
        if (is_within(&seen->losses, rounding) && is_within(&seen->gradients, rounding) &&
            is_within(&seen->buffers, rounding))
            return SNUG_FIT_KEPT;
        return seen->random.different ? SNUG_FIT_OTHER_RANDOM : SNUG_FIT_BROKEN;
    case SNUG_FIDELITY_PRECISION:
        if (is_within(&seen->losses, precision)) return SNUG_FIT_KEPT;
        return seen->random.different ? SNUG_FIT_OTHER_RANDOM : SNUG_FIT_BROKEN;
    default:
        return SNUG_FIT_NO_PROMISE;
    }
}

// Whether the program as it is differs from what was kept of it.
static snug_status find_repeated(snug_fit *fit, const char *verify, const char *folder,
                                 snug_fit_verification *out) {
    char *problem = NULL, path[PATH_MAX];
    snug_fit_verification again = {0};
    snprintf(path, sizeof path, "%.500s/verify.json", folder);
    unlink(path);
    SNUG_TRY(run_on_cpu(fit, verify, NULL, &problem));
    snug_memory_free(problem);
    snug_status status = read_comparison(folder, &again);
    if (status == SNUG_OK && !is_the_same(&again)) out->verdict = SNUG_FIT_NOT_REPEATED;
    return status == SNUG_NOT_FOUND ? SNUG_OK : status;
}

static void tell(const snug_fit *fit, const char *what) {
    if (fit->request.tell) fit->request.tell(fit->request.context, what);
}

static snug_status note_problem(snug_fit_verification *out, const char *reason) {
    out->verdict = SNUG_FIT_NOT_ON_CPU;
    return out->problem ? SNUG_OK : snug_memory_copy_text(reason, &out->problem);
}

// Both runs; |more| are further settings of the hook. |out->verdict| stays SNUG_FIT_UNVERIFIED
// where there is something to judge.
static snug_status run_both(snug_fit *fit, const char *folder, const char *more,
                            snug_fit_verification *out) {
    char keep[PATH_MAX], verify[PATH_MAX];
    snug_text fixes = {0};
    snprintf(keep, sizeof keep, "keep:%.500s%s", folder, more);
    snprintf(verify, sizeof verify, "compare:%.500s%s", folder, more);
    tell(fit, "verifying: the program as it is, on the CPU");
    SNUG_TRY(run_on_cpu(fit, keep, NULL, &out->problem));
    if (out->problem) out->verdict = SNUG_FIT_NOT_ON_CPU;
    if (out->problem || snug_fit_is_stopped(fit)) return SNUG_OK;
    tell(fit, "verifying: with the fixes, on the CPU");
    snug_fit_append_fixes(fit, &fit->candidates[fit->chosen], &fixes);
    snug_status status = snug_text_status(&fixes);
    if (status == SNUG_OK) status = run_on_cpu(fit, verify, snug_text_view(&fixes), &out->problem);
    snug_text_clear(&fixes);
    SNUG_TRY(status);
    if (out->problem) out->verdict = SNUG_FIT_NOT_ON_CPU;
    if (out->problem || snug_fit_is_stopped(fit)) return SNUG_OK;
    status = read_comparison(folder, out);
    if (status == SNUG_NOT_FOUND)
        return note_problem(out, "it made no step with an optimizer of PyTorch's");
    return status;
}

// Once more without dropout; where that can be judged, it is what is told.
static snug_status compare_without_dropout(snug_fit *fit, const char *folder) {
    snug_fit_verification still = {0};
    tell(fit, "verifying: the results differ; both once more without dropout");
    snug_status status = run_both(fit, folder, ";still=1", &still);
    if (status == SNUG_OK && still.verdict == SNUG_FIT_UNVERIFIED && still.steps) {
        still.verdict = judge(fit->candidates[fit->chosen].fidelity, &still);
        still.without_dropout = true;
        if (still.verdict == SNUG_FIT_KEPT) fit->verification = still;
    }
    snug_memory_free(still.problem); // none where it is judged
    return status;
}

static snug_status compare(snug_fit *fit, const char *folder) {
    snug_fit_verification *out = &fit->verification;
    char verify[PATH_MAX];
    SNUG_TRY(run_both(fit, folder, "", out));
    if (out->verdict != SNUG_FIT_UNVERIFIED || out->problem || snug_fit_is_stopped(fit))
        return SNUG_OK;
    out->verdict = judge(fit->candidates[fit->chosen].fidelity, out);
    // Drawn in another order, as many numbers leave the same random state at the end.
    bool is_still = out->verdict == SNUG_FIT_OTHER_RANDOM ||
                    (out->verdict == SNUG_FIT_BROKEN &&
                     fit->candidates[fit->chosen].fidelity != SNUG_FIDELITY_EXACT);
    if (is_still) SNUG_TRY(compare_without_dropout(fit, folder));
    if (out->verdict != SNUG_FIT_BROKEN) return SNUG_OK;
    tell(fit, "verifying: the results differ; the program as it is once more");
    snprintf(verify, sizeof verify, "compare:%.500s%s", folder, is_still ? ";still=1" : "");
    return find_repeated(fit, verify, folder, out);
}

snug_status snug_fit_verify(snug_fit *fit) {
    static const size_t none[SNUG_FIT_FIXES];
    const snug_fit_candidate *chosen = &fit->candidates[fit->chosen];
    char folder[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    if (memcmp(chosen->amounts, none, sizeof none) == 0 || snug_fit_is_stopped(fit)) return SNUG_OK;
    snprintf(folder, sizeof folder, "%.400s/snug-verify-XXXXXX",
             parent && *parent ? parent : "/tmp");
    if (!mkdtemp(folder)) return snug_fail(SNUG_IO, "cannot make a folder '%s'", folder);
    snug_status status = compare(fit, folder);
    snug_dry_remove_folder(folder);
    // Interrupted, nothing was seen: how the program ended says nothing of it.
    if (fit->outcome == SNUG_DRY_RUN_OUTCOME_INTERRUPTED) {
        snug_memory_free(fit->verification.problem);
        fit->verification = (snug_fit_verification){.verdict = SNUG_FIT_UNVERIFIED};
    }
    return status;
}

// ---- What is told of it

static const char *describe(const snug_fit_difference *one, char text[64]) {
    if (one->relative < 0)
        snprintf(text, 64, "are no numbers in one of the two");
    else if (one->different == 0)
        snprintf(text, 64, "are the same");
    else
        snprintf(text, 64, "differ by %.1e", one->relative);
    return text;
}

static void append_differences(const snug_fit_verification *seen, snug_text *out) {
    char losses[64], gradients[64], weights[64], buffers[64];
    snug_text_append(out, "losses %s, gradients %s, weights at the end %s",
                     describe(&seen->losses, losses), describe(&seen->gradients, gradients),
                     describe(&seen->weights, weights));
    if (seen->buffers.tensors)
        snug_text_append(out, ", buffers %s", describe(&seen->buffers, buffers));
    snug_text_append(out, " (relative)");
    int64_t first = seen->losses.first_step;
    if (!first || (seen->gradients.first_step && seen->gradients.first_step < first))
        first = seen->gradients.first_step;
    if (first > 1) snug_text_append(out, ", from step %" PRId64 " on", first);
    if (seen->random.different) snug_text_append(out, "; random numbers were drawn differently");
}

static void append_kept(const snug_fit *fit, snug_text *out) {
    const snug_fit_verification *seen = &fit->verification;
    const snug_fit_candidate *chosen = &fit->candidates[fit->chosen];
    if (is_the_same(seen)) {
        snug_text_append(out, "losses, gradients, weights, %srandom numbers have the same bits",
                         seen->buffers.tensors ? "buffers and " : "and ");
    } else {
        append_differences(seen, out);
        snug_text_append(out, ", within what '%s' promises (%g%s)",
                         snug_fidelity_name(chosen->fidelity),
                         chosen->fidelity == SNUG_FIDELITY_ROUNDING ? rounding : precision,
                         chosen->fidelity == SNUG_FIDELITY_ROUNDING ? "" : " of the losses");
    }
    if (seen->gradients.missing)
        snug_text_append(out, "; %" PRId64 " gradients were freed before they could be compared",
                         seen->gradients.missing);
}

static void append_verdict(const snug_fit *fit, snug_text *out) {
    const snug_fit_verification *seen = &fit->verification;
    if (seen->without_dropout)
        snug_text_append(out,
                         "the fixes draw dropout in another order, which changes the losses as "
                         "another seed would; with dropout off in both, ");
    switch (seen->verdict) {
    case SNUG_FIT_KEPT:
        append_kept(fit, out);
        break;
    case SNUG_FIT_OTHER_RANDOM:
        snug_text_append(out, "the fixes draw random numbers (dropout) in another order, so that "
                              "results cannot be compared: ");
        append_differences(seen, out);
        break;
    case SNUG_FIT_NOT_REPEATED:
        snug_text_append(out, "the program gives other results each time, also as it is and from "
                              "the same seeds: nothing can be said");
        break;
    case SNUG_FIT_NO_PROMISE:
        append_differences(seen, out);
        snug_text_append(out, "; 'statistics' promises nothing of these");
        break;
    default:
        append_differences(seen, out);
        snug_text_append(out,
                         ". That is NOT what '%s' promises: please report it; these fixes are "
                         "not written down",
                         snug_fidelity_name(fit->candidates[fit->chosen].fidelity));
    }
}

void snug_fit_append_verification(const snug_fit *fit, snug_text *out) {
    const snug_fit_verification *seen = &fit->verification;
    snug_text line = {0};
    if (seen->verdict == SNUG_FIT_UNVERIFIED) return;
    if (seen->verdict == SNUG_FIT_NOT_ON_CPU) {
        snug_text_append(&line, "Not verified: the program does not run on the CPU: %s",
                         seen->problem);
    } else {
        snug_text_append(&line,
                         "Verified on the CPU, %" PRId64 " step%s with and without: ", seen->steps,
                         seen->steps == 1 ? "" : "s");
        append_verdict(fit, &line);
    }
    snug_text_append(&line, ".");
    snug_text_append(out, "\n");
    snug_dry_wrap(out, 0, snug_text_view(&line));
    snug_text_clear(&line);
}

static void append_number(const char *key, const snug_fit_difference *one, snug_text *out) {
    if (one->relative < 0)
        snug_text_append(out, ",\"%s\":null", key);
    else
        snug_text_append(out, ",\"%s\":%.3e", key, one->relative);
}

void snug_fit_append_verification_json(const snug_fit *fit, snug_text *out) {
    static const char *const names[] = {"unverified",   "not-on-cpu", "not-repeated", "kept",
                                        "other-random", "no-promise", "broken"};
    const snug_fit_verification *seen = &fit->verification;
    if (seen->verdict == SNUG_FIT_UNVERIFIED) return;
    snug_text_append(out, ",\"verification\":{\"verdict\":\"%s\",\"steps\":%" PRId64,
                     names[seen->verdict], seen->steps);
    append_number("losses", &seen->losses, out);
    append_number("gradients", &seen->gradients, out);
    append_number("weights", &seen->weights, out);
    append_number("buffers", &seen->buffers, out);
    if (seen->without_dropout) snug_text_append(out, ",\"without_dropout\":true");
    snug_text_append(out, ",\"identical\":%s", seen->steps && is_the_same(seen) ? "true" : "false");
    if (seen->problem) {
        snug_text_append(out, ",\"problem\":");
        snug_page_append_string(out, seen->problem);
    }
    snug_text_append(out, "}");
}

// From the request to the situation: one dry run that tells what there is to be fixed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/sized.h"
#include "fit/fit.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

static snug_status check_names(const char *list) {
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, ",");
        bool known = false;
        for (size_t i = 0; snug_fit_fixes[i]; i++)
            known |= strlen(snug_fit_fixes[i]->name) == length &&
                     strncmp(at, snug_fit_fixes[i]->name, length) == 0;
        if (!known)
            return snug_fail(SNUG_INVALID,
                             "no fix for PyTorch programs is called '%.*s'; `snug fit --help` "
                             "lists them",
                             (int)length, at);
        at += length + (at[length] == ',');
    }
    return SNUG_OK;
}

static snug_status run_unfixed(snug_fit *fit) {
    const snug_fit_request *asked = &fit->request;
    snug_dry_run_request request = snug_dry_run_defaults();
    request.program = asked->program;
    request.gpu = asked->gpu;
    request.memory_bytes = SNUG_DRY_UNLIMITED;
    request.context_bytes = asked->context_bytes;
    request.gpus = asked->gpus;
    request.steps = asked->steps;
    request.seconds = asked->seconds;
    request.profile = true;
    request.once = true;
    if (asked->tell) asked->tell(asked->context, "dry run 1: the program as it is, with a profile");
    fit->runs = 1;
    return snug_dry_run_start(&request, &fit->situation.unfixed);
}

// The least memory that the recording runs in, on the card's own context.
static void find_need(snug_fit *fit) {
    snug_fit_situation *situation = &fit->situation;
    const snug_dry_run *run = situation->unfixed;
    const snug_dry_place *worst = snug_dry_worst(run);
    situation->needed = run->smallest ? run->smallest : worst->used;
    situation->cached = worst->reserved - worst->allocated;
    situation->context = worst->used - worst->reserved;
    memcpy(situation->kinds, run->peak.kinds, sizeof situation->kinds);
}

// Where nothing fits: what the candidate that needs least would fit on.
static snug_status find_least(snug_fit *fit) {
    snug_fit_candidate *least = NULL;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        snug_fit_candidate *one = &fit->candidates[i];
        if (!one->failed && (!least || one->predicted < least->predicted)) least = one;
    }
    if (least) fit->least = (int)(least - fit->candidates);
    return least && !snug_fit_is_stopped(fit) ? snug_fit_try_without_limit(fit, least) : SNUG_OK;
}

// What is said to be there is taken at its word; a card is not (docs/fit.md says by how much).
static snug_status find_reserve(const snug_fit_request *asked, snug_fit_situation *situation) {
    uint64_t total = situation->total;
    situation->reserve = asked->memory_bytes ? 0 : snug_dry_margin(total);
    if (asked->reserve_bytes >= 0) situation->reserve = (uint64_t)asked->reserve_bytes;
    if (situation->reserve < total) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "a reserve of %s: the card has %s", SIZE(situation->reserve),
                     SIZE(total));
}

uint64_t snug_fit_room(const snug_fit_situation *situation) {
    return situation->total - situation->reserve;
}

static snug_status find_situation(snug_fit *fit) {
    snug_fit_situation *situation = &fit->situation;
    const snug_fit_request *asked = &fit->request;
    situation->request = asked;
    snug_dry_run_request card = {.gpu = asked->gpu, .memory_bytes = asked->memory_bytes};
    situation->gpu = snug_dry_setup_gpu(&card);
    situation->total = snug_dry_setup_memory(&card);
    SNUG_TRY(find_reserve(asked, situation));
    SNUG_TRY(run_unfixed(fit));
    fit->outcome = snug_dry_run_outcome_of(situation->unfixed);
    if (fit->outcome != SNUG_DRY_RUN_OUTCOME_FITS || !snug_dry_worst(situation->unfixed))
        return SNUG_OK;
    find_need(fit);
    snug_status status =
        snug_fit_profile_read(situation->unfixed->seen->setup.directory, &situation->profile);
    // A program without a network that learns has the allocator's settings left.
    if (status != SNUG_OK && status != SNUG_NOT_FOUND) return status;
    SNUG_TRY(snug_fit_frontier_make(&situation->profile, situation->gpu, &situation->frontier));
    situation->step_seconds = 3 * situation->frontier.forward_seconds;
    if (situation->step_seconds <= 0) situation->step_seconds = 1;
    SNUG_TRY(snug_fit_search(fit));
    if (fit->outcome == SNUG_DRY_RUN_OUTCOME_FITS && asked->verify_steps)
        return snug_fit_verify(fit);
    return fit->outcome == SNUG_DRY_RUN_OUTCOME_NO_FIT ? find_least(fit) : SNUG_OK;
}

static snug_status make_output(snug_fit *fit) {
    const char *folder = getenv("TMPDIR");
    snprintf(fit->output, sizeof fit->output, "%s/snug-fit-XXXXXX",
             folder && *folder && strlen(folder) < 40 ? folder : "/tmp");
    int file = mkstemp(fit->output);
    if (file < 0) {
        fit->output[0] = '\0';
        return snug_fail(SNUG_IO, "cannot make a file in '%s'", folder ? folder : "/tmp");
    }
    close(file);
    return SNUG_OK;
}

snug_status snug_fit_start_sized(const snug_fit_request *given, size_t request_bytes,
                                 snug_fit **out) {
    snug_fit *fit;
    snug_fit_request wanted, *request = &wanted;
    SNUG_REQUIRE(out, "a place for what fits");
    *out = NULL;
    SNUG_TRY(snug_sized_take(request, sizeof *request, given, request_bytes, "a request"));
    if (!request->gpu && !request->memory_bytes)
        return snug_fail(SNUG_INVALID, "no card to fit on: give a card or an amount of memory");
    SNUG_TRY(check_names(request->fixes));
    SNUG_TRY(SNUG_NEW(&fit, 1));
    fit->request = *request;
    fit->chosen = fit->least = -1;
    fit->try_on_card = snug_fit_try;
    snug_status status = make_output(fit);
    if (status == SNUG_OK) status = find_situation(fit);
    if (status == SNUG_OK)
        *out = fit;
    else
        snug_fit_free(fit);
    return status;
}

void snug_fit_free(snug_fit *fit) {
    if (!fit) return;
    if (*fit->output) unlink(fit->output);
    for (size_t i = 0; i < fit->candidate_count; i++)
        snug_memory_free(fit->candidates[i].problem);
    snug_dry_run_free(fit->situation.unfixed);
    snug_dry_run_free(fit->last);
    snug_memory_free(fit->verification.problem);
    snug_fit_frontier_clear(&fit->situation.frontier);
    snug_fit_profile_clear(&fit->situation.profile);
    snug_memory_free(fit);
}

snug_dry_run_outcome snug_fit_outcome_of(const snug_fit *fit) {
    if (!fit) return SNUG_DRY_RUN_OUTCOME_FAILED;
    return fit->outcome;
}

bool snug_fit_fits(const snug_fit *fit) {
    if (!fit) return false;
    return fit->chosen >= 0;
}

bool snug_fit_keeps_promise(const snug_fit *fit) {
    if (!fit) return false;
    return fit->verification.verdict != SNUG_FIT_BROKEN;
}

bool snug_fit_is_stopped(snug_fit *fit) {
    const snug_fit_request *request = &fit->request;
    if (request->should_stop && request->should_stop(request->context))
        fit->outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
    return fit->outcome == SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
}

bool snug_fit_fix_at(int index, const char **name, const char **help) {
    for (int i = 0; snug_fit_fixes[i]; i++)
        if (i == index) {
            *name = snug_fit_fixes[i]->name;
            *help = snug_fit_fixes[i]->help;
            return true;
        }
    return false;
}

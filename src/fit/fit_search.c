// The search: fixes are taken up one after the other, mildest first, each at its most, until a dry
// run fits; then those that cost time are taken back as far as still fits. Predictions say where to
// look; that a candidate fits is said by its dry run alone.
#include "fit/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"

// A fix that costs more than this share of a step is taken back where it can be.
static const double cheap = 0.02;
// Predictions this far above the card are not worth a dry run while there are more fixes to add.
static const double hopeless = 1.35;
// Amounts whose kept bytes differ by less than this share of the card are as good as each other.
static const double fine = 0.01;

typedef struct search {
    snug_fit *fit;
    size_t order[SNUG_FIT_FIXES]; // indices of snug_fit_fixes, in the order of taking
    size_t count;
    char output[64]; // a file for what the program prints
} search;

static const snug_fit_situation *situation_of(const search *self) {
    return &self->fit->situation;
}

// ---- Candidates

static void predict(const search *self, snug_fit_candidate *candidate) {
    const snug_fit_situation *situation = situation_of(self);
    uint64_t needed = situation->needed, saved = 0;
    candidate->overhead = 0;
    candidate->fidelity = SNUG_EXACT;
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        const snug_fit_fix *fix = snug_fit_fixes[i];
        if (!candidate->amounts[i]) continue;
        saved += fix->saves(situation, candidate->amounts[i]);
        candidate->overhead += fix->costs(situation, candidate->amounts[i]);
        if (fix->fidelity(situation) > candidate->fidelity)
            candidate->fidelity = fix->fidelity(situation);
    }
    // Weights and the context stay, whatever is saved.
    uint64_t floor = situation->kinds[SNUG_KIND_WEIGHTS];
    candidate->predicted = saved + floor < needed ? needed - saved : floor;
}

static snug_fit_candidate *find(search *self, const size_t *amounts) {
    snug_fit *fit = self->fit;
    for (size_t i = 0; i < fit->candidate_count; i++)
        if (memcmp(fit->candidates[i].amounts, amounts, sizeof fit->candidates[i].amounts) == 0)
            return &fit->candidates[i];
    if (fit->candidate_count == SNUG_FIT_CANDIDATES) return NULL;
    snug_fit_candidate *fresh = &fit->candidates[fit->candidate_count++];
    *fresh = (snug_fit_candidate){0};
    memcpy(fresh->amounts, amounts, sizeof fresh->amounts);
    predict(self, fresh);
    return fresh;
}

// ---- Dry runs

static snug_status note_failure(const search *self, const snug_dry_run *run,
                                snug_fit_candidate *candidate) {
    const snug_dry_process *failed = run->judgement.failed;
    const char *message = failed && failed->error_message ? failed->error_message
                                                          : "the program ended with a failure";
    (void)self;
    candidate->failed = true;
    return snug_memory_copy_text(message, &candidate->problem);
}

static void note_peak(const snug_dry_run *run, snug_fit_candidate *candidate) {
    const snug_dry_place *worst = snug_dry_worst(run);
    candidate->fits = true;
    if (!worst) return;
    candidate->used = worst->used;
    candidate->reserved = worst->reserved;
    candidate->allocated = worst->allocated;
}

static snug_dry_run_request request_of(const search *self, const char *fixes,
                                       const char *allocator) {
    const snug_fit_request *asked = &self->fit->request;
    snug_dry_run_request request = SNUG_DRY_RUN_DEFAULTS;
    request.program = asked->program;
    request.gpu = asked->gpu;
    request.memory_bytes = asked->memory_bytes;
    request.context_bytes = asked->context_bytes;
    request.gpus = asked->gpus;
    request.steps = asked->steps;
    request.seconds = asked->seconds;
    request.fixes = fixes;
    request.allocator = allocator;
    request.output = self->output;
    request.once = true;
    return request;
}

static void tell_run(const search *self, const snug_fit_candidate *candidate) {
    const snug_fit_request *request = &self->fit->request;
    snug_text text = {0};
    if (!request->tell) return;
    snug_text_append(&text, "dry run %d: ", self->fit->runs);
    snug_fit_append_names(candidate, &text);
    request->tell(request->context, snug_text_view(&text));
    snug_text_clear(&text);
}

// Runs the candidate on the card, unless it has been. |again|: where it does not fit once more with
// all the memory it likes; the run is kept.
static snug_status try_candidate(search *self, snug_fit_candidate *candidate, bool again) {
    snug_text fixes = {0};
    if (candidate->tried && !again) return SNUG_OK;
    candidate->tried = true;
    self->fit->runs++;
    tell_run(self, candidate);
    snug_fit_append_fixes(self->fit, candidate, &fixes);
    snug_status status = snug_text_status(&fixes);
    snug_dry_run *run = NULL;
    if (status == SNUG_OK) {
        snug_dry_run_request request =
            request_of(self, snug_text_view(&fixes), snug_fit_allocator(self->fit, candidate));
        request.once = !again;
        status = snug_dry_run_start(&request, &run);
    }
    snug_text_clear(&fixes);
    if (status != SNUG_OK) return status;
    switch (snug_dry_run_outcome_of(run)) {
    case SNUG_DRY_RUN_FITS:
        // What ran out of memory and went on is no fit.
        if (run->judgement.handled == 0) note_peak(run, candidate);
        break;
    case SNUG_DRY_RUN_NO_FIT:
        break;
    case SNUG_DRY_RUN_INTERRUPTED:
        self->fit->outcome = SNUG_DRY_RUN_INTERRUPTED;
        break;
    default:
        status = note_failure(self, run, candidate);
    }
    if (again && !self->fit->last)
        self->fit->last = run;
    else
        snug_dry_run_free(run);
    return status;
}

static bool may_go_on(const search *self) {
    int most = self->fit->request.most_runs ? self->fit->request.most_runs : SNUG_FIT_RUNS;
    return self->fit->runs < most && self->fit->outcome != SNUG_DRY_RUN_INTERRUPTED;
}

static snug_status try_amounts(search *self, const size_t *amounts, snug_fit_candidate **out) {
    *out = find(self, amounts);
    if (!*out || !may_go_on(self)) return SNUG_OK;
    return try_candidate(self, *out, false);
}

// ---- Taking up

static bool is_allowed_name(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, name, length) == 0) return true;
        at += word + (at[word] == ',');
    }
    return !list;
}

static double cost_of(const search *self, size_t index) {
    const snug_fit_situation *situation = situation_of(self);
    const snug_fit_fix *fix = snug_fit_fixes[index];
    return fix->costs(situation, fix->most(situation));
}

static bool comes_first(const search *self, size_t a, size_t b) {
    const snug_fit_situation *situation = situation_of(self);
    const snug_fit_fix *one = snug_fit_fixes[a], *other = snug_fit_fixes[b];
    if (self->fit->request.prefer_speed) {
        bool one_cheap = cost_of(self, a) <= cheap, other_cheap = cost_of(self, b) <= cheap;
        if (one_cheap != other_cheap) return one_cheap;
    }
    snug_fidelity first = one->fidelity(situation), second = other->fidelity(situation);
    return first != second ? first < second : one->rank < other->rank;
}

static void order_fixes(search *self) {
    const snug_fit_situation *situation = situation_of(self);
    for (size_t i = 0; snug_fit_fixes[i] && i < SNUG_FIT_FIXES; i++) {
        const snug_fit_fix *fix = snug_fit_fixes[i];
        if (fix->fidelity(situation) > self->fit->request.allow ||
            !is_allowed_name(self->fit->request.fixes, fix->name) || fix->why_not(situation))
            continue;
        size_t at = self->count++;
        for (; at > 0 && comes_first(self, i, self->order[at - 1]); at--)
            self->order[at] = self->order[at - 1];
        self->order[at] = i;
    }
}

// |amounts| with the costly fixes taken out: one costly fix alone may do.
static bool without_costly(const search *self, const size_t *amounts, size_t except, size_t *out) {
    bool differs = false;
    memcpy(out, amounts, SNUG_FIT_FIXES * sizeof *out);
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        if (i == except || !out[i] || snug_fit_fixes[i]->costs(situation_of(self), out[i]) <= cheap)
            continue;
        out[i] = 0;
        differs = true;
    }
    return differs;
}

static bool is_hopeless(const search *self, const snug_fit_candidate *candidate) {
    return (double)candidate->predicted > hopeless * (double)situation_of(self)->total;
}

// Takes up fixes until something fits: |amounts|. Returns whether it does in |*found|.
static snug_status take_up(search *self, size_t *amounts, bool *found) {
    snug_fit_candidate *candidate = NULL;
    *found = false;
    for (size_t i = 0; i < self->count && may_go_on(self); i++) {
        size_t index = self->order[i], alone[SNUG_FIT_FIXES];
        const snug_fit_fix *fix = snug_fit_fixes[index];
        bool last = i + 1 == self->count;
        amounts[index] = fix->most(situation_of(self));
        if (cost_of(self, index) > cheap && without_costly(self, amounts, index, alone)) {
            candidate = find(self, alone);
            if (candidate && !is_hopeless(self, candidate)) {
                SNUG_TRY(try_amounts(self, alone, &candidate));
                if (candidate && candidate->fits) {
                    memcpy(amounts, alone, sizeof alone);
                    *found = true;
                    return SNUG_OK;
                }
            }
        }
        candidate = find(self, amounts);
        if (!candidate || (is_hopeless(self, candidate) && !last)) continue;
        SNUG_TRY(try_amounts(self, amounts, &candidate));
        *found = candidate && candidate->fits;
        if (*found) return SNUG_OK;
        // A fix that the program fails with is none for it.
        if (candidate && candidate->failed) amounts[index] = 0;
    }
    return SNUG_OK;
}

// ---- Taking back

// The least amount above |low| that is predicted to fit, corrected by what was seen.
static size_t guess(const search *self, const size_t *amounts, size_t index, size_t low,
                    size_t high, double correction) {
    size_t tried[SNUG_FIT_FIXES];
    memcpy(tried, amounts, sizeof tried);
    for (size_t amount = low + 1; amount < high; amount++) {
        snug_fit_candidate candidate = {0};
        tried[index] = amount;
        memcpy(candidate.amounts, tried, sizeof tried);
        predict(self, &candidate);
        if ((double)candidate.predicted + correction <= (double)situation_of(self)->total)
            return amount;
    }
    return low + (high - low) / 2;
}

static bool is_fine(const search *self, size_t index, size_t low, size_t high) {
    const snug_fit_fix *fix = snug_fit_fixes[index];
    if (low + 1 >= high) return true;
    uint64_t more = fix->saves(situation_of(self), high),
             less = fix->saves(situation_of(self), low);
    return low > 0 && (double)(more - less) < fine * (double)situation_of(self)->total;
}

// What is needed less what was predicted, where a candidate fitted: the prediction's error.
static double error_of(const snug_fit_candidate *candidate) {
    return (double)candidate->used - (double)candidate->predicted;
}

// Lowers the amount of one fix as far as the program still fits.
static snug_status take_back(search *self, size_t *amounts, size_t index) {
    size_t low = 0, high = amounts[index], tried[SNUG_FIT_FIXES];
    snug_fit_candidate *candidate = find(self, amounts);
    double correction = candidate && candidate->fits ? error_of(candidate) : 0;
    bool begun = false;
    memcpy(tried, amounts, sizeof tried);
    while (may_go_on(self) && !is_fine(self, index, low, high)) {
        // First whether it is needed at all, where the prediction leaves that open.
        size_t middle =
            begun ? low + (high - low) / 2 : guess(self, amounts, index, low, high, correction);
        begun = true;
        tried[index] = middle;
        SNUG_TRY(try_amounts(self, tried, &candidate));
        if (!candidate) break;
        if (candidate->fits)
            high = middle;
        else
            low = middle;
    }
    amounts[index] = high;
    return SNUG_OK;
}

// Leaves a fix out where the program fits without it.
static snug_status leave_out(search *self, size_t *amounts, size_t index) {
    size_t tried[SNUG_FIT_FIXES];
    snug_fit_candidate *candidate = NULL;
    memcpy(tried, amounts, sizeof tried);
    tried[index] = 0;
    snug_fit_candidate probe = {0};
    memcpy(probe.amounts, tried, sizeof tried);
    predict(self, &probe);
    snug_fit_candidate *now = find(self, amounts);
    double correction = now && now->fits ? error_of(now) : 0;
    if ((double)probe.predicted + correction > 1.1 * (double)situation_of(self)->total)
        return SNUG_OK;
    SNUG_TRY(try_amounts(self, tried, &candidate));
    if (candidate && candidate->fits) amounts[index] = 0;
    return SNUG_OK;
}

static snug_status improve(search *self, size_t *amounts) {
    // The last that was taken up changes or costs the most.
    for (size_t i = self->count; i-- > 0;) {
        size_t index = self->order[i];
        if (!amounts[index]) continue;
        SNUG_TRY(leave_out(self, amounts, index));
        if (amounts[index] > 1) SNUG_TRY(take_back(self, amounts, index));
    }
    return SNUG_OK;
}

// The lowest fidelity, then the least overhead, among those that fit.
static int best_of(const snug_fit *fit) {
    int best = -1;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        const snug_fit_candidate *one = &fit->candidates[i];
        if (!one->fits) continue;
        const snug_fit_candidate *other = best < 0 ? NULL : &fit->candidates[best];
        bool milder = other && !fit->request.prefer_speed && one->fidelity != other->fidelity
                          ? one->fidelity < other->fidelity
                          : other && one->overhead < other->overhead;
        if (!other || milder) best = (int)i;
    }
    return best;
}

static snug_status run_search(search *self) {
    snug_fit *fit = self->fit;
    size_t amounts[SNUG_FIT_FIXES] = {0};
    snug_fit_candidate *candidate = find(self, amounts);
    bool found = false;
    order_fixes(self);
    // As it is: tried only where the recording says that it may run.
    if ((double)situation_of(self)->needed <= 1.02 * (double)situation_of(self)->total)
        SNUG_TRY(try_amounts(self, amounts, &candidate));
    found = candidate->fits;
    if (!found) {
        SNUG_TRY(take_up(self, amounts, &found));
        if (found) SNUG_TRY(improve(self, amounts));
    }
    fit->chosen = best_of(fit);
    if (fit->outcome == SNUG_DRY_RUN_INTERRUPTED) return SNUG_OK;
    fit->outcome = fit->chosen >= 0 ? SNUG_DRY_RUN_FITS : SNUG_DRY_RUN_NO_FIT;
    if (fit->chosen >= 0) return SNUG_OK;
    candidate = find(self, amounts);
    return candidate ? try_candidate(self, candidate, true) : SNUG_OK;
}

snug_status snug_fit_search(snug_fit *fit) {
    search self = {.fit = fit};
    const char *folder = getenv("TMPDIR");
    snprintf(self.output, sizeof self.output, "%s/snug-fit-XXXXXX",
             folder && *folder && strlen(folder) < 40 ? folder : "/tmp");
    int file = mkstemp(self.output);
    if (file < 0) return snug_fail(SNUG_IO, "cannot make a file in '%s'", self.output);
    close(file);
    snug_status status = run_search(&self);
    unlink(self.output);
    return status;
}

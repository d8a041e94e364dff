// The search. Every choice of fixes is predicted; the mildest that is predicted to fit, and to be
// better than what fits already, is tried in a dry run; what that showed corrects the predictions
// near it. It ends when nothing better is predicted to fit. Predictions say where to look; that a
// candidate fits is said by its dry run alone.
#include "fit/fit.h"

#include <string.h>

// Shares of a step. One that is less than FINE is not worth another dry run; each fix has to be
// worth |a_fix|, so that few are better than many.
#define FINE 0.01
static const double a_fix = 0.002;

// How to go on after a prediction was too low: the share of the card by which the next is taken to
// be so at least, whether that is doubled each time, and how much better a choice has to be. Long
// steps are taken first; what they went over may fit all the same.
typedef struct stride {
    double margin;
    bool doubled;
    double better;
} stride;

static const stride strides[] = {{0.03, true, FINE}, {0.03, false, FINE}, {0.004, false, 0.1}};

typedef struct search {
    snug_fit *fit;
    size_t usable[SNUG_FIT_FIXES]; // indices of snug_fit_fixes
    size_t most[SNUG_FIT_FIXES];   // amounts of those
    size_t count;
    const stride *stride;
} search;

// ---- Candidates

static void predict(const snug_fit_situation *situation, snug_fit_candidate *candidate) {
    snug_fit_load load;
    snug_fit_load_make(situation, candidate->amounts, &load);
    candidate->tensors = snug_fit_load_bytes(&load);
    candidate->cached = load.cached;
    candidate->predicted = (uint64_t)((double)candidate->tensors * (1 + load.cached));
    candidate->overhead = load.seconds / situation->step_seconds;
    candidate->fidelity = SNUG_FIDELITY_EXACT;
    for (size_t i = 0; snug_fit_fixes[i]; i++) {
        if (!candidate->amounts[i]) continue;
        snug_fidelity fidelity = snug_fit_fidelity(situation, i);
        if (fidelity > candidate->fidelity) candidate->fidelity = fidelity;
    }
}

// The candidate of these amounts, kept from now on; NULL: there is no room.
static snug_fit_candidate *keep(snug_fit *fit, const size_t *amounts) {
    for (size_t i = 0; i < fit->candidate_count; i++)
        if (memcmp(fit->candidates[i].amounts, amounts, sizeof fit->candidates[i].amounts) == 0)
            return &fit->candidates[i];
    if (fit->candidate_count == SNUG_FIT_CANDIDATES) return NULL;
    snug_fit_candidate *fresh = &fit->candidates[fit->candidate_count++];
    *fresh = (snug_fit_candidate){0};
    memcpy(fresh->amounts, amounts, sizeof fresh->amounts);
    predict(&fit->situation, fresh);
    return fresh;
}

static size_t count_fixes(const snug_fit_candidate *candidate) {
    size_t count = 0;
    for (size_t i = 0; i < SNUG_FIT_FIXES; i++)
        count += candidate->amounts[i] > 0;
    return count;
}

static double price(const snug_fit_candidate *candidate) {
    return candidate->overhead + a_fix * (double)count_fixes(candidate);
}

static bool is_better(const snug_fit *fit, const snug_fit_candidate *one,
                      const snug_fit_candidate *other, double by) {
    if (!fit->request.prefer_speed && one->fidelity != other->fidelity)
        return one->fidelity < other->fidelity;
    if (price(one) + by < price(other)) return true;
    return fit->request.prefer_speed && price(one) <= price(other) &&
           one->fidelity < other->fidelity;
}

// ---- What was seen

// How far two candidates are from each other: fixes that only one has count most.
static double distance(const search *self, const size_t *one, const size_t *other) {
    double sum = 0;
    for (size_t k = 0; k < self->count; k++) {
        size_t a = one[self->usable[k]], b = other[self->usable[k]];
        if (!a != !b) sum += 1;
        sum += 0.5 * (double)(a > b ? a - b : b - a) / (double)self->most[k];
    }
    return sum;
}

static bool has_same_fixes(const snug_fit_candidate *one, const size_t *amounts) {
    for (size_t i = 0; i < SNUG_FIT_FIXES; i++)
        if (!one->amounts[i] != !amounts[i]) return false;
    return true;
}

// Bytes that |seen| needs at least: more than there were, where it did not fit.
static double needed_by(const search *self, const snug_fit_candidate *seen) {
    const snug_fit *fit = self->fit;
    double needed = (double)seen->needed, total = (double)snug_fit_room(&fit->situation),
           least = self->stride->margin;
    if (seen->fits) return needed;
    for (const snug_fit_candidate *one = fit->candidates; self->stride->doubled && one < seen;
         one++)
        if (one->tried && !one->fits && has_same_fixes(one, seen->amounts)) least *= 2;
    return (needed > total ? needed : total) + least * total;
}

// What |seen| tells of |candidate|: its tensors were predicted as wrongly, and what was cached
// beside them is so again, as far as fixes leave it.
static double learnt(const search *self, const snug_fit_candidate *candidate,
                     const snug_fit_candidate *seen) {
    double needed = needed_by(self, seen), held = (double)seen->held;
    if (held > needed || held == 0) held = needed;
    double cached = needed - held;
    if (seen->cached > 0) cached *= candidate->cached / seen->cached;
    return (double)candidate->tensors + (held - (double)seen->tensors) + cached;
}

// Bytes that |candidate| is predicted to need, after what was seen of the one nearest to it.
static double corrected(const search *self, const snug_fit_candidate *candidate) {
    const snug_fit *fit = self->fit;
    static const size_t none[SNUG_FIT_FIXES];
    double nearest = distance(self, candidate->amounts, none);
    const snug_fit_candidate *best = NULL;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        const snug_fit_candidate *seen = &fit->candidates[i];
        if (!seen->tried || seen->failed) continue;
        double away = distance(self, candidate->amounts, seen->amounts);
        if (away > nearest) continue;
        nearest = away;
        best = seen;
    }
    return best ? learnt(self, candidate, best) : (double)candidate->predicted;
}

// Whether |amounts| are no more than those of |other|.
static bool is_within(const size_t *amounts, const size_t *other) {
    for (size_t i = 0; i < SNUG_FIT_FIXES; i++)
        if (amounts[i] > other[i]) return false;
    return true;
}

// Whether |amounts| have every fix that |failed| may have failed by: those that no run without a
// failure had.
static bool has_suspects(const snug_fit *fit, const snug_fit_candidate *failed,
                         const size_t *amounts) {
    for (size_t i = 0; i < SNUG_FIT_FIXES; i++) {
        bool cleared = false;
        for (size_t k = 0; k < fit->candidate_count; k++)
            cleared |= fit->candidates[k].tried && !fit->candidates[k].failed &&
                       fit->candidates[k].amounts[i];
        if (failed->amounts[i] && !cleared && !amounts[i]) return false;
    }
    return true;
}

static bool is_ruled_out(const search *self, const size_t *amounts) {
    const snug_fit *fit = self->fit;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        const snug_fit_candidate *seen = &fit->candidates[i];
        if (!seen->tried) continue;
        if (memcmp(seen->amounts, amounts, sizeof seen->amounts) == 0) return true;
        if (seen->failed ? has_suspects(fit, seen, amounts)
                         : !seen->fits && is_within(amounts, seen->amounts))
            return true;
    }
    return false;
}

// The mildest, then the cheapest, of those that fit; NULL: none does.
static snug_fit_candidate *best_of(snug_fit *fit) {
    snug_fit_candidate *best = NULL;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        snug_fit_candidate *one = &fit->candidates[i];
        if (one->fits && (!best || is_better(fit, one, best, 0))) best = one;
    }
    return best;
}

// ---- Looking through all choices

static bool next_amounts(const search *self, size_t *amounts) {
    for (size_t k = 0; k < self->count; k++) {
        size_t *amount = &amounts[self->usable[k]];
        if (*amount < self->most[k]) {
            ++*amount;
            return true;
        }
        *amount = 0;
    }
    return false;
}

// While nothing fits, what is tried next has to be predicted to leave so many bytes: more with each
// failure, so that something that fits is found while there are dry runs left to improve on it.
static double distrust(const snug_fit *fit) {
    double share = 0;
    for (size_t i = 0; i < fit->candidate_count; i++) {
        const snug_fit_candidate *one = &fit->candidates[i];
        if (one->fits) return 0;
        if (one->tried && !one->failed) share = share > 0 ? 2 * share : 0.02;
    }
    return share * (double)snug_fit_room(&fit->situation);
}

// The choice to try next: the best of those predicted to fit; with |any| the one that is predicted
// to need least. False: there is none.
static bool find_next(const search *self, bool any, snug_fit_candidate *out) {
    snug_fit *fit = self->fit;
    const snug_fit_candidate *best = best_of(fit);
    double room = (double)snug_fit_room(&fit->situation) - distrust(fit), least = 0;
    size_t amounts[SNUG_FIT_FIXES] = {0};
    bool found = false;
    do {
        snug_fit_candidate one = {0};
        memcpy(one.amounts, amounts, sizeof amounts);
        predict(&fit->situation, &one);
        if (best && !is_better(fit, &one, best, self->stride->better)) continue;
        if (!any && found && !is_better(fit, &one, out, 0)) continue;
        double needed = any ? (double)one.predicted : corrected(self, &one);
        if (any ? found && needed >= least : needed > room) continue;
        if (is_ruled_out(self, amounts)) continue;
        *out = one;
        least = needed;
        found = true;
    } while (next_amounts(self, amounts));
    return found;
}

// ---- The search

static bool is_named(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, name, length) == 0) return true;
        at += word + (at[word] == ',');
    }
    return !list;
}

static void find_usable(search *self) {
    const snug_fit *fit = self->fit;
    for (size_t i = 0; snug_fit_fixes[i] && i < SNUG_FIT_FIXES; i++) {
        const snug_fit_fix *fix = snug_fit_fixes[i];
        if (snug_fit_fidelity(&fit->situation, i) > fit->request.allow ||
            !is_named(fit->request.fixes, fix->name) ||
            (fix->why_not && fix->why_not(&fit->situation)))
            continue;
        self->usable[self->count] = i;
        self->most[self->count++] = snug_fit_most(&fit->situation, i);
    }
}

static bool may_go_on(snug_fit *fit) {
    int most = fit->request.most_runs ? fit->request.most_runs : SNUG_FIT_RUNS;
    return fit->runs < most && !snug_fit_is_stopped(fit);
}

static snug_status run_search(search *self) {
    snug_fit *fit = self->fit;
    snug_fit_candidate next;
    find_usable(self);
    // The program as it is stands first in the table.
    snug_fit_candidate *unfixed = keep(fit, (size_t[SNUG_FIT_FIXES]){0});
    unfixed->predicted = fit->situation.needed;
    for (bool last = false; may_go_on(fit) && !last;) {
        bool found = false;
        size_t count = best_of(fit) ? sizeof strides / sizeof strides[0] : 1;
        for (size_t i = 0; !found && i < count; i++) {
            self->stride = &strides[i];
            found = find_next(self, false, &next);
        }
        if (!found) {
            // Where nothing is predicted to fit, what needs least may all the same.
            if (best_of(fit) || !find_next(self, true, &next)) break;
            last = true;
        }
        snug_fit_candidate *candidate = keep(fit, next.amounts);
        if (!candidate) break;
        SNUG_TRY(fit->try_on_card(fit, candidate));
        last = last && !candidate->fits && !candidate->failed;
    }
    const snug_fit_candidate *best = best_of(fit);
    fit->chosen = best ? (int)(best - fit->candidates) : -1;
    if (fit->outcome == SNUG_DRY_RUN_OUTCOME_INTERRUPTED) return SNUG_OK;
    fit->outcome = best ? SNUG_DRY_RUN_OUTCOME_FITS : SNUG_DRY_RUN_OUTCOME_NO_FIT;
    return SNUG_OK;
}

snug_status snug_fit_search(snug_fit *fit) {
    search self = {.fit = fit};
    return run_search(&self);
}

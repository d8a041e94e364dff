// The search over fixes against every choice there is, with a card that behaves otherwise than
// predicted: 40 budgets for networks of several shapes, no dry run.
#include <stdio.h>
#include <string.h>

#include "fit/fit.h"
#include "support/test.h"

enum { BLOCKS = 6, PARTS = 1 + BLOCKS, BUDGETS = 40 };
#define MIB ((uint64_t)1 << 20)

// How the card differs from what is predicted.
typedef struct world {
    const char *name;
    uint64_t saved, inputs; // of a block
    uint64_t loss;          // bytes of logits in float32
    bool batch_norm, clips;
    double wrong; // share of what fixes are predicted to save that they do not
} world;

static const world worlds[] = {
    {"even", 400 * MIB, 20 * MIB, 0, false, false, 0},
    {"needs more", 400 * MIB, 20 * MIB, 300 * MIB, false, false, 0.15},
    {"needs less", 300 * MIB, 60 * MIB, 0, true, true, -0.1},
    {"large loss", 100 * MIB, 10 * MIB, 900 * MIB, false, true, 0.05},
    {"batch norm", 500 * MIB, 100 * MIB, 0, true, false, 0.2},
};

static const world *now;

static uint64_t needed(const snug_fit_situation *situation, const size_t *amounts) {
    snug_fit_load load;
    snug_fit_load_make(situation, amounts, &load);
    double bytes = (double)snug_fit_load_bytes(&load) * (1 + load.cached);
    double unfixed = (double)situation->needed;
    return (uint64_t)(unfixed - (unfixed - bytes) * (1 - now->wrong));
}

static snug_status try_card(snug_fit *fit, snug_fit_candidate *candidate) {
    uint64_t bytes = needed(&fit->situation, candidate->amounts);
    fit->runs++;
    candidate->tried = true;
    candidate->fits = bytes <= fit->situation.total;
    // Of what did not fit little is known.
    candidate->needed = candidate->fits ? bytes : fit->situation.total + MIB;
    candidate->held = (uint64_t)((double)candidate->needed / (1 + candidate->cached));
    candidate->used = candidate->fits ? bytes : 0;
    return SNUG_OK;
}

static void make_profile(const world *from, snug_fit_profile *out) {
    static snug_fit_part parts[PARTS];
    static snug_fit_network network;
    static char names[PARTS][16];
    network = (snug_fit_network){
        .name = "N", .class_name = "N", .batch = 32, .element = 4, .count = PARTS};
    network.parameters = 50 * MIB;
    parts[0] = (snug_fit_part){.name = "N", .class_name = "N", .parent = -1};
    for (int i = 1; i < PARTS; i++) {
        snprintf(names[i], sizeof names[i], "N.%d", i - 1);
        parts[i] = (snug_fit_part){.name = names[i],
                                   .class_name = "B",
                                   .saved = from->saved + (uint64_t)i * 8 * MIB,
                                   .inputs = from->inputs,
                                   .flops = 40000000000 + (uint64_t)i * 3000000000};
        parts[0].saved += parts[i].saved;
        parts[0].flops += parts[i].flops;
    }
    *out = (snug_fit_profile){.parts = parts,
                              .part_count = PARTS,
                              .networks = &network,
                              .network_count = 1,
                              .batch_norm = from->batch_norm,
                              .clips = from->clips,
                              .backwards_per_step = 1,
                              .largest_loss = from->loss,
                              .loss_rows = 1024,
                              .loss_classes = from->loss / 4096,
                              .lean_optimizer = ""};
}

static void make_fit(const world *from, snug_fit *out) {
    static snug_dry_run unfixed;
    snug_fit_situation *situation = &out->situation;
    *out = (snug_fit){.request = snug_fit_defaults(), .chosen = -1, .try_on_card = try_card};
    situation->unfixed = &unfixed;
    situation->request = &out->request;
    assert_int_equal(snug_gpu_find("RTX 3060", &situation->gpu), SNUG_OK);
    make_profile(from, &situation->profile);
    assert_int_equal(
        snug_fit_frontier_make(&situation->profile, situation->gpu, &situation->frontier), SNUG_OK);
    situation->context = 100 * MIB;
    situation->kinds[SNUG_KIND_WEIGHTS] = 50 * MIB;
    situation->kinds[SNUG_KIND_OPTIMIZER] = 100 * MIB;
    situation->kinds[SNUG_KIND_GRADIENTS] = 50 * MIB;
    situation->cached = 200 * MIB;
    situation->needed = 600 * MIB + situation->frontier.choices[0].kept + 4 * from->loss;
    situation->step_seconds = 3 * situation->frontier.forward_seconds;
}

static double overhead_of(const snug_fit_situation *situation, const size_t *amounts) {
    snug_fit_load load;
    snug_fit_load_make(situation, amounts, &load);
    return load.seconds / situation->step_seconds;
}

// The mildest and then cheapest choice that the card holds, by trying them all; false: none.
static bool best_choice(const snug_fit *fit, snug_fidelity *fidelity, double *overhead) {
    const snug_fit_situation *situation = &fit->situation;
    size_t amounts[SNUG_FIT_FIXES] = {0};
    bool found = false;
    for (size_t i = 0; snug_fit_fixes[i];) {
        bool allowed = true;
        snug_fidelity changes = SNUG_FIDELITY_EXACT;
        for (size_t k = 0; snug_fit_fixes[k]; k++) {
            if (!amounts[k]) continue;
            const snug_fit_fix *fix = snug_fit_fixes[k];
            if (fix->why_not && fix->why_not(situation)) allowed = false;
            if (snug_fit_fidelity(situation, k) > changes)
                changes = snug_fit_fidelity(situation, k);
        }
        if (allowed && changes <= fit->request.allow &&
            needed(situation, amounts) <= situation->total) {
            double takes = overhead_of(situation, amounts);
            if (!found || changes < *fidelity || (changes == *fidelity && takes < *overhead)) {
                *fidelity = changes;
                *overhead = takes;
            }
            found = true;
        }
        for (i = 0; snug_fit_fixes[i]; i++) {
            if (++amounts[i] <= snug_fit_most(situation, i)) break;
            amounts[i] = 0;
        }
    }
    return found;
}

// One budget: something that fits is found wherever there is one with |less| of the card. Whether
// what was found is worse than the best that there is with that.
static bool check_budget(uint64_t total_of_needed) {
    static const double less = 0.93;
    snug_fit fit;
    snug_fidelity fidelity = SNUG_FIDELITY_EXACT;
    double overhead = 0;
    bool worse = false;
    make_fit(now, &fit);
    uint64_t total = fit.situation.needed * total_of_needed / 100;
    fit.situation.total = (uint64_t)((double)total * less);
    bool possible = best_choice(&fit, &fidelity, &overhead);
    fit.situation.total = total;
    assert_int_equal(snug_fit_search(&fit), SNUG_OK);
    assert_true(fit.runs <= SNUG_FIT_RUNS);
    assert_int_equal(fit.outcome,
                     fit.chosen >= 0 ? SNUG_DRY_RUN_OUTCOME_FITS : SNUG_DRY_RUN_OUTCOME_NO_FIT);
    if (fit.chosen < 0) {
        assert_false(possible);
    } else {
        const snug_fit_candidate *chosen = &fit.candidates[fit.chosen];
        assert_true(chosen->tried && chosen->fits && chosen->used <= total);
        worse = possible && (chosen->fidelity > fidelity ||
                             (chosen->fidelity == fidelity && chosen->overhead > overhead + 0.05));
    }
    snug_fit_frontier_clear(&fit.situation.frontier);
    return worse;
}

static void test_against_all_choices(void **state) {
    (void)state;
    for (size_t w = 0; w < sizeof worlds / sizeof worlds[0]; w++) {
        size_t worse = 0;
        now = &worlds[w];
        for (uint64_t budget = 1; budget <= BUDGETS; budget++)
            worse += check_budget(5 + budget * 5 / 2);
        print_message("%s: of %d budgets %zu could be met with less\n", now->name, BUDGETS, worse);
        assert_true(worse <= BUDGETS / 8);
    }
}

static int runs_left;

static bool stop_after_runs(void *context) {
    (void)context;
    return runs_left-- == 0;
}

// Stopped before each of its dry runs: it tells so, and keeps what it had found.
static void test_interrupted(void **state) {
    (void)state;
    char name[] = "train", *program[] = {name, NULL};
    size_t with_something = 0;
    now = &worlds[1];
    for (int runs = 0, whole = 0; !whole; runs++) {
        snug_fit fit;
        char *text, *json;
        make_fit(now, &fit);
        fit.situation.total = fit.situation.needed * 7 / 10;
        fit.request.program = program;
        fit.request.should_stop = stop_after_runs;
        runs_left = runs;
        assert_int_equal(snug_fit_search(&fit), SNUG_OK);
        whole = fit.outcome != SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
        assert_true(whole || fit.runs == runs);
        assert_int_equal(snug_fit_text(&fit, &text), SNUG_OK);
        assert_int_equal(snug_fit_json(&fit, &json), SNUG_OK);
        assert_int_equal(strstr(text, "interrupted") != NULL, !whole);
        assert_int_equal(strstr(json, "\"interrupted\":true") != NULL, !whole);
        assert_null(strstr(text, "lets makes it fit"));
        assert_int_equal(strstr(text, "With these it fits") != NULL, snug_fit_fits(&fit));
        with_something += !whole && snug_fit_fits(&fit);
        snug_dry_run_text_free(text);
        snug_dry_run_text_free(json);
        snug_fit_frontier_clear(&fit.situation.frontier);
    }
    assert_true(with_something > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_choices),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// 40 budgets for each of five programs, whose profiles were recorded in dry runs: the peak is never
// over the budget, and with a larger budget it is no smaller. The card behaves as predicted here;
// test_search.c has cards that do not.
#include <stdio.h>
#include <string.h>

#include "fit/fit.h"
#include "support/test.h"

enum { BUDGETS = 40 };
#define MIB ((uint64_t)1 << 20)

static uint64_t most_loaded; // of those tried on the card

static snug_status try_card(snug_fit *fit, snug_fit_candidate *candidate) {
    snug_fit_load load;
    snug_fit_load_make(&fit->situation, candidate->amounts, &load);
    uint64_t bytes = (uint64_t)((double)snug_fit_load_bytes(&load) * (1 + load.cached));
    fit->runs++;
    candidate->tried = true;
    candidate->fits = bytes <= snug_fit_room(&fit->situation);
    candidate->needed = bytes;
    candidate->held = snug_fit_load_bytes(&load);
    candidate->used = candidate->fits ? bytes : 0;
    if (bytes > most_loaded) most_loaded = bytes;
    return SNUG_OK;
}

// The program with its profile; weights, optimizer and gradients by its parameters (AdamW's).
static void make_fit(const char *name, snug_fit *out) {
    static snug_dry_run unfixed;
    char folder[512];
    snug_fit_situation *situation = &out->situation;
    *out = (snug_fit){.request = snug_fit_defaults(), .chosen = -1, .try_on_card = try_card};
    situation->unfixed = &unfixed;
    situation->request = &out->request;
    snprintf(folder, sizeof folder, "%s/tests/fit/profiles/%s", SNUG_SOURCE_DIR, name);
    assert_int_equal(snug_gpu_find("RTX 4090", &situation->gpu), SNUG_OK);
    assert_int_equal(snug_fit_profile_read(folder, &situation->profile), SNUG_OK);
    assert_true(situation->profile.part_count > 10);
    assert_int_equal(
        snug_fit_frontier_make(&situation->profile, situation->gpu, &situation->frontier), SNUG_OK);
    uint64_t parameters = situation->profile.networks[0].parameters;
    situation->context = 500 * MIB;
    situation->kinds[SNUG_KIND_WEIGHTS] = parameters;
    situation->kinds[SNUG_KIND_OPTIMIZER] = 2 * parameters;
    situation->kinds[SNUG_KIND_GRADIENTS] = parameters / 2;
    situation->needed = situation->context + 7 * parameters / 2 +
                        situation->frontier.choices[0].kept + 5 * situation->profile.largest_loss;
    situation->cached = situation->needed / 12;
    situation->needed += situation->cached;
    situation->step_seconds = 3 * situation->frontier.forward_seconds;
    assert_true(situation->step_seconds > 0);
}

static void clear_fit(snug_fit *fit) {
    snug_fit_frontier_clear(&fit->situation.frontier);
    snug_fit_profile_clear(&fit->situation.profile);
}

// The peak of what is chosen with |percent| of what the program needs; 0: nothing fits.
static uint64_t peak_with(const char *name, uint64_t percent, snug_fidelity allow) {
    snug_fit fit;
    make_fit(name, &fit);
    fit.request.allow = allow;
    fit.situation.total = fit.situation.needed * percent / 100;
    fit.situation.reserve = fit.situation.total / 64;
    assert_int_equal(snug_fit_search(&fit), SNUG_OK);
    uint64_t peak = fit.chosen >= 0 ? fit.candidates[fit.chosen].used : 0;
    assert_true(peak <= snug_fit_room(&fit.situation));
    assert_true(fit.runs <= SNUG_FIT_RUNS);
    clear_fit(&fit);
    return peak;
}

static void test_monotone(void **state) {
    static const char *const programs[] = {"bert", "encoder", "gpt2", "resnet", "unet"};
    static const snug_fidelity allowed[] = {SNUG_FIDELITY_EXACT, SNUG_FIDELITY_STATISTICS};
    (void)state;
    for (size_t a = 0; a < 2; a++)
        for (size_t p = 0; p < sizeof programs / sizeof programs[0]; p++) {
            uint64_t before = 0;
            size_t fitted = 0;
            for (uint64_t budget = 1; budget <= BUDGETS; budget++) {
                uint64_t peak = peak_with(programs[p], 4 + budget * 5 / 2, allowed[a]);
                if (peak < before)
                    print_message("%s %d: %llu: %llu < %llu\n", programs[p], (int)a,
                                  (unsigned long long)budget, (unsigned long long)peak,
                                  (unsigned long long)before);
                assert_true(peak >= before);
                before = peak;
                fitted += peak > 0;
            }
            print_message("%s: %zu of %d budgets\n", programs[p], fitted, BUDGETS);
            assert_true(fitted > BUDGETS / 4);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

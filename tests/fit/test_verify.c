// What `--verify` says of what the hook compared: the program is a shell that writes it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fit/fit.h"
#include "support/test.h"

#define SAME "{\"tensors\":2,\"different\":0,\"missing\":0,\"relative\":0,\"first_step\":0}"

// With fixes it writes $WITH, without $WITHOUT; where it is to keep what it finds, it ends with
// $ENDS.
static char script[] = "case \"$SNUG_HOOK\" in"
                       " *verify=compare:*) f=${SNUG_HOOK##*verify=compare:}; f=${f%%;*};;"
                       " *) exit $ENDS;; esac;"
                       "case \"$SNUG_HOOK\" in"
                       " *fixes=*) printf '%s' \"$WITH\" > $f/verify.json;;"
                       " *) printf '%s' \"$WITHOUT\" > $f/verify.json;; esac";

static const char *comparison(double relative, int random) {
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"steps\":4,\"losses\":{\"tensors\":1,\"different\":%d,\"missing\":0,"
             "\"relative\":%.3e,\"first_step\":2},\"gradients\":" SAME ",\"weights\":" SAME
             ",\"random\":{\"tensors\":1,\"different\":%d,\"missing\":0,\"relative\":0}}",
             relative != 0, relative, random);
    return text;
}

static snug_fit_verdict verdict_of(snug_fidelity fidelity, const char *with, const char *without,
                                   const char *ends, const char *word) {
    char shell[] = "sh", option[] = "-c", *program[] = {shell, option, script, NULL};
    char *text = NULL, *json = NULL;
    snug_fit fit = {.request = snug_fit_defaults(), .candidate_count = 1};
    setenv("WITH", with, 1);
    setenv("WITHOUT", without, 1);
    setenv("ENDS", ends, 1);
    fit.request.program = program;
    fit.request.verify_steps = 4;
    fit.situation.request = &fit.request;
    // One whose options do not look at the situation.
    for (size_t i = 0; snug_fit_fixes[i]; i++)
        fit.candidates[0].amounts[i] = strcmp(snug_fit_fixes[i]->name, "release") == 0;
    fit.candidates[0].fidelity = fidelity;
    assert_int_equal(snug_fit_verify(&fit), SNUG_OK);
    snug_text out = {0}, object = {0};
    snug_fit_append_verification(&fit, &out);
    snug_fit_append_verification_json(&fit, &object);
    text = out.data;
    json = object.data;
    assert_non_null(text);
    assert_non_null(strstr(text, word));
    assert_non_null(strstr(json, "\"verdict\""));
    assert_int_equal(snug_fit_keeps_promise(&fit), fit.verification.verdict != SNUG_FIT_BROKEN);
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        assert_true(end - line <= 80);
    snug_text_clear(&out);
    snug_text_clear(&object);
    snug_memory_free(fit.verification.problem);
    return fit.verification.verdict;
}

static void test_verdicts(void **state) {
    (void)state;
    const char *same = "{\"steps\":4,\"losses\":" SAME ",\"gradients\":" SAME ",\"weights\":" SAME
                       ",\"random\":" SAME "}";
    assert_int_equal(verdict_of(SNUG_FIDELITY_EXACT, same, same, "0", "the same bits"),
                     SNUG_FIT_KEPT);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_EXACT, comparison(1e-9, 0), same, "0", "NOT what 'exact'"),
        SNUG_FIT_BROKEN);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_EXACT, comparison(1e-9, 0), comparison(1e-9, 0), "0", "each time"),
        SNUG_FIT_NOT_REPEATED);
    assert_int_equal(verdict_of(SNUG_FIDELITY_ROUNDING, comparison(9e-6, 0), same, "0", "within"),
                     SNUG_FIT_KEPT);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_ROUNDING, comparison(2e-5, 0), same, "0", "from step 2"),
        SNUG_FIT_BROKEN);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_ROUNDING, comparison(0.1, 1), same, "0", "another order"),
        SNUG_FIT_OTHER_RANDOM);
    assert_int_equal(verdict_of(SNUG_FIDELITY_PRECISION, comparison(5e-3, 0), same, "0", "within"),
                     SNUG_FIT_KEPT);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_PRECISION, comparison(-1, 0), same, "0", "no numbers"),
        SNUG_FIT_BROKEN);
    assert_int_equal(
        verdict_of(SNUG_FIDELITY_STATISTICS, comparison(0.3, 0), same, "0", "promises nothing"),
        SNUG_FIT_NO_PROMISE);
    assert_int_equal(verdict_of(SNUG_FIDELITY_EXACT, same, same, "7", "does not run on the CPU"),
                     SNUG_FIT_NOT_ON_CPU);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

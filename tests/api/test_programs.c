// Programs that are started: dry runs, fits and watched runs, called from C with a program that is
// no PyTorch's. What they tell of PyTorch programs, tests/dryrun and tests/fit hold.
#include <string.h>
#include <unistd.h>

#include "snug/dry_run.h"
#include "snug/fit.h"
#include "support/test.h"

static char sh[] = "sh", command[] = "-c", well[] = "exit 0", badly[] = "exit 3";
static char *const nothing[] = {sh, command, well, NULL};
static char *const failing[] = {sh, command, badly, NULL};

static void check_text(snug_status status, char **place, const char *part) {
    char *text = *place;
    assert_int_equal(status, SNUG_OK);
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in\n%s", part, text ? text : "(nothing)");
    snug_dry_run_text_free(text);
}

static void test_dry_run(void **state) {
    (void)state;
    snug_dry_run_request request = snug_dry_run_defaults();
    snug_dry_run *run;
    char *text = NULL;
    request.program = nothing;
    request.memory_bytes = (uint64_t)4 << 30;
    assert_int_equal(request.gpus, 1);
    if (snug_dry_run_start(&request, &run) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_dry_run_outcome_of(run), SNUG_DRY_RUN_OUTCOME_CANNOT);
    check_text(snug_dry_run_text(run, &text), &text, "exit 0");
    check_text(snug_dry_run_json(run, &text), &text, "\"outcome\"");
    check_text(snug_dry_run_html(run, &text), &text, "<!doctype html");
    assert_int_equal(snug_dry_run_html_write(run, "/no/such/folder/page.html"), SNUG_IO);
    assert_int_equal(snug_dry_run_recording_write(run, "/tmp/snug-no-recording"), SNUG_IO);
    snug_dry_run_free(run);
}

static void test_fit(void **state) {
    (void)state;
    snug_fit_request request = snug_fit_defaults();
    snug_fit *fit;
    char *text = NULL;
    request.program = nothing;
    assert_int_equal(snug_fit_start(&request, &fit), SNUG_INVALID); // no card
    request.memory_bytes = (uint64_t)4 << 30;
    if (snug_fit_start(&request, &fit) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_fit_outcome_of(fit), SNUG_DRY_RUN_OUTCOME_CANNOT);
    assert_false(snug_fit_fits(fit));
    check_text(snug_fit_text(fit, &text), &text, "exit 0");
    check_text(snug_fit_line(fit, &text), &text, " ");
    assert_int_equal(snug_fit_code(fit, &text), SNUG_OK);
    snug_dry_run_text_free(text);
    assert_int_equal(snug_fit_write(fit, "/tmp/snug-no-fixes.json"), SNUG_INVALID);
    snug_fit_free(fit);
    const char *name, *help;
    assert_true(snug_fit_fix_at(0, &name, &help) && *name && *help);
}

static void test_watch(void **state) {
    (void)state;
    snug_watch *watch;
    char *text = NULL;
    if (snug_watch_start(failing, NULL, &watch) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_watch_exit(watch), 3);
    assert_false(snug_watch_interrupted(watch));
    check_text(snug_watch_text(watch, &text), &text, "");
    snug_watch_free(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

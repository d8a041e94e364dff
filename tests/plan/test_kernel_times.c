// Kernels are timed once, few of those that are alike, and the same cache gives the same plan.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/alike.h"
#include "snug/plan.h"
#include "support/test.h"

// A kernel is told by the nearest one of its kind, and by none that is far from it.
static void test_alike(void **state) {
    (void)state;
    snug_timed_kernels timed = {0};
    double seconds = 0;
    assert_int_equal(snug_alike_keep(&timed, 7, 1.0, 2.0), SNUG_OK);
    assert_int_equal(snug_alike_keep(&timed, 7, 8.0, 8.0), SNUG_OK);
    assert_int_equal(snug_alike_keep(&timed, 9, 1.0, 5.0), SNUG_OK);
    assert_true(snug_alike_find(&timed, 7, true, 2.0, &seconds));
    assert_true(fabs(seconds - 4.0) < 1e-12); // twice the model's, as at 1
    assert_true(snug_alike_find(&timed, 7, true, 4.5, &seconds));
    assert_true(fabs(seconds - 4.5) < 1e-12); // the model's, as at 8
    assert_false(snug_alike_find(&timed, 7, true, 0.4, &seconds));
    assert_true(snug_alike_find(&timed, 7, false, 0.4, &seconds)); // data alone reach further
    assert_false(snug_alike_find(&timed, 7, false, 0.2, &seconds));
    assert_false(snug_alike_find(&timed, 8, true, 1.0, &seconds));
    snug_alike_clear(&timed);
}

typedef struct count {
    int64_t kernels, allowed;
} count;

static void on_timing(void *context, int64_t kernels) {
    ((count *)context)->kernels = kernels;
}

static bool should_stop(void *context) {
    const count *self = context;
    return self->allowed > 0 && self->kernels > self->allowed;
}

static char *plan(count *counted, snug_status expected) {
    snug_device *device = NULL;
    snug_plan *made = NULL;
    char *text = NULL;
    int64_t allowed = counted->allowed;
    *counted = (count){.allowed = allowed};
    snug_plan_request request = {.model = "simple",
                                 .batch_size = 32,
                                 .height = 16,
                                 .width = 16,
                                 .budget_bytes = 64 << 20,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .on_timing = on_timing,
                                 .should_stop = should_stop,
                                 .context = counted};
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &request, &made), expected);
    if (expected == SNUG_OK) assert_int_equal(snug_plan_json(made, &text), SNUG_OK);
    snug_plan_free(made);
    snug_device_close(device);
    return text;
}

static void test_cache(void **state) {
    (void)state;
    char folder[] = "/tmp/snug-times-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    // What was timed before it was stopped is kept, and does not change what is timed then.
    count stopped = {.allowed = 3}, first = {0}, second = {0};
    plan(&stopped, SNUG_INTERRUPTED);
    assert_int_equal(stopped.kernels, 4);
    char *one = plan(&first, SNUG_OK), *two = plan(&second, SNUG_OK);
    assert_true(first.kernels > 10);
    assert_int_equal(second.kernels, 0);
    assert_string_equal(one, two);
    snug_string_free(one);
    snug_string_free(two);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alike), cmocka_unit_test(test_cache)};
    return cmocka_run_group_tests_name("times of kernels", tests, NULL, NULL);
}

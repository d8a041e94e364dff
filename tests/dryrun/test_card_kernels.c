// For which cards a PyTorch has kernels, by the architectures that its wheels are built for.
#include "support/test.h"

#include "dryrun/cards.h"

static bool has(const char *const *architectures, size_t count, int capability) {
    const char *texts[16];
    for (size_t i = 0; i < count; i++)
        texts[i] = architectures[i];
    snug_dry_process process = {.architectures = texts, .architecture_count = count};
    return snug_dry_has_kernels(&process, capability);
}

static void test_wheels(void **state) {
    (void)state;
    // PyTorch 2.15 for CUDA 13: Turing and later; 8.9 runs 8.6's, and what comes is compiled.
    static const char *const newest[] = {"sm_75", "sm_80",  "sm_86",
                                         "sm_90", "sm_120", "compute_120"};
    static const int runs[] = {75, 80, 86, 89, 90, 120, 121, 130}, runs_not[] = {61, 70, 72, 100};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        assert_true(has(newest, 6, runs[i]));
    for (size_t i = 0; i < sizeof runs_not / sizeof *runs_not; i++)
        assert_false(has(newest, 6, runs_not[i]));
    // Kernels of one major version do not run on the next, unless they are compiled there.
    static const char *const older[] = {"sm_60", "sm_70", "sm_90a"};
    assert_true(has(older, 3, 61) && has(older, 3, 75) && has(older, 3, 90));
    assert_false(has(older, 3, 80) || has(older, 3, 100) || has(older, 3, 52));
    assert_true(has(NULL, 0, 61)); // not told
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wheels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

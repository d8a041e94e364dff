// Each host allocation of a plan and a training step fails once: an error comes back, nothing leaks
// (AddressSanitizer's leak check at the end of the debug build), nothing crashes.
#include <stdlib.h>

#include "snug/train.h"
#include "support/failing_allocations.h"

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    static const float pixels[4 * 3 * 32 * 32] = {0};
    static const int32_t classes[4] = {0};
    (void)context, (void)samples;
    *input = pixels;
    *target = classes;
    return SNUG_OK;
}

static snug_status train(const void *fixes) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    char *text = NULL, *page = NULL;
    snug_plan_request request = {.model = "simple",
                                 .fixes = fixes,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = 32,
                                 .width = 32,
                                 .batch_size = 4,
                                 .budget_bytes = 1 << 30,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .width_multiplier = 0.125,
                                 .optimizer = {.momentum = 0.9}};
    snug_batch_source source = {.next = next_samples};
    double loss;
    snug_status status = snug_device_open("cpu", 1, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
    if (status == SNUG_OK) status = snug_plan_text(plan, &text);
    if (status == SNUG_OK) status = snug_plan_html(plan, &page);
    if (status == SNUG_OK) status = snug_trainer_new(plan, 1, &trainer);
    if (status == SNUG_OK) status = snug_trainer_step(trainer, &source, 0.1, &loss);
    if (status == SNUG_OK) status = snug_trainer_evaluate(trainer, &source, 4, &loss, &(double){0});
    snug_trainer_free(trainer);
    snug_string_free(text);
    snug_string_free(page);
    snug_plan_free(plan);
    snug_device_close(device);
    return status;
}

// Makes a plan that recomputes, which takes a search.
static snug_status plan_recomputing(const void *fixes) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_plan_request request = {.model = "simple",
                                 .fixes = fixes,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = 32,
                                 .width = 32,
                                 .batch_size = 4,
                                 .budget_bytes = 500000,
                                 .width_multiplier = 0.125};
    snug_status status = snug_device_open("cpu", 1, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
    if (status == SNUG_OK) assert_true(snug_plan_chosen(plan)->recomputed_ops > 0);
    snug_plan_free(plan);
    snug_device_close(device);
    return status;
}

static void check(snug_status (*run)(const void *fixes), const char *fixes) {
    snug_status last;
    long count = fail_each_allocation(run, fixes, 1, SNUG_DEVICE_FAILED, &last);
    assert_int_equal(last, SNUG_OK);
    assert_true(count > 100);
    print_message("%s: %ld allocations\n", fixes, count);
}

static void test_training(void **state) {
    (void)state;
    check(train, "free-early,fuse,accumulate");
}

static void test_recomputing(void **state) {
    (void)state;
    check(plan_recomputing, "free-early,recompute");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_recomputing),
    };
    return cmocka_run_group_tests_name("failed allocations", tests, NULL, NULL);
}

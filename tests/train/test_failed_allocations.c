// Each host allocation of a plan and a training step fails once: an error comes back, nothing leaks
// (AddressSanitizer's leak check at the end of the debug build), nothing crashes.
#include <stdlib.h>

#include "snug/train.h"
#include "support/test.h"

// The linker sends the library's allocations here.
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long countdown = -1; // allocations until one fails; below 0: none does

static int fails(void) {
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    static const float pixels[4 * 3 * 32 * 32] = {0};
    static const int32_t classes[4] = {0};
    (void)context, (void)samples;
    *input = pixels;
    *target = classes;
    return SNUG_OK;
}

static snug_status train(const char *fixes) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    char *text = NULL, *page = NULL;
    snug_plan_request request = {.model = "simple",
                                 .fixes = fixes,
                                 .cost = SNUG_COST_MODEL,
                                 .classes = 10,
                                 .height = 32,
                                 .width = 32,
                                 .batch_size = 4,
                                 .budget_bytes = 1 << 30,
                                 .allow = SNUG_STATISTICS,
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
static snug_status plan_recomputing(const char *fixes) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_plan_request request = {.model = "simple",
                                 .fixes = fixes,
                                 .cost = SNUG_COST_MODEL,
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

static void check(snug_status (*run)(const char *fixes), const char *fixes) {
    long failing = 0;
    for (;; failing++) {
        countdown = failing;
        snug_status status = run(fixes);
        bool ended = countdown >= 0; // nothing failed any more
        countdown = -1;
        if (ended) {
            assert_int_equal(status, SNUG_OK);
            break;
        }
        if (status != SNUG_NOMEM && status != SNUG_DEVICE_FAILED)
            fail_msg("allocation %ld failed, the status is %s: %s", failing,
                     snug_status_name(status), snug_error_message());
    }
    assert_true(failing > 100);
    print_message("%s: %ld allocations\n", fixes, failing);
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

// What a program that calls snug finds again: its own number of OpenMP threads; and what it is told
// of tensors and fixes.
#include <string.h>

#include "base/memory.h"
#include "fixes/fix.h"
#include "plan/plan.h"
#include "snug/train.h"
#include "support/test.h"

extern void omp_set_num_threads(int threads); // clang on many systems lacks omp.h
extern int omp_get_max_threads(void);

enum { OWN_THREADS = 3, BATCH = 4, IMAGE = 3 * 32 * 32 };

static snug_status next(void *context, int64_t samples, const void **inputs, const void **target) {
    static const float pixels[BATCH * IMAGE] = {1};
    static const int32_t classes[BATCH] = {1, 2, 3, 4};
    (void)context;
    (void)samples;
    inputs[0] = pixels;
    *target = classes;
    return SNUG_OK;
}

static const snug_plan_request request = {.model = "resnet18",
                                          .cost = SNUG_COST_SOURCE_MEASURED,
                                          .classes = 10,
                                          .height = 32,
                                          .width = 32,
                                          .width_multiplier = 0.25,
                                          .batch_size = BATCH,
                                          .allow = SNUG_FIDELITY_PRECISION,
                                          .fixes = "free-early,lean-optimizer",
                                          .optimizer = {.momentum = 0.9}};

static void test_threads(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_batch_source source = {.next = next};
    double loss, accuracy;
    omp_set_num_threads(OWN_THREADS);
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_int_equal(omp_get_max_threads(), OWN_THREADS);
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(omp_get_max_threads(), OWN_THREADS);
    assert_int_equal(snug_trainer_new(plan, 0, &trainer), SNUG_OK);
    assert_int_equal(omp_get_max_threads(), OWN_THREADS);
    assert_int_equal(snug_trainer_step(trainer, &source, 0.1, &loss), SNUG_OK);
    assert_int_equal(omp_get_max_threads(), OWN_THREADS);
    assert_int_equal(snug_trainer_evaluate(trainer, &source, BATCH, &loss, &accuracy), SNUG_OK);
    assert_int_equal(omp_get_max_threads(), OWN_THREADS);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

// Each tensor's bytes are those of its shape and type; not all of them are float32.
static void test_types(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {{"float32", 4}, {"uint8", 1}, {"int8", 1}, {"int32", 4}, {"int64", 8}};
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_tensor_info info;
    size_t others = 0;
    snug_plan_request lean = request;
    lean.budget_bytes = 0;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &lean, &plan), SNUG_OK);
    // As little memory as will do takes the optimizer's state in 8 bits.
    lean.budget_bytes = snug_plan_minimum_bytes(plan);
    snug_plan_free(plan);
    if (snug_plan_make(device, &lean, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(plan, 0, &trainer), SNUG_OK);
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        size_t bytes = 0;
        for (size_t j = 0; j < sizeof types / sizeof *types; j++)
            if (strcmp(info.type, types[j].name) == 0) bytes = types[j].bytes;
        others += strcmp(info.type, "float32") != 0;
        for (int j = 0; j < info.rank; j++)
            bytes *= (size_t)info.shape[j];
        if (bytes != info.bytes) fail_msg("%s: %s of %zu bytes", info.name, info.type, info.bytes);
    }
    assert_true(others > 0);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

// The chosen candidate names the fixes of the schedule that runs, also where others look like it.
static void test_chosen(void **state) {
    (void)state;
    static const char *const models[] = {"simple", "resnet18", "vgg11", "mobilenet_v2"};
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        snug_plan *plan;
        snug_plan_request wanted = request;
        wanted.model = models[i];
        wanted.cost = SNUG_COST_SOURCE_MODEL;
        wanted.fixes = NULL;
        if (snug_plan_make(device, &wanted, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
        const snug_candidate *chosen = snug_plan_chosen(plan);
        for (int j = 0; j < SNUG_PLAN_MAX_FIXES; j++)
            assert_ptr_equal(chosen->fixes[j], plan->schedule.spec.fixes[j]);
        snug_plan_free(plan);
    }
    snug_device_close(device);
}

// No name of a fix is dropped without a word.
static void test_names_of_fixes(void **state) {
    (void)state;
    snug_spec_list specs = {0};
    snug_spec base = {0}, *derived;
    int used = 0;
    while (snug_spec_derive(&specs, &base, "a fix", SNUG_FIDELITY_EXACT, &derived) == SNUG_OK) {
        assert_string_equal(derived->fixes[used++], "a fix");
        base = *derived;
    }
    assert_int_equal(used, SNUG_PLAN_MAX_FIXES - 1);
    assert_non_null(strstr(snug_error_message(), "'a fix'"));
    snug_memory_free(specs.items);
    int count = 0;
    while (snug_fix_at(count))
        count++;
    assert_true(count < SNUG_PLAN_MAX_FIXES); // all of them at once have room
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_types),
                                       cmocka_unit_test(test_chosen),
                                       cmocka_unit_test(test_names_of_fixes)};
    return cmocka_run_group_tests_name("what callers find", tests, NULL, NULL);
}

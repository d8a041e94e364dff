// Release: the operating system gets the arena back, and training goes on as if nothing had been.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "snug/train.h"
#include "support/test.h"

enum { BATCH = 32, SIDE = 64, IMAGE = 3 * SIDE * SIDE };

// Of this process, in bytes.
static size_t resident(void) {
    unsigned long whole, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &whole, &pages), 2);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct feed {
    float *input;
    int32_t target[BATCH];
    int64_t next;
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    *input = self->input + self->next * IMAGE;
    *target = self->target + self->next;
    self->next += samples;
    return SNUG_OK;
}

static double step(snug_trainer *trainer, feed *samples) {
    double loss;
    samples->next = 0;
    snug_batch_source source = {.next = next_samples, .context = samples, .most = 5};
    assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &loss), SNUG_OK);
    return loss;
}

static void check_refused(snug_trainer *trainer, feed *samples) {
    double loss;
    float bias[10];
    snug_batch_source source = {.next = next_samples, .context = samples, .most = 5};
    assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &loss), SNUG_INVALID);
    assert_int_equal(snug_trainer_read(trainer, "fc.bias", bias, sizeof bias), SNUG_INVALID);
    assert_int_equal(snug_trainer_write(trainer, "fc.bias", bias, sizeof bias), SNUG_INVALID);
    assert_int_equal(snug_trainer_save(trainer, "/nowhere/weights"), SNUG_INVALID);
}

// Losses of six steps; |release|: the arena goes back to the system after the third.
static void train(bool release, double losses[6]) {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_plan_request request = {.model = "resnet18",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .batch_size = BATCH,
                                 .width_multiplier = 0.25,
                                 .optimizer = {.momentum = 0.9},
                                 .allow = SNUG_FIDELITY_EXACT};
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 5, &trainer), SNUG_OK);
    size_t arena = snug_plan_chosen(plan)->peak_bytes;
    assert_int_equal(snug_trainer_reserved_bytes(trainer), arena);
    feed samples = {.input = malloc(sizeof(float) * BATCH * IMAGE)};
    for (int64_t i = 0; i < BATCH * IMAGE; i++)
        samples.input[i] = snug_random_uniform(snug_random_at(2, (uint64_t)i, 0).words[0]) - 0.5f;
    for (int i = 0; i < BATCH; i++)
        samples.target[i] = i % 10;
    for (int i = 0; i < 3; i++)
        losses[i] = step(trainer, &samples);
    size_t used = snug_trainer_used_bytes(trainer);
    assert_true(used > 0 && used < arena);
    if (release) {
        size_t before = resident();
        assert_int_equal(snug_trainer_release(trainer), SNUG_OK);
        assert_int_equal(snug_trainer_release(trainer), SNUG_OK);
        assert_int_equal(snug_trainer_reserved_bytes(trainer), 0);
        assert_int_equal(snug_trainer_used_bytes(trainer), 0);
        size_t after = resident();
        print_message("arena %zu bytes, %zu of them in use; the system got %zu back\n", arena, used,
                      before - after);
        // What is in use is kept beside it; a tenth is for the C library's own pages.
        assert_true(before > after && before - after >= (arena - used) / 10 * 9);
        check_refused(trainer, &samples);
        assert_int_equal(snug_trainer_restore(trainer), SNUG_OK);
        assert_int_equal(snug_trainer_restore(trainer), SNUG_OK);
        assert_int_equal(snug_trainer_reserved_bytes(trainer), arena);
        assert_int_equal(snug_trainer_used_bytes(trainer), used);
    }
    for (int i = 3; i < 6; i++)
        losses[i] = step(trainer, &samples);
    assert_int_equal(snug_trainer_measured_peak(trainer), arena);
    free(samples.input);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

static void test_release(void **state) {
    (void)state;
    double plain[6], released[6];
    train(false, plain);
    train(true, released);
    assert_memory_equal(plain, released, sizeof plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_release)};
    return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}

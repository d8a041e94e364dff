// The rules of threads in snug/api.h: different objects in different threads at once, a message of
// the last failure for each thread, a finished plan read by all. Under ThreadSanitizer
// (`cmake --preset thread`) it also sees what lies between a loader's thread and its reader.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snug/train.h"
#include "support/test.h"

enum { THREADS = 3, BATCH = 8, STEPS = 4, SAMPLES = 20 };

typedef struct worker {
    pthread_t thread;
    const snug_plan *shared; // read by all
    int number;
    double losses[STEPS];
    char failed[256]; // why, or ""
} worker;

typedef struct feeder {
    snug_loader *loader;
    int64_t left; // of the epoch
} feeder;

static const snug_plan_request request = {.model = "simple",
                                          .height = 16,
                                          .width = 16,
                                          .batch_size = BATCH,
                                          .cost = SNUG_COST_SOURCE_MODEL,
                                          .allow = SNUG_FIDELITY_STATISTICS,
                                          .optimizer = {.momentum = 0.9}};

static snug_status next(void *context, int64_t samples, const void **inputs, const void **target) {
    feeder *self = context;
    if (samples > self->left) samples = self->left; // the trainer asks for what .most allows
    return snug_loader_next(self->loader, samples, inputs, target);
}

static snug_status train(worker *self, snug_plan *plan, snug_dataset *data) {
    snug_trainer *trainer;
    feeder from = {.left = BATCH};
    snug_batch_source source = {.next = next, .context = &from, .most = BATCH};
    snug_loader_options options = {
        .shuffle = true, .seed = 4, .epoch_samples = 2 * BATCH, .chunk_samples = BATCH};
    snug_status status = snug_trainer_new(plan, 9, &trainer);
    if (status == SNUG_OK) status = snug_loader_start(data, &options, &from.loader);
    for (int i = 0; i < STEPS && status == SNUG_OK; i++)
        status = snug_trainer_step(trainer, &source, 0.05, &self->losses[i]);
    snug_loader_stop(from.loader);
    snug_trainer_free(trainer);
    return status;
}

static snug_status work(worker *self) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_dataset *data = NULL;
    char *text = NULL;
    snug_status status = snug_device_open("cpu", 1, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
    snug_dataset_options options = {
        .name = "synthetic", .sample = snug_plan_sample(self->shared), .samples = SAMPLES};
    if (status == SNUG_OK) status = snug_dataset_open(&options, &data);
    if (status == SNUG_OK) status = train(self, plan, data);
    if (status == SNUG_OK) status = snug_plan_text(self->shared, &text);
    snug_string_free(text);
    snug_dataset_close(data);
    snug_plan_free(plan);
    snug_device_close(device);
    return status;
}

static void *run(void *context) {
    worker *self = context;
    char name[32];
    snug_device *device;
    snprintf(name, sizeof name, "device-%d", self->number);
    if (snug_device_open(name, 1, &device) != SNUG_NOT_FOUND)
        snprintf(self->failed, sizeof self->failed, "%s was opened", name);
    else if (!strstr(snug_error_message(), name))
        snprintf(self->failed, sizeof self->failed, "another thread's message");
    else if (work(self) != SNUG_OK)
        snprintf(self->failed, sizeof self->failed, "%s", snug_error_message());
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    worker workers[THREADS];
    snug_device *device;
    snug_plan *shared;
    memset(workers, 0, sizeof workers);
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &request, &shared), SNUG_OK);
    for (int i = 0; i < THREADS; i++) {
        workers[i].shared = shared;
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_string_equal(workers[i].failed, "");
        // Who trains beside others gets the same bits.
        assert_memory_equal(workers[i].losses, workers[0].losses, sizeof workers[0].losses);
    }
    snug_plan_free(shared);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

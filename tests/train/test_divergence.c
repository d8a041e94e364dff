// Losses that are not finite: the step changes nothing and says where it began; runs end, and keep
// what was good.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "io/safetensors.h"
#include "snug/train.h"
#include "support/test.h"

enum { SIDE = 32, IMAGE = 3 * SIDE * SIDE, BATCH = 8 };

// Samples made up by number; from |bad_from| on one pixel is not finite.
typedef struct feed {
    float input[BATCH * IMAGE];
    int32_t target[BATCH];
    int64_t next, bad_from;
    float bad;
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    for (int64_t i = 0; i < samples * IMAGE; i++) {
        uint64_t place = (uint64_t)(self->next * IMAGE + i);
        self->input[i] = snug_random_uniform(snug_random_at(9, place, 0).words[0]) - 0.5f;
    }
    for (int64_t i = 0; i < samples; i++)
        self->target[i] = (int32_t)((self->next + i) % 10);
    self->next += samples;
    if (self->bad_from > 0 && self->next > self->bad_from) self->input[5] = self->bad;
    *input = self->input;
    *target = self->target;
    return SNUG_OK;
}

typedef struct scene {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_batch_source source;
    feed samples;
} scene;

static scene *scene_new(int64_t micro_batch, snug_precision precision) {
    scene *self = calloc(1, sizeof *self);
    assert_non_null(self);
    snug_plan_request request = {.model = "mobilenet_v2",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .width_multiplier = 0.25,
                                 .batch_size = BATCH,
                                 .micro_batch = micro_batch,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .precision = precision,
                                 .optimizer = {.momentum = 0.9}};
    assert_int_equal(snug_device_open("cpu", 2, &self->device), SNUG_OK);
    assert_int_equal(snug_plan_make(self->device, &request, &self->plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(self->plan, 7, &self->trainer), SNUG_OK);
    self->source =
        (snug_batch_source){.next = next_samples, .context = &self->samples, .most = BATCH};
    return self;
}

static void scene_free(scene *self) {
    snug_trainer_free(self->trainer);
    snug_plan_free(self->plan);
    snug_device_close(self->device);
    free(self);
}

// Everything that lives from step to step, one tensor after another; the caller's.
static unsigned char *read_all(snug_trainer *trainer, size_t *bytes) {
    unsigned char *all = NULL;
    snug_tensor_info info;
    *bytes = 0;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        all = realloc(all, *bytes + info.bytes);
        assert_non_null(all);
        assert_int_equal(snug_trainer_read(trainer, info.name, all + *bytes, info.bytes), SNUG_OK);
        *bytes += info.bytes;
    }
    return all;
}

static void step(scene *self, snug_status expected, double *loss) {
    snug_status status = snug_trainer_step(self->trainer, &self->source, 0.05, loss);
    if (status != expected) fail_msg("status %d: %s", (int)status, snug_error_message());
}

// A step that fails leaves every byte as it was, and the next good one is the same as ever.
static void check_unchanged(int64_t micro_batch) {
    scene *self = scene_new(micro_batch, SNUG_PRECISION_FLOAT32);
    size_t before_bytes, after_bytes;
    double loss, good, again;
    step(self, SNUG_OK, &loss);
    unsigned char *before = read_all(self->trainer, &before_bytes);
    self->samples.bad_from = self->samples.next + BATCH / 2;
    self->samples.bad = NAN;
    step(self, SNUG_NOT_FINITE, &loss);
    assert_non_null(strstr(snug_error_message(), "the data for the input"));
    unsigned char *after = read_all(self->trainer, &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    assert_int_equal(snug_trainer_steps(self->trainer), 1);
    self->samples.bad_from = 0;
    self->samples.next = BATCH;
    step(self, SNUG_OK, &good);

    scene *other = scene_new(micro_batch, SNUG_PRECISION_FLOAT32);
    step(other, SNUG_OK, &loss);
    step(other, SNUG_OK, &again);
    assert_true(good == again);
    scene_free(other);
    free(before);
    free(after);
    scene_free(self);
}

static void test_unchanged_whole(void **state) {
    (void)state;
    check_unchanged(BATCH);
}

static void test_unchanged_micro(void **state) {
    (void)state;
    check_unchanged(BATCH / 2);
}

// Sets the first element of |name|, so that it is where the trouble begins.
static void spoil(scene *self, const char *name, float value) {
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(self->trainer, i, &info) == SNUG_OK; i++)
        if (strcmp(info.name, name) == 0) {
            float *values = malloc(info.bytes);
            assert_non_null(values);
            assert_int_equal(snug_trainer_read(self->trainer, name, values, info.bytes), SNUG_OK);
            values[0] = value;
            assert_int_equal(snug_trainer_write(self->trainer, name, values, info.bytes), SNUG_OK);
            free(values);
            return;
        }
    fail_msg("no tensor '%s'", name);
}

static void test_names(void **state) {
    (void)state;
    double loss;
    scene *self = scene_new(BATCH, SNUG_PRECISION_FLOAT32);
    spoil(self, "features.3.conv.0.0.weight", INFINITY);
    step(self, SNUG_NOT_FINITE, &loss);
    assert_non_null(strstr(snug_error_message(), "'features.3.conv.0.0.weight' itself"));
    assert_int_equal(snug_trainer_check(self->trainer), SNUG_NOT_FINITE);
    scene_free(self);
    // All is finite but the product of these.
    self = scene_new(BATCH, SNUG_PRECISION_FLOAT32);
    spoil(self, "classifier.1.weight", 3e38f);
    spoil(self, "features.18.1.weight", 1e30f);
    step(self, SNUG_NOT_FINITE, &loss);
    assert_int_equal(snug_trainer_check(self->trainer), SNUG_OK);
    if (!strstr(snug_error_message(), "at 'classifier.1'")) fail_msg("%s", snug_error_message());
    scene_free(self);
}

static void test_keep_going(void **state) {
    (void)state;
    double loss;
    scene *self = scene_new(BATCH, SNUG_PRECISION_FLOAT32);
    snug_trainer_keep_going(self->trainer, true);
    self->samples.bad_from = 1;
    self->samples.bad = NAN;
    step(self, SNUG_OK, &loss);
    assert_true(isnan(loss));
    assert_int_equal(snug_trainer_check(self->trainer), SNUG_NOT_FINITE);
    scene_free(self);
}

// A scale cannot mend what is not finite in the forward pass: such steps are skipped, but not for
// ever.
static void test_scaled(void **state) {
    (void)state;
    double loss;
    int skipped = 0;
    scene *self = scene_new(BATCH, SNUG_PRECISION_FLOAT16);
    self->samples.bad_from = 1;
    self->samples.bad = INFINITY;
    while (snug_trainer_step(self->trainer, &self->source, 0.05, &loss) == SNUG_OK) {
        assert_false(isfinite(loss));
        assert_true(++skipped < 100);
    }
    assert_int_equal(skipped, 16);
    assert_int_equal(snug_trainer_skipped_steps(self->trainer), 16);
    assert_int_equal(snug_trainer_check(self->trainer), SNUG_OK);
    scene_free(self);
}

// --- Runs

typedef struct watched {
    int64_t steps;
} watched;

static void count_step(void *context, const snug_step_event *event) {
    ((watched *)context)->steps = event->step;
}

// 40 samples, five steps an epoch; |bad|: the value of one pixel of the last sample.
static void write_data(const char *path, float bad) {
    enum { SAMPLES = 40 };
    snug_safetensors_item items[] = {
        {"input",
         snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 4, (const int64_t[]){SAMPLES, 3, SIDE, SIDE})},
        {"target", snug_type_vector(SNUG_I64, SAMPLES)}};
    snug_file file;
    assert_int_equal(snug_safetensors_create(path, items, 2, (const char *[]){NULL}, &file),
                     SNUG_OK);
    for (int i = 0; i < SAMPLES * IMAGE; i++) {
        float value = i == SAMPLES * IMAGE - 1 ? bad : (float)(i % 97) / 97;
        assert_int_equal(snug_file_write(&file, &value, sizeof value), SNUG_OK);
    }
    for (int64_t i = 0; i < SAMPLES; i++) {
        int64_t class = i % 10;
        assert_int_equal(snug_file_write(&file, &class, sizeof class), SNUG_OK);
    }
    assert_int_equal(snug_file_commit(&file), SNUG_OK);
}

static snug_status train(scene *self, const char *data, const snug_train_options *options,
                         snug_train_result *result) {
    snug_dataset *train = NULL;
    snug_dataset_options wanted = {.name = data, .sample = snug_plan_sample(self->plan)};
    assert_int_equal(snug_dataset_open(&wanted, &train), SNUG_OK);
    snug_status status = snug_train(self->plan, train, NULL, options, result);
    snug_dataset_close(train);
    return status;
}

static void test_run(void **state) {
    (void)state;
    char folder[] = "/tmp/snug-divergence-XXXXXX", data[64], out[64], weights[96];
    assert_non_null(mkdtemp(folder));
    snprintf(data, sizeof data, "%s/data.safetensors", folder);
    snprintf(out, sizeof out, "%s/run", folder);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", out);
    write_data(data, NAN);
    scene *self = scene_new(BATCH, SNUG_PRECISION_FLOAT32);
    watched seen = {0};
    snug_train_result result;
    snug_train_options options = {
        .epochs = 3, .learning_rate = 0.05, .out = out, .on_step = count_step, .context = &seen};
    assert_int_equal(train(self, data, &options, &result), SNUG_NOT_FINITE);
    assert_true(result.steps < 5 && result.steps == seen.steps);
    char text[32];
    snprintf(text, sizeof text, "step %d: the loss", (int)result.steps + 1);
    assert_non_null(strstr(snug_error_message(), text));
    // No epoch ended: what is kept are the weights before the step.
    assert_int_equal(snug_trainer_load(self->trainer, weights), SNUG_OK);
    assert_int_equal(snug_trainer_check(self->trainer), SNUG_OK);
    // The folder is a run's now.
    assert_int_equal(train(self, data, &options, &result), SNUG_INVALID);
    assert_non_null(strstr(snug_error_message(), "`overwrite`"));
    assert_int_equal(access(weights, F_OK), 0);
    options.overwrite = options.keep_going = true;
    options.epochs = 1;
    assert_int_equal(train(self, data, &options, &result), SNUG_OK);
    assert_int_equal(result.steps, 5);
    scene_free(self);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged_whole), cmocka_unit_test(test_unchanged_micro),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_keep_going),
        cmocka_unit_test(test_scaled),          cmocka_unit_test(test_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

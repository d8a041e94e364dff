// Predictions against the evaluation's own loss and accuracy, worked out anew from the outputs in
// PyTorch's order; and what a data set's predictions are as a file.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snug/train.h"
#include "support/test.h"

enum { SAMPLES = 11, MOST_CLASSES = 16 };

typedef struct example {
    const char *model;
    int64_t size, classes, batch; // batch: the most samples at once
    snug_loss loss;
    snug_precision precision;
} example;

static const example examples[] = {
    {"simple", 32, 10, 4, SNUG_LOSS_CROSS_ENTROPY, SNUG_PRECISION_FLOAT32},
    {"simple", 32, 10, 64, SNUG_LOSS_CROSS_ENTROPY, SNUG_PRECISION_BFLOAT16},
    {"unet", 32, 3, 3, SNUG_LOSS_CROSS_ENTROPY, SNUG_PRECISION_FLOAT32},
    {"simple", 32, 5, 4, SNUG_LOSS_BCE, SNUG_PRECISION_FLOAT32},
};

typedef struct scene {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_dataset *data;
    int64_t next;
    unsigned char *pixels, *targets;
    bool tells_targets;
} scene;

static snug_status next(void *context, int64_t samples, const void **inputs, const void **target) {
    scene *self = context;
    const snug_sample_type *sample = snug_plan_sample(self->plan);
    for (int64_t i = 0; i < samples; i++) {
        void *to[SNUG_MAX_INPUTS] = {self->pixels + (size_t)i * sample->inputs[0].bytes};
        snug_status status = snug_dataset_read(self->data, self->next++, to,
                                               self->targets + (size_t)i * sample->target.bytes);
        if (status != SNUG_OK) return status;
    }
    inputs[0] = self->pixels;
    *target = self->tells_targets ? self->targets : NULL;
    return SNUG_OK;
}

static scene *scene_new(const example *of) {
    scene *self = calloc(1, sizeof *self);
    snug_plan_request request = {.model = of->model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = of->classes,
                                 .height = of->size,
                                 .width = of->size,
                                 .width_multiplier = 0.25,
                                 .loss = of->loss,
                                 .precision = of->precision,
                                 .batch_size = of->batch,
                                 .allow = SNUG_FIDELITY_PRECISION};
    assert_int_equal(snug_device_open("cpu", 1, &self->device), SNUG_OK);
    if (snug_plan_make(self->device, &request, &self->plan) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(self->plan, 3, &self->trainer), SNUG_OK);
    const snug_sample_type *sample = snug_plan_sample(self->plan);
    snug_dataset_options options = {
        .name = "synthetic", .sample = sample, .seed = 5, .samples = SAMPLES};
    if (snug_dataset_open(&options, &self->data) != SNUG_OK) fail_msg("%s", snug_error_message());
    self->pixels = malloc((size_t)SAMPLES * sample->inputs[0].bytes);
    self->targets = malloc((size_t)SAMPLES * sample->target.bytes);
    return self;
}

static void scene_free(scene *self) {
    snug_dataset_close(self->data);
    snug_trainer_free(self->trainer);
    snug_plan_free(self->plan);
    snug_device_close(self->device);
    free(self->pixels);
    free(self->targets);
    free(self);
}

static float *predict(scene *self, snug_prediction prediction) {
    snug_batch_source source = {.next = next, .context = self};
    size_t bytes = SAMPLES * snug_plan_output(self->plan)->bytes;
    float *outputs = malloc(bytes);
    self->next = 0;
    self->tells_targets = false;
    if (snug_trainer_predict(self->trainer, &source, SAMPLES, prediction, outputs, bytes) !=
        SNUG_OK)
        fail_msg("%s", snug_error_message());
    return outputs;
}

// The mean loss of probabilities (samples, classes, places), and the share of right answers.
static double loss_of_classes(const scene *self, const float *outputs, double *accuracy) {
    const snug_sample_tensor *output = snug_plan_output(self->plan);
    int64_t classes = output->dims[0];
    int64_t places = (int64_t)(output->bytes / sizeof(float)) / classes;
    double loss = 0, right = 0;
    for (int64_t i = 0; i < SAMPLES; i++) {
        int32_t target;
        const float *sample = outputs + i * classes * places;
        for (int64_t j = 0; j < places; j++) {
            memcpy(&target, self->targets + (i * places + j) * (int64_t)sizeof target,
                   sizeof target);
            int64_t best = 0;
            for (int64_t c = 1; c < classes; c++)
                if (sample[c * places + j] > sample[best * places + j]) best = c;
            loss -= log(sample[target * places + j]);
            right += best == target;
        }
    }
    *accuracy = right / (double)(SAMPLES * places);
    return loss / (double)(SAMPLES * places);
}

static double loss_of_bits(const scene *self, const float *outputs, double *accuracy) {
    int64_t count = SAMPLES * (int64_t)(snug_plan_output(self->plan)->bytes / sizeof(float));
    double loss = 0, right = 0;
    for (int64_t i = 0; i < count; i++) {
        float target;
        memcpy(&target, self->targets + i * (int64_t)sizeof target, sizeof target);
        loss -= target * log(outputs[i]) + (1 - target) * log(1 - outputs[i]);
        right += (outputs[i] > 0.5f) == (target > 0.5f);
    }
    *accuracy = right / (double)count;
    return loss / (double)count;
}

static void test_against_evaluation(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        scene *self = scene_new(&examples[i]);
        float *outputs = predict(self, SNUG_PREDICTION_PROBABILITIES);
        self->next = 0;
        self->tells_targets = true;
        snug_batch_source source = {.next = next, .context = self, .most = SAMPLES};
        double loss, accuracy, own_accuracy;
        if (snug_trainer_evaluate(self->trainer, &source, SAMPLES, &loss, &accuracy) != SNUG_OK)
            fail_msg("%s", snug_error_message());
        // All targets at once, for the comparison.
        const void *inputs[SNUG_MAX_INPUTS], *target;
        self->next = 0;
        assert_int_equal(next(self, SAMPLES, inputs, &target), SNUG_OK);
        double own = examples[i].loss == SNUG_LOSS_BCE
                         ? loss_of_bits(self, outputs, &own_accuracy)
                         : loss_of_classes(self, outputs, &own_accuracy);
        print_message("%s: loss %.7f, from predictions %.7f; accuracy %.4f, %.4f\n",
                      examples[i].model, loss, own, accuracy, own_accuracy);
        assert_true(fabs(loss - own) <= 1e-5 * fabs(loss));
        assert_true(fabs(accuracy - own_accuracy) < 1e-9);
        free(outputs);
        scene_free(self);
    }
}

// However many samples there are at once, and whatever is asked for, the outputs are the same.
static void test_parts(void **state) {
    (void)state;
    example few = examples[0], many = examples[0];
    few.batch = 1;
    many.batch = 64;
    scene *one = scene_new(&few), *all = scene_new(&many);
    float *a = predict(one, SNUG_PREDICTION_OUTPUT), *b = predict(all, SNUG_PREDICTION_OUTPUT);
    for (int i = 0; i < SAMPLES * 10; i++)
        assert_true(fabsf(a[i] - b[i]) <= 1e-4f * (1 + fabsf(a[i])));
    assert_int_equal(
        snug_trainer_measured_peak(one->trainer) <= snug_trainer_planned_peak(one->trainer), 1);
    free(a);
    free(b);
    scene_free(one);
    scene_free(all);
}

static void test_refusals(void **state) {
    (void)state;
    example numbers = examples[0];
    numbers.loss = SNUG_LOSS_MSE;
    scene *self = scene_new(&numbers);
    float place[SAMPLES * MOST_CLASSES];
    snug_batch_source source = {.next = next, .context = self};
    size_t each = snug_plan_output(self->plan)->bytes;
    assert_int_equal(snug_trainer_predict(self->trainer, &source, 2, SNUG_PREDICTION_PROBABILITIES,
                                          place, 2 * each),
                     SNUG_INVALID);
    assert_int_equal(snug_trainer_predict(self->trainer, &source, 2, SNUG_PREDICTION_OUTPUT, place,
                                          2 * each - 1),
                     SNUG_INVALID);
    assert_int_equal(
        snug_trainer_predict(self->trainer, NULL, 2, SNUG_PREDICTION_OUTPUT, place, 2 * each),
        SNUG_INVALID);
    // A step cannot go without targets.
    double loss;
    self->tells_targets = false;
    self->next = 0;
    assert_int_equal(snug_trainer_step(self->trainer, &source, 0.1, &loss), SNUG_INVALID);
    assert_non_null(strstr(snug_error_message(), "targets"));
    scene_free(self);
}

static void add(void *context, int64_t first, int64_t samples, const float *outputs) {
    float **to = context;
    memcpy(*to + first * 10, outputs, (size_t)samples * 10 * sizeof **to);
}

static bool stop(void *context) {
    (void)context;
    return true;
}

static void test_data_set(void **state) {
    (void)state;
    char folder[] = "/tmp/snug_predict_XXXXXX", weights[64], path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(weights, sizeof weights, "%s/w.safetensors", folder);
    snprintf(path, sizeof path, "%s/p.npy", folder);
    scene *self = scene_new(&examples[0]);
    assert_int_equal(snug_trainer_save(self->trainer, weights), SNUG_OK);
    float *wanted = predict(self, SNUG_PREDICTION_OUTPUT);
    float *heard = malloc(SAMPLES * 10 * sizeof *heard), stored[SAMPLES * 10];
    snug_predict_options options = {.npy = path, .on_samples = add, .context = &heard};
    snug_predict_result result;
    if (snug_predict(self->plan, weights, self->data, &options, &result) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(result.samples, SAMPLES);
    for (int i = 0; i < SAMPLES * 10; i++)
        assert_true(fabsf(heard[i] - wanted[i]) <= 1e-4f * (1 + fabsf(wanted[i])));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, -(long)sizeof stored, SEEK_END), 0);
    assert_int_equal(ftell(file) % 64, 0);
    assert_int_equal(fread(stored, sizeof *stored, SAMPLES * 10, file), SAMPLES * 10);
    fclose(file);
    assert_memory_equal(stored, heard, sizeof stored);
    unlink(path);
    options.should_stop = stop;
    assert_int_equal(snug_predict(self->plan, weights, self->data, &options, &result),
                     SNUG_INTERRUPTED);
    assert_int_not_equal(access(path, F_OK), 0);
    unlink(weights);
    rmdir(folder);
    free(wanted);
    free(heard);
    scene_free(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_evaluation),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_data_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

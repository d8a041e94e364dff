// Networks as PyTorch's exporters write them, trained as PyTorch trains them: both exporters, in
// training and in evaluation mode, as tools/onnx_training_cases.py stored them. Ten steps of SGD
// with momentum on one batch, then the loss in evaluation form, which the running statistics enter,
// and each weight.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "snug/data.h"
#include "snug/train.h"
#include "support/run_folder.h"
#include "support/test.h"

enum { STEPS = 10 };
static const double tolerance = 1e-5; // PyTorch's float32 is within 1e-6 of its float64 here
static const char folder[] = SNUG_SOURCE_DIR "/tests/onnx/training";

typedef struct found {
    double losses[STEPS + 1]; // of the steps, then of the evaluation
    int64_t count;
} found;

static void on_step(void *context, const snug_step_event *event) {
    found *self = context;
    assert_true(self->count < STEPS);
    self->losses[self->count++] = event->loss;
}

static double number(const snug_safetensors *file, const char *key) {
    const char *text = snug_safetensors_metadata(file, key);
    if (!text) fail_msg("%s: no %s", file->path, key);
    return text ? strtod(text, NULL) : 0;
}

static void read_losses(const snug_safetensors *file, const char *form, double out[STEPS + 1]) {
    float stored[STEPS + 1];
    char name[100];
    snprintf(name, sizeof name, "losses/%s", form);
    const snug_safetensors_entry *entry = snug_safetensors_find(file, name);
    if (!entry || snug_type_bytes(&entry->type) != sizeof stored)
        fail_msg("%s: %d floats expected as %s", file->path, STEPS + 1, name);
    assert_int_equal(snug_safetensors_read(file, entry, 0, stored, sizeof stored), SNUG_OK);
    for (int i = 0; i <= STEPS; i++)
        out[i] = stored[i];
}

static snug_dataset *open_data(const snug_plan *plan, const char *path, snug_split split) {
    snug_dataset *data = NULL;
    snug_dataset_options options = {
        .name = path, .split = split, .sample = snug_plan_sample(plan), .classes = 10};
    if (snug_dataset_open(&options, &data) != SNUG_OK) fail_msg("%s", snug_error_message());
    return data;
}

static found train(snug_device *device, const char *model, const snug_safetensors *file,
                   const char *run) {
    found self = {0};
    snug_plan *plan = NULL;
    snug_plan_request request = {.model = model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .no_drop = true,
                                 .batch_size = 4,
                                 .micro_batch = 4,
                                 .optimizer = {.momentum = number(file, "momentum")}};
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    snug_dataset *data = open_data(plan, file->path, SNUG_SPLIT_TRAIN),
                 *test = open_data(plan, file->path, SNUG_SPLIT_TEST);
    snug_train_result result;
    snug_train_options options = {.epochs = STEPS,
                                  .learning_rate = number(file, "learning_rate"),
                                  .on_step = on_step,
                                  .context = &self,
                                  .out = run};
    if (snug_train(plan, data, test, &options, &result) != SNUG_OK)
        fail_msg("%s: %s", model, snug_error_message());
    assert_int_equal(self.count, STEPS);
    assert_int_equal(result.measured_peak_bytes, result.planned_peak_bytes);
    self.losses[STEPS] = result.val_loss;
    snug_dataset_close(data);
    snug_dataset_close(test);
    snug_plan_free(plan);
    return self;
}

enum { WAVES = 4 };
static const double waves[WAVES] = {0.37, 1.13, 1.91, 2.61};
// Of what the ten steps changed in a weight; and what rounding alone moves one on which no loss
// depends, as a bias before a batch norm.
static const double update_tolerance = 1e-3, noise = 1e-6;

// How far a weight is from PyTorch's: the largest of some sums over all of its elements, each of
// which is about as large as the norm of the difference.
static double weight_distance(const snug_safetensors *trained, const char *name,
                              const double expected[WAVES]) {
    const snug_safetensors_entry *entry = snug_safetensors_find(trained, name);
    if (!entry) fail_msg("%s: no %s", trained->path, name);
    const size_t bytes = snug_type_bytes(&entry->type);
    float *weight = malloc(bytes);
    double worst = 0;
    assert_non_null(weight);
    assert_int_equal(snug_safetensors_read(trained, entry, 0, weight, bytes), SNUG_OK);
    for (int k = 0; k < WAVES; k++) {
        double sum = 0;
        for (size_t i = 0; i < bytes / sizeof *weight; i++)
            sum += weight[i] * cos(waves[k] * (double)i);
        worst = fmax(worst, fabs(sum * sqrt(2) - expected[k]));
    }
    free(weight);
    return worst;
}

// Each line of the metadata updates/|form|: a weight's name, the norm of its update, sums over it.
// Returns the largest distance, by the norm of the update.
static double check_weights(const snug_safetensors *file, const char *form, const char *run) {
    char key[100], path[64], name[128];
    snug_safetensors trained;
    double update, sums[WAVES], worst = 0;
    snprintf(path, sizeof path, "%s/out.safetensors", run);
    if (snug_run_export(run, path) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_safetensors_open(path, &trained), SNUG_OK);
    snprintf(key, sizeof key, "updates/%s", form);
    const char *line = snug_safetensors_metadata(file, key);
    if (!line) fail_msg("%s: no %s", file->path, key);
    for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        assert_int_equal(sscanf(line, "%127s %lf %lf %lf %lf %lf", name, &update, &sums[0],
                                &sums[1], &sums[2], &sums[3]),
                         2 + WAVES);
        double distance = weight_distance(&trained, name, sums);
        if (!(distance <= update_tolerance * update + noise))
            fail_msg("%s, %s: %s is %.1e from PyTorch's after an update of %.1e", file->path, form,
                     name, distance, update);
        if (update > noise / update_tolerance) worst = fmax(worst, distance / update);
    }
    snug_safetensors_close(&trained);
    return worst;
}

// |name|: <network>-<exporter>-<mode>.onnx
static void check_case(snug_device *device, const char *name) {
    char model[512], data[512];
    const char *dash = strchr(name, '-');
    assert_non_null(dash);
    snprintf(model, sizeof model, "%s/%s", folder, name);
    snprintf(data, sizeof data, "%s/%.*s.safetensors", folder, (int)(dash - name), name);
    char form[64];
    snprintf(form, sizeof form, "%s", dash + 1);
    *strrchr(form, '.') = '\0';
    snug_safetensors file;
    if (snug_safetensors_open(data, &file) != SNUG_OK) fail_msg("%s", snug_error_message());
    double expected[STEPS + 1];
    read_losses(&file, form, expected);
    char run[] = "/tmp/snug-training-XXXXXX";
    assert_non_null(mkdtemp(run));
    found self = train(device, model, &file, run);
    double worst = 0;
    for (int i = 0; i <= STEPS; i++) {
        double distance = fabs(self.losses[i] - expected[i]) / fabs(expected[i]);
        if (!(distance <= tolerance))
            fail_msg("%s: loss %d is %.9g, PyTorch's %.9g", name, i, self.losses[i], expected[i]);
        worst = fmax(worst, distance);
    }
    // A comparison of losses that stay where they are would hold nothing.
    assert_true(fabs(expected[STEPS - 1] - expected[0]) > 1000 * tolerance * expected[0]);
    const double apart = check_weights(&file, form, run);
    printf("  %-36s losses within %.1e, weights %.1e of an update\n", name, worst, apart);
    remove_run(run);
    snug_safetensors_close(&file);
}

static int is_model(const struct dirent *entry) {
    return strstr(entry->d_name, ".onnx") != NULL;
}

static void check_device(const char *device_name) {
    snug_device *device;
    struct dirent **entries;
    assert_int_equal(snug_device_open(device_name, 2, &device), SNUG_OK);
    int count = scandir(folder, &entries, is_model, alphasort);
    assert_true(count >= 14);
    for (int i = 0; i < count; i++) {
        check_case(device, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    snug_device_close(device);
}

static void test_cpu(void **state) {
    (void)state;
    check_device("cpu");
}

static void test_reference(void **state) {
    (void)state;
    check_device("reference");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu),
                                       cmocka_unit_test(test_reference)};
    return cmocka_run_group_tests_name("training of exported networks", tests, NULL, NULL);
}

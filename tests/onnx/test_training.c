// Networks as PyTorch's exporters write them, trained as PyTorch trains them: both exporters, in
// training and in evaluation mode, as tools/onnx_training_cases.py stored them. Ten steps of SGD
// with momentum on one batch, then the loss in evaluation form, which the running statistics enter.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "snug/data.h"
#include "snug/train.h"
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

static found train(snug_device *device, const char *model, const snug_safetensors *file) {
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
                                  .context = &self};
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
    found self = train(device, model, &file);
    double worst = 0;
    for (int i = 0; i <= STEPS; i++) {
        double distance = fabs(self.losses[i] - expected[i]) / fabs(expected[i]);
        if (!(distance <= tolerance))
            fail_msg("%s: loss %d is %.9g, PyTorch's %.9g", name, i, self.losses[i], expected[i]);
        worst = fmax(worst, distance);
    }
    // A comparison of losses that stay where they are would hold nothing.
    assert_true(fabs(expected[STEPS - 1] - expected[0]) > 1000 * tolerance * expected[0]);
    printf("  %-36s losses within %.1e\n", name, worst);
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

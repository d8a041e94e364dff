// Losses and gradients against PyTorch's, as tools/make_parity.py stored them: a narrow member of
// every family, ten steps of SGD with momentum.
//
// A gradient agrees when each element is within 1e-4 of the largest of its tensor; what PyTorch
// itself only knows to rounding (a bias in front of a batch norm has the gradient 0) is let off by
// 1e-6 of the largest gradient of the network.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "ops/reference.h"
#include "snug/train.h"
#include "support/test.h"

enum { STEPS = 10 };
static const double tolerance = 1e-4, rounding = 1e-6;

typedef struct record {
    snug_safetensors file;
    const char *model;
    int64_t batch, size, elements, targets;
    float *input; // NHWC
    int32_t *target;
} record;

static double number(const record *self, const char *key) {
    const char *text = snug_safetensors_metadata(&self->file, key);
    if (!text) fail_msg("%s: no %s", self->file.path, key);
    return strtod(text, NULL);
}

// A tensor's elements as floats, whatever its type.
static float *load(const record *self, const char *name, int64_t *count) {
    const snug_safetensors_entry *entry = snug_safetensors_find(&self->file, name);
    if (!entry) fail_msg("%s: no tensor '%s'", self->file.path, name);
    *count = snug_type_elements(&entry->type);
    void *raw = malloc(snug_type_bytes(&entry->type));
    float *values = malloc((size_t)*count * sizeof *values);
    assert_int_equal(
        snug_safetensors_read(&self->file, entry, 0, raw, snug_type_bytes(&entry->type)), SNUG_OK);
    for (int64_t i = 0; i < *count; i++)
        values[i] = (float)snug_reference_load(raw, entry->type.dtype, i);
    free(raw);
    return values;
}

static void open_record(record *self, const char *path) {
    if (snug_safetensors_open(path, &self->file) != SNUG_OK) fail_msg("%s", snug_error_message());
    self->model = snug_safetensors_metadata(&self->file, "model");
    self->batch = (int64_t)number(self, "batch");
    self->size = (int64_t)number(self, "size");
    float *chw = load(self, "input", &self->elements),
          *target = load(self, "target", &self->targets);
    self->input = malloc((size_t)self->elements * sizeof *self->input);
    self->target = malloc((size_t)self->targets * sizeof *self->target);
    int64_t pixels = self->size * self->size;
    for (int64_t n = 0; n < self->batch; n++)
        for (int64_t c = 0; c < 3; c++)
            for (int64_t i = 0; i < pixels; i++)
                self->input[(n * pixels + i) * 3 + c] = chw[(n * 3 + c) * pixels + i];
    for (int64_t i = 0; i < self->targets; i++)
        self->target[i] = (int32_t)target[i];
    free(chw);
    free(target);
}

static snug_status give(void *context, int64_t samples, const void **input, const void **target) {
    const record *self = context;
    assert_int_equal(samples, self->batch);
    *input = self->input;
    *target = self->target;
    return SNUG_OK;
}

static void write_weights(const record *self, snug_trainer *trainer) {
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        if (!info.is_weight && !info.is_statistic) continue;
        char name[256];
        int64_t count;
        snprintf(name, sizeof name, "w/%s", info.name);
        float *values = load(self, name, &count);
        assert_int_equal((size_t)count * sizeof *values, info.bytes);
        assert_int_equal(snug_trainer_write(trainer, info.name, values, info.bytes), SNUG_OK);
        free(values);
    }
}

static double largest_of(const float *values, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

static double largest_gradient(const record *self) {
    double largest = 0;
    for (size_t i = 0; i < self->file.count; i++) {
        if (strncmp(self->file.entries[i].name, "g/", 2) != 0) continue;
        int64_t count;
        float *values = load(self, self->file.entries[i].name, &count);
        largest = fmax(largest, largest_of(values, count));
        free(values);
    }
    return largest;
}

// After the first step a momentum buffer is the gradient. Returns the worst relative distance.
static double check_gradients(const record *self, snug_trainer *trainer) {
    double whole = largest_gradient(self), worst = 0;
    for (size_t i = 0; i < self->file.count; i++) {
        const char *stored = self->file.entries[i].name;
        if (strncmp(stored, "g/", 2) != 0) continue;
        char name[256];
        int64_t count;
        snprintf(name, sizeof name, "%s.momentum_buffer", stored + 2);
        float *expected = load(self, stored, &count);
        float *found = malloc((size_t)count * sizeof *found);
        if (snug_trainer_read(trainer, name, found, (size_t)count * sizeof *found) != SNUG_OK)
            fail_msg("%s: %s", self->model, snug_error_message());
        double largest = largest_of(expected, count);
        for (int64_t j = 0; j < count; j++) {
            double distance = fabs((double)found[j] - expected[j]);
            if (distance > tolerance * largest + rounding * whole)
                fail_msg("%s: gradient of %s, element %lld: %.9g, PyTorch %.9g (largest %.9g)",
                         self->model, stored + 2, (long long)j, found[j], expected[j], largest);
            if (largest > 100 * rounding * whole) worst = fmax(worst, distance / largest);
        }
        free(expected);
        free(found);
    }
    return worst;
}

static void check_record(const char *path, const char *device_name) {
    record self = {0};
    open_record(&self, path);
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    assert_int_equal(snug_device_open(device_name, 2, &device), SNUG_OK);
    snug_plan_request request = {.model = self.model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = (int64_t)number(&self, "classes"),
                                 .height = self.size,
                                 .width = self.size,
                                 .width_multiplier = number(&self, "width_multiplier"),
                                 .no_drop = true,
                                 .optimizer = {.momentum = number(&self, "momentum")},
                                 .batch_size = self.batch,
                                 .micro_batch = self.batch};
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(plan, 1, &trainer), SNUG_OK);
    write_weights(&self, trainer);
    int64_t count;
    float *losses = load(&self, "losses", &count);
    assert_int_equal(count, STEPS);
    snug_batch_source source = {.next = give, .context = &self};
    double gradients = 0, worst = 0;
    for (int i = 0; i < STEPS; i++) {
        double loss;
        assert_int_equal(snug_trainer_step(trainer, &source, number(&self, "learning_rate"), &loss),
                         SNUG_OK);
        if (i == 0) gradients = check_gradients(&self, trainer);
        double distance = fabs(loss - losses[i]) / fabs(losses[i]);
        if (distance > tolerance)
            fail_msg("%s: loss of step %d: %.9g, PyTorch %.9g", self.model, i, loss, losses[i]);
        worst = fmax(worst, distance);
    }
    printf("  %-20s losses within %.1e, gradients within %.1e\n", self.model, worst, gradients);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    snug_safetensors_close(&self.file);
    free(self.input);
    free(self.target);
    free(losses);
}

static void test_parity(void **state) {
    (void)state;
    DIR *folder = opendir(SNUG_SOURCE_DIR "/tests/parity");
    assert_non_null(folder);
    int records = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".safetensors")) continue;
        char path[512];
        snprintf(path, sizeof path, SNUG_SOURCE_DIR "/tests/parity/%s", entry->d_name);
        check_record(path, "cpu");
        records++;
    }
    closedir(folder);
    assert_true(records >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parity)};
    return cmocka_run_group_tests_name("parity", tests, NULL, NULL);
}

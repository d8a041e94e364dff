// step FILE MODEL STEPS THREADS: runs optimizer updates of MODEL on the weights ("w/<name>"), input
// and targets in FILE (safetensors) and prints each one's loss and seconds, a line each. What
// bench/step_vs_pytorch.py times.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/safetensors.h"
#include "snug/train.h"

typedef struct batch {
    int64_t samples, channels, height, width;
    float *input; // NHWC
    int32_t *target;
} batch;

static void check(snug_status status) {
    if (status == SNUG_OK) return;
    fprintf(stderr, "step: %s\n", snug_error_message());
    exit(1);
}

static void *load(const snug_safetensors *file, const char *name, snug_type *type) {
    const snug_safetensors_entry *entry = snug_safetensors_find(file, name);
    if (!entry) {
        fprintf(stderr, "step: %s has no tensor '%s'\n", file->path, name);
        exit(4);
    }
    *type = entry->type;
    void *bytes = malloc(snug_type_bytes(type) + 1);
    if (!bytes) exit(1);
    check(snug_safetensors_read(file, entry, 0, bytes, snug_type_bytes(type)));
    return bytes;
}

static batch load_batch(const snug_safetensors *file) {
    snug_type type, target_type;
    float *planes = load(file, "input", &type);
    int64_t *classes = load(file, "target", &target_type);
    batch self = {type.dims[0], type.dims[1], type.dims[2], type.dims[3], NULL, NULL};
    int64_t pixels = self.height * self.width;
    self.input = malloc(snug_type_bytes(&type));
    self.target = malloc((size_t)self.samples * sizeof *self.target);
    if (!self.input || !self.target) exit(1);
    for (int64_t n = 0; n < self.samples; n++) {
        self.target[n] = (int32_t)classes[n];
        for (int64_t c = 0; c < self.channels; c++)
            for (int64_t i = 0; i < pixels; i++)
                self.input[(n * pixels + i) * self.channels + c] =
                    planes[(n * self.channels + c) * pixels + i];
    }
    free(planes);
    free(classes);
    return self;
}

static void write_weights(const snug_safetensors *file, snug_trainer *trainer) {
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        if (!info.is_weight && !info.is_statistic) continue;
        char name[256];
        snug_type type;
        snprintf(name, sizeof name, "w/%s", info.name);
        void *values = load(file, name, &type);
        check(snug_trainer_write(trainer, info.name, values, snug_type_bytes(&type)));
        free(values);
    }
}

static snug_status give(void *context, int64_t samples, const void **input, const void **target) {
    (void)samples;
    *input = ((const batch *)context)->input;
    *target = ((const batch *)context)->target;
    return SNUG_OK;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: step FILE MODEL STEPS THREADS\n");
        return 2;
    }
    snug_safetensors file;
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    check(snug_safetensors_open(argv[1], &file));
    batch samples = load_batch(&file);
    check(snug_device_open("cpu", atoi(argv[4]), &device));
    snug_plan_request request = {.model = argv[2],
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .height = samples.height,
                                 .width = samples.width,
                                 .no_drop = true,
                                 .batch_size = samples.samples,
                                 .micro_batch = samples.samples,
                                 .optimizer = {.momentum = 0.9}};
    check(snug_plan_make(device, &request, &plan));
    check(snug_trainer_new(plan, 1, &trainer));
    write_weights(&file, trainer);
    snug_batch_source source = {.next = give, .context = &samples};
    for (int i = 0; i < atoi(argv[3]); i++) {
        double loss, began = now();
        check(snug_trainer_step(trainer, &source, 0.01, &loss));
        printf("%.9g %.6f\n", loss, now() - began);
    }
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    snug_safetensors_close(&file);
    free(samples.input);
    free(samples.target);
    return 0;
}

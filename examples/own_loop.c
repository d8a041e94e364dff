// A training loop of one's own on data of one's own: snug plans, holds the memory and takes the
// steps; the program makes the samples and decides on the learning rate.
//
//     own_loop [MIB]      the budget in MiB (default 4)
#include <snug/train.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 16, CHANNELS = 3, CLASSES = 4, BATCH = 32, STEPS = 30 };

// The program's data: stripes of one of four widths in noise, made as they are asked for.
typedef struct own_data {
    float *pixels; // (BATCH, height, width, channels), as snug_plan_sample() says
    int32_t classes[BATCH];
    unsigned random;
} own_data;

static float noise(own_data *data) {
    data->random = data->random * 1664525u + 1013904223u;
    return (float)(data->random >> 8) / (1 << 24) - 0.5f;
}

// A snug_batch_source's function: the next |samples| samples, at most BATCH.
static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    own_data *data = context;
    float *pixel = data->pixels;
    for (int64_t i = 0; i < samples; i++) {
        int class = (int)((noise(data) + 0.5f) * CLASSES) % CLASSES;
        data->classes[i] = class;
        for (int row = 0; row < SIZE; row++)
            for (int column = 0; column < SIZE * CHANNELS; column++)
                *pixel++ = ((row >> class) & 1 ? 1.f : -1.f) + 6 * noise(data);
    }
    inputs[0] = data->pixels;
    *target = data->classes;
    return SNUG_OK;
}

static snug_status train(const snug_plan *plan, own_data *data) {
    snug_trainer *trainer;
    snug_status status = snug_trainer_new(plan, 1, &trainer);
    if (status != SNUG_OK) return status;
    snug_batch_source source = {.next = next_samples, .context = data, .most = BATCH};
    for (int step = 0; step < STEPS && status == SNUG_OK; step++) {
        double loss, rate = step < STEPS / 2 ? 0.01 : 0.002;
        status = snug_trainer_step(trainer, &source, rate, &loss);
        if (status == SNUG_OK && step % 10 == 0) printf("step %d: loss %.4f\n", step, loss);
    }
    double loss, accuracy;
    if (status == SNUG_OK)
        status = snug_trainer_evaluate(trainer, &source, 4 * BATCH, &loss, &accuracy);
    if (status == SNUG_OK) {
        printf("accuracy %.1f %% on new samples\n", 100 * accuracy);
        printf("memory: planned %zu bytes, measured %zu\n", snug_trainer_planned_peak(trainer),
               snug_trainer_measured_peak(trainer));
        status = snug_trainer_save(trainer, "own_loop.safetensors");
    }
    snug_trainer_free(trainer);
    return status;
}

int main(int argc, char **argv) {
    size_t budget = (size_t)(argc > 1 ? atoi(argv[1]) : 4) << 20;
    snug_plan_request request = {.model = "simple",
                                 .channels = CHANNELS,
                                 .height = SIZE,
                                 .width = SIZE,
                                 .classes = CLASSES,
                                 .batch_size = BATCH,
                                 .budget_bytes = budget,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_SGD)};
    request.optimizer.momentum = 0.9;
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    own_data data = {.random = 1};
    snug_status status = snug_device_open("cpu", 0, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
    if (status == SNUG_OK) {
        data.pixels = malloc(BATCH * snug_plan_sample(plan)->inputs[0].bytes);
        status = data.pixels ? train(plan, &data) : SNUG_NOMEM;
    }
    if (status != SNUG_OK)
        fprintf(stderr, "own_loop: %s: %s\n", snug_status_name(status), snug_error_message());
    free(data.pixels);
    snug_plan_free(plan);
    snug_device_close(device);
    return status == SNUG_OK ? 0 : 1;
}

// The time of a training step by precision, as a share of float32's in the same run.
//
//     precision_step [MODEL] [BATCH] [SIZE] [THREADS] [ROUNDS]
//
// Steps of the precisions take turns, so that what else the machine does meets all of them alike;
// the fastest and the median of the rounds are printed. Exits with 1 where bfloat16 is fast and its
// fastest step takes more than 0.75 of float32's.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "snug/train.h"

enum { MOST_ROUNDS = 1000, WAYS = 3 };
static const snug_precision ways[WAYS] = {SNUG_PRECISION_FLOAT32, SNUG_PRECISION_BFLOAT16,
                                          SNUG_PRECISION_FLOAT16};

typedef struct batch {
    float *input;
    int32_t *target;
} batch;

typedef struct run {
    snug_plan *plan;
    snug_trainer *trainer;
    double seconds[MOST_ROUNDS];
} run;

static void check(snug_status status) {
    if (status == SNUG_OK) return;
    fprintf(stderr, "precision_step: %s\n", snug_error_message());
    exit(2);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static snug_status give(void *context, int64_t samples, const void **input, const void **target) {
    (void)samples;
    *input = ((const batch *)context)->input;
    *target = ((const batch *)context)->target;
    return SNUG_OK;
}

static batch make_batch(int64_t samples, int64_t size) {
    size_t elements = (size_t)(samples * 3 * size * size);
    batch self = {malloc(elements * sizeof(float)), malloc((size_t)samples * sizeof(int32_t))};
    if (!self.input || !self.target) exit(2);
    for (size_t i = 0; i < elements; i++)
        self.input[i] = (float)((i * 2654435761u >> 8) % 2048) / 1024 - 1;
    for (int64_t i = 0; i < samples; i++)
        self.target[i] = (int32_t)(i % 10);
    return self;
}

static void open_run(snug_device *device, const char *model, int64_t samples, int64_t size,
                     snug_precision precision, run *self) {
    snug_plan_request request = {.model = model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = size,
                                 .width = size,
                                 .batch_size = samples,
                                 .micro_batch = samples,
                                 .precision = precision,
                                 .optimizer = {.momentum = 0.9},
                                 .allow = SNUG_FIDELITY_STATISTICS};
    check(snug_plan_make(device, &request, &self->plan));
    check(snug_trainer_new(self->plan, 1, &self->trainer));
}

static void step(run *self, batch *samples, int round) {
    snug_batch_source source = {.next = give, .context = samples};
    double loss, began = now();
    check(snug_trainer_step(self->trainer, &source, 1e-4, &loss));
    if (round >= 0) self->seconds[round] = now() - began; // before: code is generated
}

static int ascending(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

int main(int argc, char **argv) {
    const char *model = argc > 1 ? argv[1] : "resnet18";
    int64_t samples = argc > 2 ? atoi(argv[2]) : 32, size = argc > 3 ? atoi(argv[3]) : 96;
    int rounds = argc > 5 ? atoi(argv[5]) : 12;
    if (samples < 1 || size < 1 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: precision_step [MODEL] [BATCH] [SIZE] [THREADS] [ROUNDS]\n");
        return 2;
    }
    static run runs[WAYS];
    snug_device *device;
    batch data = make_batch(samples, size);
    check(snug_device_open("cpu", argc > 4 ? atoi(argv[4]) : 0, &device));
    for (int i = 0; i < WAYS; i++)
        open_run(device, model, samples, size, ways[i], &runs[i]);
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < WAYS; i++)
            step(&runs[i], &data, round);
    printf("%s, batch %lld, 3x%lldx%lld, %d rounds\n", model, (long long)samples, (long long)size,
           (long long)size, rounds);
    for (int i = 0; i < WAYS; i++) {
        qsort(runs[i].seconds, (size_t)rounds, sizeof(double), ascending);
        printf("%-8s  fastest %7.1f ms (%.3f)  median %7.1f ms (%.3f)%s\n",
               snug_precision_name(ways[i]), 1e3 * runs[i].seconds[0],
               runs[i].seconds[0] / runs[0].seconds[0], 1e3 * runs[i].seconds[rounds / 2],
               runs[i].seconds[rounds / 2] / runs[0].seconds[rounds / 2],
               snug_device_is_fast(device, ways[i]) ? "" : "  emulated");
    }
    bool is_slow = snug_device_is_fast(device, SNUG_PRECISION_BFLOAT16) &&
                   runs[1].seconds[0] > 0.75 * runs[0].seconds[0];
    for (int i = 0; i < WAYS; i++) {
        snug_trainer_free(runs[i].trainer);
        snug_plan_free(runs[i].plan);
    }
    snug_device_close(device);
    free(data.input);
    free(data.target);
    return is_slow;
}

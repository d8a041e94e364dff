// Where the time of a training step goes, by operator and by the slowest kernels.
//
//     profile MODEL [BATCH] [SIZE] [THREADS] [PRECISION]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "device/kernel_cache.h"
#include "plan/plan.h"
#include "plan/program.h"

enum { MAX_KERNELS = 4096, STEPS = 6, SLOWEST = 24 };

typedef struct timing {
    const snug_cached_kernel *kernel;
    double seconds; // of one step: the fastest step's
    double this_step;
    int runs; // in one step
} timing;

static timing timings[MAX_KERNELS];
static int timing_count;
static const snug_device_class *timed_class;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static timing *timing_of(const snug_kernel *kernel) {
    const snug_cached_kernel *cached = (const snug_cached_kernel *)kernel;
    for (int i = 0; i < timing_count; i++)
        if (timings[i].kernel == cached) return &timings[i];
    if (timing_count == MAX_KERNELS) return NULL;
    timings[timing_count] = (timing){.kernel = cached, .seconds = 1e9};
    return &timings[timing_count++];
}

static snug_status timed_run(snug_device *device, const snug_kernel *kernel,
                             const snug_call *call) {
    timing *one = timing_of(kernel);
    double start = now();
    snug_status status = timed_class->run(device, kernel, call);
    if (one) {
        one->this_step += now() - start;
        one->runs++;
    }
    return status;
}

static int slower_first(const void *a, const void *b) {
    double difference = ((const timing *)b)->seconds - ((const timing *)a)->seconds;
    return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}

static void print_operators(double total) {
    for (int i = 0; i < timing_count; i++) {
        const char *name = timings[i].kernel->signature.op->name;
        double seconds = 0;
        int runs = 0;
        bool is_first = true;
        for (int j = 0; j < timing_count; j++) {
            if (strcmp(timings[j].kernel->signature.op->name, name) != 0) continue;
            if (j < i) is_first = false;
            seconds += timings[j].seconds;
            runs += timings[j].runs;
        }
        if (is_first)
            printf("%-30s %4d runs %9.3f ms %5.1f %%%s\n", name, runs, 1e3 * seconds,
                   100 * seconds / total, timings[i].kernel->kernel.is_reference ? " ref" : "");
    }
}

static void print_slowest(void) {
    for (int i = 0; i < timing_count && i < SLOWEST; i++) {
        const snug_signature *signature = &timings[i].kernel->signature;
        char text[2][SNUG_TYPE_TEXT] = {"", ""};
        for (int j = 0; j < 2 && j < signature->input_count; j++)
            snug_type_print(&signature->inputs[j], text[j]);
        printf("%-24s %-32s %-32s %2d x %8.3f ms\n", signature->op->name, text[0], text[1],
               timings[i].runs, 1e3 * timings[i].seconds / timings[i].runs);
    }
}

// Something other than zeros, which run at other speeds.
static snug_status write_batch(snug_program *program, const snug_pass *pass) {
    const snug_training_graph *built = &pass->built;
    int64_t inputs = snug_type_elements(snug_graph_type(built->graph, built->inputs[0]));
    int64_t targets = snug_type_elements(snug_graph_type(built->graph, built->target));
    float *input = calloc((size_t)inputs, sizeof *input);
    int32_t *target = calloc((size_t)targets, sizeof *target);
    snug_status status = input && target ? SNUG_OK : SNUG_NOMEM;
    for (int64_t i = 0; status == SNUG_OK && i < inputs; i++)
        input[i] = snug_random_uniform(snug_random_at(1, 0, (uint64_t)i).words[0]) - 0.5f;
    if (status == SNUG_OK)
        status = snug_program_write(program, pass, built->inputs[0], 0, input,
                                    (size_t)inputs * sizeof *input);
    if (status == SNUG_OK)
        status = snug_program_write(program, pass, built->target, 0, target,
                                    (size_t)targets * sizeof *target);
    free(input);
    free(target);
    return status;
}

static snug_status profile(snug_device *device, const snug_plan *plan) {
    snug_program *program;
    SNUG_TRY(snug_program_new(device, &plan->schedule, &program));
    snug_status status = snug_program_initialise(program, 1);
    double best = 1e9;
    for (int step = 0; step < STEPS && status == SNUG_OK; step++) {
        snug_run_state state = {.step = (uint64_t)step, .learning_rate = 1e-6};
        for (int i = 0; i < timing_count; i++) {
            timings[i].this_step = 0;
            timings[i].runs = 0;
        }
        status = write_batch(program, snug_schedule_find(&plan->schedule, SNUG_WHEN_SAMPLES));
        if (status != SNUG_OK) break;
        double start = now();
        status = snug_program_run(program, snug_schedule_find(&plan->schedule, SNUG_WHEN_SAMPLES),
                                  &state);
        double seconds = now() - start;
        if (step > 0 && seconds < best) best = seconds;
        for (int i = 0; i < timing_count && step > 0; i++)
            if (timings[i].this_step < timings[i].seconds)
                timings[i].seconds = timings[i].this_step;
    }
    double total = 0;
    for (int i = 0; i < timing_count; i++)
        total += timings[i].seconds;
    qsort(timings, (size_t)timing_count, sizeof *timings, slower_first);
    print_operators(total);
    print_slowest();
    printf("fastest step %.1f ms, sum of the fastest runs %.1f ms\n", 1e3 * best, 1e3 * total);
    snug_program_free(program);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: profile MODEL [BATCH] [SIZE] [THREADS] [PRECISION]\n");
        return 2;
    }
    int64_t batch = argc > 2 ? atoi(argv[2]) : 32, size = argc > 3 ? atoi(argv[3]) : 96;
    snug_device *device;
    snug_plan *plan = NULL;
    snug_status status = snug_device_open("cpu", argc > 4 ? atoi(argv[4]) : 2, &device);
    if (status == SNUG_OK) {
        timed_class = device->device_class;
        snug_device_class timed = *timed_class;
        timed.run = timed_run;
        device->device_class = &timed;
        snug_plan_request request = {.model = argv[1],
                                     .cost = SNUG_COST_SOURCE_MODEL,
                                     .height = size,
                                     .width = size,
                                     .optimizer = {.momentum = 0.9, .nesterov = true},
                                     .batch_size = batch,
                                     .micro_batch = batch,
                                     .allow = SNUG_FIDELITY_STATISTICS};
        if (argc > 5) status = snug_precision_parse(argv[5], &request.precision);
        if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
        if (status == SNUG_OK) status = profile(device, plan);
        snug_plan_free(plan);
        snug_device_close(device);
    }
    if (status != SNUG_OK) fprintf(stderr, "%s\n", snug_error_message());
    return status == SNUG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

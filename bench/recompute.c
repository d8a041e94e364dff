// recompute [ROUNDS] [MODEL SHARE [activations]]: what it costs in time to need less memory, exact
// fixes only. Batch 64 at 3x96x96, two threads. For each network: the share of the unfixed peak
// that the budget is, the planned share, the measured step time over the unfixed one's, and how far
// the predicted step times are from the measured ones. Steps of the two alternate; each one's
// fastest counts, since the machine may be shared. Without a model: the table of docs/engine.md.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plan/plan.h"
#include "snug/train.h"

enum { BATCH = 64, SIDE = 96, CLASSES = 1000 };

typedef struct row {
    const char *model;
    int percent;
    bool activations; // the share is of the most activation bytes alive at a time
    double target;    // overhead
} row;

static const row table[] = {
    {"mobilenet_v2", 50, false, 0.05}, {"mobilenet_v2", 35, false, 0.10},
    {"resnet50", 40, false, 0.10},     {"vgg16_bn", 40, true, 0.10},
    {"unet", 35, false, 0.12},         {"googlenet", 35, false, 0.16},
};

static void check(snug_status status) {
    if (status == SNUG_OK) return;
    fprintf(stderr, "recompute: %s\n", snug_error_message());
    exit(1);
}

typedef struct batch {
    float *input;
    int32_t *target;
} batch;

static snug_status give(void *context, int64_t samples, const void **input, const void **target) {
    (void)samples;
    *input = ((const batch *)context)->input;
    *target = ((const batch *)context)->target;
    return SNUG_OK;
}

static batch make_batch(void) {
    size_t inputs = (size_t)BATCH * SIDE * SIDE * 3, targets = (size_t)BATCH * SIDE * SIDE;
    batch self = {malloc(inputs * sizeof(float)), malloc(targets * sizeof(int32_t))};
    if (!self.input || !self.target) exit(1);
    for (size_t i = 0; i < inputs; i++)
        self.input[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 65536.0f - 0.5f;
    for (size_t i = 0; i < targets; i++)
        self.target[i] = (int32_t)(i % 2);
    return self;
}

static void announce(void *context, int64_t kernels) {
    if (kernels == 1) fprintf(stderr, "timing the kernels of %s\n", (const char *)context);
}

// A plan with its own device, since planning another one drops a device's kernels.
typedef struct runner {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    double fastest;
} runner;

static runner make_plan(const char *model, const char *fixes, size_t budget) {
    runner self = {.fastest = 1e9};
    check(snug_device_open("cpu", 2, &self.device));
    snug_plan_request request = {.model = model,
                                 .classes = strcmp(model, "unet") == 0 ? 2 : CLASSES,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .batch_size = BATCH,
                                 .allow = SNUG_FIDELITY_EXACT,
                                 .fixes = fixes,
                                 .budget_bytes = budget,
                                 .optimizer = {.momentum = 0.9},
                                 .on_timing = announce,
                                 .context = (void *)(uintptr_t)model};
    snug_status status = snug_plan_make(self.device, &request, &self.plan);
    if (status != SNUG_NO_FIT) check(status);
    return self;
}

static void discard(runner *self) {
    snug_trainer_free(self->trainer);
    snug_plan_free(self->plan);
    snug_device_close(self->device);
}

static void step(runner *self, batch *samples) {
    double loss, began = snug_clock_seconds();
    snug_batch_source source = {.next = give, .context = samples};
    check(snug_trainer_step(self->trainer, &source, 1e-4, &loss));
    double seconds = snug_clock_seconds() - began;
    if (seconds < self->fastest) self->fastest = seconds;
}

// The most bytes of activations that are alive at a time.
static size_t most_activations(const snug_plan *plan) {
    const snug_pass *pass = snug_schedule_find(&plan->schedule, SNUG_WHEN_SAMPLES);
    size_t most = 0;
    for (size_t i = 0; i < pass->built.graph->node_count; i++) {
        size_t bytes = 0;
        for (size_t j = 0; j < pass->lifetimes.storage_count; j++) {
            const snug_storage *storage = &pass->lifetimes.storages[j];
            if (storage->role == SNUG_ROLE_ACTIVATION && storage->first <= (snug_node_id)i &&
                (snug_node_id)i < storage->end)
                bytes += storage->bytes;
        }
        if (bytes > most) most = bytes;
    }
    return most;
}

// The plan of |one|'s share: of the peak, or the fastest that brings activations down to it.
static runner make_squeezed(const row *one, const snug_plan *unfixed) {
    size_t whole = snug_plan_unfixed_bytes(unfixed), share = (size_t)one->percent;
    if (!one->activations) return make_plan(one->model, NULL, whole / 100 * share);
    size_t wanted = most_activations(unfixed) / 100 * share, best = whole / 100 * share;
    double fastest = 1e9;
    for (size_t percent = share; percent < 100; percent += 2) {
        runner trial = make_plan(one->model, NULL, whole / 100 * percent);
        const snug_candidate *chosen = snug_plan_chosen(trial.plan);
        if (chosen && most_activations(trial.plan) <= wanted && chosen->step_seconds < fastest) {
            fastest = chosen->step_seconds;
            best = whole / 100 * percent;
        }
        discard(&trial);
    }
    return make_plan(one->model, NULL, best);
}

static void bench(const row *one, int rounds, batch *samples) {
    runner unfixed = make_plan(one->model, "", (size_t)1 << 40);
    runner squeezed = make_squeezed(one, unfixed.plan);
    const snug_candidate *chosen = snug_plan_chosen(squeezed.plan);
    if (!chosen) {
        printf("%-13s %3d %%  does not fit: %s\n", one->model, one->percent, snug_error_message());
    } else {
        check(snug_trainer_new(unfixed.plan, 1, &unfixed.trainer));
        check(snug_trainer_new(squeezed.plan, 1, &squeezed.trainer));
        for (int i = 0; i <= rounds; i++) {
            step(&unfixed, samples);
            step(&squeezed, samples);
            if (i == 0) unfixed.fastest = squeezed.fastest = 1e9; // page faults and code
        }
        double share =
            one->activations
                ? (double)most_activations(squeezed.plan) / (double)most_activations(unfixed.plan)
                : (double)chosen->peak_bytes / (double)snug_plan_unfixed_bytes(unfixed.plan);
        double predicted[2] = {snug_plan_chosen(unfixed.plan)->step_seconds, chosen->step_seconds};
        printf(
            "%-13s %3d %% %6.1f %%%s %5lld %8.3f s %8.3f s %+7.1f %% %6.0f %% %+8.0f %% %+5.0f %%\n",
            one->model, one->percent, 100 * share, one->activations ? "a" : " ",
            (long long)chosen->recomputed_ops, unfixed.fastest, squeezed.fastest,
            100 * (squeezed.fastest / unfixed.fastest - 1), 100 * one->target,
            100 * (predicted[0] / unfixed.fastest - 1),
            100 * (predicted[1] / squeezed.fastest - 1));
        fflush(stdout);
    }
    discard(&squeezed);
    discard(&unfixed);
}

int main(int argc, char **argv) {
    batch samples = make_batch();
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    printf("%-13s %5s %9s %5s %10s %10s %9s %8s   predicted off by\n", "model", "share", "planned",
           "again", "unfixed", "squeezed", "overhead", "target");
    if (argc > 3) {
        row one = {argv[2], atoi(argv[3]), argc > 4, 0};
        bench(&one, rounds, &samples);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0] && argc <= 3; i++)
        bench(&table[i], rounds, &samples);
    printf("a: of the most activation bytes alive at a time; predicted: unfixed, squeezed\n");
    free(samples.input);
    free(samples.target);
    return 0;
}

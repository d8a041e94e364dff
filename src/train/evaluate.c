// A saved network on a data set.
#include "base/clock.h"
#include "base/sized.h"
#include "base/status.h"
#include "data/element.h"
#include "snug/train.h"

#define CHUNK_BYTES ((int64_t)2 << 20)

typedef struct evaluation {
    const snug_evaluate_options *options;
    snug_loader *loader;
} evaluation;

static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    const evaluation *self = context;
    if (self->options->should_stop && self->options->should_stop(self->options->context))
        return snug_fail(SNUG_INTERRUPTED, "stopped in an evaluation");
    return snug_loader_next(self->loader, samples, inputs, target);
}

static snug_status run(evaluation *self, snug_trainer *trainer, snug_dataset *test,
                       snug_evaluate_result *result) {
    int64_t most = snug_sample_chunk(snug_dataset_sample(test), CHUNK_BYTES);
    snug_loader_options options = {.chunk_samples = most};
    SNUG_TRY(snug_loader_start(test, &options, &self->loader));
    snug_batch_source source = {.next = next_samples, .context = self, .most = most};
    result->samples = snug_dataset_samples(test);
    return snug_trainer_evaluate(trainer, &source, result->samples, &result->loss,
                                 &result->accuracy);
}

snug_status snug_evaluate_sized(const snug_plan *plan, const char *weights, snug_dataset *test,
                                const snug_evaluate_options *given, size_t options_bytes,
                                snug_evaluate_result *out, size_t result_bytes) {
    SNUG_REQUIRE(plan && weights && test && given && out,
                 "a plan, weights, data, options and a place for the result");
    snug_evaluate_options wanted, *options = &wanted;
    snug_evaluate_result found = {0}, *result = &found;
    snug_sized_give(out, result_bytes, result, sizeof *result);
    SNUG_TRY(
        snug_sized_take(options, sizeof *options, given, options_bytes, "options to evaluate"));
    evaluation self = {.options = options};
    snug_trainer *trainer;
    double began = snug_clock_seconds();
    SNUG_TRY(snug_trainer_new(plan, 0, &trainer));
    snug_status status = snug_trainer_load(trainer, weights);
    if (status == SNUG_OK) status = run(&self, trainer, test, result);
    result->planned_peak_bytes = snug_trainer_planned_peak(trainer);
    result->measured_peak_bytes = snug_trainer_measured_peak(trainer);
    result->seconds = snug_clock_seconds() - began;
    snug_loader_stop(self.loader);
    snug_trainer_free(trainer);
    snug_sized_give(out, result_bytes, result, sizeof *result);
    return status;
}

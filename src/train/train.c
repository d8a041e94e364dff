// The training loop: epochs of optimizer updates over shuffled samples, an evaluation after each.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "data/element.h"
#include "train/run.h"

// Host memory of a loader's chunk.
#define CHUNK_BYTES ((int64_t)2 << 20)

typedef struct training_loop {
    const snug_plan *plan;
    const snug_train_options *options;
    snug_train_result *result;
    snug_trainer *trainer;
    snug_dataset *train, *test;
    snug_loader *loader, *test_loader;
    snug_batch_source source, test_source;
    snug_run run;
    int64_t epochs, epoch_steps, steps; // steps: in all
    double loss_scale;                  // of the step at hand
    double started, paused;             // seconds; |paused| was spent in evaluations
} training_loop;

static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    return snug_loader_next(context, samples, inputs, target);
}

static snug_status start_loader(snug_dataset *dataset, uint64_t seed, bool shuffle,
                                int64_t epoch_samples, snug_loader **loader,
                                snug_batch_source *source) {
    int64_t most = snug_sample_chunk(snug_dataset_sample(dataset), CHUNK_BYTES);
    snug_loader_options options = {
        .seed = seed, .shuffle = shuffle, .epoch_samples = epoch_samples, .chunk_samples = most};
    SNUG_TRY(snug_loader_start(dataset, &options, loader));
    *source = (snug_batch_source){.next = next_samples, .context = *loader, .most = most};
    return SNUG_OK;
}

// Linear warm-up, then constant or half a cosine down to zero (Loshchilov and Hutter, 2017).
static double learning_rate(const training_loop *self, int64_t step) {
    const snug_train_options *options = self->options;
    double warmup = floor(options->warmup_epochs * (double)self->epoch_steps);
    if ((double)step < warmup) return options->learning_rate * ((double)step + 1) / (warmup + 1);
    if (options->schedule == SNUG_LR_CONSTANT) return options->learning_rate;
    const double pi = 3.14159265358979323846;
    double share = ((double)step - warmup) / fmax((double)self->steps - warmup, 1);
    return options->learning_rate * 0.5 * (1 + cos(pi * share));
}

// JSON has no NaN and no infinity: "null" stands for what was not measured, too.
static const char *json_number(double value, char text[32]) {
    if (!isfinite(value)) return "null";
    snprintf(text, 32, "%.9g", value);
    return text;
}

static snug_status report_step(training_loop *self, int64_t step, int64_t epoch, double rate,
                               double loss) {
    double spent = snug_clock_seconds() - self->started - self->paused;
    double scale = self->loss_scale;
    int64_t skipped = snug_trainer_skipped_steps(self->trainer);
    double per_second = (double)(step * snug_plan_batch_size(self->plan)) / fmax(spent, 1e-9);
    snug_step_event event = {.step = step,
                             .steps = self->steps,
                             .epoch = epoch,
                             .loss = loss,
                             .learning_rate = rate,
                             .loss_scale = scale,
                             .skipped_steps = skipped,
                             .samples_per_second = per_second,
                             .seconds_left = spent / (double)step * (double)(self->steps - step)};
    if (self->options->on_step) self->options->on_step(self->options->context, &event);
    char scaling[96] = "", value[32];
    if (scale != 0)
        snprintf(scaling, sizeof scaling, ",\"loss_scale\":%.9g,\"skipped_steps\":%" PRId64, scale,
                 skipped);
    return snug_run_log(&self->run,
                        "{\"event\":\"step\",\"step\":%" PRId64
                        ",\"loss\":%s,\"learning_rate\":%.9g,\"samples_per_second\":%.6g%s}",
                        step, json_number(loss, value), rate, per_second, scaling);
}

static bool stop_wanted(const training_loop *self) {
    return self->options->should_stop && self->options->should_stop(self->options->context);
}

// A source's next() that gives up when the user wants to stop: evaluations can be long.
static snug_status next_unless_stopped(void *context, int64_t samples, const void **inputs,
                                       const void **target) {
    training_loop *self = context;
    if (stop_wanted(self)) return snug_fail(SNUG_INTERRUPTED, "stopped in an evaluation");
    return snug_loader_next(self->test_loader, samples, inputs, target);
}

static snug_status evaluate(training_loop *self) {
    if (!self->test) return SNUG_OK;
    double began = snug_clock_seconds();
    snug_batch_source source = {
        .next = next_unless_stopped, .context = self, .most = self->test_source.most};
    SNUG_TRY(snug_trainer_evaluate(self->trainer, &source, snug_dataset_samples(self->test),
                                   &self->result->val_loss, &self->result->accuracy));
    self->paused += snug_clock_seconds() - began;
    return SNUG_OK;
}

// Weights that are not finite are not put in the place of others.
static snug_status save(training_loop *self) {
    if (!self->options->keep_going) {
        snug_status status = snug_trainer_check(self->trainer);
        if (status != SNUG_OK)
            return snug_fail_context(status, "after step %" PRId64, self->result->steps);
    }
    return snug_run_save(&self->run, self->trainer);
}

static snug_status log_epoch(training_loop *self, const snug_epoch_event *event) {
    char train[32], accuracy[32], validation[32];
    return snug_run_log(&self->run,
                        "{\"event\":\"epoch\",\"epoch\":%" PRId64
                        ",\"train_loss\":%s,\"accuracy\":%s,\"val_loss\":%s}",
                        event->epoch, json_number(event->train_loss, train),
                        json_number(event->accuracy, accuracy),
                        json_number(event->val_loss, validation));
}

static snug_status finish_epoch(training_loop *self, int64_t epoch, double train_loss,
                                double seconds) {
    SNUG_TRY(evaluate(self));
    const snug_train_result *result = self->result;
    snug_epoch_event event = {.epoch = epoch,
                              .epochs = self->epochs,
                              .train_loss = train_loss,
                              .val_loss = result->val_loss,
                              .accuracy = result->accuracy,
                              .seconds = seconds};
    if (self->options->on_epoch) self->options->on_epoch(self->options->context, &event);
    SNUG_TRY(log_epoch(self, &event));
    return save(self);
}

static snug_status run_epoch(training_loop *self, int64_t epoch) {
    double total = 0, began = snug_clock_seconds();
    int64_t done = 0, counted = 0;
    while (done < self->epoch_steps && self->result->steps < self->steps) {
        if (stop_wanted(self)) return snug_fail(SNUG_INTERRUPTED, "stopped");
        double loss, rate = learning_rate(self, self->result->steps);
        self->loss_scale = snug_trainer_loss_scale(self->trainer);
        snug_status status = snug_trainer_step(self->trainer, &self->source, rate, &loss);
        if (status == SNUG_NOT_FINITE)
            snug_fail_context(status, "step %" PRId64, self->result->steps + 1);
        SNUG_TRY(status);
        done++;
        // What overflowed float16 was skipped, and is not of the epoch's mean.
        bool counts = isfinite(loss) || self->loss_scale == 0;
        if (counts) total += loss;
        counted += counts;
        SNUG_TRY(report_step(self, ++self->result->steps, epoch, rate, loss));
    }
    return finish_epoch(self, epoch, total / fmax((double)counted, 1),
                        snug_clock_seconds() - began);
}

static snug_status count_steps(training_loop *self) {
    int64_t samples = snug_dataset_samples(self->train), batch = snug_plan_batch_size(self->plan);
    self->epoch_steps = samples / batch;
    if (self->epoch_steps == 0)
        return snug_fail(SNUG_INVALID,
                         "a batch size of %" PRId64 " with %" PRId64
                         " training samples: the batch must be smaller",
                         batch, samples);
    self->epochs = self->options->epochs > 0 ? self->options->epochs : 1;
    self->steps = self->epochs * self->epoch_steps;
    if (self->options->max_steps > 0 && self->options->max_steps < self->steps)
        self->steps = self->options->max_steps;
    return SNUG_OK;
}

static snug_status begin(training_loop *self) {
    uint64_t seed = self->options->seed;
    SNUG_TRY(count_steps(self));
    SNUG_TRY(snug_run_open(self->options->out, self->options->overwrite, self->plan, &self->run));
    SNUG_TRY(snug_trainer_new(self->plan, seed, &self->trainer));
    snug_trainer_keep_going(self->trainer, self->options->keep_going);
    if (self->options->init) SNUG_TRY(snug_trainer_load(self->trainer, self->options->init));
    if (self->options->loss_scale != 0)
        SNUG_TRY(snug_trainer_set_loss_scale(self->trainer, self->options->loss_scale));
    SNUG_TRY(start_loader(self->train, seed, true,
                          self->epoch_steps * snug_plan_batch_size(self->plan), &self->loader,
                          &self->source));
    if (self->test)
        SNUG_TRY(start_loader(self->test, seed, false, 0, &self->test_loader, &self->test_source));
    self->started = snug_clock_seconds();
    return SNUG_OK;
}

static snug_status run_all(training_loop *self) {
    for (int64_t epoch = 1; self->result->steps < self->steps; epoch++)
        SNUG_TRY(run_epoch(self, epoch));
    return SNUG_OK;
}

// Says what is left of a run whose numbers are not finite.
static snug_status keep_good(training_loop *self) {
    const char *folder = self->run.folder, *kept = "";
    snug_text message = {0};
    snug_text_append(&message, "%s", snug_error_message());
    if (folder && self->run.is_saved)
        kept = "; the weights of the last epoch are kept";
    else if (folder && snug_trainer_check(self->trainer) == SNUG_OK &&
             snug_run_save(&self->run, self->trainer) == SNUG_OK)
        kept = "; the weights before that step are kept";
    else if (folder)
        kept = "; no weights are kept, since no epoch ended before";
    snug_status status = snug_text_status(&message);
    if (status == SNUG_OK)
        status =
            snug_fail(SNUG_NOT_FINITE,
                      "%s%s. A smaller --lr, --warmup or float32 may help; --keep-going trains "
                      "on all the same",
                      message.data, kept);
    if (self->run.log)
        (void)snug_run_log(&self->run, "{\"event\":\"not-finite\",\"step\":%" PRId64 "}",
                           self->result->steps + 1);
    snug_text_clear(&message);
    return status;
}

static snug_status finish(training_loop *self, snug_status status) {
    snug_train_result *result = self->result;
    result->seconds = snug_clock_seconds() - self->started;
    result->skipped_steps = snug_trainer_skipped_steps(self->trainer);
    result->planned_peak_bytes = snug_trainer_planned_peak(self->trainer);
    result->measured_peak_bytes = snug_trainer_measured_peak(self->trainer);
    if (status == SNUG_INTERRUPTED) {
        SNUG_TRY(save(self));
        snug_fail(SNUG_INTERRUPTED, "stopped after %" PRId64 " steps", result->steps);
    }
    if (status == SNUG_NOT_FINITE) return keep_good(self);
    if (status != SNUG_OK && status != SNUG_INTERRUPTED) return status;
    SNUG_TRY(snug_run_log(&self->run,
                          "{\"event\":\"done\",\"steps\":%" PRId64
                          ",\"planned_peak_bytes\":%zu,\"measured_peak_bytes\":%zu,"
                          "\"seconds\":%.6g}",
                          result->steps, result->planned_peak_bytes, result->measured_peak_bytes,
                          result->seconds));
    return status;
}

snug_status snug_train(const snug_plan *plan, snug_dataset *train, snug_dataset *test,
                       const snug_train_options *options, snug_train_result *result) {
    SNUG_REQUIRE(plan && train && options && result,
                 "a plan, data, options and a place for the result");
    SNUG_REQUIRE((unsigned)options->schedule <= SNUG_LR_COSINE,
                 "a known schedule of the learning rate");
    SNUG_REQUIRE(options->epochs >= 0 && options->max_steps >= 0, "epochs and steps of at least 0");
    SNUG_REQUIRE(isfinite(options->learning_rate) && options->warmup_epochs >= 0,
                 "a learning rate and a warm-up that are numbers");
    *result = (snug_train_result){.accuracy = NAN, .val_loss = NAN};
    training_loop self = {
        .plan = plan, .options = options, .result = result, .train = train, .test = test};
    snug_status status = begin(&self);
    if (status == SNUG_OK) status = finish(&self, run_all(&self));
    snug_loader_stop(self.loader);
    snug_loader_stop(self.test_loader);
    snug_trainer_free(self.trainer);
    snug_run_close(&self.run);
    return status;
}

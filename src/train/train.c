// The training loop: epochs of optimizer updates over shuffled samples, an evaluation after each.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/sized.h"
#include "base/text.h"
#include "data/element.h"
#include "train/resume.h"
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
    int64_t chunk, test_chunk; // the most samples at a time
    snug_run run;
    snug_facts facts;
    snug_position at;
    int64_t epochs, epoch_steps, steps; // steps: in all
    double loss_scale;                  // of the step at hand
    double started, paused; // seconds; |paused| was spent in evaluations and checkpoints
    double kept;            // when the last checkpoint was written
    int64_t kept_steps;     // and after how many steps; -1: none was yet
} training_loop;

static bool stop_wanted(const training_loop *self) {
    return self->options->should_stop && self->options->should_stop(self->options->context);
}

// Micro-batches and evaluations can be long: a stop is asked for before each piece of them. A step
// that is cut short leaves all as it was before.
static snug_status next_of(training_loop *self, snug_loader *loader, int64_t samples,
                           const void **inputs, const void **target) {
    if (stop_wanted(self)) return snug_fail(SNUG_INTERRUPTED, "stopped");
    return snug_loader_next(loader, samples, inputs, target);
}

static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    training_loop *self = context;
    return next_of(self, self->loader, samples, inputs, target);
}

static snug_status next_test_samples(void *context, int64_t samples, const void **inputs,
                                     const void **target) {
    training_loop *self = context;
    return next_of(self, self->test_loader, samples, inputs, target);
}

static snug_status start_loaders(training_loop *self) {
    int64_t batch = snug_plan_batch_size(self->plan);
    snug_loader_options options = {.seed = self->options->seed, .shuffle = true};
    options.epoch_samples = self->epoch_steps * batch;
    options.first_epoch = (uint64_t)self->at.epoch - 1;
    options.first_sample = self->at.done * batch;
    options.chunk_samples = self->chunk =
        snug_sample_chunk(snug_dataset_sample(self->train), CHUNK_BYTES);
    SNUG_TRY(snug_loader_start(self->train, &options, &self->loader));
    if (!self->test) return SNUG_OK;
    options = (snug_loader_options){.seed = self->options->seed};
    options.chunk_samples = self->test_chunk =
        snug_sample_chunk(snug_dataset_sample(self->test), CHUNK_BYTES);
    return snug_loader_start(self->test, &options, &self->test_loader);
}

static void notice(void *context, const char *text) {
    const training_loop *self = context;
    if (self->options->on_notice) self->options->on_notice(self->options->context, text);
}

// Linear warm-up, then constant or half a cosine down to zero (Loshchilov and Hutter, 2017).
static double learning_rate(const training_loop *self, int64_t step) {
    const snug_train_options *options = self->options;
    double warmup = floor(options->warmup_epochs * (double)self->epoch_steps);
    if ((double)step < warmup) return options->learning_rate * ((double)step + 1) / (warmup + 1);
    if (options->schedule == SNUG_LR_SCHEDULE_CONSTANT) return options->learning_rate;
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
    int64_t here = step - self->result->resumed_steps;
    double scale = self->loss_scale;
    int64_t skipped = snug_trainer_skipped_steps(self->trainer);
    double per_second = (double)(here * snug_plan_batch_size(self->plan)) / fmax(spent, 1e-9);
    snug_step_event event = {.step = step,
                             .steps = self->steps,
                             .epoch = epoch,
                             .loss = loss,
                             .learning_rate = rate,
                             .loss_scale = scale,
                             .skipped_steps = skipped,
                             .samples_per_second = per_second,
                             .seconds_left = spent / (double)here * (double)(self->steps - step),
                             .gradient_norm = snug_trainer_gradient_norm(self->trainer)};
    if (self->options->on_step) self->options->on_step(self->options->context, &event);
    char scaling[96] = "", norm[64] = "", value[32];
    if (!isnan(event.gradient_norm))
        snprintf(norm, sizeof norm, ",\"gradient_norm\":%s",
                 json_number(event.gradient_norm, value));
    if (scale != 0)
        snprintf(scaling, sizeof scaling, ",\"loss_scale\":%.9g,\"skipped_steps\":%" PRId64, scale,
                 skipped);
    return snug_run_log(&self->run,
                        "{\"event\":\"step\",\"step\":%" PRId64
                        ",\"loss\":%s,\"learning_rate\":%.9g,\"samples_per_second\":%.6g%s%s}",
                        step, json_number(loss, value), rate, per_second, norm, scaling);
}

static snug_status evaluate(training_loop *self) {
    if (!self->test) return SNUG_OK;
    double began = snug_clock_seconds();
    snug_batch_source source = {
        .next = next_test_samples, .context = self, .most = self->test_chunk};
    double loss, accuracy;
    SNUG_TRY(snug_trainer_evaluate(self->trainer, &source, snug_dataset_samples(self->test), &loss,
                                   &accuracy));
    self->result->val_loss = loss;
    self->result->accuracy = accuracy;
    self->paused += snug_clock_seconds() - began;
    return SNUG_OK;
}

// Weights that are not finite are not put in the place of others.
static snug_status check_finite(const training_loop *self) {
    if (self->options->keep_going) return SNUG_OK;
    snug_status status = snug_trainer_check(self->trainer);
    return status == SNUG_OK
               ? SNUG_OK
               : snug_fail_context(status, "after step %" PRId64, self->result->steps);
}

static snug_status save(training_loop *self) {
    SNUG_TRY(check_finite(self));
    return snug_run_save(&self->run, self->trainer);
}

static double seconds_so_far(const training_loop *self) {
    return self->at.seconds + snug_clock_seconds() - self->started;
}

// In bytes; of a run that had ended when it was resumed, those that it had.
static void find_peaks(const training_loop *self, int64_t *planned, int64_t *measured) {
    bool had_ended =
        self->result->steps == self->result->resumed_steps && self->at.measured_peak > 0;
    *planned =
        had_ended ? self->at.planned_peak : (int64_t)snug_trainer_planned_peak(self->trainer);
    *measured =
        had_ended ? self->at.measured_peak : (int64_t)snug_trainer_measured_peak(self->trainer);
}

// A checkpoint of where the loop stands.
static snug_status keep(training_loop *self) {
    if (!self->run.folder) return SNUG_OK;
    int most = self->options->checkpoints_kept > 0 ? self->options->checkpoints_kept : 2;
    double began = snug_clock_seconds();
    snug_position at = self->at;
    SNUG_TRY(check_finite(self));
    at.steps = self->result->steps;
    at.seconds = seconds_so_far(self);
    find_peaks(self, &at.planned_peak, &at.measured_peak);
    at.val_loss = self->result->val_loss;
    at.accuracy = self->result->accuracy;
    SNUG_TRY(snug_run_log_bytes(&self->run, &at.log_bytes));
    SNUG_TRY(snug_position_save(&at, &self->facts, self->options->note, self->run.folder, most,
                                self->trainer));
    self->kept_steps = at.steps;
    self->kept = snug_clock_seconds();
    self->paused += self->kept - began;
    return SNUG_OK;
}

static bool keeps(const training_loop *self) {
    return self->options->checkpoint_steps > 0 || self->options->checkpoint_seconds > 0;
}

static snug_status keep_if_due(training_loop *self) {
    const snug_train_options *options = self->options;
    bool is_due =
        options->checkpoint_steps > 0 && self->result->steps % options->checkpoint_steps == 0;
    is_due = is_due || (options->checkpoint_seconds > 0 &&
                        snug_clock_seconds() - self->kept >= options->checkpoint_seconds);
    return is_due ? keep(self) : SNUG_OK;
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

static snug_status finish_epoch(training_loop *self, double seconds) {
    SNUG_TRY(evaluate(self));
    const snug_train_result *result = self->result;
    snug_epoch_event event = {.epoch = self->at.epoch,
                              .epochs = self->epochs,
                              .train_loss = self->at.total / fmax((double)self->at.counted, 1),
                              .val_loss = result->val_loss,
                              .accuracy = result->accuracy,
                              .seconds = seconds};
    if (self->options->on_epoch) self->options->on_epoch(self->options->context, &event);
    SNUG_TRY(log_epoch(self, &event));
    SNUG_TRY(save(self));
    self->at.ended = true;
    return SNUG_OK;
}

static snug_status run_step(training_loop *self) {
    double loss, rate = learning_rate(self, self->result->steps);
    snug_batch_source source = {.next = next_samples, .context = self, .most = self->chunk};
    self->loss_scale = snug_trainer_loss_scale(self->trainer);
    snug_status status = snug_trainer_step(self->trainer, &source, rate, &loss);
    if (status == SNUG_NOT_FINITE)
        snug_fail_context(status, "step %" PRId64, self->result->steps + 1);
    SNUG_TRY(status);
    // What overflowed float16 was skipped, and is not of the epoch's mean.
    bool counts = isfinite(loss) || self->loss_scale == 0;
    if (counts) self->at.total += loss;
    self->at.counted += counts;
    self->at.done++;
    return report_step(self, ++self->result->steps, self->at.epoch, rate, loss);
}

static snug_status run_epoch(training_loop *self) {
    double began = snug_clock_seconds();
    self->at.ended = false;
    while (self->at.done < self->epoch_steps && self->result->steps < self->steps) {
        SNUG_TRY(run_step(self));
        SNUG_TRY(keep_if_due(self));
    }
    return finish_epoch(self, snug_clock_seconds() - began);
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

static snug_status begin_anew(training_loop *self) {
    const snug_train_options *options = self->options;
    SNUG_TRY(snug_run_open(options->out, options->overwrite, self->plan, &self->run));
    SNUG_TRY(snug_trainer_new(self->plan, options->seed, &self->trainer));
    if (options->init) SNUG_TRY(snug_trainer_load(self->trainer, options->init));
    if (options->loss_scale != 0)
        SNUG_TRY(snug_trainer_set_loss_scale(self->trainer, options->loss_scale));
    return SNUG_OK;
}

static snug_status restore(training_loop *self, const snug_checkpoint *checkpoint) {
    int64_t missing = 0;
    SNUG_TRY(snug_facts_compare(&self->facts, checkpoint, notice, self));
    SNUG_TRY(snug_position_read(checkpoint, &self->at));
    SNUG_TRY(snug_trainer_new(self->plan, self->options->seed, &self->trainer));
    SNUG_TRY(snug_checkpoint_restore(checkpoint, self->trainer));
    SNUG_TRY(snug_run_continue(&self->run, self->plan, self->at.log_bytes, &missing));
    if (missing > 0)
        notice(self, "log.jsonl is shorter than it was: lines before the checkpoint are missing");
    snug_train_result *result = self->result;
    result->steps = result->resumed_steps = self->kept_steps = self->at.steps;
    result->val_loss = self->at.val_loss;
    result->accuracy = self->at.accuracy;
    return SNUG_OK;
}

static void tell_damaged(void *context, const char *text) {
    snug_text sentence = {0};
    snug_text_append(&sentence, "%s: the checkpoint before it is looked at", text);
    if (snug_text_status(&sentence) == SNUG_OK) notice(context, sentence.data);
    snug_text_clear(&sentence);
}

static snug_status resume(training_loop *self) {
    const char *folder = self->options->out;
    snug_checkpoint *checkpoint;
    SNUG_TRY(snug_run_reopen(folder, &self->run));
    snug_status status = snug_checkpoint_newest(folder, tell_damaged, self, &checkpoint);
    if (status == SNUG_OK) status = restore(self, checkpoint);
    snug_checkpoint_close(checkpoint);
    return status;
}

static snug_status begin(training_loop *self) {
    const snug_train_options *options = self->options;
    SNUG_TRY(count_steps(self));
    snug_facts_list(self->plan, options, snug_dataset_samples(self->train), self->steps,
                    &self->facts);
    SNUG_TRY(options->resume ? resume(self) : begin_anew(self));
    snug_trainer_keep_going(self->trainer, options->keep_going);
    SNUG_TRY(start_loaders(self));
    self->started = self->kept = snug_clock_seconds();
    return keeps(self) && !options->resume ? keep(self) : SNUG_OK;
}

static snug_position next_epoch(const snug_position *at) {
    return (snug_position){.epoch = at->epoch + 1,
                           .seconds = at->seconds,
                           .planned_peak = at->planned_peak,
                           .measured_peak = at->measured_peak};
}

static snug_status run_all(training_loop *self) {
    while (self->result->steps < self->steps || !self->at.ended) {
        if (self->at.ended && self->at.done == self->epoch_steps) self->at = next_epoch(&self->at);
        SNUG_TRY(run_epoch(self));
    }
    return keeps(self) ? keep(self) : SNUG_OK;
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
        status = snug_fail(
            SNUG_NOT_FINITE,
            "%s%s. A smaller `learning_rate`, `warmup_epochs` or float32 may help; `keep_going` trains "
            "on all the same",
            message.data, kept);
    if (self->run.log)
        (void)snug_run_log(&self->run, "{\"event\":\"not-finite\",\"step\":%" PRId64 "}",
                           self->result->steps + 1);
    snug_text_clear(&message);
    return status;
}

// Says what is left of a run that could not write, on a full disk say.
static snug_status tell_kept(const training_loop *self) {
    snug_text message = {0};
    if (self->run.folder && self->kept_steps >= 0)
        snug_text_append(&message,
                         "%s; the checkpoint after step %" PRId64
                         " is whole, and the run can go on from it",
                         snug_error_message(), self->kept_steps);
    if (message.length) snug_fail(SNUG_IO, "%s", message.data);
    snug_text_clear(&message);
    return SNUG_IO;
}

// Saves what an interrupted run has.
static snug_status keep_interrupted(training_loop *self) {
    SNUG_TRY(keep(self));
    SNUG_TRY(save(self));
    return snug_fail(SNUG_INTERRUPTED, "stopped after %" PRId64 " steps", self->result->steps);
}

static snug_status finish(training_loop *self, snug_status status) {
    snug_train_result *result = self->result;
    result->seconds = seconds_so_far(self);
    result->skipped_steps = snug_trainer_skipped_steps(self->trainer);
    int64_t planned, measured;
    find_peaks(self, &planned, &measured);
    result->planned_peak_bytes = (size_t)planned;
    result->measured_peak_bytes = (size_t)measured;
    if (status == SNUG_INTERRUPTED) status = keep_interrupted(self);
    if (status == SNUG_NOT_FINITE) return keep_good(self);
    if (status == SNUG_IO) return tell_kept(self);
    if (status != SNUG_OK && status != SNUG_INTERRUPTED) return status;
    SNUG_TRY(snug_run_log(&self->run,
                          "{\"event\":\"done\",\"steps\":%" PRId64
                          ",\"planned_peak_bytes\":%zu,\"measured_peak_bytes\":%zu,"
                          "\"seconds\":%.6g}",
                          result->steps, result->planned_peak_bytes, result->measured_peak_bytes,
                          result->seconds));
    return status;
}

static snug_status check_options(const snug_train_options *options) {
    SNUG_REQUIRE((unsigned)options->schedule <= SNUG_LR_SCHEDULE_COSINE,
                 "a known schedule of the learning rate");
    SNUG_REQUIRE(options->epochs >= 0 && options->max_steps >= 0, "epochs and steps of at least 0");
    SNUG_REQUIRE(isfinite(options->learning_rate) && options->warmup_epochs >= 0,
                 "a learning rate and a warm-up that are numbers");
    SNUG_REQUIRE(options->checkpoint_steps >= 0 && options->checkpoint_seconds >= 0 &&
                     options->checkpoints_kept >= 0,
                 "steps, seconds and a number of checkpoints of at least 0");
    SNUG_REQUIRE(options->out || !options->resume, "the folder of the run that is resumed");
    return SNUG_OK;
}

snug_status snug_train_sized(const snug_plan *plan, snug_dataset *train, snug_dataset *test,
                             const snug_train_options *given, size_t options_bytes,
                             snug_train_result *out, size_t result_bytes) {
    SNUG_REQUIRE(plan && train && given && out, "a plan, data, options and a place for the result");
    snug_train_options wanted, *options = &wanted;
    snug_train_result found = {.accuracy = NAN, .val_loss = NAN}, *result = &found;
    snug_sized_give(out, result_bytes, result, sizeof *result);
    SNUG_TRY(snug_sized_take(options, sizeof *options, given, options_bytes, "options to train"));
    SNUG_TRY(check_options(options));
    training_loop self = {.plan = plan,
                          .options = options,
                          .result = result,
                          .train = train,
                          .test = test,
                          .at = {.epoch = 1},
                          .kept_steps = -1};
    snug_status status = begin(&self);
    if (status == SNUG_OK) status = finish(&self, run_all(&self));
    snug_loader_stop(self.loader);
    snug_loader_stop(self.test_loader);
    snug_trainer_free(self.trainer);
    snug_run_close(&self.run);
    snug_sized_give(out, result_bytes, result, sizeof *result);
    return status;
}

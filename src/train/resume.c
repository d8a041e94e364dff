#include "train/resume.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plan/plan.h"
#include "plan/selection.h"

static snug_fact *add_fact(snug_facts *facts, const char *key, const char *what, bool is_fixed) {
    snug_fact *fact = &facts->list[facts->count++];
    *fact = (snug_fact){.key = key, .what = what, .is_fixed = is_fixed};
    return fact;
}

static void add_whole(snug_facts *facts, const char *key, const char *what, bool is_fixed,
                      int64_t value) {
    snprintf(add_fact(facts, key, what, is_fixed)->text, SNUG_FACT_TEXT, "%" PRId64, value);
}

static void add_real(snug_facts *facts, const char *key, const char *what, double value) {
    snprintf(add_fact(facts, key, what, true)->text, SNUG_FACT_TEXT, "%.17g", value);
}

static void add_text(snug_facts *facts, const char *key, const char *what, bool is_fixed,
                     const char *value) {
    snprintf(add_fact(facts, key, what, is_fixed)->text, SNUG_FACT_TEXT, "%s", value);
}

// Those fixes that change numbers; another network goes by its name.
static void print_fixes(const snug_candidate *chosen, char text[SNUG_FACT_TEXT]) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; chosen->fixes[i]; i++) {
        const snug_fix_info *fix;
        for (int j = 0; (fix = snug_fix_at(j)); j++)
            if (strcmp(fix->name, chosen->fixes[i]) == 0 && fix->fidelity != SNUG_FIDELITY_EXACT &&
                fix->fidelity != SNUG_FIDELITY_MODEL && used < SNUG_FACT_TEXT)
                used += (size_t)snprintf(text + used, SNUG_FACT_TEXT - used, "%s%s",
                                         used ? "," : "", fix->name);
    }
}

static void print_optimizer(const snug_optimizer *optimizer, char text[SNUG_FACT_TEXT]) {
    if (optimizer->kind == SNUG_OPTIMIZER_SGD)
        snprintf(text, SNUG_FACT_TEXT, "sgd, momentum %.9g, dampening %.9g%s, weight decay %.9g",
                 optimizer->momentum, optimizer->dampening, optimizer->nesterov ? ", nesterov" : "",
                 optimizer->weight_decay);
    else
        snprintf(text, SNUG_FACT_TEXT, "%s, betas %.9g and %.9g, eps %.9g, weight decay %.9g",
                 optimizer->kind == SNUG_OPTIMIZER_ADAM ? "adam" : "adamw", optimizer->beta1,
                 optimizer->beta2, optimizer->eps, optimizer->weight_decay);
}

void snug_facts_list(const snug_plan *plan, const snug_train_options *options, int64_t samples,
                     int64_t steps, snug_facts *out) {
    const snug_training *training = &plan->training;
    const snug_candidate *chosen = snug_plan_chosen(plan);
    int64_t weights = 0, learning = 0;
    const snug_pass *step = snug_schedule_find(&plan->schedule, SNUG_WHEN_SAMPLES);
    if (step)
        snug_training_count(step->built.graph, &weights, &learning); // else nothing is trained
    *out = (snug_facts){.count = 0};
    add_text(out, "network", "network", true, snug_plan_model(plan));
    add_whole(out, "learning", "number of weights that learn", true, learning);
    add_whole(out, "batch_size", "batch size", true, plan->batch_size);
    print_optimizer(&training->optimizer, add_fact(out, "optimizer", "optimizer", true)->text);
    add_text(out, "no_decay", "group without weight decay", true,
             training->no_decay ? training->no_decay : "none");
    add_real(out, "clip_norm", "clipping of the gradients' norm", training->clip_norm);
    add_real(out, "clip_value", "clipping of the gradients' values", training->clip_value);
    add_text(out, "loss", "loss", true, snug_loss_name(training->loss));
    add_real(out, "label_smoothing", "label smoothing", training->label_smoothing);
    add_real(out, "learning_rate", "learning rate", options->learning_rate);
    add_whole(out, "schedule", "schedule of the learning rate", true, options->schedule);
    add_real(out, "warmup_epochs", "warm-up", options->warmup_epochs);
    add_whole(out, "seed", "seed", true, (int64_t)options->seed);
    add_whole(out, "samples", "number of training samples", true, samples);
    add_whole(out, "micro_batch", "micro-batch", false, chosen->micro_batch);
    add_text(out, "precision", "precision", false, chosen->precision);
    print_fixes(chosen, add_fact(out, "fixes", "fixes that change numbers:", false)->text);
    add_text(out, "device", "device", false, snug_device_name(plan->device));
    add_whole(out, "threads", "number of threads", false, snug_device_threads(plan->device));
    // A constant rate does not know how long the run is.
    if (options->schedule != SNUG_LR_SCHEDULE_CONSTANT)
        add_whole(out, "schedule_steps", "number of steps, which the rate follows,", false, steps);
}

snug_status snug_facts_compare(const snug_facts *facts, const snug_checkpoint *checkpoint,
                               void (*tell)(void *context, const char *text), void *context) {
    for (int i = 0; i < facts->count; i++) {
        const snug_fact *fact = &facts->list[i];
        const char *was = snug_checkpoint_note(checkpoint, fact->key);
        if (was && strcmp(was, fact->text) == 0) continue;
        if (fact->is_fixed)
            return snug_fail(SNUG_INVALID, "%s is of another run: its %s is %s, not %s",
                             snug_checkpoint_path(checkpoint), fact->what, was ? was : "not told",
                             fact->text);
        snug_text text = {0};
        snug_text_append(&text,
                         "the %s was %s and is %s: from here on the numbers are not bit for bit "
                         "those of a run that was never stopped",
                         fact->what, was && *was ? was : "none", *fact->text ? fact->text : "none");
        if (tell && snug_text_status(&text) == SNUG_OK) tell(context, text.data);
        snug_text_clear(&text);
    }
    return SNUG_OK;
}

enum { NUMBERS = 12 };

typedef struct numbers {
    char texts[NUMBERS][40];
    int count;
    const char **notes; // the next pair goes here
} numbers;

static void note(numbers *self, const char *key, const char *text) {
    *self->notes++ = key;
    *self->notes++ = text;
}

static void note_whole(numbers *self, const char *key, int64_t value) {
    char *text = self->texts[self->count++];
    snprintf(text, sizeof self->texts[0], "%" PRId64, value);
    note(self, key, text);
}

static void note_real(numbers *self, const char *key, double value) {
    char *text = self->texts[self->count++];
    snprintf(text, sizeof self->texts[0], "%.17g", value);
    note(self, key, text);
}

snug_status snug_position_save(const snug_position *position, const snug_facts *facts,
                               const char *caller, const char *folder, int keep,
                               snug_trainer *trainer) {
    const char *notes[2 * (NUMBERS + SNUG_FACTS + 1) + 1] = {NULL};
    numbers self = {.notes = notes};
    note_whole(&self, "loop_steps", position->steps);
    note_whole(&self, "epoch", position->epoch);
    note_whole(&self, "epoch_steps", position->done);
    note_whole(&self, "epoch_counted", position->counted);
    note_real(&self, "epoch_loss", position->total);
    note_whole(&self, "epoch_ended", position->ended);
    note_real(&self, "val_loss", position->val_loss);
    note_real(&self, "accuracy", position->accuracy);
    note_real(&self, "seconds", position->seconds);
    note_whole(&self, "log_bytes", position->log_bytes);
    note_whole(&self, "planned_peak_bytes", position->planned_peak);
    note_whole(&self, "measured_peak_bytes", position->measured_peak);
    for (int i = 0; i < facts->count; i++)
        note(&self, facts->list[i].key, facts->list[i].text);
    if (caller) note(&self, "caller", caller);
    return snug_checkpoint_add(folder, position->steps, keep, trainer, notes);
}

static int64_t whole_of(const snug_checkpoint *checkpoint, const char *key) {
    const char *text = snug_checkpoint_note(checkpoint, key);
    return text ? strtoll(text, NULL, 10) : -1;
}

static double real_of(const snug_checkpoint *checkpoint, const char *key) {
    const char *text = snug_checkpoint_note(checkpoint, key);
    return text ? strtod(text, NULL) : NAN;
}

snug_status snug_position_read(const snug_checkpoint *checkpoint, snug_position *out) {
    *out = (snug_position){.steps = whole_of(checkpoint, "loop_steps"),
                           .epoch = whole_of(checkpoint, "epoch"),
                           .done = whole_of(checkpoint, "epoch_steps"),
                           .counted = whole_of(checkpoint, "epoch_counted"),
                           .total = real_of(checkpoint, "epoch_loss"),
                           .ended = whole_of(checkpoint, "epoch_ended") == 1,
                           .val_loss = real_of(checkpoint, "val_loss"),
                           .accuracy = real_of(checkpoint, "accuracy"),
                           .seconds = real_of(checkpoint, "seconds"),
                           .log_bytes = whole_of(checkpoint, "log_bytes"),
                           .planned_peak = whole_of(checkpoint, "planned_peak_bytes"),
                           .measured_peak = whole_of(checkpoint, "measured_peak_bytes")};
    if (out->steps >= 0 && out->epoch >= 1 && out->done >= 0 && out->counted >= 0 &&
        out->log_bytes >= 0)
        return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "%s does not tell where a run of `snug train` stood",
                     snug_checkpoint_path(checkpoint));
}

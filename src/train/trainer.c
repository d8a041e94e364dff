// A trainer: one optimizer update at a time inside a plan's arena.
#include "train/trainer.h"
#include "base/sized.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "plan/divergence.h"

// From a scale of 65536 to 1: what lies beyond is not the scale's fault.
enum { MOST_LOST_STEPS = 16 };

static size_t statistics_bytes(const snug_trainer *trainer) {
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    size_t bytes = 0;
    for (size_t i = 0; i < persistent->count; i++)
        if (persistent->slots[i].role == SNUG_ROLE_STATISTIC) bytes += persistent->slots[i].bytes;
    return bytes;
}

// Only an inspection of scaled gradients looks for those that are not finite.
static bool scales_loss(const snug_trainer *trainer) {
    const snug_pass *check = snug_schedule_find(&trainer->plan->schedule, SNUG_WHEN_CHECK);
    return check && check->built.found != SNUG_NO_TENSOR;
}

static snug_status prepare(snug_trainer *trainer) {
    const snug_plan *plan = trainer->plan;
    const snug_training_graph *evaluate =
        &snug_schedule_find(&plan->schedule, SNUG_WHEN_EVALUATE)->built;
    size_t targets = (size_t)snug_type_elements(snug_graph_type(evaluate->graph, evaluate->target));
    if (scales_loss(trainer)) trainer->scaler = snug_loss_scaler_start(0);
    SNUG_TRY(SNUG_NEW(&trainer->no_targets, targets));
    memset(trainer->no_targets, -1, targets * sizeof *trainer->no_targets);
    SNUG_TRY(SNUG_NEW(&trainer->statistics, statistics_bytes(trainer) + 1));
    SNUG_TRY(snug_program_new(plan->device, &plan->schedule, &trainer->program));
    return snug_program_initialise(trainer->program, trainer->seed);
}

snug_status snug_trainer_new(const snug_plan *plan, uint64_t seed, snug_trainer **out) {
    SNUG_REQUIRE(out, "a place for the trainer");
    *out = NULL;
    SNUG_REQUIRE(plan, "a plan");
    if (!snug_plan_chosen(plan))
        return snug_fail(SNUG_NO_FIT, "the plan has no candidate that fits its budget");
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->plan = plan;
    (*out)->seed = seed;
    (*out)->gradient_norm = NAN;
    snug_status status = prepare(*out);
    if (status != SNUG_OK) {
        snug_trainer_free(*out);
        *out = NULL;
    }
    return status;
}

void snug_trainer_free(snug_trainer *trainer) {
    if (!trainer) return;
    snug_program_free(trainer->program);
    snug_memory_free(trainer->no_targets);
    snug_memory_free(trainer->statistics);
    snug_memory_free(trainer);
}

snug_status snug_trainer_check_restored(const snug_trainer *trainer) {
    if (!snug_program_is_released(trainer->program)) return SNUG_OK;
    return snug_fail(SNUG_INVALID,
                     "the trainer's memory is released: snug_trainer_restore() takes it again");
}

// Negative classes count in no mean.
static void count_targets(snug_trainer *trainer, const snug_type *type, int64_t samples,
                          const void *targets) {
    const int32_t *values = targets;
    int64_t count = snug_type_elements(type) / type->dims[0] * samples;
    trainer->targets += count;
    for (int64_t i = 0; i < count; i++)
        trainer->counted += type->dtype != SNUG_I32 || values[i] >= 0;
}

// The mean over the targets that count, from that over all; of none it stays.
static double target_weight(const snug_trainer *trainer) {
    return trainer->counted > 0 ? (double)trainer->targets / (double)trainer->counted : 1;
}

snug_status snug_trainer_feed(snug_trainer *trainer, const snug_pass *pass,
                              const snug_batch_source *source, int64_t samples,
                              bool takes_targets) {
    const snug_training_graph *built = &pass->built;
    size_t whole = (size_t)built->samples;
    size_t target_row = snug_type_bytes(snug_graph_type(built->graph, built->target)) / whole;
    int64_t part;
    for (int64_t done = 0; done < samples; done += part) {
        part = samples - done;
        if (source->most > 0 && part > source->most) part = source->most;
        const void *inputs[SNUG_MAX_INPUTS] = {NULL}, *target = NULL;
        SNUG_TRY(source->next(source->context, part, inputs, &target));
        for (int i = 0; i < built->input_count; i++) {
            snug_tensor_id input = built->inputs[i];
            size_t row = snug_type_bytes(snug_graph_type(built->graph, input)) / whole;
            if (!inputs[i])
                return snug_fail(SNUG_INVALID, "the source gave no address for the input '%s'",
                                 built->graph->tensors[input]->name);
            SNUG_TRY(snug_program_write(trainer->program, pass, input, (size_t)done * row,
                                        inputs[i], (size_t)part * row));
        }
        if (!takes_targets) continue;
        if (!target) return snug_fail(SNUG_INVALID, "the source gave no address for the targets");
        count_targets(trainer, snug_graph_type(built->graph, built->target), part, target);
        SNUG_TRY(snug_program_write(trainer->program, pass, built->target,
                                    (size_t)done * target_row, target, (size_t)part * target_row));
    }
    size_t left = whole - (size_t)samples;
    if (left == 0 || !takes_targets) return SNUG_OK;
    return snug_program_write(trainer->program, pass, built->target, (size_t)samples * target_row,
                              trainer->no_targets, left * target_row);
}

// Copies the running statistics to |trainer->statistics|, or back.
static snug_status copy_statistics(snug_trainer *trainer, bool back) {
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    unsigned char *copy = trainer->statistics;
    for (size_t i = 0; i < persistent->count; i++) {
        const snug_slot *slot = &persistent->slots[i];
        if (slot->role != SNUG_ROLE_STATISTIC) continue;
        SNUG_TRY(back ? snug_program_write_slot(trainer->program, slot, 0, copy, slot->bytes)
                      : snug_program_read_slot(trainer->program, slot, 0, copy, slot->bytes));
        copy += slot->bytes;
    }
    return SNUG_OK;
}

// Fails with what was the first not to be finite; the statistics are as before the step.
static snug_status fail_not_finite(snug_trainer *trainer, const snug_pass *pass,
                                   const snug_run_state *state, double loss) {
    snug_text first = {0};
    snug_status status;
    SNUG_TRY_GOTO(copy_statistics(trainer, true), done);
    SNUG_TRY_GOTO(
        snug_divergence_find(trainer->program, &trainer->plan->schedule, pass, state, &first),
        done);
    SNUG_TRY_GOTO(copy_statistics(trainer, true), done);
    status =
        snug_fail(SNUG_NOT_FINITE, "the loss is %g%s%s", loss,
                  first.length ? "; the first that is not finite: " : "", snug_text_view(&first));
done:
    snug_text_clear(&first);
    return status;
}

// Whether a step with this loss ends here, before it changes weights.
static bool is_lost(snug_trainer *trainer, float loss) {
    if (isfinite(loss) || trainer->keeps_going) return false;
    return trainer->scaler.scale == 0 || trainer->lost_steps >= MOST_LOST_STEPS;
}

// Runs a pass of a step on |samples| samples and adds its loss up.
static snug_status run_training_pass(snug_trainer *trainer, const snug_pass *pass,
                                     const snug_batch_source *source, snug_run_state *state,
                                     double *loss) {
    float value = 0;
    size_t loss_end = snug_pass_loss_end(pass);
    SNUG_TRY(snug_trainer_feed(trainer, pass, source, pass->built.samples, true));
    state->gradient_weight = target_weight(trainer);
    SNUG_TRY(snug_program_run_nodes(trainer->program, pass, 0, loss_end, state));
    SNUG_TRY(snug_program_read(trainer->program, pass, pass->built.loss, &value, sizeof value));
    if (is_lost(trainer, value)) return fail_not_finite(trainer, pass, state, value);
    *loss += value;
    return snug_program_run_nodes(trainer->program, pass, loss_end, pass->built.graph->node_count,
                                  state);
}

// Runs a pass on |samples| samples and adds its scalar results up.
static snug_status run_pass(snug_trainer *trainer, const snug_pass *pass,
                            const snug_batch_source *source, int64_t samples, snug_run_state *state,
                            double *loss, double *correct) {
    const snug_training_graph *built = &pass->built;
    float value = 0;
    SNUG_TRY(snug_trainer_feed(trainer, pass, source, samples, true));
    state->gradient_weight = target_weight(trainer);
    SNUG_TRY(snug_program_run(trainer->program, pass, state));
    SNUG_TRY(snug_program_read(trainer->program, pass, built->loss, &value, sizeof value));
    *loss += value;
    if (built->correct == SNUG_NO_TENSOR) return SNUG_OK;
    SNUG_TRY(snug_program_read(trainer->program, pass, built->correct, &value, sizeof value));
    *correct += value;
    return SNUG_OK;
}

// Zeroes the gradient accumulators that a failed step left half full.
static snug_status drop_gradients(snug_trainer *trainer) {
    static const unsigned char zeros[4096];
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    for (size_t i = 0; i < persistent->count; i++) {
        const snug_slot *slot = &persistent->slots[i];
        if (slot->role != SNUG_ROLE_GRADIENT) continue;
        for (size_t done = 0; done < slot->bytes; done += sizeof zeros) {
            size_t left = slot->bytes - done;
            SNUG_TRY(snug_program_write_slot(trainer->program, slot, done, zeros,
                                             left < sizeof zeros ? left : sizeof zeros));
        }
    }
    return SNUG_OK;
}

// Reads the norm where |pass| has it, of gradients that are |scale| times what they should be.
static snug_status read_norm(snug_trainer *trainer, const snug_pass *pass, double scale) {
    float sum;
    if (pass->built.norm == SNUG_NO_TENSOR) return SNUG_OK;
    SNUG_TRY(snug_program_read(trainer->program, pass, pass->built.norm, &sum, sizeof sum));
    trainer->gradient_norm = sqrt((double)sum) / scale;
    return SNUG_OK;
}

static snug_status run_micro_batches(snug_trainer *trainer, const snug_batch_source *source,
                                     snug_run_state *state, double *loss) {
    const snug_schedule *schedule = &trainer->plan->schedule;
    for (size_t i = 0; i < schedule->stage_count; i++) {
        const snug_stage *stage = &schedule->stages[i];
        for (int64_t j = 0; stage->when == SNUG_WHEN_SAMPLES && j < stage->runs; j++) {
            SNUG_TRY(run_training_pass(trainer, &stage->pass, source, state, loss));
            SNUG_TRY(read_norm(trainer, &stage->pass, 1));
            state->first_sample += stage->pass.built.samples;
        }
    }
    return SNUG_OK;
}

// Makes the update take gradients times what brings their norm down to the limit, by PyTorch's
// rule.
static snug_status clip_norm(snug_trainer *trainer, snug_run_state *state) {
    double limit = trainer->plan->training.clip_norm, norm = trainer->gradient_norm;
    double times = limit / (norm + 1e-6);
    if (!isfinite(norm) && !trainer->keeps_going)
        return snug_fail(SNUG_NOT_FINITE, "the gradients' norm is %g: it cannot be clipped", norm);
    // 0 would stand for 1; what is no number stays one.
    if (times < 1) state->gradient_weight *= times > DBL_MIN ? times : DBL_MIN;
    if (isnan(times)) state->gradient_weight = NAN;
    return SNUG_OK;
}

// Looks at all gradients before the update: divides them by the loss scale and finds their norm.
// |*usable| becomes false where one of them is not finite: then all are dropped.
static snug_status inspect(snug_trainer *trainer, const snug_pass *pass, snug_run_state *state,
                           bool *usable) {
    float found = 0;
    SNUG_TRY(snug_program_run(trainer->program, pass, state));
    SNUG_TRY(read_norm(trainer, pass, scales_loss(trainer) ? state->loss_scale : 1));
    if (scales_loss(trainer)) {
        SNUG_TRY(
            snug_program_read(trainer->program, pass, pass->built.found, &found, sizeof found));
        *usable = snug_loss_scaler_update(&trainer->scaler, found == 0);
        if (!*usable) return drop_gradients(trainer);
    }
    if (pass->built.norm == SNUG_NO_TENSOR) return SNUG_OK;
    return clip_norm(trainer, state);
}

static snug_status check_gradients(snug_trainer *trainer, snug_run_state *state, bool *usable) {
    const snug_schedule *schedule = &trainer->plan->schedule;
    *usable = true;
    for (size_t i = 0; i < schedule->stage_count && *usable; i++)
        if (schedule->stages[i].when == SNUG_WHEN_CHECK)
            SNUG_TRY(inspect(trainer, &schedule->stages[i].pass, state, usable));
    return SNUG_OK;
}

static snug_status update(snug_trainer *trainer, const snug_run_state *state) {
    const snug_schedule *schedule = &trainer->plan->schedule;
    for (size_t i = 0; i < schedule->stage_count; i++) {
        const snug_pass *pass = &schedule->stages[i].pass;
        if (schedule->stages[i].when != SNUG_WHEN_UPDATE) continue;
        SNUG_TRY(snug_program_run(trainer->program, pass, state));
        SNUG_TRY(read_norm(trainer, pass, 1));
    }
    return SNUG_OK;
}

// A step that failed changes nothing; the first failure is the one to report.
static snug_status undo_step(snug_trainer *trainer, snug_status status) {
    snug_status dropped = drop_gradients(trainer);
    if (dropped == SNUG_OK) dropped = copy_statistics(trainer, true);
    return dropped == SNUG_OK ? status : dropped;
}

snug_status snug_trainer_step(snug_trainer *trainer, const snug_batch_source *source,
                              double learning_rate, double *loss) {
    SNUG_REQUIRE(trainer && source && source->next && loss,
                 "a trainer, a source of samples with its function, and a place for the loss");
    SNUG_REQUIRE(isfinite(learning_rate), "a learning rate that is a number");
    *loss = 0;
    snug_run_state state = {.seed = trainer->seed,
                            .step = (uint64_t)trainer->steps,
                            .learning_rate = learning_rate,
                            .loss_scale = trainer->scaler.scale};
    bool usable;
    SNUG_TRY(snug_trainer_check_restored(trainer));
    if (!snug_schedule_find(&trainer->plan->schedule, SNUG_WHEN_SAMPLES))
        return snug_fail(SNUG_INVALID, "a step of a plan that is for evaluation alone");
    SNUG_TRY(copy_statistics(trainer, false));
    trainer->targets = trainer->counted = 0;
    snug_status status = run_micro_batches(trainer, source, &state, loss);
    *loss *= target_weight(trainer);
    if (isnan(*loss)) *loss = NAN; // without the sign that hardware gives it
    if (status != SNUG_OK) return undo_step(trainer, status);
    trainer->lost_steps = isfinite(*loss) ? 0 : trainer->lost_steps + 1;
    status = check_gradients(trainer, &state, &usable);
    if (status != SNUG_OK) return undo_step(trainer, status);
    // What overflowed in the forward pass would stay in the running statistics for ever.
    if (!usable) return isfinite(*loss) ? SNUG_OK : copy_statistics(trainer, true);
    SNUG_TRY(update(trainer, &state));
    trainer->steps++;
    return SNUG_OK;
}

snug_status snug_trainer_evaluate(snug_trainer *trainer, const snug_batch_source *source,
                                  int64_t samples, double *loss, double *accuracy) {
    SNUG_REQUIRE(trainer && source && source->next && loss && accuracy,
                 "a trainer, a source of samples with its function, and places for the results");
    SNUG_REQUIRE(samples > 0, "at least one sample");
    *loss = *accuracy = 0;
    SNUG_TRY(snug_trainer_check_restored(trainer));
    const snug_pass *pass = snug_schedule_find(&trainer->plan->schedule, SNUG_WHEN_EVALUATE);
    int64_t most = pass->built.samples;
    snug_run_state state = {.seed = trainer->seed, .step = (uint64_t)trainer->steps};
    double correct = 0;
    trainer->targets = trainer->counted = 0;
    for (int64_t done = 0; done < samples; done += most) {
        int64_t part = samples - done < most ? samples - done : most;
        SNUG_TRY(run_pass(trainer, pass, source, part, &state, loss, &correct));
    }
    if (samples > 0) {
        *loss *= target_weight(trainer) / (double)samples;
        *accuracy = correct / (double)(trainer->counted > 0 ? trainer->counted : 1);
        if (pass->built.correct == SNUG_NO_TENSOR) *accuracy = NAN;
    }
    return SNUG_OK;
}

void snug_trainer_keep_going(snug_trainer *trainer, bool keep_going) {
    if (trainer) trainer->keeps_going = keep_going;
}

snug_status snug_trainer_check(snug_trainer *trainer) {
    const snug_slot *slot;
    SNUG_REQUIRE(trainer, "a trainer");
    SNUG_TRY(snug_trainer_check_restored(trainer));
    SNUG_TRY(
        snug_divergence_find_slot(trainer->program, &trainer->plan->schedule.persistent, &slot));
    return slot ? snug_fail(SNUG_NOT_FINITE, "'%s' is not finite", slot->name) : SNUG_OK;
}

snug_status snug_trainer_set_loss_scale(snug_trainer *trainer, double scale) {
    SNUG_REQUIRE(trainer && isfinite(scale) && scale >= 0, "a trainer and a scale of at least 0");
    if (!scales_loss(trainer))
        return snug_fail(SNUG_INVALID,
                         "a loss scale of %g: the plan's precision is %s, which has "
                         "no need of one",
                         scale, snug_plan_chosen(trainer->plan)->precision);
    if (!(scale >= 0 && scale <= 3.4e38))
        return snug_fail(SNUG_INVALID, "a loss scale above 0 expected, found %g", scale);
    trainer->scaler = snug_loss_scaler_start(scale);
    return SNUG_OK;
}

double snug_trainer_loss_scale(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return trainer->scaler.scale;
}

double snug_trainer_gradient_norm(const snug_trainer *trainer) {
    return trainer ? trainer->gradient_norm : NAN;
}

int64_t snug_trainer_skipped_steps(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return trainer->scaler.skipped_steps;
}

snug_status snug_trainer_release(snug_trainer *trainer) {
    SNUG_REQUIRE(trainer, "a trainer");
    return snug_program_release(trainer->program);
}

snug_status snug_trainer_restore(snug_trainer *trainer) {
    SNUG_REQUIRE(trainer, "a trainer");
    return snug_program_restore(trainer->program);
}

size_t snug_trainer_reserved_bytes(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return snug_program_is_released(trainer->program) ? 0 : trainer->plan->schedule.peak_bytes;
}

size_t snug_trainer_used_bytes(const snug_trainer *trainer) {
    if (!trainer) return 0;
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    return snug_program_is_released(trainer->program) ? 0 : persistent->bytes;
}

int64_t snug_trainer_steps(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return trainer->steps;
}

size_t snug_trainer_planned_peak(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return trainer->plan->schedule.peak_bytes;
}

size_t snug_trainer_measured_peak(const snug_trainer *trainer) {
    if (!trainer) return 0;
    return snug_program_measured_peak(trainer->program);
}

snug_status snug_trainer_tensor_sized(const snug_trainer *trainer, size_t index,
                                      snug_tensor_info *out, size_t out_bytes) {
    SNUG_REQUIRE(trainer && out, "a trainer and a place for what is told");
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    snug_tensor_info found = {0};
    snug_sized_give(out, out_bytes, &found, sizeof found);
    if (index >= persistent->count)
        return snug_fail(SNUG_NOT_FOUND, "tensor %zu of %zu", index, persistent->count);
    const snug_slot *slot = &persistent->slots[index];
    found = (snug_tensor_info){.name = slot->name,
                               .rank = slot->type.rank,
                               .shape = slot->type.dims,
                               .type = snug_dtype_name(slot->type.dtype),
                               .bytes = slot->bytes,
                               .is_weight = slot->role == SNUG_ROLE_WEIGHT,
                               .is_statistic = slot->role == SNUG_ROLE_STATISTIC};
    snug_sized_give(out, out_bytes, &found, sizeof found);
    return SNUG_OK;
}

static snug_status find_slot(const snug_trainer *trainer, const char *name, size_t bytes,
                             const snug_slot **out) {
    SNUG_TRY(snug_trainer_check_restored(trainer));
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    *out = NULL;
    // The network's own first.
    for (int space = SNUG_SPACE_NETWORK; space <= SNUG_SPACE_GRADIENT && !*out; space++)
        *out = snug_persistent_find(persistent, (snug_space)space, name);
    if (!*out) return snug_fail(SNUG_NOT_FOUND, "the model has no tensor called '%s'", name);
    if ((*out)->bytes != bytes)
        return snug_fail(SNUG_INVALID, "'%s' has %zu bytes, not %zu", name, (*out)->bytes, bytes);
    return SNUG_OK;
}

snug_status snug_trainer_read(snug_trainer *trainer, const char *name, void *to, size_t bytes) {
    SNUG_REQUIRE(trainer && name && to, "a trainer, a name and a place for the tensor");
    const snug_slot *slot;
    SNUG_TRY(find_slot(trainer, name, bytes, &slot));
    return snug_program_read_slot(trainer->program, slot, 0, to, bytes);
}

snug_status snug_trainer_write(snug_trainer *trainer, const char *name, const void *from,
                               size_t bytes) {
    SNUG_REQUIRE(trainer && name && from, "a trainer, a name and a tensor");
    const snug_slot *slot;
    SNUG_TRY(find_slot(trainer, name, bytes, &slot));
    return snug_program_write_slot(trainer->program, slot, 0, from, bytes);
}

#include "plan/schedule.h"

#include "base/memory.h"
#include "base/size.h"
#include "plan/variants.h"

// Of the search for what to recompute: steps laid out, for a small graph. So many nodes more double
// it.
enum { EFFORT_NODES = 2000 };
enum { EXACT_EFFORT = 6000000, OTHER_EFFORT = 2000000, LEAST_EFFORT = 4000000 };

// The exact plan is worth most; how little memory will do is worth as much, whatever it changes.
static size_t effort_of(const snug_spec *spec, size_t nodes) {
    size_t effort = OTHER_EFFORT;
    if (!snug_spec_follows_budget(spec)) effort = LEAST_EFFORT;
    if (spec->fidelity == SNUG_FIDELITY_EXACT) effort = EXACT_EFFORT;
    return effort + effort * nodes / EFFORT_NODES;
}

// float16 has few exponents: gradients are scaled, and all of them must be there, and finite,
// before any weight changes.
static bool scales_loss(const snug_spec *spec) {
    return spec->precision == SNUG_PRECISION_FLOAT16;
}

// Whether all gradients must be there, and be looked at, before any weight changes: also to clip
// their norm.
static bool inspects(const snug_training *training, const snug_spec *spec) {
    return scales_loss(spec) || training->clip_norm > 0;
}

static snug_status build(const snug_training *training, snug_pass_kind kind, int64_t samples,
                         snug_schedule *schedule, snug_training_graph *out) {
    static const snug_dtype dtypes[] = {[SNUG_PRECISION_FLOAT32] = SNUG_F32,
                                        [SNUG_PRECISION_BFLOAT16] = SNUG_BF16,
                                        [SNUG_PRECISION_FLOAT16] = SNUG_F16};
    const snug_spec *spec = &schedule->spec;
    snug_training fixed = *training;
    snug_variant_apply(spec->variant, &fixed);
    fixed.options.fuse = spec->fuse;
    fixed.activations = dtypes[spec->precision];
    fixed.scales_loss = scales_loss(spec);
    fixed.lean_optimizer = spec->lean_optimizer;
    SNUG_TRY(snug_training_graph_build(&fixed, kind, samples, schedule->batch_size, out));
    return snug_persistent_add(&schedule->persistent, out->graph);
}

// Puts an empty stage behind the others; |*out| is the schedule's until the next is put there.
static snug_status add_stage(snug_schedule *schedule, const char *name, snug_when when,
                             int64_t runs, snug_stage **out) {
    SNUG_TRY(SNUG_GROW(&schedule->stages, &schedule->stage_room, schedule->stage_count + 1));
    *out = &schedule->stages[schedule->stage_count++];
    **out = (snug_stage){.name = name, .when = when, .runs = runs};
    return SNUG_OK;
}

static snug_status build_stage(const snug_training *training, snug_schedule *schedule,
                               const char *name, snug_when when, int64_t runs, snug_pass_kind kind,
                               int64_t samples) {
    snug_stage *stage;
    SNUG_TRY(add_stage(schedule, name, when, runs, &stage));
    return build(training, kind, samples, schedule, &stage->pass.built);
}

// The graphs of a step. Their persistent tensors tell what is left for each one's temporaries.
static snug_status build_step(const snug_training *training, snug_schedule *schedule) {
    int64_t batch = schedule->batch_size, micro = schedule->spec.micro_batch;
    bool inspected = inspects(training, &schedule->spec);
    if (micro == batch && !inspected) {
        snug_pass_kind kind = schedule->spec.free_early ? SNUG_PASS_WHOLE : SNUG_PASS_DEFERRED;
        return build_stage(training, schedule, "step", SNUG_WHEN_SAMPLES, 1, kind, batch);
    }
    SNUG_TRY(build_stage(training, schedule, "step", SNUG_WHEN_SAMPLES, batch / micro,
                         SNUG_PASS_MICRO, micro));
    if (batch % micro)
        SNUG_TRY(build_stage(training, schedule, "tail", SNUG_WHEN_SAMPLES, 1, SNUG_PASS_MICRO,
                             batch % micro));
    if (inspected)
        SNUG_TRY(build_stage(training, schedule, "inspect", SNUG_WHEN_CHECK, 1, SNUG_PASS_INSPECT,
                             micro));
    return build_stage(training, schedule, "update", SNUG_WHEN_UPDATE, 1, SNUG_PASS_UPDATE, micro);
}

static snug_status lay_out(snug_device *device, snug_costs *costs, snug_schedule *schedule,
                           snug_pass *pass) {
    const snug_spec *spec = &schedule->spec;
    size_t persistent = schedule->persistent.bytes;
    snug_pass_options options = {
        .in_place = spec->free_early,
        .recompute = spec->recompute,
        .recast = spec->free_early && !spec->evaluation &&
                  (spec->precision == SNUG_PRECISION_BFLOAT16 ||
                   spec->precision == SNUG_PRECISION_FLOAT16),
        .limit_bytes = spec->limit_bytes > persistent ? spec->limit_bytes - persistent : 0,
        .effort = effort_of(spec, pass->built.graph->node_count)};
    return snug_pass_make(device, costs, pass->built, &options, pass);
}

// Samples are evaluated one by one as far as the result goes: as many at a time as fit into the
// memory that a step takes.
static snug_status make_evaluation(snug_device *device, snug_costs *costs,
                                   const snug_training *training, size_t step_bytes,
                                   snug_schedule *schedule) {
    snug_pass_options options = {.in_place = schedule->spec.free_early};
    snug_stage *stage;
    SNUG_TRY(add_stage(schedule, "evaluate", SNUG_WHEN_EVALUATE, 0, &stage));
    snug_pass *pass = &stage->pass;
    for (int64_t samples = schedule->spec.micro_batch;; samples = (samples + 1) / 2) {
        snug_pass_clear(pass);
        SNUG_TRY(build(training, SNUG_PASS_EVALUATE, samples, schedule, &pass->built));
        SNUG_TRY(snug_pass_make(device, costs, pass->built, &options, pass));
        size_t needed = pass->bytes;
        if (schedule->spec.evaluation) needed += schedule->persistent.bytes;
        if (needed <= step_bytes || samples == 1) return SNUG_OK;
    }
}

const snug_pass *snug_schedule_find(const snug_schedule *schedule, snug_when when) {
    for (size_t i = 0; i < schedule->stage_count; i++)
        if (schedule->stages[i].when == when) return &schedule->stages[i].pass;
    return NULL;
}

int64_t snug_schedule_micro_batches(const snug_schedule *schedule) {
    int64_t runs = 0;
    for (size_t i = 0; i < schedule->stage_count; i++)
        if (schedule->stages[i].when == SNUG_WHEN_SAMPLES) runs += schedule->stages[i].runs;
    return runs;
}

static snug_status make_passes(snug_device *device, snug_costs *costs,
                               const snug_training *training, snug_schedule *schedule) {
    size_t most = 0;
    if (schedule->spec.evaluation)
        return make_evaluation(device, costs, training, schedule->spec.limit_bytes, schedule);
    SNUG_TRY(build_step(training, schedule));
    for (size_t i = 0; i < schedule->stage_count; i++) {
        snug_pass *pass = &schedule->stages[i].pass;
        SNUG_TRY(lay_out(device, costs, schedule, pass));
        if (pass->bytes > most) most = pass->bytes;
    }
    return make_evaluation(device, costs, training, most, schedule);
}

static void add_up(snug_schedule *schedule) {
    const snug_pass *largest = &schedule->stages[0].pass;
    schedule->step_seconds = 0;
    for (size_t i = 0; i < schedule->stage_count; i++) {
        const snug_stage *stage = &schedule->stages[i];
        if (stage->pass.bytes > largest->bytes) largest = &stage->pass;
        schedule->step_seconds += (double)stage->runs * stage->pass.seconds;
    }
    schedule->peak_bytes = schedule->persistent.bytes + largest->bytes;
    if (schedule->spec.evaluation)
        schedule->step_seconds =
            largest->seconds * (double)schedule->batch_size / (double)largest->built.samples;
    snug_plan_memory *memory = &schedule->memory;
    *memory = largest->at_peak;
    size_t used = largest->load;
    for (size_t i = 0; i < schedule->persistent.count; i++) {
        const snug_slot *slot = &schedule->persistent.slots[i];
        snug_plan_memory_add(memory, slot->role, slot->bytes);
        used += slot->bytes;
    }
    memory->packing_gap = schedule->peak_bytes - used;
}

snug_status snug_schedule_make(snug_device *device, snug_costs *costs,
                               const snug_training *training, int64_t batch_size,
                               const snug_spec *spec, snug_schedule *out) {
    *out = (snug_schedule){.batch_size = batch_size, .spec = *spec};
    snug_status status = make_passes(device, costs, training, out);
    if (status != SNUG_OK) {
        snug_schedule_clear(out);
        return status;
    }
    add_up(out);
    return SNUG_OK;
}

void snug_schedule_clear(snug_schedule *schedule) {
    snug_persistent_clear(&schedule->persistent);
    for (size_t i = 0; i < schedule->stage_count; i++)
        snug_pass_clear(&schedule->stages[i].pass);
    snug_memory_free(schedule->stages);
    *schedule = (snug_schedule){0};
}

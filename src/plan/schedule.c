#include "plan/schedule.h"

#include "base/size.h"

static snug_status make_pass(snug_device *device, const snug_training *training,
                             snug_pass_kind kind, int64_t samples, snug_schedule *schedule,
                             snug_pass *out) {
    snug_training_graph built;
    SNUG_TRY(snug_training_graph_build(training, kind, samples, schedule->batch_size, &built));
    SNUG_TRY(snug_pass_make(device, built, schedule->spec.free_early, out));
    return snug_persistent_add(&schedule->persistent, out->built.graph);
}

static snug_status make_passes(snug_device *device, const snug_training *training,
                               snug_schedule *schedule) {
    int64_t batch = schedule->batch_size, micro = schedule->spec.micro_batch;
    if (micro == batch) {
        snug_pass_kind kind = schedule->spec.free_early ? SNUG_PASS_WHOLE : SNUG_PASS_DEFERRED;
        SNUG_TRY(make_pass(device, training, kind, batch, schedule, &schedule->step));
    } else {
        SNUG_TRY(make_pass(device, training, SNUG_PASS_MICRO, micro, schedule, &schedule->step));
        if (batch % micro)
            SNUG_TRY(make_pass(device, training, SNUG_PASS_MICRO, batch % micro, schedule,
                               &schedule->tail));
        SNUG_TRY(make_pass(device, training, SNUG_PASS_UPDATE, 0, schedule, &schedule->update));
    }
    schedule->steps = batch / micro;
    return make_pass(device, training, SNUG_PASS_EVALUATE, micro, schedule, &schedule->evaluate);
}

static void add_up(snug_schedule *schedule) {
    snug_pass *passes[] = {&schedule->step, &schedule->tail, &schedule->update,
                           &schedule->evaluate};
    const snug_pass *largest = passes[0];
    for (int i = 1; i < 4; i++)
        if (passes[i]->bytes > largest->bytes) largest = passes[i];
    schedule->peak_bytes = schedule->persistent.bytes + largest->bytes;
    schedule->step_seconds = (double)schedule->steps * schedule->step.seconds +
                             schedule->tail.seconds + schedule->update.seconds;
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

snug_status snug_schedule_make(snug_device *device, const snug_training *training,
                               int64_t batch_size, const snug_spec *spec, snug_schedule *out) {
    *out = (snug_schedule){.batch_size = batch_size, .spec = *spec};
    snug_status status = make_passes(device, training, out);
    if (status != SNUG_OK) {
        snug_schedule_clear(out);
        return status;
    }
    add_up(out);
    return SNUG_OK;
}

void snug_schedule_clear(snug_schedule *schedule) {
    snug_persistent_clear(&schedule->persistent);
    snug_pass_clear(&schedule->step);
    snug_pass_clear(&schedule->tail);
    snug_pass_clear(&schedule->update);
    snug_pass_clear(&schedule->evaluate);
    *schedule = (snug_schedule){0};
}

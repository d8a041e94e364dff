#include "plan/layout.h"

#include "base/size.h"

static snug_status make_pass(snug_device *device, const snug_training *training,
                             snug_pass_kind kind, int64_t samples, snug_layout *layout,
                             snug_pass *out) {
    snug_training_graph built;
    SNUG_TRY(snug_training_graph_build(training, kind, samples, layout->batch_size, &built));
    SNUG_TRY(snug_pass_make(device, built, layout->spec.free_early, out));
    return snug_persistent_add(&layout->persistent, out->built.graph);
}

static snug_status make_passes(snug_device *device, const snug_training *training,
                               snug_layout *layout) {
    int64_t batch = layout->batch_size, micro = layout->spec.micro_batch;
    if (micro == batch) {
        snug_pass_kind kind = layout->spec.free_early ? SNUG_PASS_WHOLE : SNUG_PASS_DEFERRED;
        SNUG_TRY(make_pass(device, training, kind, batch, layout, &layout->step));
    } else {
        SNUG_TRY(make_pass(device, training, SNUG_PASS_MICRO, micro, layout, &layout->step));
        if (batch % micro)
            SNUG_TRY(
                make_pass(device, training, SNUG_PASS_MICRO, batch % micro, layout, &layout->tail));
        SNUG_TRY(make_pass(device, training, SNUG_PASS_UPDATE, 0, layout, &layout->update));
    }
    layout->steps = batch / micro;
    return make_pass(device, training, SNUG_PASS_EVALUATE, micro, layout, &layout->evaluate);
}

static void add_up(snug_layout *layout) {
    snug_pass *passes[] = {&layout->step, &layout->tail, &layout->update, &layout->evaluate};
    const snug_pass *largest = passes[0];
    for (int i = 1; i < 4; i++)
        if (passes[i]->bytes > largest->bytes) largest = passes[i];
    layout->peak_bytes = layout->persistent.bytes + largest->bytes;
    layout->step_seconds = (double)layout->steps * layout->step.seconds + layout->tail.seconds +
                           layout->update.seconds;
    snug_plan_memory *memory = &layout->memory;
    *memory = largest->at_peak;
    size_t used = largest->load;
    for (size_t i = 0; i < layout->persistent.count; i++) {
        const snug_slot *slot = &layout->persistent.slots[i];
        snug_plan_memory_add(memory, slot->role, slot->bytes);
        used += slot->bytes;
    }
    memory->packing_gap = layout->peak_bytes - used;
}

snug_status snug_layout_make(snug_device *device, const snug_training *training, int64_t batch_size,
                             const snug_spec *spec, snug_layout *out) {
    *out = (snug_layout){.batch_size = batch_size, .spec = *spec};
    snug_status status = make_passes(device, training, out);
    if (status != SNUG_OK) {
        snug_layout_clear(out);
        return status;
    }
    add_up(out);
    return SNUG_OK;
}

void snug_layout_clear(snug_layout *layout) {
    snug_persistent_clear(&layout->persistent);
    snug_pass_clear(&layout->step);
    snug_pass_clear(&layout->tail);
    snug_pass_clear(&layout->update);
    snug_pass_clear(&layout->evaluate);
    *layout = (snug_layout){0};
}

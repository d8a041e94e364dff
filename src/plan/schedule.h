// A schedule: everything that a spec needs in the arena, with its place. It is what a plan's
// figures come from and what a program runs.
#ifndef SNUG_PLAN_SCHEDULE_H
#define SNUG_PLAN_SCHEDULE_H

#include "fixes/fix.h"
#include "plan/pass.h"
#include "plan/persistent.h"

// When a stage runs. Those of one moment run one after the other, in the list's order.
typedef enum snug_when {
    SNUG_WHEN_SAMPLES, // on the batch's samples, each time on the next of them
    SNUG_WHEN_CHECK,   // once all gradients are there, before any weight changes
    SNUG_WHEN_UPDATE,  // then, unless the check dropped them
    SNUG_WHEN_EVALUATE // apart from steps: evaluation and prediction
} snug_when;

// A pass, when it runs, and how often in one optimizer update.
typedef struct snug_stage {
    const char *name; // "step", "tail", "inspect", "update", "evaluate"
    snug_when when;
    int64_t runs; // 0: apart from updates
    snug_pass pass;
} snug_stage;

typedef struct snug_schedule {
    int64_t batch_size;
    snug_spec spec;
    snug_persistent persistent; // at the start of the arena; every pass's temporaries follow
    // In the order in which they run: "step", a micro-batch, or the whole batch with its update;
    // "tail", the batch's last uneven micro-batch; "inspect", where somebody looks at all
    // gradients; "update", unless the step updates; "evaluate", always, and alone where the plan is
    // for that.
    snug_stage *stages;
    size_t stage_count, stage_room;
    size_t peak_bytes; // the arena: persistent bytes and the largest pass
    double step_seconds;
    snug_plan_memory memory; // at the moment of the peak
} snug_schedule;

// The first pass that runs at |when|, or NULL.
const snug_pass *snug_schedule_find(const snug_schedule *schedule, snug_when when);
// How often passes run on samples in one optimizer update.
int64_t snug_schedule_micro_batches(const snug_schedule *schedule);

// Builds, packs and adds up |spec|. |*out| is cleared on failure.
snug_status snug_schedule_make(snug_device *device, snug_costs *costs,
                               const snug_training *training, int64_t batch_size,
                               const snug_spec *spec, snug_schedule *out);
void snug_schedule_clear(snug_schedule *schedule);

#endif

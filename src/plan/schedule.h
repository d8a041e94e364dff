// A schedule: everything that a spec needs in the arena, with its place. It is what a plan's
// figures come from and what a program runs.
#ifndef SNUG_PLAN_SCHEDULE_H
#define SNUG_PLAN_SCHEDULE_H

#include "fixes/fix.h"
#include "plan/pass.h"
#include "plan/persistent.h"

typedef struct snug_schedule {
    int64_t batch_size;
    snug_spec spec;
    snug_persistent persistent; // at the start of the arena; every pass's temporaries follow
    snug_pass step;             // a micro-batch, or the whole batch with its update
    snug_pass tail;             // the batch's last uneven micro-batch; graph NULL: there is none
    snug_pass inspect;          // before the update; graph NULL: nobody looks at all gradients
    snug_pass update;           // after the micro-batches; graph NULL: the step updates
    snug_pass evaluate;
    int64_t steps;     // runs of |step| in one optimizer update
    size_t peak_bytes; // the arena: persistent bytes and the largest pass
    double step_seconds;
    snug_plan_memory memory; // at the moment of the peak
} snug_schedule;

// The passes of a schedule in the order in which they run; those without a graph are not there.
enum { SNUG_PASSES = 5 };
typedef struct snug_listed_pass {
    const char *name;
    const snug_pass *pass;
    int64_t runs; // in one optimizer update
} snug_listed_pass;
void snug_schedule_list(const snug_schedule *schedule, snug_listed_pass out[SNUG_PASSES]);

// Builds, packs and adds up |spec|. |*out| is cleared on failure.
snug_status snug_schedule_make(snug_device *device, snug_costs *costs,
                               const snug_training *training, int64_t batch_size,
                               const snug_spec *spec, snug_schedule *out);
void snug_schedule_clear(snug_schedule *schedule);

#endif

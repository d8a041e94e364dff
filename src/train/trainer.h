// The inside of a trainer.
#ifndef SNUG_TRAIN_TRAINER_H
#define SNUG_TRAIN_TRAINER_H

#include "io/file.h"
#include "plan/plan.h"
#include "plan/program.h"
#include "snug/train.h"
#include "train/loss_scaler.h"

struct snug_trainer {
    const snug_plan *plan;
    snug_program *program;
    uint64_t seed;
    int64_t steps; // optimizer updates; skipped ones not counted
    snug_loss_scaler scaler;
    // Of an evaluation pass, each -1 as an int32 and a NaN as a float32: no class, no number.
    int32_t *no_targets;
    int64_t targets, counted;  // of the batch so far: all, and those that are classes
    double gradient_norm;      // of the last step; NAN: not told
    bool keeps_going;          // whatever the loss
    int lost_steps;            // in a row, whose scaled losses were not finite
    unsigned char *statistics; // as they were before the step, one slot after another
};

// Feeds a pass |samples| samples, at most what it takes. With |takes_targets| their targets, too,
// and -1 in the places left over, which keeps those out of the results.
snug_status snug_trainer_feed(snug_trainer *trainer, const snug_pass *pass,
                              const snug_batch_source *source, int64_t samples, bool takes_targets);

// SNUG_INVALID while the trainer's memory is released.
snug_status snug_trainer_check_restored(const snug_trainer *trainer);
// Writes the bytes of |slot| to |file|, a piece at a time.
snug_status snug_trainer_write_slot(snug_trainer *trainer, const snug_slot *slot, snug_file *file);

#endif

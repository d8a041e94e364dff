// Dynamic loss scaling by the rule of torch.cuda.amp.GradScaler: the scale is halved when a
// gradient is not finite, whose step is skipped as a whole, and doubled after 2000 steps in a row
// without.
#ifndef SNUG_TRAIN_LOSS_SCALER_H
#define SNUG_TRAIN_LOSS_SCALER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct snug_loss_scaler {
    double scale; // 0: nothing is scaled
    double growth, backoff;
    int64_t interval;      // steps
    int64_t good_steps;    // in a row, since the scale last changed
    int64_t skipped_steps; // in all
} snug_loss_scaler;

// PyTorch's defaults: 65536, 2.0, 0.5 and 2000. |fixed| above 0 is kept whatever happens.
snug_loss_scaler snug_loss_scaler_start(double fixed);

// After a step's gradients are complete: |finite| tells whether all of them are. Returns whether
// the optimizer may use them, and sets the next step's scale.
bool snug_loss_scaler_update(snug_loss_scaler *scaler, bool finite);

#endif

#include "train/loss_scaler.h"

#include <float.h>

snug_loss_scaler snug_loss_scaler_start(double fixed) {
    if (fixed > 0)
        return (snug_loss_scaler){.scale = fixed, .growth = 1, .backoff = 1, .interval = 2000};
    return (snug_loss_scaler){.scale = 65536, .growth = 2, .backoff = 0.5, .interval = 2000};
}

bool snug_loss_scaler_update(snug_loss_scaler *scaler, bool finite) {
    if (!finite) {
        scaler->scale *= scaler->backoff;
        scaler->good_steps = 0;
        scaler->skipped_steps++;
        return false;
    }
    if (++scaler->good_steps < scaler->interval) return true;
    scaler->good_steps = 0;
    // The scale is a float32: PyTorch keeps it finite.
    if (scaler->scale * scaler->growth <= FLT_MAX) scaler->scale *= scaler->growth;
    return true;
}

// Which parts of a program's networks to checkpoint: a list of choices, each keeping less than the
// one before and computing more again.
//
// A knapsack over nested parts, against the most loaded moment of a step. With a price on bytes,
// the best choice is found part by part, from the innermost outwards: a part is checkpointed whole,
// or its own parts are chosen among. Raising the price from nothing to infinity goes through
// choices; between two of them parts are taken one after the other as they are called, since what
// is computed again for an early part is needed when the later ones are gone. From the leanest of
// these, parts are left out under a budget for the peak, the dearest first: those behind the peak's
// moment cost nothing there. That again without the largest parts: what is computed again is there
// as a whole.
#ifndef SNUG_FIT_FRONTIER_H
#define SNUG_FIT_FRONTIER_H

#include "fit/profile.h"
#include "snug/gpu.h"

typedef struct snug_fit_choice {
    uint32_t *parts; // indices into the profile's, in the order of their calls
    size_t count;
    uint64_t kept;   // bytes at the most loaded moment of backward, with what it works with there
    uint64_t at_end; // at the end of a forward pass
    uint64_t inputs; // of that, of the chosen parts
    uint64_t again;  // of the largest part, when it is computed again
    uint64_t peak;   // the larger of the last, with the loss, and the first, with its logits
    double seconds;  // of what is computed again
} snug_fit_choice;

typedef struct snug_fit_frontier {
    snug_fit_choice *choices; // the first has no parts
    size_t count;
    double forward_seconds; // of a whole forward pass
    const double *seconds;  // of each part's, not less than of the parts in it
    snug_pool pool;
} snug_fit_frontier;

// Times are by |gpu|'s peak rates: they compare parts, and are no promise. SNUG_NOMEM. The caller
// clears |*out|, also after failure.
snug_status snug_fit_frontier_make(const snug_fit_profile *profile, const snug_gpu_info *gpu,
                                   snug_fit_frontier *out);
void snug_fit_frontier_clear(snug_fit_frontier *frontier);

// Bytes that a cross-entropy is loaded with, its logits included.
uint64_t snug_fit_loss_bytes(const snug_fit_profile *profile);

// Seconds of the forward pass of |part|, likewise.
double snug_fit_part_seconds(const snug_fit_profile *profile, const snug_fit_part *part,
                             const snug_gpu_info *gpu);

#endif

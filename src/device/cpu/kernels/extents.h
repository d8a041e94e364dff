// Reductions over dimensions that are neighbours in memory: a tensor as [kept][reduced][kept].
#ifndef SNUG_DEVICE_CPU_KERNELS_EXTENTS_H
#define SNUG_DEVICE_CPU_KERNELS_EXTENTS_H

#include "graph/type.h"

// The extents [kept][summed][kept] of |x| in memory order; false when |axes| are not neighbours.
static inline bool snug_extents_find(const snug_type *x, uint32_t axes, int64_t extents[3]) {
    bool channels_last = x->layout == SNUG_CHANNELS_LAST && x->rank >= 3;
    int stage = 0;
    extents[0] = extents[1] = extents[2] = 1;
    for (int i = 0; i < x->rank; i++) {
        // The dimension that is |i|-th in memory.
        int dimension = !channels_last || i == 0 ? i : i == x->rank - 1 ? 1 : i + 1;
        if (x->dims[dimension] == 1) continue;
        bool summed = axes >> dimension & 1;
        if (stage == 0 && summed) stage = 1;
        if (stage == 1 && !summed) stage = 2;
        if (stage == 2 && summed) return false;
        extents[stage] *= x->dims[dimension];
    }
    return true;
}

// A row-major result holds the kept dimensions in another order than channels-last memory when the
// channel is kept beside a pixel's place.
static inline bool snug_extents_keep_order(const snug_type *x, const snug_type *y, uint32_t axes) {
    if (x->layout != SNUG_CHANNELS_LAST || x->rank < 3) return true;
    if (y->layout == SNUG_CHANNELS_LAST && y->rank == x->rank) return true;
    bool keeps_place = false;
    for (int i = 2; i < x->rank; i++)
        keeps_place = keeps_place || (x->dims[i] > 1 && !(axes >> i & 1));
    bool keeps_channel = x->dims[1] > 1 && !(axes >> 1 & 1);
    return !(keeps_place && keeps_channel);
}

#endif

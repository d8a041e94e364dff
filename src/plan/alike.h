// Kernels whose time is told from that of others like them, so that a first plan times fewer.
#ifndef SNUG_PLAN_ALIKE_H
#define SNUG_PLAN_ALIKE_H

#include "device/device.h"

// What was timed: what it took of what is modelled.
typedef struct snug_timed_kernel {
    uint64_t kind; // what kernels that are alike have in common
    double modelled, ratio;
} snug_timed_kernel;

// Zero-initialise.
typedef struct snug_timed_kernels {
    snug_timed_kernel *items;
    size_t count, room;
} snug_timed_kernels;

// What |signature| has in common with kernels that take the same share of their model, |bytes| of
// data: operator, attributes, types and ranks; whether the data fit caches where they are what
// takes time; and all extents but the first, samples mostly, where arithmetic is. SNUG_NOMEM.
snug_status snug_alike_kind(const snug_signature *signature, bool is_arithmetic, double bytes,
                            uint64_t *out);

// Keeps a kernel of |kind| that took |seconds| where |modelled| were expected. SNUG_NOMEM.
snug_status snug_alike_keep(snug_timed_kernels *timed, uint64_t kind, double modelled,
                            double seconds);
// Whether there is one of |kind| of about the size: |out| receives seconds by the nearest's.
bool snug_alike_find(const snug_timed_kernels *timed, uint64_t kind, bool is_arithmetic,
                     double modelled, double *out);
void snug_alike_clear(snug_timed_kernels *timed);

#endif

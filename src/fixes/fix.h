// Fixes: the ways to need less memory. A fix is one const descriptor in src/fixes/<fix>_fix.c; the
// build gathers them into snug_fixes, so adding a fix is adding a file. A fix proposes variations
// of a training run; the planner finds out what each needs and takes.
#ifndef SNUG_FIXES_FIX_H
#define SNUG_FIXES_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "snug/plan.h"

// A network in place of the one asked for.
struct snug_model;
typedef struct snug_variant {
    char name[64]; // its own: "resnet18-width-0.5"
    const struct snug_model *model;
    double width;
    bool separable;
    int64_t parameters, multiply_adds;
    double accuracy; // published, top-1 on ImageNet in percent; 0: none is
} snug_variant;

// One way of running a batch, as the planner builds it.
typedef struct snug_spec {
    int64_t micro_batch;      // samples that go through the network at once
    bool free_early;          // tensors are written in place and gradients die at their update
    bool fuse;                // activations become part of the norm before them
    bool recompute;           // forward results are dropped and made again where that is needed
    snug_precision precision; // of activations, never SNUG_PRECISION_AUTO
    bool lean_optimizer;      // the optimizer's state in 8 bits
    size_t limit_bytes; // with recompute: what the arena should come to; 0: as little as can be
    bool evaluation;    // the forward pass alone, of as many samples as the limit lets
    const snug_variant *variant; // NULL: the network asked for
    snug_fidelity fidelity;
    const char *fixes[SNUG_PLAN_MAX_FIXES]; // names of what was applied, ends with NULL
} snug_spec;

// Whether the spec recomputes as far as the budget asks. All others are what they are, whatever the
// budget, and tell the smallest that works.
static inline bool snug_spec_follows_budget(const snug_spec *spec) {
    return spec->recompute && spec->limit_bytes > 0;
}

// What fixes may ask about the run.
typedef struct snug_fix_context {
    int64_t batch_size;
    int64_t micro_batch; // what the user demands, 0: free
    size_t budget_bytes;
    bool has_batch_norm, can_fuse;
    bool has_optimizer_state;
    snug_precision precision;     // what the user demands
    const snug_variant *variants; // smaller networks that there are, mildest first
    size_t variant_count;
} snug_fix_context;

typedef struct snug_spec_list {
    snug_spec *items;
    size_t count, capacity;
} snug_spec_list;

typedef struct snug_fix {
    snug_fix_info info;
    const char *causes; // of out-of-memory errors that it answers, names of the design
    // Appends variations of the specs that are in |specs| already. Fixes are asked mildest first.
    snug_status (*propose)(const snug_fix_context *context, snug_spec_list *specs);
} snug_fix;

extern const snug_fix *const snug_fixes[];

// Fix |index|, mildest first; NULL past the end.
const snug_fix *snug_fix_by_fidelity(int index);

// Appends |base| changed by |fix|: its name is added and the fidelity is at least |fidelity|.
// |*out| is the new spec, to be changed further; valid until the next call.
snug_status snug_spec_derive(snug_spec_list *specs, const snug_spec *base, const char *fix,
                             snug_fidelity fidelity, snug_spec **out);

#endif

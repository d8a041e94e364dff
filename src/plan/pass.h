// A pass: a training graph with its kernels' workspaces and a place for every temporary tensor.
#ifndef SNUG_PLAN_PASS_H
#define SNUG_PLAN_PASS_H

#include "device/device.h"
#include "plan/cost.h"
#include "plan/lifetime.h"
#include "plan/training.h"
#include "snug/plan.h"

typedef struct snug_pass {
    snug_training_graph built; // owned
    snug_lifetimes lifetimes;
    size_t *offsets;           // by storage: bytes from the start of the temporary area
    size_t *workspace_bytes;   // by node
    size_t *workspace_offsets; // by node
    size_t bytes;              // of the temporary area
    size_t load;               // the most bytes that are in use at one time; <= bytes
    double seconds;            // predicted
    int64_t recomputed_ops;
    snug_plan_memory at_peak; // what is in use at the moment of the highest load
} snug_pass;

// How to lay a pass out.
typedef struct snug_pass_options {
    bool in_place;      // as in snug_lifetimes_find()
    bool recast;        // 16 bits: of what is there in two types backward keeps one
    bool recompute;     // drop forward results until the temporary area is at most |limit| bytes
    size_t limit_bytes; // 0: as small as the search can make it, whatever times were measured
    size_t effort;      // of that search, as snug_recompute() counts
} snug_pass_options;

// Takes |built| over, asks |device| for every node's workspace, recomputes and packs.
// SNUG_UNSUPPORTED when the device has no kernel for a node.
snug_status snug_pass_make(snug_device *device, snug_costs *costs, snug_training_graph built,
                           const snug_pass_options *options, snug_pass *out);
// Counts |bytes| of a tensor of |role|.
void snug_plan_memory_add(snug_plan_memory *memory, snug_role role, size_t bytes);
void snug_pass_clear(snug_pass *pass);

// How many nodes run until the loss is there. No weight is updated among them.
size_t snug_pass_loss_end(const snug_pass *pass);

#endif

// What a profiled dry run told of a program: PID.profile.json, as python/snug_fixes/profile.py
// writes it, and what the dry run saw of its peak.
#ifndef SNUG_FIT_PROFILE_H
#define SNUG_FIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

// A part of a network: a module that was called in a training pass.
typedef struct snug_fit_part {
    const char *name;       // with its network's: "GPT.h.0"
    const char *class_name; // "Block"
    uint64_t saved;         // bytes kept for backward while it ran, without its inputs
    uint64_t inputs;        // bytes of its inputs
    uint64_t own;           // of what is kept, that which nothing outside it keeps
    uint64_t freed;         // of that, what goes where only its inputs are kept
    uint64_t largest;       // of its tensors
    uint64_t flops;         // of its forward pass
    uint64_t calls;
    int32_t parent; // index; -1: the network itself
    int32_t network;
} snug_fit_part;

typedef struct snug_fit_network {
    const char *name, *class_name;
    int64_t batch;       // samples of a call; 0: unknown
    int64_t element;     // bytes of an element of its weights
    uint64_t parameters; // bytes
    size_t first, count; // its parts, itself first, in the order of their calls
} snug_fit_network;

// A plan for the program's compiled graphs, all of them together.
typedef struct snug_fit_plan {
    uint64_t budget; // that was asked for
    uint64_t bytes;  // kept for backward, and computed again at a time
    double again;    // computed again, as a share of a forward pass
} snug_fit_plan;

typedef struct snug_fit_profile {
    snug_pool pool;
    snug_fit_part *parts;
    size_t part_count;
    snug_fit_network *networks;
    size_t network_count;
    bool autocast, scaler, clips, compiled, batch_norm;
    bool loss_inside;     // the loss is computed in a network's call
    bool sequences_first; // the first dimension may be time, and not the batch
    double backwards_per_step;
    uint64_t largest_loss; // bytes of the largest logits of a cross-entropy; 0: none
    uint64_t loss_rows, loss_classes;
    bool loss_is_last; // these are a linear layer's outputs
    // Of compiled graphs: PyTorch's own first, each with fewer bytes than the one before.
    snug_fit_plan *plans;
    size_t plan_count;
    bool adam;                  // an Adam or AdamW
    const char *lean_optimizer; // the package that has one with 8-bit state; "": none is installed
} snug_fit_profile;

// Reads the largest PID.profile.json in |directory|. SNUG_NOT_FOUND where there is none: the
// program has no network that learns. The caller clears |*out|, also after failure.
snug_status snug_fit_profile_read(const char *directory, snug_fit_profile *out);
void snug_fit_profile_clear(snug_fit_profile *profile);

#endif

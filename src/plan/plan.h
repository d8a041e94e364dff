// The inside of a plan.
#ifndef SNUG_PLAN_PLAN_H
#define SNUG_PLAN_PLAN_H

#include "base/pool.h"
#include "plan/file_model.h"
#include "plan/schedule.h"

struct snug_plan {
    snug_device *device;    // borrowed
    snug_pool texts;        // of the request, where they outlive it
    snug_file_model *file;  // of the network, where it comes from one; else NULL
    snug_training training; // of the chosen network
    // Of the network asked for.
    snug_sample_type sample;
    snug_type output;          // of one sample; dims[0] is 1
    snug_sample_tensor answer; // the same for callers
    int class_axis;            // of |output|, where the loss knows classes
    const char *squashed;      // as snug_loss_squashed() says
    bool has_batch_norm;       // in training form
    bool can_fuse;             // it, or another norm that an activation may be part of
    int64_t weights, learning; // elements
    size_t frozen_bytes;       // what the chosen candidate would need more if all weights learnt
    const char *requested;     // the model asked for
    snug_variant network;      // what is trained, by its own name
    snug_variant own;          // what was asked for
    snug_variant *variants;    // smaller networks, where the request allows one
    size_t variant_count;
    int64_t batch_size;
    snug_fidelity allow;
    size_t budget_bytes, unfixed_bytes;
    // By fidelity: the smallest budget that works with changes of that much at most, whatever is
    // allowed. SIZE_MAX: there is none.
    size_t minimum_bytes[SNUG_FIDELITY_MODEL + 1];
    int64_t largest_batch; // when nothing fits: the largest batch that would, 0: not even a sample
    snug_candidate *candidates;
    size_t candidate_count;
    size_t chosen;          // index; candidate_count: none fits
    snug_schedule schedule; // of the chosen one
};

// snug_plan_make() for |model| (borrowed as long as the plan lives), whatever request->model says;
// NULL: for the file that it names.
snug_status snug_plan_make_of(snug_device *device, const snug_plan_request *request,
                              const snug_model *model, snug_plan **out);

// Checks |request|, with the plan's batch size, for contradictions (SNUG_INVALID).
snug_status snug_plan_check(const snug_plan *plan, const snug_plan_request *request);
// The same for what the fixes proposed: whatever was asked for by name is allowed to be done.
snug_status snug_plan_check_specs(const snug_plan *plan, const snug_plan_request *request,
                                  const snug_spec_list *specs);

// All that the fixes propose for |batch_size| samples, the unfixed spec first. The caller frees
// |specs->items|.
snug_status snug_plan_propose(const snug_plan *plan, const snug_plan_request *request,
                              int64_t batch_size, snug_spec_list *specs);

// The same where nothing is trained: of one batch as many samples at once as fit.
snug_status snug_evaluation_propose(const snug_plan *plan, const snug_plan_request *request,
                                    int64_t batch_size, snug_spec_list *specs);

// Nothing fits: finds the largest batch that would, and fails with SNUG_NO_FIT and a message that
// tells it and the smallest budgets. Step times do not matter to it and are not measured.
snug_status snug_plan_no_fit(snug_plan *plan, const snug_plan_request *request);

#endif

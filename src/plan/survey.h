// What a plan's network takes, gives and learns: read off graphs of a few samples.
#ifndef SNUG_PLAN_SURVEY_H
#define SNUG_PLAN_SURVEY_H

#include "plan/plan.h"

// Fills in plan->sample, output, has_batch_norm, can_fuse, weights and learning.
snug_status snug_survey(snug_plan *plan, const snug_plan_request *request);

// Fills in plan->frozen_bytes: what |chosen|, already scheduled, saves by weights that do not
// learn.
snug_status snug_survey_frozen(snug_plan *plan, snug_costs *costs, const snug_spec *chosen);

#endif

// The inside of a plan.
#ifndef SNUG_PLAN_PLAN_H
#define SNUG_PLAN_PLAN_H

#include "plan/schedule.h"

struct snug_plan {
    snug_device *device; // borrowed
    snug_training training;
    int64_t batch_size;
    size_t budget_bytes, minimum_bytes, unfixed_bytes;
    snug_candidate *candidates;
    size_t candidate_count;
    size_t chosen;          // index; candidate_count: none fits
    snug_schedule schedule; // of the chosen one
};

#endif

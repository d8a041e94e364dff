// What people should know about a chosen plan: sentences under its figures.
#ifndef SNUG_PLAN_PLAN_NOTES_H
#define SNUG_PLAN_PLAN_NOTES_H

#include "base/text.h"
#include "plan/plan.h"

// Appends what the chosen plan does to batch norm's statistics, to the numbers and to the network,
// with the alternatives; nothing for an exact plan.
void snug_plan_append_notes(const snug_plan *plan, snug_text *text);

#endif

// snug plan --curve: the peak against the step time, over budgets from the smallest that works to
// the need of the run without fixes.
#ifndef SNUG_CLI_CURVE_H
#define SNUG_CLI_CURVE_H

#include <stdbool.h>

#include "snug/plan.h"

// |plan| is a plan of |request| with any budget, one that does not fit too. Prints a table, or a
// line of JSON for each budget, on standard output.
snug_status curve_print(snug_device *device, const snug_plan_request *request,
                        const snug_plan *plan, bool json);

#endif

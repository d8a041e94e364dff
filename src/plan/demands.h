// What a request demands of the numbers' precision, and of the fixes.
#ifndef SNUG_PLAN_DEMANDS_H
#define SNUG_PLAN_DEMANDS_H

#include "fixes/fix.h"

// Whether the list of fixes that |request| may have names |fix|.
bool snug_demands_list(const snug_plan_request *request, const char *fix);

// SNUG_INVALID where a precision is demanded that the request rules out.
snug_status snug_demands_check(const snug_plan_request *request);

// Whether |spec| is as |request| demands: in its precision, and with the fixes that it requires.
bool snug_demands_met(const snug_plan_request *request, const snug_spec *spec);

// Drops what is not as |request| demands, the unfixed spec in front aside.
void snug_demands_filter(const snug_plan_request *request, snug_spec_list *specs);

#endif

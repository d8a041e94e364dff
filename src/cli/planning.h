// What `snug plan` and `snug train` share.
#ifndef SNUG_CLI_PLANNING_H
#define SNUG_CLI_PLANNING_H

#include <stdio.h>

#include "cli/options.h"

// Where --data is given and --input or --classes are not, takes them from the data set.
snug_status planning_fit_data(options *given);

// The network is the run's; budget, device and batch are the user's. |info| is borrowed by |given|.
void planning_take_run(const snug_run_info *info, options *given);

// Opens a split of --data as |plan|'s network takes it, and tells which files are left out.
snug_status planning_open_data(const snug_plan *plan, options *given, snug_split split,
                               snug_dataset **out);

// Opens the device that was asked for: --gpu's card, else --device.
snug_status planning_open_device(const options *given, snug_device **out);

// snug_plan_make() of what was asked for, and takes the line of progress away.
snug_status planning_make(snug_device *device, options *given, snug_plan **out);

// Prints the plan for people, or as JSON. Returns an exit status.
int planning_print(const snug_plan *plan, const options *given);

#endif

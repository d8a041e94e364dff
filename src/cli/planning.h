// What `snug plan` and `snug train` share.
#ifndef SNUG_CLI_PLANNING_H
#define SNUG_CLI_PLANNING_H

#include <stdio.h>

#include "cli/options.h"

// Where --data is given and --input or --classes are not, takes them from the data set.
snug_status planning_fit_data(options *given);

// Plans the network of the run in the folder that |given| has as its model: budget, device and
// batch are the user's. |info| is filled, and borrowed by |given|; |*device| and |*plan| are the
// caller's to free, whatever is returned.
snug_status planning_open_run(options *given, snug_run_info *info, snug_device **device,
                              snug_plan **plan);

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

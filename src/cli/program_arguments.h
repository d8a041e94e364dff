// Arguments that the commands which start a program (dry-run, fit) have in common. Each reader
// complains in the name of |command| and returns false where |text| is not what it expects.
#ifndef SNUG_CLI_PROGRAM_ARGUMENTS_H
#define SNUG_CLI_PROGRAM_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "snug/dry_run.h"

// "NAME OPTION 'VALUE': expected EXPECTED"; returns false.
bool program_complain(const char *command, const char *option, const char *value,
                      const char *expected);
bool program_read_size(const char *command, const char *option, const char *text, uint64_t *out);
// A whole number from 1 to |most|.
bool program_read_count(const char *command, const char *option, const char *text, int most,
                        int *out);
bool program_read_seconds(const char *command, const char *text, double *out);

// The exit status that tells |outcome|.
int program_exit(snug_dry_run_outcome outcome);

#endif

// `snug train --resume RUN`: the arguments of a run are in its checkpoints, and come before those
// that are given now.
#ifndef SNUG_CLI_RESUMING_H
#define SNUG_CLI_RESUMING_H

#include "cli/options.h"

// Arguments that own what they point to.
typedef struct arguments {
    int argc;
    char **argv;
} arguments;
void arguments_clear(arguments *list);

// What the checkpoints of a run with these arguments keep of them, for snug_train_options.note:
// paths from the root, an option that is given again once. The caller frees it; NULL: no memory.
char *resume_note(int argc, char **argv);

// The whole arguments of the run that the given ones go on with: its own, then what keeps its
// numbers the same bit for bit (micro-batch, precision, the fixes that change numbers, threads),
// then those given. |*steps|: done so far. Returns EXIT_DONE, or another status after a complaint.
int resume_arguments(int argc, char **argv, const options *given, arguments *out, int64_t *steps);

#endif

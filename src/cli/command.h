// The command's commands: one file a command under commands/, gathered by the build.
#ifndef SNUG_CLI_COMMAND_H
#define SNUG_CLI_COMMAND_H

#include <stdbool.h>

#include "snug/status.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_FIT = 3,
    EXIT_BAD_FILE = 4,
    EXIT_INTERRUPTED = 130
};

typedef struct snug_command {
    const char *name;
    const char *summary; // one line for `snug help`
    const char *usage;   // what `snug NAME --help` prints
    const char *options; // printed behind it: those that commands share; or NULL
    bool computes;       // with OpenMP's threads, in this process
    // argv[0] is the command's name. Returns the exit status.
    int (*run)(int argc, char **argv);
} snug_command;

extern const snug_command *const snug_commands[]; // ends with NULL

// Prints "snug NAME: message" and a line's end to standard error; on a terminal, between words
// broken to its width, of `snug explain` always to 80 columns. |name|: NULL for the program itself.
void command_complain(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Whether writing |output| would replace |input|, a regular file.
bool command_is_same_file(const char *input, const char *output);

int command_exit(snug_status status);
// Prints "snug NAME: message" for |status|'s failure and returns its exit status.
int command_fail(const char *name, snug_status status);

#endif

// Starting a program and following it until nothing of it is left.
//
//     this process   follows: passes signals on, keeps the time
//       -> guardian  adopts whatever the program leaves behind, and ends it
//         -> program, and what it starts
//
// The guardian dies with nobody left: where this process is killed, it hears of it and kills the
// program with all its descendants; where the guardian is killed, the program is.
#ifndef SNUG_DRYRUN_LAUNCH_H
#define SNUG_DRYRUN_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/status.h"

typedef struct snug_launch_request {
    char *const *program;     // ends with NULL
    char *const *environment; // likewise
    const char *output;       // a file for what it prints; NULL: where this process prints
    double seconds;           // after which the program is asked to end, if it has not; 0: never
} snug_launch_request;

typedef struct snug_launch_end {
    int start_errno;  // why it could not be started, 0: it was
    int status;       // as waitpid() tells it
    bool timed_out;   // it had to be asked to end
    bool interrupted; // by SIGINT, SIGTERM or SIGHUP
    bool killed;      // since it was asked in vain, or twice
    int left_over;    // processes that were still there when the program had ended
} snug_launch_end;

// Runs the program to its end. SNUG_IO where this process cannot fork.
snug_status snug_launch_run(const snug_launch_request *request, snug_launch_end *out);

// ---- What the two processes tell each other.
typedef struct snug_guardian_message {
    enum { SNUG_GUARDIAN_STARTED, SNUG_GUARDIAN_NOT_STARTED, SNUG_GUARDIAN_ENDED } what;
    int value;     // process id, errno, status
    int left_over; // SNUG_GUARDIAN_ENDED
} snug_guardian_message;

// Asks a guardian to kill all that it guards. Real-time, so that no program sends it by accident.
#define SNUG_GUARDIAN_KILL (SIGRTMIN + 4)

// The guardian's life, in a process of its own. |mask| is the program's signal mask, |parent| the
// process that follows, |report| a pipe to it.
_Noreturn void snug_guardian_run(const snug_launch_request *request, const sigset_t *mask,
                                 pid_t parent, int report);

#endif

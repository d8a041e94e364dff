#include "cli/waiting.h"

#include <stdlib.h>
#include <unistd.h>

// libgomp spins for milliseconds before a thread sleeps, which gains nothing while all threads have
// processors, since they meet within microseconds, and takes the processor from the very thread
// that is waited for where another program has one. This is libgomp's own count where it knows that
// there are more threads than processors: some tens of microseconds.
static const char turns[] = "1000";

void waiting_bound(char **argv) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    if (setenv("GOMP_SPINCOUNT", turns, 1) != 0) return;
    execv("/proc/self/exe", argv);
    // Where that is not possible, all runs as it would have.
}

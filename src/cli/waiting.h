// How threads wait for each other.
#ifndef SNUG_CLI_WAITING_H
#define SNUG_CLI_WAITING_H

// Starts the program anew with a bound on how long OpenMP's threads spin before they sleep, which
// the runtime reads when it is loaded. Does nothing where the user has set how they wait, or where
// it was done.
void waiting_bound(char **argv);

#endif

// Ctrl-C: the first one asks for a clean stop, a second one ends the process.
#ifndef SNUG_CLI_STOPPING_H
#define SNUG_CLI_STOPPING_H

#include <stdbool.h>

// From here on SIGINT, SIGTERM and SIGHUP (unless that is ignored) are asked for by
// stopping_wanted(). Again after each call.
void stopping_catch(void);
// Likewise, and SIGHUP; but what this process was started to ignore (nohup, a shell's `&`) it and
// the programs that it starts go on to ignore.
void stopping_catch_heeded(void);
// For should_stop fields; |context| is not used.
bool stopping_wanted(void *context);

#endif

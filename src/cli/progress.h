// What `snug train` shows while it runs: a bar on a terminal, plain lines elsewhere, JSON lines.
#ifndef SNUG_CLI_PROGRESS_H
#define SNUG_CLI_PROGRESS_H

#include <stdio.h>

#include "snug/train.h"

typedef struct progress {
    bool json;     // objects on standard output; people's text goes to standard error
    bool terminal; // |text| is one
    FILE *text;
    size_t peak_bytes, budget_bytes;
    const char *use;  // what the samples of evaluations are: snug_dataset_use()
    double last_line; // seconds, of the monotonic clock
    bool bar_shown;
} progress;

progress progress_start(bool json, FILE *text, const snug_plan *plan);
void progress_step(progress *self, const snug_step_event *event);
void progress_epoch(progress *self, const snug_epoch_event *event);
// Ends a bar's line, so that other text can follow.
void progress_end(progress *self);

#endif

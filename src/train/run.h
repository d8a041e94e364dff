// The files of a run: weights.safetensors, plan.json, log.jsonl in one folder.
#ifndef SNUG_TRAIN_RUN_H
#define SNUG_TRAIN_RUN_H

#include <stdio.h>

#include "base/status.h"
#include "snug/train.h"

typedef struct snug_run {
    char *folder; // NULL: nothing is kept
    FILE *log;
    bool is_saved; // weights are there
} snug_run;

// Makes the folder, writes plan.json and starts log.jsonl, so that what cannot be written is known
// before training. NULL for |folder| keeps nothing. The weights of an earlier run are removed with
// |overwrite|, and SNUG_INVALID without. SNUG_IO.
snug_status snug_run_open(const char *folder, bool overwrite, const snug_plan *plan, snug_run *out);
// Adds a line to the log. SNUG_IO.
snug_status snug_run_log(snug_run *run, const char *format, ...) SNUG_PRINTF(2, 3);
// Writes the weights, whole or not at all.
snug_status snug_run_save(snug_run *run, snug_trainer *trainer);
void snug_run_close(snug_run *run);

#endif

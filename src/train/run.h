// The files of a run in one folder: weights.safetensors, plan.json, log.jsonl, checkpoints, and the
// file by which it is locked.
#ifndef SNUG_TRAIN_RUN_H
#define SNUG_TRAIN_RUN_H

#include <stdio.h>

#include "base/status.h"
#include "snug/train.h"

typedef struct snug_run {
    char *folder; // NULL: nothing is kept
    FILE *log;
    int lock;      // the open file that others find locked
    bool is_saved; // weights are there
} snug_run;

// Makes the folder, locks it, writes plan.json and starts log.jsonl, so that what cannot be written
// is known before training. NULL for |folder| keeps nothing. The weights and checkpoints of an
// earlier run are removed with |overwrite|, and SNUG_INVALID without. SNUG_INVALID also where
// another process trains in the folder; SNUG_IO.
snug_status snug_run_open(const char *folder, bool overwrite, const snug_plan *plan, snug_run *out);
// Locks the folder of an earlier run and changes nothing in it yet. SNUG_NOT_FOUND where there is
// no such folder.
snug_status snug_run_reopen(const char *folder, snug_run *out);
// Takes the run up: plan.json becomes |plan|'s, and log.jsonl goes on behind its first |log_bytes|
// bytes. |*missing|: the bytes that are not there any more.
snug_status snug_run_continue(snug_run *run, const snug_plan *plan, int64_t log_bytes,
                              int64_t *missing);

// Adds a line to the log. SNUG_IO.
snug_status snug_run_log(snug_run *run, const char *format, ...) SNUG_PRINTF(2, 3);
// Makes the log durable and tells its length in bytes.
snug_status snug_run_log_bytes(snug_run *run, int64_t *out);
// Writes the weights, whole or not at all.
snug_status snug_run_save(snug_run *run, snug_trainer *trainer);
void snug_run_close(snug_run *run);

#endif

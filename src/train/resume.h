// What a checkpoint of snug_train() says beside the trainer's state: where the loop stood, and of
// what run, so that another is not taken for it.
#ifndef SNUG_TRAIN_RESUME_H
#define SNUG_TRAIN_RESUME_H

#include "snug/checkpoint.h"

// Where the loop stands between two steps.
typedef struct snug_position {
    int64_t steps;             // done in all, skipped ones counted
    int64_t epoch;             // at hand or just ended, from 1
    int64_t done;              // of its steps
    int64_t counted;           // of these, in |total|
    double total;              // of losses
    bool ended;                // the epoch's evaluation is done, and its line is in the log
    double val_loss, accuracy; // of the last evaluation; NaN before the first
    double seconds;            // of training so far
    int64_t log_bytes;         // of log.jsonl
    int64_t planned_peak, measured_peak; // bytes of the arena
} snug_position;

enum { SNUG_FACTS = 21, SNUG_FACT_TEXT = 160 };

// What a run's numbers depend on, each as a text.
typedef struct snug_fact {
    const char *key;  // of the note
    const char *what; // for people
    bool is_fixed;    // a run with another one is another run
    char text[SNUG_FACT_TEXT];
} snug_fact;
typedef struct snug_facts {
    snug_fact list[SNUG_FACTS];
    int count;
} snug_facts;

// |samples|: of an epoch's data; |steps|: to do in all.
void snug_facts_list(const snug_plan *plan, const snug_train_options *options, int64_t samples,
                     int64_t steps, snug_facts *out);
// SNUG_INVALID where |checkpoint| is of another run. What else differs is told.
snug_status snug_facts_compare(const snug_facts *facts, const snug_checkpoint *checkpoint,
                               void (*tell)(void *context, const char *text), void *context);

// Adds a checkpoint of |position| to |folder|.
snug_status snug_position_save(const snug_position *position, const snug_facts *facts,
                               const char *note, const char *folder, int keep,
                               snug_trainer *trainer);
// SNUG_BAD_FILE where the checkpoint is none of a loop's.
snug_status snug_position_read(const snug_checkpoint *checkpoint, snug_position *out);

#endif

// `snug explain --what-if`: the trace of a snapshot under other settings of the allocator, what
// each would have reserved at most and whether the request that failed would have succeeded.
#ifndef SNUG_EXPLAIN_TRACE_WHAT_IF_H
#define SNUG_EXPLAIN_TRACE_WHAT_IF_H

#include "base/text.h"
#include "explain/explain.h"
#include "torch_allocator/replay.h"

enum { SNUG_MAX_WHAT_IF = 16 };

typedef struct snug_what_if_row {
    const char *settings; // as for PYTORCH_CUDA_ALLOC_CONF; "" for the defaults
    bool recorded;        // the settings that the trace was recorded with
    bool needs_fraction;  // works only with set_per_process_memory_fraction()
    snug_replay_result result;
} snug_what_if_row;

typedef struct snug_what_if {
    snug_what_if_row rows[SNUG_MAX_WHAT_IF]; // the recorded settings first
    size_t row_count;
    size_t events, requests, failures; // of the trace
    uint64_t recorded_peak;            // reserved bytes, as the trace has them
    uint64_t before;                   // bytes live when the trace begins
    snug_amount capacity;              // that the process could have; told by a failure
    snug_amount wanted, live;          // at the last failure: asked for, and live beside it
    bool reproduced;                   // the recorded settings give the recorded peak and failures
    bool exact;                        // and every segment and address
    const snug_what_if_row *best;      // NULL: none is better
} snug_what_if;

// Texts are borrowed from |snapshot|. SNUG_NOT_FOUND where the device's trace is missing,
// SNUG_INVALID where it contradicts itself; both with words for people. Takes about as long a row
// as reading the trace did.
snug_status snug_what_if_make(const snug_snapshot *snapshot, int device, snug_what_if *out);

// Which settings helped, as facts for the causes.
void snug_what_if_tell(const snug_what_if *what_if, snug_facts *facts);

// A table within 80 columns, and members of a JSON object ("what_if":{...}).
void snug_what_if_append_text(const snug_what_if *what_if, snug_text *out);
void snug_what_if_append_json(const snug_what_if *what_if, snug_text *out);

#endif

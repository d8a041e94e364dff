// All that is found out about a device's snapshot, and the facts that causes judge it by.
#ifndef SNUG_EXPLAIN_TRACE_ANALYSIS_H
#define SNUG_EXPLAIN_TRACE_ANALYSIS_H

#include "base/text.h"
#include "explain/explain.h"
#include "explain/trace/iterations.h"

// What one line of the user's made, of one kind.
typedef struct snug_site_bytes {
    snug_frame_id frame; // 0: no line of the user's is known
    uint8_t kind;        // snug_kind
    uint64_t bytes;      // live at the position explained
    uint64_t count;      // tensors of it
    double growth;       // bytes an iteration
} snug_site_bytes;

typedef struct snug_analysis {
    const snug_snapshot *snapshot;
    snug_stacks frames;
    const snug_stack_about *stacks; // of |frames|, by stack
    snug_timeline timeline;
    snug_iterations iterations;
    snug_memory_layout layout;
    uint64_t kinds[SNUG_KINDS]; // bytes at timeline.at
    snug_site_bytes *sites;     // largest first
    size_t site_count;
    snug_site_bytes *growing; // largest growth first
    size_t growing_count;
    double growth_forward;       // of the growth, what forward passes made
    size_t growing_stacks;       // forward stacks that grow, told apart by their Python frames
    double kept_tensors;         // tensors that an iteration leaves, on average
    bool growing_loss;           // what grows is made by a loss
    const snug_trace_entry *oom; // NULL: none in the trace
} snug_analysis;

// The device that most likely failed.
int snug_analysis_device(const snug_snapshot *snapshot);

// The caller clears |*out|, also after a failure.
snug_status snug_analysis_make(const snug_snapshot *snapshot, int device, snug_analysis *out);
void snug_analysis_clear(snug_analysis *analysis);

// Fills |facts|; texts are the snapshot's. SNUG_NOMEM.
snug_status snug_analysis_tell(const snug_analysis *analysis, snug_facts *facts);

// What only snapshots tell: lines for people, and members of a JSON object. Of the room
// report/: analysis_report.c, analysis_json.c.
void snug_analysis_append_text(const snug_analysis *analysis, snug_text *out);
void snug_analysis_append_json(const snug_analysis *analysis, snug_text *out);

#endif

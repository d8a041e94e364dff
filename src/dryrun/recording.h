// The recording of a place: where it peaks, step by step, and the least memory that it runs in.
#ifndef SNUG_DRYRUN_RECORDING_H
#define SNUG_DRYRUN_RECORDING_H

#include "dryrun/records.h"
#include "explain/trace/analysis.h"
#include "torch_allocator/replay.h"

typedef struct snug_dry_recording {
    snug_snapshot *snapshot;
    int device;
    snug_replay *replay;
    bool reproduced;    // the replay gives the recorded peak again
    bool complete;      // the trace begins with the first allocation
    bool lost_peak;     // it does not, and more was reserved before it began than in it
    uint64_t allocated; // peaks by the replay
    uint64_t reserved;
    uint64_t smallest; // bytes that PyTorch must be able to reserve for the program to run
} snug_dry_recording;

// Reads PID.|kind|.pickle of |place|'s process in |directory|. SNUG_NOT_FOUND where there is none;
// SNUG_BAD_FILE, SNUG_NOMEM. The caller clears |*out|, also after failure.
snug_status snug_dry_recording_read(const char *directory, const snug_dry_place *place,
                                    const char *kind, snug_dry_recording *out);
void snug_dry_recording_clear(snug_dry_recording *recording);

// Whether the program runs where PyTorch can reserve |capacity| bytes, under the recorded settings
// or (|config|) others.
snug_status snug_dry_recording_runs(snug_dry_recording *recording, uint64_t capacity,
                                    const snug_allocator_config *config, bool *out);

// The least capacity, to 2 MiB, at which it runs; |config| NULL: the recorded settings.
snug_status snug_dry_recording_smallest(snug_dry_recording *recording,
                                        const snug_allocator_config *config, uint64_t *out);

// ---- The peak ------------------------------------------------------------------------------

// A line of the program's and what it made, of one kind.
typedef struct snug_dry_line {
    const char *kind;            // of snug_kind_names
    const char *file, *function; // NULL: no line of the program's is known
    int line;
    uint64_t bytes;
} snug_dry_line;

enum { SNUG_DRY_LINES = 8 };

// Texts are the recording's and the records'.
typedef struct snug_dry_peak {
    bool known;
    int64_t step; // from 1; 0: before the first or without one
    const char *phase;
    const char *file, *function; // of the program's line; NULL: unknown
    char marked_file[512];       // where no stack tells it; "": unknown
    int line;
    uint64_t allocated;
    uint64_t kinds[SNUG_KINDS];
    snug_dry_line lines[SNUG_DRY_LINES]; // largest first
    size_t line_count;
    uint64_t first_step, later_steps; // peaks allocated; 0: no such step
    uint64_t first_reserved, later_reserved;
    int64_t steps; // that ended
} snug_dry_peak;

// Finds the peak of |recording|, of |place|. Failures are taken out of its trace: no replay of it
// may follow.
snug_status snug_dry_peak_find(const snug_dry_recording *recording, const snug_dry_place *place,
                               snug_dry_peak *out);

// The member "snapshot" of a JSON object, as `snug explain --json` has it, which the page draws.
snug_status snug_dry_drawing_append(const snug_dry_recording *recording, snug_text *out);

#endif

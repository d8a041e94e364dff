// What the processes of a dry run wrote into its folder: PID.standin.json (the stand-ins),
// PID.python.json (the hook), PID.recording.pickle and PID.oom.pickle (PyTorch).
//
// Processes and cards are seen as places: a card that a process used.
#ifndef SNUG_DRYRUN_RECORDS_H
#define SNUG_DRYRUN_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

// A time that PyTorch ran out of memory.
typedef struct snug_dry_failure {
    int device;
    uint64_t requested, card_bytes, free_bytes;
    int64_t step;             // the iteration it was in, from 1
    uint64_t served;          // allocations that the card had served by then
    const char *phase, *line; // line: "FILE:LINE", "" where unknown
} snug_dry_failure;

// Something that began or ended, told with the allocations that each card had served by then.
typedef struct snug_dry_mark {
    const char *what; // "backward begin"
    const uint64_t *allocations;
    size_t devices;
} snug_dry_mark;

// A read of numbers that no kernel made.
typedef struct snug_dry_read {
    const char *operation, *line; // "" where unknown
    uint64_t count;
    bool dropped; // they came from the host, and there was no room to keep them
} snug_dry_read;

// Calls of a function that only returned.
typedef struct snug_dry_returned {
    const char *library, *name;
    uint64_t calls;
} snug_dry_returned;

typedef struct snug_dry_workspaces {
    const char *what;
    uint64_t calls, sum, largest;
} snug_dry_workspaces;

// Optimizers of one kind that made the same number of steps.
typedef struct snug_dry_optimizer {
    const char *name;
    int64_t steps, count;
} snug_dry_optimizer;

typedef struct snug_dry_process {
    long pid, parent;
    int rank, local_rank; // -1: none
    bool has_hook, has_books;
    // The hook's.
    const char *command; // its arguments, shortened
    const char *python, *torch, *cuda;
    const char *ended;  // "steps", "time", "end", "stopped", "cannot"
    const char *cannot; // "cpu", "rocm", "xpu", "major"
    const char *error_type, *error_message, *error_line; // NULL: no error
    bool error_is_oom;
    const char *import_failure; // of PyTorch, "" none
    const char **others;        // frameworks that cannot be run dry
    size_t other_count;
    int64_t steps;
    snug_dry_optimizer *optimizers;
    size_t optimizer_count;
    snug_dry_failure *failures;
    size_t failure_count;
    uint64_t *recorded; // by device, allocations served when the recording was written
    size_t recorded_count;
    uint64_t peak_reserved, peak_allocated; // of the card it used most, as PyTorch tells it
    const char **architectures; // that its PyTorch has kernels for: "sm_86", "compute_90"
    size_t architecture_count;
    const char **problems;
    size_t problem_count;
    // The stand-ins'.
    snug_dry_mark *marks;
    size_t mark_count;
    snug_dry_read *reads;
    size_t read_count;
    snug_dry_returned *returned;
    size_t returned_count;
    snug_dry_workspaces *workspaces;
    size_t workspace_count;
    const char **notes;
    size_t note_count;
    uint64_t pinned_peak;
} snug_dry_process;

typedef struct snug_dry_place {
    const snug_dry_process *process;
    int device;
    uint64_t total, context;            // the card's bytes; what the context took of them
    uint64_t used, reserved, allocated; // peaks: with the context, PyTorch's segments, its tensors
    uint64_t allocations;               // of tensors
} snug_dry_place;

typedef struct snug_dry_records {
    snug_pool pool;
    snug_dry_process *processes; // by rank, then by process id
    size_t process_count;
    snug_dry_place *places; // by rank, process and device
    size_t place_count;
    size_t hooks; // Pythons that had the hook
} snug_dry_records;

// Reads |directory|. A file that cannot be read counts as missing: its process was cut short.
// SNUG_NOMEM, SNUG_IO. The caller clears |*out|, also after failure.
snug_status snug_dry_records_read(const char *directory, snug_dry_records *out);
void snug_dry_records_clear(snug_dry_records *records);

#endif

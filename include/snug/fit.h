// The mildest fixes under which a PyTorch program fits on a card: each is tried in a dry run before
// it is taken.
//
//     snug_fit_request request = snug_fit_defaults();
//     request.program = (char *[]){"python", "train.py", NULL};
//     snug_gpu_find("RTX 3060", &request.gpu);
//     snug_fit *fit;
//     if (snug_fit_start(&request, &fit) == SNUG_OK && snug_fit_fits(fit))
//         snug_fit_write(fit, "snug-fixes.json");
//     snug_fit_free(fit);
#ifndef SNUG_FIT_H
#define SNUG_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "snug/api.h"
#include "snug/dry_run.h"
#include "snug/plan.h"

SNUG_BEGIN

typedef struct snug_fit_request {
    char *const *program;     // its command line, ends with NULL
    const snug_gpu_info *gpu; // NULL: |memory_bytes| alone
    uint64_t memory_bytes;    // of each card; 0: |gpu|'s
    uint64_t context_bytes;   // 0: by the card
    int64_t reserve_bytes;    // of each card, that stay free; below 0: by the card, none of
                              // |memory_bytes|
    int gpus;
    int steps;           // optimizer steps of each dry run
    double seconds;      // that each may take; 0: as long as it likes
    snug_fidelity allow; // no fix changes more than this
    const char *fixes;   // names that may be used, "checkpoint,offload"; NULL: all
    bool prefer_speed;   // the fastest allowed rather than the mildest
    int verify_steps;    // on the CPU, with and without the chosen fixes; 0: none
    // Told in the JSON, where a part of |program| is varied; NULL: none is.
    const char *vary_name, *vary_value;
    bool vary_is_number;
    int most_runs; // dry runs, at most; 0: as many as are needed, up to 12
    // Hears of each dry run as it begins; NULL: nobody does.
    void (*tell)(void *context, const char *sentence);
    // Asked before each dry run; a dry run itself hears of signals. NULL: nothing stops it.
    bool (*should_stop)(void *context);
    void *context;
} snug_fit_request;

// What a request begins as: one card, three steps a dry run, fixes up to other statistics.
static inline snug_fit_request snug_fit_defaults(void) {
    snug_fit_request request;
    memset(&request, 0, sizeof request);
    request.reserve_bytes = -1;
    request.gpus = 1;
    request.steps = 3;
    request.allow = SNUG_FIDELITY_STATISTICS;
    return request;
}

typedef struct snug_fit snug_fit;

// SNUG_OK whatever came of it: snug_fit_outcome_of() tells. Other failures as of
// snug_dry_run_start(); SNUG_INVALID also for names of fixes that there are not.
SNUG_API snug_status snug_fit_start_sized(const snug_fit_request *request, size_t request_bytes,
                                          snug_fit **out);
static inline snug_status snug_fit_start(const snug_fit_request *request, snug_fit **out) {
    return snug_fit_start_sized(request, sizeof *request, out);
}
SNUG_API void snug_fit_free(snug_fit *fit);

// As of a dry run: FITS with the fixes that were chosen (maybe none), NO_FIT where nothing allowed
// makes it fit, INTERRUPTED where not all was tried, the others as the first dry run ended.
SNUG_API snug_dry_run_outcome snug_fit_outcome_of(const snug_fit *fit);
// Whether fixes were found with which it fits: also before it was interrupted.
SNUG_API bool snug_fit_fits(const snug_fit *fit);

// False where the fixes were verified and gave other results than their fidelity promises. Where
// the program cannot run on the CPU nothing was seen: true, and the report tells.
SNUG_API bool snug_fit_keeps_promise(const snug_fit *fit);

// The report for people (80 columns), as a JSON object in one line, and the lines of PyTorch for
// who would rather write the chosen fixes into the program. The caller frees |*out| with
// snug_dry_run_text_free().
SNUG_API snug_status snug_fit_text(const snug_fit *fit, char **out);
SNUG_API snug_status snug_fit_json(const snug_fit *fit, char **out);
SNUG_API snug_status snug_fit_code(const snug_fit *fit, char **out);
// What came of it in a line or two, indented: of one card among several.
SNUG_API snug_status snug_fit_line(const snug_fit *fit, char **out);

// Writes the chosen fixes to |path|, whole or not at all, for `snug run --fixes`. SNUG_INVALID
// where nothing fits.
SNUG_API snug_status snug_fit_write(const snug_fit *fit, const char *path);

// ---- The program on a real card, with the fixes that were written down.

typedef struct snug_watch snug_watch;

// Runs |program| on the machine's own card with the fixes in the file |fixes| (NULL: none, it is
// only watched), as snug_dry_run_start() runs one dry. SNUG_BAD_FILE where |fixes| is no such file.
SNUG_API snug_status snug_watch_start(char *const *program, const char *fixes, snug_watch **out);
SNUG_API void snug_watch_free(snug_watch *watch);
// The program's exit status, 128 + N where signal N ended it.
SNUG_API int snug_watch_exit(const snug_watch *watch);
SNUG_API bool snug_watch_interrupted(const snug_watch *watch);
// What was seen against what the dry run had seen, and where it ran out of memory why, as
// `snug explain` has it. Freed with snug_dry_run_text_free().
SNUG_API snug_status snug_watch_text(const snug_watch *watch, char **out);

// Fix |index| of the table: its name and a line of help; false past the end.
SNUG_API bool snug_fit_fix_at(int index, const char **name, const char **help);

SNUG_END

#endif

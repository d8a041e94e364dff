// Running a PyTorch program on a card that is not there, and knowing whether it fits: the program
// runs unmodified, PyTorch's own allocator decides, and stand-ins for CUDA's libraries keep books.
//
//     snug_dry_run_request request = snug_dry_run_defaults();
//     request.program = (char *[]){"python", "train.py", NULL};
//     snug_gpu_find("RTX 3060", &request.gpu);
//     snug_dry_run *run;
//     if (snug_dry_run_start(&request, &run) == SNUG_OK) {
//         char *text;
//         if (snug_dry_run_text(run, &text) == SNUG_OK) puts(text);
//         snug_dry_run_text_free(text);
//         snug_dry_run_free(run);
//     }
#ifndef SNUG_DRY_RUN_H
#define SNUG_DRY_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "snug/api.h"
#include "snug/gpu.h"
#include "snug/status.h"

SNUG_BEGIN

// How the workspaces of cuDNN's convolutions are taken.
typedef enum snug_dry_run_workspace {
    SNUG_DRY_RUN_WORKSPACE_MODEL, // what the library would need, by snug's model of it
    SNUG_DRY_RUN_WORKSPACE_NONE,
    SNUG_DRY_RUN_WORKSPACE_SIZE, // |workspace_bytes| for each
} snug_dry_run_workspace;

typedef struct snug_dry_run_request {
    char *const *program;     // its command line, ends with NULL
    const snug_gpu_info *gpu; // NULL: none asked for
    uint64_t memory_bytes;    // of each card; 0: |gpu|'s, or as much as the program likes
    uint64_t context_bytes;   // that the first use of a card takes; 0: by the card
    uint64_t others_bytes;    // of each card, that the program must leave free
    int gpus;                 // how many cards there are
    int steps;                // optimizer steps after which the program is ended; 0: at its own end
    double seconds;           // after which it is ended; 0: none
    uint64_t keep_bytes;      // host memory for bytes that the program reads back; 0: the default
    bool answer_ones;         // what a kernel would have made reads as ones instead of zeros
    snug_dry_run_workspace workspace;
    uint64_t workspace_bytes;
    // For `snug fit`, which tries programs again and again.
    const char *fixes;     // a list of fixes as in snug-fixes.json, [{"fix":...}]; NULL: none
    const char *allocator; // PYTORCH_CUDA_ALLOC_CONF; NULL: as the environment has it
    const char *output;    // a file for what the program prints; NULL: it prints as it does
    bool profile;          // find out what each part of its networks keeps and computes
    bool once;             // where it does not fit, leave it at that
    // On the CPU: "keep:FOLDER" what steps find, or "compare:FOLDER" (python/snug_hook/verify.py).
    const char *verify;
    bool real; // on the machine's own card, with the hook alone (`snug run`)
    // Hears of what takes a while, in a sentence; NULL: nobody does.
    void (*tell)(void *context, const char *sentence);
    void *context;
} snug_dry_run_request;

// What a request begins as: one card, five steps, everything else 0.
static inline snug_dry_run_request snug_dry_run_defaults(void) {
    snug_dry_run_request request;
    memset(&request, 0, sizeof request);
    request.gpus = 1;
    request.steps = 5;
    return request;
}

// What came of it.
typedef enum snug_dry_run_outcome {
    SNUG_DRY_RUN_OUTCOME_FITS,        // on the card asked for; without one: it ran
    SNUG_DRY_RUN_OUTCOME_NO_FIT,      // it ran out of memory
    SNUG_DRY_RUN_OUTCOME_FAILED,      // the program failed by itself
    SNUG_DRY_RUN_OUTCOME_CANNOT,      // it cannot be run dry, or never used a card
    SNUG_DRY_RUN_OUTCOME_INTERRUPTED, // by a signal
} snug_dry_run_outcome;

typedef struct snug_dry_run snug_dry_run;

// Runs |request->program| with this process's standard streams, directory and environment, until it
// ends; where it does not fit it runs once more with all the memory it likes, so that the report
// tells what it would need. SIGINT, SIGTERM and SIGHUP are passed on meanwhile, a second SIGINT
// ends all; no process of it is left, whatever happens to this one. One at a time in a process,
// called from a single thread.
// SNUG_OK whatever the program did; SNUG_NOT_FOUND where it or snug's own files cannot be found;
// SNUG_IO; SNUG_NOMEM; SNUG_INVALID for a request that contradicts itself.
SNUG_API snug_status snug_dry_run_start_sized(const snug_dry_run_request *request,
                                              size_t request_bytes, snug_dry_run **out);
static inline snug_status snug_dry_run_start(const snug_dry_run_request *request,
                                             snug_dry_run **out) {
    return snug_dry_run_start_sized(request, sizeof *request, out);
}
SNUG_API void snug_dry_run_free(snug_dry_run *run);

SNUG_API snug_dry_run_outcome snug_dry_run_outcome_of(const snug_dry_run *run);

// The report for people, at most 80 columns wide, as a JSON object in one line, and as a page that
// needs nothing beside itself. The caller frees |*out| with snug_dry_run_text_free().
SNUG_API snug_status snug_dry_run_text(const snug_dry_run *run, char **out);
SNUG_API snug_status snug_dry_run_json(const snug_dry_run *run, char **out);
SNUG_API snug_status snug_dry_run_html(const snug_dry_run *run, char **out);
// Writes the page to |path|, whole or not at all.
SNUG_API snug_status snug_dry_run_html_write(const snug_dry_run *run, const char *path);
// Writes PyTorch's memory snapshot to |path|, whole or not at all: the failure's where it does not
// fit, else that of whoever used the most. SNUG_IO also where there is none.
SNUG_API snug_status snug_dry_run_recording_write(const snug_dry_run *run, const char *path);
SNUG_API void snug_dry_run_text_free(char *text);

SNUG_END

#endif

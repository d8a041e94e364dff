// Fitting, as its parts see it.
//
//     profiled dry run -> situation   what the program needs, and what it does
//                      -> fixes       one descriptor each: whether it applies, how much of it there
//                                     is, what an amount saves and costs (predicted)
//                      -> search      amounts of fixes, mildest first, each tried in a dry run
//                      -> report, JSON, code, snug-fixes.json
#ifndef SNUG_FIT_FIT_H
#define SNUG_FIT_FIT_H

#include "base/text.h"
#include "dryrun/dry_run_result.h"
#include "fit/frontier.h"
#include "fit/profile.h"
#include "snug/fit.h"

// What fixes may ask about.
typedef struct snug_fit_situation {
    const snug_fit_request *request;
    const snug_gpu_info *gpu; // the card's, or the one whose figures stand in
    snug_dry_run *unfixed;    // the profiled dry run, with all the memory it likes
    snug_fit_profile profile;
    snug_fit_frontier frontier;
    uint64_t total;             // bytes of the card
    uint64_t needed;            // that the program needs of it as it is, with the context
    uint64_t kinds[SNUG_KINDS]; // bytes at its peak
    uint64_t cached;            // reserved, not allocated, at the peak
    double step_seconds;        // predicted
} snug_fit_situation;

// A fix for PyTorch programs: src/fit/fixes/<name>_for_pytorch.c. Amounts go from 0, which is none
// of it, to most(); each saves at least as much as the one before.
typedef struct snug_fit_fix {
    const char *name;
    const char *help; // what it does, in a line
    // Among fixes of one fidelity those of lower rank are taken first: they cost less.
    int rank;
    snug_fidelity (*fidelity)(const snug_fit_situation *situation);
    // Why it cannot be used; NULL: it can.
    const char *(*why_not)(const snug_fit_situation *situation);
    size_t (*most)(const snug_fit_situation *situation);
    uint64_t (*saves)(const snug_fit_situation *situation, size_t amount); // bytes, predicted
    double (*costs)(const snug_fit_situation *situation, size_t amount);   // share of a step
    // Members of its JSON object behind "fix":NAME, each after a comma.
    void (*options)(const snug_fit_situation *situation, size_t amount, snug_text *out);
    // "12 of 12 blocks", "4 pieces"; and the lines of PyTorch that do the same.
    void (*tell)(const snug_fit_situation *situation, size_t amount, snug_text *out);
    void (*code)(const snug_fit_situation *situation, size_t amount, snug_text *out);
} snug_fit_fix;

enum { SNUG_FIT_FIXES = 12, SNUG_FIT_CANDIDATES = 24, SNUG_FIT_RUNS = 12 };

// Gathered by the build; ends with NULL.
extern const snug_fit_fix *const snug_fit_fixes[];

typedef struct snug_fit_candidate {
    size_t amounts[SNUG_FIT_FIXES];
    snug_fidelity fidelity;
    uint64_t predicted; // bytes of the card, before it was tried
    double overhead;    // share of a step, predicted
    bool tried, fits;
    bool failed;                        // the program failed with it
    uint64_t used, reserved, allocated; // peaks, seen; 0 where it did not fit
    char *problem;                      // why it failed; NULL
} snug_fit_candidate;

struct snug_fit {
    snug_fit_request request;
    snug_fit_situation situation;
    snug_dry_run_outcome outcome;
    snug_fit_candidate candidates[SNUG_FIT_CANDIDATES]; // in the order they were thought of
    size_t candidate_count;
    int chosen;         // index; -1: none
    int runs;           // dry runs so far
    snug_dry_run *last; // of the candidate that needs least, where none fits; NULL otherwise
};

// fit_search.c: fills candidates and |chosen|.
snug_status snug_fit_search(snug_fit *fit);
// The names of a candidate's fixes, "checkpoint+early-update"; "none".
void snug_fit_append_names(const snug_fit_candidate *candidate, snug_text *out);
// The JSON list of a candidate's fixes.
void snug_fit_append_fixes(const snug_fit *fit, const snug_fit_candidate *candidate,
                           snug_text *out);
// The allocator's settings of a candidate; NULL: the program's own.
const char *snug_fit_allocator(const snug_fit *fit, const snug_fit_candidate *candidate);

#endif

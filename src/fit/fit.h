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
    uint64_t total, reserve;    // bytes of the card, and of these, that stay free
    uint64_t needed;            // that the program needs of it as it is, with the context
    uint64_t kinds[SNUG_KINDS]; // bytes at its peak
    uint64_t cached;            // reserved, not allocated, at the peak
    uint64_t context;           // CUDA's
    double step_seconds;        // predicted
} snug_fit_situation;

// What a step is predicted to load the card with. Fixes lighten it.
typedef struct snug_fit_load {
    // Kept for backward: at its most loaded moment; at the end of a forward pass; of the largest
    // part that is computed again; inputs of such parts. Of each |share| is left.
    uint64_t kept, at_end, again, inputs;
    double share;
    bool on_host;    // what is kept at the end of a forward pass waits there, but for inputs
    uint64_t loss;   // logits, and what the loss makes of them, at the end of a forward pass
    uint64_t logits; // of that, what is there later
    uint64_t weights, optimizer;
    uint64_t early_gradients; // that are there at the peak
    uint64_t gradients;       // that a step finds, and what it works with
    uint64_t rest;            // that nothing changes: the context, workspaces, the batch
    uint64_t context;
    double cached;  // reserved and not allocated, as a share of what is allocated
    double seconds; // of a step, beyond the program's own
} snug_fit_load;

// A fix for PyTorch programs: src/fit/fixes/<name>_for_pytorch.c. Amounts go from 0, which is none
// of it, to most(); each leaves at most as much as the one before. Members may be NULL where that
// is said.
typedef struct snug_fit_fix {
    const char *name;
    const char *help; // what it does, in a line
    snug_fidelity fidelity;
    snug_fidelity (*fidelity_of)(const snug_fit_situation *situation); // NULL: |fidelity|
    // Why it cannot be used; NULL: it can. May be NULL.
    const char *(*why_not)(const snug_fit_situation *situation);
    size_t (*most)(const snug_fit_situation *situation); // NULL: 1
    // What an amount above 0 leaves of |*load|, predicted.
    void (*lighten)(const snug_fit_situation *situation, size_t amount, snug_fit_load *load);
    // Members of its JSON object behind "fix":NAME, each after a comma. NULL: it has none.
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
    uint64_t tensors;   // of that, without what is cached
    double cached;      // share of |tensors|, predicted
    double overhead;    // share of a step, predicted
    bool tried, fits;
    bool failed;                        // the program failed with it
    uint64_t used, reserved, allocated; // peaks, seen; 0 where it did not fit
    // Seen: the least card that it runs on and its tensors' bytes, or where it did not fit what
    // these are at least.
    uint64_t needed, held;
    char *problem; // why it failed; NULL
} snug_fit_candidate;

// What --verify compared; differences relative to the norm of what there was, below 0: no number.
typedef struct snug_fit_difference {
    int64_t tensors, different, missing, first_step;
    double relative;
} snug_fit_difference;

typedef enum snug_fit_verdict {
    SNUG_FIT_UNVERIFIED,   // it was not asked for, or there is nothing to verify
    SNUG_FIT_NOT_ON_CPU,   // |problem|
    SNUG_FIT_NOT_REPEATED, // the program itself gives other results each time
    SNUG_FIT_KEPT,
    SNUG_FIT_OTHER_RANDOM, // random numbers were drawn in another order: nothing can be compared
    SNUG_FIT_NO_PROMISE,   // differences are told
    SNUG_FIT_BROKEN,
} snug_fit_verdict;

typedef struct snug_fit_verification {
    snug_fit_verdict verdict;
    int64_t steps;
    bool without_dropout; // the fixes draw other random numbers: what is told is without
    snug_fit_difference losses, gradients, weights, buffers, random;
    char *problem;
} snug_fit_verification;

struct snug_fit {
    snug_fit_request request;
    snug_fit_situation situation;
    snug_dry_run_outcome outcome;
    snug_fit_candidate candidates[SNUG_FIT_CANDIDATES]; // in the order they were thought of
    size_t candidate_count;
    int chosen;      // index; -1: none
    int least;       // index of what |last| ran with; -1: none
    int runs;        // dry runs so far
    char output[64]; // a file for what candidates print
    // Tries a candidate on the card: fills what was seen. snug_fit_try(), but in tests.
    snug_status (*try_on_card)(snug_fit *fit, snug_fit_candidate *candidate);
    snug_fit_verification verification;
    snug_dry_run *last; // of the candidate that needs least, where none fits; NULL otherwise
};

// fit_load.c: what the program loads the card with as it is, with a choice of fixes, and the bytes
// of a card that a load needs.
void snug_fit_load_begin(const snug_fit_situation *situation, snug_fit_load *out);
void snug_fit_load_make(const snug_fit_situation *situation, const size_t *amounts,
                        snug_fit_load *out);
// Without what is cached.
uint64_t snug_fit_load_bytes(const snug_fit_load *load);
snug_fidelity snug_fit_fidelity(const snug_fit_situation *situation, size_t fix);
size_t snug_fit_most(const snug_fit_situation *situation, size_t fix);

// Bytes of the card that the program may use.
uint64_t snug_fit_room(const snug_fit_situation *situation);

// Whether it is to stop: by a dry run's signal, or as the request says. The outcome tells.
bool snug_fit_is_stopped(snug_fit *fit);

// fit_try.c: one dry run of a candidate.
snug_status snug_fit_try(snug_fit *fit, snug_fit_candidate *candidate);
// With all the memory it likes: |fit->last|.
snug_status snug_fit_try_without_limit(snug_fit *fit, snug_fit_candidate *candidate);

// fit_otherwise.c: where nothing fits.
void snug_fit_append_otherwise(const snug_fit *fit, snug_text *out);
void snug_fit_append_otherwise_json(const snug_fit *fit, snug_text *out);
void snug_fit_append_accumulation(const snug_fit *fit, snug_text *out);

// fit_parts.c: "parts" of the JSON: bytes kept, and a forward pass as a share of a step.
void snug_fit_append_parts_json(const snug_fit *fit, snug_text *out);

// fit_verify.c: the program on the CPU with and without the chosen fixes: |fit->verification|.
snug_status snug_fit_verify(snug_fit *fit);
void snug_fit_append_verification(const snug_fit *fit, snug_text *out);
void snug_fit_append_verification_json(const snug_fit *fit, snug_text *out);

// fit_search.c: fills candidates, |chosen| and the outcome.
snug_status snug_fit_search(snug_fit *fit);
// The names of a candidate's fixes, "checkpoint+early-update"; "none".
void snug_fit_append_names(const snug_fit_candidate *candidate, snug_text *out);
// The JSON list of a candidate's fixes.
void snug_fit_append_fixes(const snug_fit *fit, const snug_fit_candidate *candidate,
                           snug_text *out);
// The settings of PyTorch's allocator that its fix is.
const char *snug_fit_allocator_settings(const snug_fit_situation *situation);
// The allocator's settings of a candidate; NULL: the program's own.
const char *snug_fit_allocator(const snug_fit *fit, const snug_fit_candidate *candidate);

#endif

// A dry run as its reports see it.
//
//     setup -> launch -> records -> judge   how it ended, and where it does not fit once more
//                     -> needs              recordings, replayed: the peak, cards, settings
//                     -> reports            text, JSON, page
#ifndef SNUG_DRYRUN_DRY_RUN_RESULT_H
#define SNUG_DRYRUN_DRY_RUN_RESULT_H

#include "base/text.h"
#include "dryrun/cards.h"
#include "dryrun/launch.h"
#include "dryrun/setup.h"
#include "snug/explain.h"

// One time that the program ran.
typedef struct snug_dry_attempt {
    snug_dry_setup setup;
    snug_launch_end end;
    snug_dry_records records;
    uint64_t memory; // of each card, bytes
} snug_dry_attempt;

// Why a program cannot be run dry. X(symbol, key)
#define SNUG_DRY_CANNOT_LIST(X)                                                                    \
    X(SNUG_DRY_CAN, "")                                                                            \
    X(SNUG_DRY_CPU_BUILD, "cpu-build") /* PyTorch without CUDA */                                  \
    X(SNUG_DRY_ROCM_BUILD, "rocm-build")                                                           \
    X(SNUG_DRY_XPU_BUILD, "xpu-build")                                                             \
    X(SNUG_DRY_OTHER_MAJOR, "cuda-major")    /* of CUDA, without stand-ins */                      \
    X(SNUG_DRY_OTHER_FRAMEWORK, "framework") /* JAX, TensorFlow */                                 \
    X(SNUG_DRY_MISSING_NAME, "missing-name") /* the stand-ins lack a name */                       \
    X(SNUG_DRY_ISOLATED, "isolated")         /* Python was started without the hook */             \
    X(SNUG_DRY_NO_PYTHON, "no-python")                                                             \
    X(SNUG_DRY_NO_TORCH, "no-pytorch") /* never imported */                                        \
    X(SNUG_DRY_NO_CARD, "no-card")     /* PyTorch never used one */

typedef enum snug_dry_cannot {
#define SNUG_DRY_CANNOT_ENUM(symbol, key) symbol,
    SNUG_DRY_CANNOT_LIST(SNUG_DRY_CANNOT_ENUM)
#undef SNUG_DRY_CANNOT_ENUM
} snug_dry_cannot;

extern const char *const snug_dry_cannot_keys[];

// How an attempt ended.
typedef struct snug_dry_judgement {
    snug_dry_run_outcome outcome;
    snug_dry_cannot cannot;
    const snug_dry_process *failed; // the process that decided; NULL: none did
    size_t handled;                 // times it ran out of memory and went on
} snug_dry_judgement;

// |program|: the command line.
void snug_dry_judge(const snug_dry_attempt *attempt, char *const *program, snug_dry_judgement *out);

struct snug_dry_run {
    snug_dry_run_request request;
    snug_dry_attempt first, again;
    bool ran_again; // with unlimited memory, since it did not fit
    snug_dry_judgement judgement;
    snug_explanation *explanation; // of the failure; NULL: none
    const snug_finding *finding;   // the first of it

    // From the attempt that went furthest.
    const snug_dry_attempt *seen;
    snug_dry_recording *recordings; // one a place of it; those that are missing are empty
    snug_dry_need *needs;           // of those that are not
    size_t need_count;
    size_t *order;      // of the places, the most used first
    snug_dry_peak peak; // of the first of them
    uint64_t smallest;  // bytes of a card that it runs on, by replay; 0: unknown
    snug_dry_card *cards;
    size_t card_count;
    snug_dry_setting settings[SNUG_DRY_SETTINGS];
    size_t setting_count;
    char *recording_problem; // why there is none; NULL: there is
};

// Fills what is told from recordings. needs.c.
snug_status snug_dry_needs_find(snug_dry_run *run);

static inline const snug_dry_place *snug_dry_worst(const snug_dry_run *run) {
    const snug_dry_records *records = &run->seen->records;
    return records->place_count ? &records->places[run->order[0]] : NULL;
}

// Whether the program went as far as it was to: what it needs is known.
static inline bool snug_dry_is_whole(const snug_dry_run *run) {
    return run->judgement.outcome == SNUG_DRY_RUN_OUTCOME_FITS ||
           run->judgement.outcome == SNUG_DRY_RUN_OUTCOME_NO_FIT;
}

// Whether a place runs on the card that was asked for, as far as was seen.
bool snug_dry_place_fits(const snug_dry_run *run, const snug_dry_place *place);

// The name of the card that was asked for; NULL: none was.
const char *snug_dry_gpu_name(const snug_dry_run *run);
// Its bytes; 0: none was asked for.
uint64_t snug_dry_card_bytes(const snug_dry_run *run);

#endif

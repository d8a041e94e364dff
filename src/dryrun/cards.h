// On which cards the program fits, and under which settings of PyTorch's allocator it needs less,
// by replaying recordings. What the dry run saw is one thing, what is said here another: predicted.
#ifndef SNUG_DRYRUN_CARDS_H
#define SNUG_DRYRUN_CARDS_H

#include "dryrun/recording.h"
#include "dryrun/records.h"
#include "snug/gpu.h"

typedef enum snug_dry_verdict {
    SNUG_DRY_FITS,
    SNUG_DRY_TIGHT, // it runs in a replay, with less than the margin to spare
    SNUG_DRY_DOES_NOT,
} snug_dry_verdict;

// "fits", "tight", "does-not".
extern const char *const snug_dry_verdict_names[];

typedef struct snug_dry_card {
    const snug_gpu_info *gpu;
    snug_dry_verdict verdict;
    uint64_t needed; // of its memory, with its context
} snug_dry_card;

// What a recording is replayed with beside it: what the process takes of the card in other ways.
typedef struct snug_dry_need {
    snug_dry_recording *recording;
    uint64_t context; // that the dry run took; a card has its own
    uint64_t outside; // of neither PyTorch's allocator nor the context: libraries' own memory
} snug_dry_need;

// Bytes that have to be spare on a card of |total| for a program to fit without doubt: what cards,
// drivers and libraries differ by.
uint64_t snug_dry_margin(uint64_t total);

// Judges every card that |process|'s PyTorch has kernels for, by memory, the smallest first;
// |context|: of every card, 0: each its own. |*out| has |*count| cards and is freed with
// snug_memory_free().
snug_status snug_dry_cards_judge(const snug_dry_need *needs, size_t need_count, uint64_t context,
                                 const snug_dry_process *process, snug_dry_card **out,
                                 size_t *count);

// Whether a card of compute |capability| (86 for 8.6) runs kernels of |process|'s PyTorch: those of
// its major version and no later minor one, or those that are compiled from an earlier one's. True
// where the process did not tell which it has.
bool snug_dry_has_kernels(const snug_dry_process *process, int capability);

// Whether all of |needs| run where each has |total| bytes of which |context| are the context's.
snug_status snug_dry_runs_within(const snug_dry_need *needs, size_t need_count, uint64_t total,
                                 uint64_t context, bool *out);

// ---- Settings ------------------------------------------------------------------------------

enum { SNUG_DRY_SETTINGS = 6, SNUG_DRY_SETTINGS_TOLD = 3 };

typedef struct snug_dry_setting {
    const char *text;  // for PYTORCH_CUDA_ALLOC_CONF
    uint64_t reserved; // bytes that PyTorch must be able to reserve for the program to run
    bool runs;         // on the card asked for; false without one
} snug_dry_setting;

// Those that need at least a fiftieth less than |need|'s recording as it is, or run on the card of
// |total| bytes (0: none) where it does not; the least first.
snug_status snug_dry_settings_try(const snug_dry_need *need, uint64_t total,
                                  snug_dry_setting out[SNUG_DRY_SETTINGS], size_t *count);

#endif

// What a program needs to run dry: snug's files, a folder for what its processes see, and an
// environment that tells them.
#ifndef SNUG_DRYRUN_SETUP_H
#define SNUG_DRYRUN_SETUP_H

#include "base/pool.h"
#include "snug/dry_run.h"

typedef struct snug_dry_setup {
    snug_pool pool;                // of the texts
    const char *standins, *python; // folders: stand-ins by CUDA's major version, and the hook
    char *directory;               // made for this run, removed with it; NULL: not made
    char **environment;            // ends with NULL
} snug_dry_setup;

// |memory_bytes|: of each card, whatever the request says; 0: as it says. SNUG_NOT_FOUND says
// where snug's own files were looked for; SNUG_IO where no folder can be made in $TMPDIR. The
// caller clears |*out|, also after failure.
snug_status snug_dry_setup_make(const snug_dry_run_request *request, uint64_t memory_bytes,
                                snug_dry_setup *out);
void snug_dry_setup_clear(snug_dry_setup *setup);
// With all that is in it, as far as it can be removed.
void snug_dry_remove_folder(const char *path);

// "as much as it likes": more than any card has, and little enough that PyTorch can set aside
// addresses for it several times over.
#define SNUG_DRY_UNLIMITED ((uint64_t)1 << 41)

// The card whose figures stand where none is asked for.
const snug_gpu_info *snug_dry_setup_gpu(const snug_dry_run_request *request);

// Of each card, in bytes.
uint64_t snug_dry_setup_memory(const snug_dry_run_request *request);

// The text of SNUG_STANDIN (src/standin/standin.h) for |request|, with results in |directory|.
snug_status snug_dry_setup_standin(const snug_dry_run_request *request, uint64_t memory_bytes,
                                   const char *directory, snug_pool *pool, char **out);

#endif

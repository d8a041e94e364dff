#include "dryrun/cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *const snug_dry_verdict_names[] = {"fits", "tight", "does-not"};

uint64_t snug_dry_margin(uint64_t total) {
    const uint64_t least = (uint64_t)256 << 20;
    return total / 64 > least ? total / 64 : least;
}

snug_status snug_dry_runs_within(const snug_dry_need *needs, size_t need_count, uint64_t total,
                                 uint64_t context, bool *out) {
    *out = true;
    for (size_t i = 0; i < need_count && *out; i++) {
        const snug_dry_recording *recording = needs[i].recording;
        uint64_t taken = context + needs[i].outside;
        uint64_t rest = total > taken ? total - taken : 0;
        if (rest >= recording->reserved) continue; // as recorded
        if (rest < recording->smallest)
            *out = false;
        else
            SNUG_TRY(snug_dry_recording_runs(needs[i].recording, rest, NULL, out));
    }
    return SNUG_OK;
}

static uint64_t needed(const snug_dry_need *needs, size_t need_count, uint64_t context) {
    uint64_t most = 0;
    for (size_t i = 0; i < need_count; i++) {
        uint64_t bytes = needs[i].recording->smallest + needs[i].outside + context;
        if (bytes > most) most = bytes;
    }
    return most;
}

static snug_status judge(const snug_dry_need *needs, size_t need_count, uint64_t context,
                         snug_dry_card *card) {
    uint64_t total = card->gpu->total_bytes, margin = snug_dry_margin(total);
    bool runs, runs_well = false;
    if (context == 0) context = snug_gpu_detail(card->gpu).context_bytes;
    card->needed = needed(needs, need_count, context);
    SNUG_TRY(snug_dry_runs_within(needs, need_count, total, context, &runs));
    if (runs)
        SNUG_TRY(snug_dry_runs_within(needs, need_count, total - margin, context, &runs_well));
    card->verdict = runs_well ? SNUG_DRY_FITS : runs ? SNUG_DRY_TIGHT : SNUG_DRY_DOES_NOT;
    return SNUG_OK;
}

static int by_memory(const void *left, const void *right) {
    const snug_dry_card *a = left, *b = right;
    if (a->gpu->total_bytes != b->gpu->total_bytes)
        return a->gpu->total_bytes < b->gpu->total_bytes ? -1 : 1;
    return (a->gpu > b->gpu) - (a->gpu < b->gpu);
}

// "sm_90a" is 90, for such cards alone.
bool snug_dry_has_kernels(const snug_dry_process *process, int capability) {
    bool told = false;
    for (size_t i = 0; i < process->architecture_count; i++) {
        int version = 0;
        if (sscanf(process->architectures[i], "compute_%d", &version) == 1) {
            if (version <= capability) return true;
        } else if (sscanf(process->architectures[i], "sm_%d", &version) == 1) {
            if (version / 10 == capability / 10 && version <= capability) return true;
        }
        told = told || version > 0;
    }
    return !told;
}

snug_status snug_dry_cards_judge(const snug_dry_need *needs, size_t need_count, uint64_t context,
                                 const snug_dry_process *process, snug_dry_card **out,
                                 size_t *count) {
    int known = 0;
    *out = NULL;
    *count = 0;
    while (snug_gpu_at(known))
        known++;
    SNUG_TRY(SNUG_NEW(out, (size_t)known));
    for (int i = 0; i < known; i++)
        if (snug_dry_has_kernels(process, snug_gpu_at(i)->capability))
            (*out)[(*count)++].gpu = snug_gpu_at(i);
    qsort(*out, *count, sizeof **out, by_memory);
    for (size_t i = 0; i < *count; i++)
        SNUG_TRY(judge(needs, need_count, context, &(*out)[i]));
    return SNUG_OK;
}

// ---- Settings ------------------------------------------------------------------------------

static const char *const candidates[SNUG_DRY_SETTINGS] = {
    "expandable_segments:True",   "max_split_size_mb:64",
    "max_split_size_mb:128",      "max_split_size_mb:512",
    "roundup_power2_divisions:8", "expandable_segments:True,roundup_power2_divisions:8",
};

static int by_reserved(const void *left, const void *right) {
    const snug_dry_setting *a = left, *b = right;
    if (a->reserved != b->reserved) return a->reserved < b->reserved ? -1 : 1;
    return (int)strlen(a->text) - (int)strlen(b->text); // of equal ones the simpler
}

snug_status snug_dry_settings_try(const snug_dry_need *need, uint64_t total,
                                  snug_dry_setting out[SNUG_DRY_SETTINGS], size_t *count) {
    uint64_t taken = need->context + need->outside;
    uint64_t rest = total > taken ? total - taken : 0, now = need->recording->smallest;
    *count = 0;
    for (int i = 0; i < SNUG_DRY_SETTINGS; i++) {
        snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
        snug_dry_setting tried = {.text = candidates[i]};
        SNUG_TRY(snug_allocator_config_read(candidates[i], &config));
        SNUG_TRY(snug_dry_recording_smallest(need->recording, &config, &tried.reserved));
        tried.runs = rest > 0 && tried.reserved <= rest;
        if (tried.reserved < now - now / 50 || (tried.runs && now > rest)) out[(*count)++] = tried;
    }
    if (*count > 1) qsort(out, *count, sizeof *out, by_reserved);
    if (*count > SNUG_DRY_SETTINGS_TOLD) *count = SNUG_DRY_SETTINGS_TOLD;
    return SNUG_OK;
}

#include "dryrun/recording.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "explain/snapshot/snapshot.h"
#include "io/file.h"

#define GRAIN ((uint64_t)2 << 20) // what the device gives memory in

static void count_first(snug_dry_recording *self, const snug_dry_place *place) {
    const snug_dry_process *process = place->process;
    size_t device = (size_t)place->device;
    uint64_t recorded = device < process->recorded_count ? process->recorded[device] : 0;
    self->complete = self->replay->requests == recorded;
}

static snug_status measure(snug_dry_recording *self) {
    snug_replay_result result;
    snug_replay *replay = self->replay;
    SNUG_TRY(snug_replay_run(replay, &replay->recorded, true, &result));
    self->reproduced = !result.failed && result.peak_reserved == replay->peak_reserved;
    self->allocated = result.peak_allocated;
    self->reserved = result.peak_reserved;
    return snug_dry_recording_smallest(self, NULL, &self->smallest);
}

snug_status snug_dry_recording_read(const char *directory, const snug_dry_place *place,
                                    const char *kind, snug_dry_recording *out) {
    char path[PATH_MAX];
    char *bytes = NULL;
    size_t length = 0;
    *out = (snug_dry_recording){.device = place->device};
    snprintf(path, sizeof path, "%s/%ld.%s.pickle", directory, place->process->pid, kind);
    snug_status status = snug_file_read(path, &bytes, &length);
    if (status == SNUG_OK) status = snug_snapshot_read(bytes, length, &out->snapshot);
    snug_memory_free(bytes);
    if (status == SNUG_OK) status = snug_replay_new(out->snapshot, place->device, &out->replay);
    if (status != SNUG_OK) return status;
    count_first(out, place);
    return measure(out);
}

void snug_dry_recording_clear(snug_dry_recording *recording) {
    snug_replay_free(recording->replay);
    snug_snapshot_free(recording->snapshot);
    *recording = (snug_dry_recording){0};
}

snug_status snug_dry_recording_runs(snug_dry_recording *recording, uint64_t capacity,
                                    const snug_allocator_config *config, bool *out) {
    snug_replay_result result;
    snug_replay *replay = recording->replay;
    uint64_t before = replay->recorded.capacity;
    replay->recorded.capacity = capacity;
    snug_status status =
        snug_replay_run(replay, config ? config : &replay->recorded, !config, &result);
    replay->recorded.capacity = before;
    *out = status == SNUG_OK && !result.failed;
    return status;
}

// Less memory means more caches given back, so "runs" has one edge, but for rare patterns of
// segments: the smallest that is given runs itself, and it was seen to.
snug_status snug_dry_recording_smallest(snug_dry_recording *recording,
                                        const snug_allocator_config *config, uint64_t *out) {
    snug_replay_result result;
    snug_replay *replay = recording->replay;
    SNUG_TRY(snug_replay_run(replay, config ? config : &replay->recorded, !config, &result));
    uint64_t runs = snug_size_align(result.peak_reserved, GRAIN);
    uint64_t fails = result.peak_allocated / GRAIN * GRAIN;
    *out = runs;
    if (fails > 0) fails -= GRAIN; // where peak_allocated itself is whole it may run
    while (runs > fails + GRAIN) {
        uint64_t middle = (fails + (runs - fails) / 2) / GRAIN * GRAIN;
        bool fits;
        SNUG_TRY(snug_dry_recording_runs(recording, middle, config, &fits));
        *(fits ? &runs : &fails) = middle;
    }
    *out = runs;
    return SNUG_OK;
}

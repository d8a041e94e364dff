// What is told from recordings: who needs the most, where it peaks, on which cards it fits.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dryrun/dry_run_result.h"

bool snug_dry_place_fits(const snug_dry_run *run, const snug_dry_place *place) {
    uint64_t total = snug_dry_card_bytes(run);
    return total == 0 || place->used <= total;
}

const char *snug_dry_gpu_name(const snug_dry_run *run) {
    return run->request.gpu ? run->request.gpu->name : NULL;
}

uint64_t snug_dry_card_bytes(const snug_dry_run *run) {
    if (run->request.memory_bytes) return run->request.memory_bytes;
    return run->request.gpu ? run->request.gpu->total_bytes : 0;
}

// By bytes used, the most first; equal ones stay in the order of their ranks.
static snug_status order_places(snug_dry_run *run) {
    const snug_dry_records *records = &run->seen->records;
    SNUG_TRY(SNUG_NEW(&run->order, records->place_count));
    for (size_t i = 0; i < records->place_count; i++) {
        size_t at = i;
        for (; at > 0 && records->places[run->order[at - 1]].used < records->places[i].used; at--)
            run->order[at] = run->order[at - 1];
        run->order[at] = i;
    }
    return SNUG_OK;
}

// Of a trace that has lost its beginning nobody knows with how little that would have run: it
// counts as what was reserved then.
static void count_lost(const snug_dry_place *place, snug_dry_recording *recording) {
    if (recording->complete || place->reserved <= recording->reserved) return;
    recording->lost_peak = true;
    recording->reserved = place->reserved;
    recording->smallest = place->reserved;
}

static snug_dry_need need_of(const snug_dry_place *place, snug_dry_recording *recording) {
    count_lost(place, recording);
    uint64_t told = place->reserved + place->context;
    return (snug_dry_need){.recording = recording,
                           .context = place->context,
                           .outside = place->used > told ? place->used - told : 0};
}

// What the process itself told of its recording, else what was found.
static const char *why_not(const snug_dry_process *process) {
    static const char word[] = "the recording";
    for (size_t i = 0; i < process->problem_count; i++)
        if (strncmp(process->problems[i], word, strlen(word)) == 0) return process->problems[i];
    return snug_error_message();
}

// A recording that is missing or broken is told, and the rest goes on without it.
static snug_status read_recordings(snug_dry_run *run) {
    const snug_dry_records *records = &run->seen->records;
    SNUG_TRY(SNUG_NEW(&run->recordings, records->place_count));
    SNUG_TRY(SNUG_NEW(&run->needs, records->place_count));
    for (size_t i = 0; i < records->place_count; i++) {
        const snug_dry_place *place = &records->places[i];
        snug_dry_recording *recording = &run->recordings[i];
        snug_status status =
            snug_dry_recording_read(run->seen->setup.directory, place, "recording", recording);
        if (status == SNUG_NOMEM) return status;
        if (status == SNUG_OK) {
            run->needs[run->need_count++] = need_of(place, recording);
            continue;
        }
        snug_dry_recording_clear(recording);
        // A card that only libraries used has no trace.
        if (place->reserved > 0 && !run->recording_problem)
            SNUG_TRY(snug_memory_copy_text(why_not(place->process), &run->recording_problem));
    }
    return SNUG_OK;
}

static snug_dry_need *need_of_worst(snug_dry_run *run) {
    for (size_t i = 0; i < run->need_count; i++)
        if (run->needs[i].recording == &run->recordings[run->order[0]]) return &run->needs[i];
    return NULL;
}

static void find_smallest(snug_dry_run *run) {
    for (size_t i = 0; i < run->need_count; i++) {
        const snug_dry_need *need = &run->needs[i];
        uint64_t bytes = need->recording->smallest + need->outside + need->context;
        if (bytes > run->smallest) run->smallest = bytes;
    }
}

// Whether what was seen is all that the program does. One that failed, or of which a rank has no
// recording, says too little about cards; so does one that was only seen to run out of memory.
static bool is_whole(const snug_dry_run *run) {
    return run->need_count > 0 && !run->recording_problem && snug_dry_is_whole(run) &&
           (run->judgement.outcome == SNUG_DRY_RUN_OUTCOME_FITS || run->seen == &run->again);
}

snug_status snug_dry_needs_find(snug_dry_run *run) {
    const snug_dry_records *records = &run->seen->records;
    if (records->place_count == 0) return SNUG_OK;
    SNUG_TRY(order_places(run));
    SNUG_TRY(read_recordings(run));
    snug_dry_need *worst = need_of_worst(run);
    if (is_whole(run)) {
        find_smallest(run);
        SNUG_TRY(snug_dry_cards_judge(run->needs, run->need_count, run->request.context_bytes,
                                      records->places[run->order[0]].process, &run->cards,
                                      &run->card_count));
    }
    if (is_whole(run) && worst)
        SNUG_TRY(snug_dry_settings_try(worst, snug_dry_card_bytes(run), run->settings,
                                       &run->setting_count));
    if (!worst) return SNUG_OK;
    return snug_dry_peak_find(worst->recording, &records->places[run->order[0]], &run->peak);
}

#include "explain/trace/what_if.h"

#include <inttypes.h>
#include <string.h>

#include "base/page.h"
#include "base/size.h"

static const char *const candidates[] = {
    "",
    "expandable_segments:True",
    "max_split_size_mb:64",
    "max_split_size_mb:128",
    "max_split_size_mb:256",
    "max_split_size_mb:512",
    "garbage_collection_threshold:0.8",
    "roundup_power2_divisions:4",
    "roundup_power2_divisions:8",
    "max_split_size_mb:128,garbage_collection_threshold:0.8",
    "expandable_segments:True,roundup_power2_divisions:8",
};

static bool are_equal(const snug_allocator_config *a, const snug_allocator_config *b) {
    return a->max_split_size == b->max_split_size &&
           a->garbage_collection_threshold == b->garbage_collection_threshold &&
           a->expandable_segments == b->expandable_segments &&
           memcmp(a->divisions, b->divisions, sizeof a->divisions) == 0;
}

// Garbage collection goes by a limit of the process's own: all that it could have.
static bool set_limit(const snug_replay *replay, snug_allocator_config *config) {
    bool collects = config->garbage_collection_threshold > 0;
    if (collects) config->limit = replay->recorded.capacity;
    return collects;
}

static snug_status add_row(snug_what_if *out, const snug_replay *replay, const char *settings,
                           snug_allocator_config config, bool recorded) {
    snug_what_if_row *row = &out->rows[out->row_count];
    row->settings = settings;
    row->recorded = recorded;
    row->needs_fraction = !recorded && set_limit(replay, &config);
    SNUG_TRY(snug_replay_run(replay, &config, recorded, &row->result));
    out->row_count++;
    return SNUG_OK;
}

static bool is_reproduced(const snug_what_if *what_if, const snug_replay_result *result) {
    return !result->failed && result->served == 0 &&
           result->peak_reserved == what_if->recorded_peak;
}

// What was recorded comes first. Whether a process had a limit is in no snapshot: with a threshold
// it is tried without and with one.
static snug_status add_recorded(snug_what_if *out, const snug_replay *replay) {
    snug_allocator_config config = replay->recorded;
    const char *text = snug_snapshot_text(replay->snapshot, replay->snapshot->settings.text);
    SNUG_TRY(add_row(out, replay, text, config, true));
    if (!is_reproduced(out, &out->rows[0].result) && set_limit(replay, &config)) {
        out->row_count = 0;
        SNUG_TRY(add_row(out, replay, text, config, true));
    }
    const snug_replay_result *result = &out->rows[0].result;
    out->reproduced = is_reproduced(out, result);
    out->exact = out->reproduced && result->alike == result->requests &&
                 result->placed_alike == result->requests;
    if (out->failures > 0) out->live = snug_amount_of(result->live_at_failure);
    return SNUG_OK;
}

static bool succeeds(const snug_what_if *what_if, const snug_what_if_row *row) {
    return !row->result.failed && (what_if->failures == 0 || row->result.last_served);
}

// The settings that make the failed request succeed within the least; of about equal ones the
// first. Where nothing failed, those that reserve noticeably less.
static const snug_what_if_row *find_best(const snug_what_if *what_if) {
    const snug_what_if_row *best = NULL;
    if (!what_if->reproduced) return NULL;
    uint64_t least = what_if->failures > 0 ? UINT64_MAX : what_if->recorded_peak;
    for (size_t i = 1; i < what_if->row_count; i++) {
        const snug_what_if_row *row = &what_if->rows[i];
        uint64_t peak = row->result.peak_reserved;
        if (!succeeds(what_if, row) || peak >= least - least / 50) continue;
        best = row;
        least = peak;
    }
    return best;
}

snug_status snug_what_if_make(const snug_snapshot *snapshot, int device, snug_what_if *out) {
    *out = (snug_what_if){0};
    snug_replay *replay = NULL;
    SNUG_TRY(snug_replay_new(snapshot, device, &replay));
    out->events = replay->count;
    out->requests = replay->requests;
    out->failures = replay->failures;
    out->recorded_peak = replay->peak_reserved;
    out->before = replay->live_bytes;
    bool told = replay->recorded.capacity != SNUG_ALLOCATOR_NO_LIMIT;
    if (told) out->capacity = snug_amount_of(replay->recorded.capacity);
    if (out->failures > 0) out->wanted = snug_amount_of(replay->entries[replay->last_failure].size);
    snug_status status = add_recorded(out, replay);
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0] && status == SNUG_OK; i++) {
        snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
        status = snug_allocator_config_read(candidates[i], &config);
        // Without a failure nobody knows the limit that garbage collection goes by.
        bool unknown = config.garbage_collection_threshold > 0 && !told;
        if (status == SNUG_OK && !unknown && !are_equal(&config, &replay->recorded))
            status = add_row(out, replay, candidates[i], config, false);
    }
    out->best = find_best(out);
    snug_replay_free(replay);
    return status;
}

void snug_what_if_tell(const snug_what_if *what_if, snug_facts *facts) {
    if (!what_if->reproduced || what_if->failures == 0) return;
    facts->what_if_tried = what_if->row_count - 1;
    if (!what_if->best) return;
    facts->what_if = what_if->best->settings;
    facts->what_if_reserved = snug_amount_of(what_if->best->result.peak_reserved);
    facts->what_if_fraction = what_if->best->needs_fraction;
}

// ---- Reports -------------------------------------------------------------------------------

enum { SETTINGS_WIDTH = 46 };

static const char *verdict(const snug_what_if *what_if, const snug_what_if_row *row) {
    if (row->result.failed) return "fails earlier";
    if (what_if->failures == 0) return "-";
    return row->result.last_served ? "succeeds" : "fails";
}

static void append_settings(const snug_what_if_row *row, snug_text *out) {
    const char *text = *row->settings ? row->settings : "the defaults";
    // Long ones go over several lines, broken after commas.
    for (;;) {
        size_t length = strlen(text);
        if (length <= SETTINGS_WIDTH) break;
        size_t taken = SETTINGS_WIDTH;
        for (size_t i = 1; i < SETTINGS_WIDTH; i++)
            if (text[i - 1] == ',') taken = i;
        snug_text_append(out, "  %.*s\n", (int)taken, text);
        text += taken;
    }
    snug_text_append(out, "  %-*s", SETTINGS_WIDTH, text);
}

static void append_row(const snug_what_if *what_if, const snug_what_if_row *row, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    append_settings(row, out);
    snug_text_append(out, "%15s  %s%s\n", snug_size_print(row->result.peak_reserved, size),
                     verdict(what_if, row), row->needs_fraction ? " *" : "");
}

static void append_notes(const snug_what_if *what_if, snug_text *out) {
    char a[SNUG_SIZE_TEXT], b[SNUG_SIZE_TEXT], c[SNUG_SIZE_TEXT];
    bool fraction = false;
    for (size_t i = 0; i < what_if->row_count; i++)
        fraction |= what_if->rows[i].needs_fraction;
    if (fraction)
        snug_text_append(out, "  * acts only with torch.cuda.set_per_process_memory_fraction()\n");
    if (what_if->before > 0)
        snug_text_append(out,
                         "  %s were live before the trace begins; elsewhere than as recorded\n"
                         "  they are asked for first, in the order of their addresses.\n",
                         snug_size_print(what_if->before, a));
    if (!what_if->reproduced)
        snug_text_append(out,
                         "  The replay as recorded does not give the recorded peak of %s%s,\n"
                         "  so take these figures as rough, and none is recommended.\n",
                         snug_size_print(what_if->recorded_peak, a),
                         what_if->failures ? " and failures" : "");
    uint64_t wanted = what_if->wanted.bytes, live = what_if->live.bytes;
    if (what_if->reproduced && what_if->wanted.known && what_if->capacity.known &&
        live + wanted > what_if->capacity.bytes)
        snug_text_append(out,
                         "  No setting can help: %s live and %s asked for are more than\n"
                         "  the %s that there were.\n",
                         snug_size_print(live, a), snug_size_print(wanted, b),
                         snug_size_print(what_if->capacity.bytes, c));
}

void snug_what_if_append_text(const snug_what_if *what_if, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    snug_text_append(out, "\nThe trace under other settings (%zu requests%s)\n", what_if->requests,
                     what_if->exact ? "; as recorded to the byte" : "");
    snug_text_append(out, "  %-*s%15s  %s\n", SETTINGS_WIDTH, "PYTORCH_CUDA_ALLOC_CONF",
                     "reserved peak", what_if->failures ? "failed request" : "");
    for (size_t i = 0; i < what_if->row_count; i++) {
        append_row(what_if, &what_if->rows[i], out);
        if (i > 0) continue;
        snug_text_append(out, "    (as recorded)\n");
    }
    append_notes(what_if, out);
    if (!what_if->best) return;
    uint64_t peak = what_if->best->result.peak_reserved;
    snug_text_append(out, "  Best: %s\n", what_if->best->settings);
    if (peak < what_if->recorded_peak)
        snug_text_append(out, "  %s less reserved at the peak.\n",
                         snug_size_print(what_if->recorded_peak - peak, size));
}

void snug_what_if_append_json(const snug_what_if *what_if, snug_text *out) {
    snug_text_append(out,
                     "\"what_if\":{\"reproduced\":%s,\"exact\":%s,\"recorded_peak_bytes\":%" PRIu64
                     ",\"requests\":%zu,\"failures\":%zu",
                     what_if->reproduced ? "true" : "false", what_if->exact ? "true" : "false",
                     what_if->recorded_peak, what_if->requests, what_if->failures);
    if (what_if->capacity.known)
        snug_text_append(out, ",\"capacity_bytes\":%" PRIu64, what_if->capacity.bytes);
    else
        snug_text_append(out, ",\"capacity_bytes\":null");
    snug_text_append(out, ",\"best\":");
    if (what_if->best)
        snug_page_append_string(out, what_if->best->settings);
    else
        snug_text_append(out, "null");
    snug_text_append(out, ",\"settings\":[");
    for (size_t i = 0; i < what_if->row_count; i++) {
        const snug_what_if_row *row = &what_if->rows[i];
        snug_text_append(out, "%s{\"settings\":", i ? "," : "");
        snug_page_append_string(out, row->settings);
        snug_text_append(out, ",\"recorded\":%s,\"peak_reserved_bytes\":%" PRIu64,
                         row->recorded ? "true" : "false", row->result.peak_reserved);
        bool told = what_if->failures > 0 || row->result.failed;
        snug_text_append(out, ",\"succeeds\":%s,\"fails_earlier\":%s,\"needs_fraction\":%s}",
                         !told                    ? "null"
                         : succeeds(what_if, row) ? "true"
                                                  : "false",
                         row->result.failed ? "true" : "false",
                         row->needs_fraction ? "true" : "false");
    }
    snug_text_append(out, "]}");
}

#include "plan/time_cache.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/file.h"

// 0 stands for a free entry.
static uint64_t hash_of(const char *text) {
    uint64_t hash = snug_hash_text(text);
    return hash ? hash : 1;
}

static snug_time_entry *entry_of(const snug_time_cache *cache, uint64_t key) {
    size_t mask = cache->entry_count - 1, at = (size_t)key & mask;
    while (cache->entries[at].key && cache->entries[at].key != key)
        at = (at + 1) & mask;
    return &cache->entries[at];
}

static snug_status put(snug_time_cache *cache, uint64_t key, double seconds) {
    if (2 * (cache->used + 1) > cache->entry_count) {
        snug_time_cache larger = {.entry_count = cache->entry_count ? 2 * cache->entry_count : 256};
        SNUG_TRY(SNUG_NEW(&larger.entries, larger.entry_count));
        for (size_t i = 0; i < cache->entry_count; i++)
            if (cache->entries[i].key)
                *entry_of(&larger, cache->entries[i].key) = cache->entries[i];
        snug_memory_free(cache->entries);
        cache->entries = larger.entries;
        cache->entry_count = larger.entry_count;
    }
    snug_time_entry *entry = entry_of(cache, key);
    cache->used += entry->key == 0;
    *entry = (snug_time_entry){key, seconds};
    return SNUG_OK;
}

// Adds the file's entries to those that are not there yet. Lines: a key in hexadecimal, seconds.
static snug_status read_file(snug_time_cache *cache) {
    FILE *stream = fopen(cache->path, "r");
    if (!stream) return SNUG_OK;
    char line[512];
    snug_status status = SNUG_OK;
    while (status == SNUG_OK && fgets(line, sizeof line, stream)) {
        uint64_t key;
        double seconds;
        if (sscanf(line, "%" SCNx64 " %lf", &key, &seconds) != 2 || key == 0) continue;
        if (!isfinite(seconds) || seconds < 0) continue;
        if (cache->entry_count && entry_of(cache, key)->key) continue;
        status = put(cache, key, seconds);
    }
    fclose(stream);
    return status;
}

// The user's cache directory of snug, made if need be. Empty when there is no place for one.
static void find_folder(snug_text *folder) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/')
        snug_text_append(folder, "%s/snug", base);
    else if (home && home[0] == '/')
        snug_text_append(folder, "%s/.cache/snug", home);
}

snug_status snug_time_cache_open(const char *machine, snug_time_cache *out) {
    *out = (snug_time_cache){0};
    snug_text path = {0};
    snug_status status;
    SNUG_TRY_GOTO(snug_memory_copy_text(machine, &out->machine), done);
    find_folder(&path);
    if (path.length == 0) goto done;
    snug_text_append(&path, "/times-%016" PRIx64 ".txt", hash_of(machine));
    SNUG_TRY_GOTO(snug_text_status(&path), done);
    SNUG_TRY_GOTO(snug_memory_copy_text(path.data, &out->path), done);
    status = read_file(out);
done:
    snug_text_clear(&path);
    if (status != SNUG_OK) snug_time_cache_close(out);
    return status;
}

bool snug_time_cache_find(const snug_time_cache *cache, const char *key, double *out) {
    if (cache->entry_count == 0) return false;
    const snug_time_entry *entry = entry_of(cache, hash_of(key));
    *out = entry->seconds;
    return entry->key != 0;
}

static snug_status write_file(snug_time_cache *cache) {
    SNUG_TRY(read_file(cache));
    snug_text text = {0}, folder = {0};
    snug_text_append(&text, "# snug: seconds of kernels on %s\n", cache->machine);
    for (size_t i = 0; i < cache->entry_count; i++)
        if (cache->entries[i].key)
            snug_text_append(&text, "%016" PRIx64 " %.17g\n", cache->entries[i].key,
                             cache->entries[i].seconds);
    find_folder(&folder);
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_text_status(&folder);
    if (status == SNUG_OK) status = snug_folder_make(snug_text_view(&folder));
    if (status == SNUG_OK) status = snug_file_write_text(cache->path, text.data);
    snug_text_clear(&text);
    snug_text_clear(&folder);
    return status;
}

snug_status snug_time_cache_add(snug_time_cache *cache, const char *key, double seconds) {
    enum { SECONDS_BETWEEN_WRITES = 10 }; // what an interrupt may lose
    SNUG_TRY(put(cache, hash_of(key), seconds));
    double now = snug_clock_seconds();
    if (!cache->is_changed) cache->written = now;
    cache->is_changed = true;
    if (cache->path && now - cache->written > SECONDS_BETWEEN_WRITES) {
        (void)write_file(cache); // without a cache, it is timed again
        cache->written = now;
    }
    return SNUG_OK;
}

void snug_time_cache_close(snug_time_cache *cache) {
    if (cache->is_changed && cache->path) (void)write_file(cache);
    snug_memory_free(cache->path);
    snug_memory_free(cache->machine);
    snug_memory_free(cache->entries);
    *cache = (snug_time_cache){0};
}

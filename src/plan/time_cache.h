// Measured times by key, kept in a file of the user's cache directory.
#ifndef SNUG_PLAN_TIME_CACHE_H
#define SNUG_PLAN_TIME_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct snug_time_entry {
    uint64_t key; // 0: free
    double seconds;
} snug_time_entry;

// Zero-initialised, a cache is empty and has no file.
typedef struct snug_time_cache {
    char *path, *machine;
    snug_time_entry *entries; // open addressing; a power of two of them
    size_t entry_count, used;
    bool is_changed;
    double written; // seconds of the clock
} snug_time_cache;

// Reads what is known of |machine|, a line of text that names all that times depend on besides the
// key. A missing, damaged or unreadable file counts as empty.
snug_status snug_time_cache_open(const char *machine, snug_time_cache *out);

bool snug_time_cache_find(const snug_time_cache *cache, const char *key, double *out);
// Writes the file now and then, so that an interrupt loses little.
snug_status snug_time_cache_add(snug_time_cache *cache, const char *key, double seconds);

// Writes the file when something was added, together with what others wrote meanwhile. A directory
// that cannot be written costs the next run its time, no more: nothing is reported.
void snug_time_cache_close(snug_time_cache *cache);

#endif

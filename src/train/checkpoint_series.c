// The checkpoints of a folder: checkpoint-NUMBER.safetensors.
#include "train/checkpoint_series.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static const char beginning[] = "checkpoint-", ending[] = ".safetensors";

// At least as many digits as path_of() writes, and nothing else.
int64_t snug_checkpoint_number(const char *name) {
    if (strncmp(name, beginning, sizeof beginning - 1) != 0) return -1;
    const char *digits = name + sizeof beginning - 1;
    size_t count = strspn(digits, "0123456789");
    if (count < 6 || count > 18 || strcmp(digits + count, ending) != 0) return -1;
    return strtoll(digits, NULL, 10);
}

static snug_status path_of(const char *folder, int64_t number, snug_text *out) {
    snug_text_append(out, "%s/%s%06" PRId64 "%s", folder, beginning, number, ending);
    return snug_text_status(out);
}

static int compare_descending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

// The numbers that are there, the highest first. The caller frees |*out|.
static snug_status list_numbers(const char *folder, int64_t **out, size_t *count) {
    size_t capacity = 0;
    *out = NULL;
    *count = 0;
    DIR *open_folder = opendir(folder);
    if (!open_folder)
        return snug_fail(errno == ENOENT ? SNUG_NOT_FOUND : SNUG_IO, "cannot look into %s: %s",
                         folder, strerror(errno));
    snug_status status = SNUG_OK;
    for (const struct dirent *entry; status == SNUG_OK && (entry = readdir(open_folder));) {
        int64_t number = snug_checkpoint_number(entry->d_name);
        if (number < 0) continue;
        status = SNUG_GROW(out, &capacity, *count + 1);
        if (status == SNUG_OK) (*out)[(*count)++] = number;
    }
    closedir(open_folder);
    if (*count) qsort(*out, *count, sizeof **out, compare_descending);
    return status;
}

static snug_status remove_one(const char *folder, int64_t number) {
    snug_text path = {0};
    snug_status status = path_of(folder, number, &path);
    if (status == SNUG_OK && unlink(path.data) != 0 && errno != ENOENT)
        status = snug_fail(SNUG_IO, "cannot remove %s: %s", path.data, strerror(errno));
    snug_text_clear(&path);
    return status;
}

snug_status snug_checkpoint_add(const char *folder, int64_t number, int keep, snug_trainer *trainer,
                                const char *const *notes) {
    SNUG_REQUIRE(folder && trainer, "a folder and a trainer");
    SNUG_REQUIRE(number >= 0 && keep >= 1, "a number of at least 0, and 1 or more to keep");
    snug_text path = {0};
    int64_t *numbers = NULL;
    size_t count = 0;
    snug_status status = path_of(folder, number, &path);
    if (status == SNUG_OK) status = snug_checkpoint_write(trainer, path.data, notes);
    if (status == SNUG_OK) status = list_numbers(folder, &numbers, &count);
    int kept = 0;
    for (size_t i = 0; status == SNUG_OK && i < count; i++) {
        if (numbers[i] <= number && kept++ < keep) continue;
        status = remove_one(folder, numbers[i]);
    }
    snug_memory_free(numbers);
    snug_text_clear(&path);
    return status;
}

snug_status snug_checkpoint_newest(const char *folder,
                                   void (*tell)(void *context, const char *text), void *context,
                                   snug_checkpoint **out) {
    SNUG_REQUIRE(out, "a place for the checkpoint");
    *out = NULL;
    SNUG_REQUIRE(folder, "a folder");
    int64_t *numbers = NULL;
    size_t count = 0;
    snug_status status = list_numbers(folder, &numbers, &count);
    if (status == SNUG_OK && count == 0)
        status = snug_fail(SNUG_NOT_FOUND, "%s has no checkpoint", folder);
    bool found = status != SNUG_OK;
    for (size_t i = 0; !found && i < count; i++) {
        snug_text path = {0};
        status = path_of(folder, numbers[i], &path);
        if (status == SNUG_OK) status = snug_checkpoint_open(path.data, out);
        snug_text_clear(&path);
        found = status == SNUG_OK || status == SNUG_NOMEM;
        if (!found && tell) tell(context, snug_error_message());
    }
    if (!found) status = snug_fail_context(status, "none of %s's checkpoints is whole", folder);
    snug_memory_free(numbers);
    return status;
}

// Files that are written whole or not at all.
#ifndef SNUG_IO_FILE_H
#define SNUG_IO_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

// A file under construction: it lies beside |path| until snug_file_commit() moves it there. What is
// no regular file (a pipe, a device) is written to at once, and |temporary| is NULL.
typedef struct snug_file {
    FILE *stream;
    char *path, *temporary;
} snug_file;

// SNUG_IO names the path and the reason, here and below; SNUG_INVALID for an empty |path|.
snug_status snug_file_create(const char *path, snug_file *out);
snug_status snug_file_write(snug_file *file, const void *bytes, size_t count);
// Makes the content durable and gives it its name, durably too; the file is closed either way.
snug_status snug_file_commit(snug_file *file);
// Closes and removes what was written so far. Does nothing after commit.
void snug_file_abandon(snug_file *file);

// Writes |text| to |path|.
snug_status snug_file_write_text(const char *path, const char *text);

// Reads the whole of the file at |path| into |*bytes|, freed with snug_memory_free(); a NUL that is
// not counted follows. SNUG_NOT_FOUND where it cannot be opened, SNUG_IO, SNUG_NOMEM.
snug_status snug_file_read(const char *path, char **bytes, size_t *length);

// Makes directory |path| and those above it that are missing.
snug_status snug_folder_make(const char *path);

#endif

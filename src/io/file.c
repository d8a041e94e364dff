#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static snug_status io_error(const char *what, const char *path) {
    return snug_fail(SNUG_IO, "%s %s: %s", what, path, strerror(errno));
}

// Devices and pipes take what is written as it comes; a link stays, what it leads to is replaced.
static snug_status choose_paths(const char *path, snug_file *out) {
    struct stat found;
    if (!*path) return snug_fail(SNUG_INVALID, "the name of a file to write is empty");
    bool exists = stat(path, &found) == 0;
    if (exists && S_ISDIR(found.st_mode)) {
        errno = EISDIR;
        return io_error("cannot write", path);
    }
    char *real = exists ? realpath(path, NULL) : NULL;
    snug_status status = snug_memory_copy_text(real ? real : path, &out->path);
    free(real);
    if (status != SNUG_OK || (exists && !S_ISREG(found.st_mode))) return status;
    snug_text temporary = {0};
    snug_text_append(&temporary, "%s.%ld.tmp", out->path, (long)getpid());
    SNUG_TRY(snug_text_status(&temporary));
    out->temporary = temporary.data;
    return SNUG_OK;
}

snug_status snug_file_create(const char *path, snug_file *out) {
    *out = (snug_file){0};
    snug_status status = choose_paths(path, out);
    if (status == SNUG_OK) {
        out->stream = fopen(out->temporary ? out->temporary : out->path, "wb");
        if (!out->stream) status = io_error("cannot write", path);
    }
    if (status != SNUG_OK) snug_file_abandon(out);
    return status;
}

snug_status snug_file_write(snug_file *file, const void *bytes, size_t count) {
    if (count && fwrite(bytes, 1, count, file->stream) != count)
        return io_error("cannot write", file->path);
    return SNUG_OK;
}

// A new name outlives a power cut once the folder that has it is on the disk. What cannot be synced
// (a file system without) is none's failure.
static void sync_folder(const char *path) {
    char *folder = NULL;
    if (snug_memory_copy_text(path, &folder) != SNUG_OK) return;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int descriptor = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
    snug_memory_free(folder);
}

snug_status snug_file_commit(snug_file *file) {
    snug_status status = SNUG_OK;
    bool fails = fflush(file->stream) != 0;
    if (fails || (file->temporary && fsync(fileno(file->stream)) != 0))
        status = io_error("cannot write", file->path);
    if (fclose(file->stream) != 0 && status == SNUG_OK)
        status = io_error("cannot write", file->path);
    file->stream = NULL;
    if (file->temporary) {
        if (status == SNUG_OK && rename(file->temporary, file->path) != 0)
            status = io_error("cannot write", file->path);
        if (status == SNUG_OK)
            sync_folder(file->path);
        else
            unlink(file->temporary);
    }
    snug_memory_free(file->path);
    snug_memory_free(file->temporary);
    *file = (snug_file){0};
    return status;
}

void snug_file_abandon(snug_file *file) {
    if (file->stream) {
        fclose(file->stream);
        if (file->temporary) unlink(file->temporary);
    }
    snug_memory_free(file->path);
    snug_memory_free(file->temporary);
    *file = (snug_file){0};
}

snug_status snug_file_write_text(const char *path, const char *text) {
    snug_file file;
    SNUG_TRY(snug_file_create(path, &file));
    snug_status status = snug_file_write(&file, text, strlen(text));
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_status snug_folder_make(const char *path) {
    char *copy = NULL;
    SNUG_TRY(snug_memory_copy_text(path, &copy));
    snug_status status = SNUG_OK;
    for (char *at = copy + (copy[0] == '/'); status == SNUG_OK; at++) {
        if (*at && *at != '/') continue;
        char kept = *at;
        *at = '\0';
        if (*copy && mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = io_error("cannot make the folder", copy);
        *at = kept;
        if (!kept) break;
    }
    struct stat found;
    if (status == SNUG_OK && (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)))
        status = snug_fail(SNUG_IO, "%s is not a folder", path);
    snug_memory_free(copy);
    return status;
}

snug_status snug_file_read(const char *path, char **bytes, size_t *length) {
    FILE *file = fopen(path, "rbe");
    *bytes = NULL;
    *length = 0;
    if (!file) return snug_fail(SNUG_NOT_FOUND, "cannot open '%s': %s", path, strerror(errno));
    snug_status status = SNUG_OK;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        status = snug_fail(SNUG_IO, "cannot read '%s': %s", path, strerror(errno));
    if (status == SNUG_OK) status = SNUG_NEW(bytes, (size_t)size + 1);
    if (status == SNUG_OK) *length = fread(*bytes, 1, (size_t)size, file);
    fclose(file);
    return status;
}

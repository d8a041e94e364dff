// Files in memory, and tensors' data in files beside the model.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/onnx/reader.h"

static snug_status map_descriptor(struct snug_onnx_storage *storage, const char *path,
                                  int descriptor, snug_onnx_mapping **out) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(found.st_mode)) return snug_fail(SNUG_BAD_FILE, "%s is not a file", path);
    snug_onnx_mapping *mapping = NULL;
    SNUG_TRY(snug_pool_new(&storage->pool, sizeof *mapping, (void **)&mapping));
    mapping->bytes = (size_t)found.st_size;
    if (mapping->bytes) {
        void *data = mmap(NULL, mapping->bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED) return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
        mapping->data = data;
    }
    mapping->next = storage->mappings;
    storage->mappings = mapping;
    *out = mapping;
    return SNUG_OK;
}

snug_status snug_onnx_map(struct snug_onnx_storage *storage, const char *path,
                          snug_onnx_mapping **out) {
    *out = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return snug_fail(errno == ENOENT ? SNUG_NOT_FOUND : SNUG_IO, "%s: %s", path,
                         strerror(errno));
    snug_status status = map_descriptor(storage, path, descriptor, out);
    close(descriptor);
    if (status != SNUG_OK) return status;
    assert(*out);
    (*out)->location = "";
    return SNUG_OK;
}

void snug_onnx_unmap(struct snug_onnx_storage *storage) {
    for (snug_onnx_mapping *mapping = storage->mappings; mapping; mapping = mapping->next)
        // munmap takes away the const that mmap's users see.
        if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->bytes);
    storage->mappings = NULL;
}

static snug_status refuse_part(const char *part, int error) {
    if (error == ENOENT)
        return snug_fail(SNUG_BAD_FILE,
                         "external data \"%.200s\" is missing: it belongs into the model's folder",
                         part);
    bool is_link = error == ELOOP || error == ENOTDIR; // what open() says of one for a folder
    return snug_fail(is_link ? SNUG_BAD_FILE : SNUG_IO, "external data \"%.200s\": %s%s", part,
                     error == ENOTDIR ? "no folder; " : "",
                     is_link ? "symbolic links are not followed" : strerror(error));
}

// Opens |location| below |folder| part by part: no part is "..", and none is a symbolic link, so
// that a file from the network cannot have others read.
static snug_status open_below(const char *folder, const char *location, int *out) {
    char part[256];
    *out = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0) return snug_fail(SNUG_IO, "%s: %s", folder, strerror(errno));
    while (*location) {
        size_t length = strcspn(location, "/");
        bool is_last = location[length] == '\0';
        bool escapes = length == 2 && memcmp(location, "..", 2) == 0;
        if (length == 0 || length >= sizeof part || escapes)
            return snug_fail(SNUG_BAD_FILE,
                             "external data in a file of the model's folder expected, found "
                             "\"%.200s\"",
                             location);
        memcpy(part, location, length);
        part[length] = '\0';
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (is_last ? O_NONBLOCK : O_DIRECTORY);
        int next = openat(*out, part, flags);
        int error = errno;
        close(*out);
        *out = next;
        if (next < 0) return refuse_part(part, error);
        location += length + !is_last;
    }
    return SNUG_OK;
}

static snug_status find_mapping(snug_onnx_reader *reader, const char *location,
                                snug_onnx_mapping **out) {
    for (*out = reader->storage->mappings; *out; *out = (*out)->next)
        if ((*out)->location[0] && strcmp((*out)->location, location) == 0) return SNUG_OK;
    if (!reader->folder || location[0] == '\0' || location[0] == '/')
        return snug_fail(SNUG_BAD_FILE,
                         "external data in a file of the model's folder expected, found "
                         "\"%.200s\"",
                         location);
    int descriptor = -1;
    snug_status status = open_below(reader->folder, location, &descriptor);
    if (status == SNUG_OK) status = map_descriptor(reader->storage, location, descriptor, out);
    if (descriptor >= 0) close(descriptor);
    if (status != SNUG_OK) return status;
    assert(*out);
    (*out)->location = location;
    return SNUG_OK;
}

snug_status snug_onnx_external(snug_onnx_reader *reader, const char *location, uint64_t offset,
                               size_t *length, const void **out) {
    snug_onnx_mapping *mapping;
    SNUG_TRY(find_mapping(reader, location, &mapping));
    if (offset > mapping->bytes || (*length != SIZE_MAX && *length > mapping->bytes - offset))
        return snug_fail(SNUG_BAD_FILE,
                         "external data at byte %llu of \"%.200s\", which ends at byte %zu: is it "
                         "truncated?",
                         (unsigned long long)offset, location, mapping->bytes);
    if (*length == SIZE_MAX) *length = mapping->bytes - (size_t)offset;
    *out = mapping->data ? (const uint8_t *)mapping->data + offset : NULL;
    return SNUG_OK;
}

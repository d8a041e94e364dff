// numpy's .npz files, which are ZIP archives of .npy arrays, stored or deflated (PKWARE's APPNOTE,
// numpy.lib.format): converted array by array, a piece at a time.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/pool.h"
#include "data/conversion.h"
#include "data/numpy_array.h"

enum {
    MOST_ARRAYS = 64,
    PIECE = 1 << 14,
    END_BYTES = 22, // of the archive's last record, without its comment
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30
};

typedef struct array {
    snug_numpy_array inside;
    uint64_t begin; // of its bytes in the archive
    int method;     // 0: stored, 8: deflated
} array;

typedef struct archive {
    const char *path;
    FILE *file;
    snug_pool pool;
    array arrays[MOST_ARRAYS];
    size_t count;
    z_stream stream;
    bool is_open; // |stream|
    unsigned char piece[PIECE];
} archive;

static uint64_t number(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static snug_status fail(const archive *self, const char *why) {
    return snug_fail(SNUG_BAD_FILE, "%s is no .npz file that can be read: %s", self->path, why);
}

static snug_status read_at(const archive *self, uint64_t at, void *to, size_t bytes) {
    if (at > INT64_MAX || fseeko(self->file, (off_t)at, SEEK_SET) != 0 ||
        fread(to, 1, bytes, self->file) != bytes)
        return fail(self, "it ends too early");
    return SNUG_OK;
}

static void close_array(archive *self) {
    if (self->is_open) inflateEnd(&self->stream);
    self->is_open = false;
}

// The array's file, from its start; its bytes are then had from read_array().
static snug_status open_array(archive *self, const array *of) {
    close_array(self);
    if (of->begin > INT64_MAX || fseeko(self->file, (off_t)of->begin, SEEK_SET) != 0)
        return fail(self, "it ends too early");
    if (of->method == 0) return SNUG_OK;
    self->stream = (z_stream){0};
    if (inflateInit2(&self->stream, -MAX_WBITS) != Z_OK)
        return snug_fail(SNUG_NOMEM, "inflating %s", self->path);
    self->is_open = true;
    return SNUG_OK;
}

static snug_status read_array(archive *self, void *to, size_t bytes) {
    if (!self->is_open)
        return fread(to, 1, bytes, self->file) == bytes ? SNUG_OK : fail(self, "it ends too early");
    self->stream.next_out = to;
    self->stream.avail_out = (uInt)bytes;
    while (self->stream.avail_out > 0) {
        if (self->stream.avail_in == 0) {
            self->stream.next_in = self->piece;
            self->stream.avail_in = (uInt)fread(self->piece, 1, PIECE, self->file);
        }
        int result = inflate(&self->stream, Z_NO_FLUSH);
        bool ends = result != Z_OK || self->stream.avail_in == 0;
        if (self->stream.avail_out > 0 && ends && (result != Z_OK || feof(self->file)))
            return fail(self, "compressed data are damaged or end too early");
    }
    return SNUG_OK;
}

// The source of snug_numpy_*().
static snug_status read_piece(void *context, void *to, size_t bytes) {
    return read_array(context, to, bytes);
}

// Opens the array and reads its header, so that its elements come next.
static snug_status begin_array(archive *self, array *of) {
    SNUG_TRY(open_array(self, of));
    return snug_numpy_begin(read_piece, self, self->path, &of->inside);
}

static snug_status add_entry(archive *self, const unsigned char *entry, const char *name,
                             size_t length) {
    unsigned char local[LOCAL_BYTES] = {0};
    array *out = &self->arrays[self->count];
    char *kept = NULL;
    if (length < 4 || strncmp(name + length - 4, ".npy", 4) != 0) return SNUG_OK;
    if (self->count == MOST_ARRAYS) return fail(self, "more than 64 arrays");
    SNUG_TRY(snug_pool_print(&self->pool, &kept, "%.*s", (int)length - 4, name));
    *out = (array){.inside.name = kept, .method = (int)number(entry + 10, 2)};
    uint64_t start = number(entry + 42, 4);
    if (start == UINT32_MAX || (out->method != 0 && out->method != 8))
        return fail(self, "entries beyond 4 GiB and methods other than deflate are not supported");
    SNUG_TRY(read_at(self, start, local, LOCAL_BYTES));
    out->begin = start + LOCAL_BYTES + number(local + 26, 2) + number(local + 28, 2);
    SNUG_TRY(begin_array(self, out));
    self->count++;
    return SNUG_OK;
}

static snug_status read_directory(archive *self) {
    unsigned char end[END_BYTES] = {0}, entry[ENTRY_BYTES] = {0};
    char name[256];
    if (fseeko(self->file, 0, SEEK_END) != 0) return fail(self, "it cannot be read");
    off_t length = ftello(self->file);
    if (length < END_BYTES) return fail(self, "it is too short");
    SNUG_TRY(read_at(self, (uint64_t)length - END_BYTES, end, END_BYTES));
    if (memcmp(end, "PK\5\6", 4) != 0) return fail(self, "it does not end as an archive does");
    uint64_t at = number(end + 16, 4), entries = number(end + 10, 2);
    for (uint64_t i = 0; i < entries; i++) {
        SNUG_TRY(read_at(self, at, entry, ENTRY_BYTES));
        size_t name_length = (size_t)number(entry + 28, 2);
        if (memcmp(entry, "PK\1\2", 4) != 0 || name_length >= sizeof name)
            return fail(self, "its directory is damaged");
        SNUG_TRY(read_at(self, at + ENTRY_BYTES, name, name_length));
        SNUG_TRY(add_entry(self, entry, name, name_length));
        at += ENTRY_BYTES + name_length + number(entry + 30, 2) + number(entry + 32, 2);
    }
    return self->count > 0 ? SNUG_OK : fail(self, "it has no arrays");
}

static snug_status write_array(archive *self, array *of, snug_file *to) {
    SNUG_TRY(begin_array(self, of));
    return snug_numpy_copy(read_piece, self, &of->inside, to);
}

static snug_status write_archive(archive *self, const char *to) {
    snug_safetensors_item items[MOST_ARRAYS];
    snug_file file;
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < self->count; i++)
        items[i] =
            (snug_safetensors_item){self->arrays[i].inside.name, self->arrays[i].inside.type};
    SNUG_TRY(snug_safetensors_create(to, items, self->count, NULL, &file));
    for (size_t i = 0; i < self->count && status == SNUG_OK; i++)
        status = write_array(self, &self->arrays[i], &file);
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_status snug_data_open_npz(const char *path, snug_safetensors *out) {
    archive *self = NULL;
    char *temporary = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->path = path;
    self->file = fopen(path, "rb");
    snug_status status = self->file
                             ? read_directory(self)
                             : snug_fail(SNUG_IO, "cannot read %s: %s", path, strerror(errno));
    if (status == SNUG_OK) status = snug_data_temporary(&temporary);
    if (status == SNUG_OK) {
        status = write_archive(self, temporary);
        if (status == SNUG_OK)
            status = snug_data_open_temporary(temporary, out);
        else
            unlink(temporary);
    }
    close_array(self);
    if (self->file) fclose(self->file);
    snug_memory_free(temporary);
    snug_pool_clear(&self->pool);
    snug_memory_free(self);
    return status;
}

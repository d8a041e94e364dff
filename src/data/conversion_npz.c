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
#include "data/element.h"

enum {
    MOST_ARRAYS = 64,
    HEADER_BYTES = 4096, // of an .npy file; numpy's have 128
    PIECE = 1 << 14,
    END_BYTES = 22, // of the archive's last record, without its comment
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30
};

typedef struct array {
    const char *name;
    snug_dtype stored;
    snug_type type; // as it is written
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

static bool is_target(const char *name) {
    return strcmp(name, "target") == 0 || strcmp(name, "test_target") == 0;
}

static snug_status read_type(const archive *self, const char *header, array *out) {
    static const struct {
        const char *text;
        snug_dtype dtype;
    } types[] = {{"'<f4'", SNUG_F32}, {"'<f8'", SNUG_F64},  {"'<f2'", SNUG_F16},
                 {"'<i8'", SNUG_I64}, {"'<i4'", SNUG_I32},  {"'<i2'", SNUG_I16},
                 {"'|i1'", SNUG_I8},  {"'|u1'", SNUG_U8},   {"'<u2'", SNUG_U16},
                 {"'<u4'", SNUG_U32}, {"'|b1'", SNUG_BOOL}, {"'<u8'", SNUG_U64}};
    const char *type = strstr(header, "'descr':"), *shape = strstr(header, "'shape':");
    size_t found = 0, count = sizeof types / sizeof *types;
    if (!type || !shape || !strstr(header, "'fortran_order': False"))
        return snug_fail(SNUG_BAD_FILE,
                         "%s: the array '%s' is not in C's order: numpy.ascontiguousarray() first",
                         self->path, out->name);
    type += strspn(type + 8, " ") + 8;
    while (found < count && strncmp(type, types[found].text, 5) != 0)
        found++;
    if (found == count)
        return snug_fail(SNUG_BAD_FILE, "%s: the array '%s' has elements %.12s: numbers expected",
                         self->path, out->name, type);
    out->stored = types[found].dtype;
    snug_dtype kept = out->stored == SNUG_F64 ? SNUG_F32 : out->stored;
    if (is_target(out->name) && !snug_dtype_is_float(kept)) kept = SNUG_I64;
    out->type = snug_type_scalar(kept);
    shape += strspn(shape + 8, " (") + 8;
    for (char *end; *shape && *shape != ')'; shape = end + strspn(end, ", ")) {
        long long extent = strtoll(shape, &end, 10);
        if (end == shape || extent < 0 || out->type.rank == SNUG_MAX_RANK)
            return snug_fail(SNUG_BAD_FILE, "%s: the array '%s' has more than %d dimensions",
                             self->path, out->name, SNUG_MAX_RANK);
        out->type.dims[out->type.rank++] = extent;
    }
    return snug_type_check(&out->type);
}

// Opens the array and reads its header, so that its elements come next.
static snug_status begin_array(archive *self, array *of) {
    unsigned char start[12];
    char header[HEADER_BYTES + 1];
    SNUG_TRY(open_array(self, of));
    SNUG_TRY(read_array(self, start, 10));
    if (memcmp(start, "\x93NUMPY", 6) != 0) return fail(self, "an entry is no array of numpy's");
    uint64_t length = number(start + 8, 2);
    if (start[6] > 1) {
        SNUG_TRY(read_array(self, start + 10, 2));
        length = number(start + 8, 4);
    }
    if (length > HEADER_BYTES) return fail(self, "the header of an array is too long");
    SNUG_TRY(read_array(self, header, length));
    header[length] = '\0';
    return read_type(self, header, of);
}

static snug_status add_entry(archive *self, const unsigned char *entry, const char *name,
                             size_t length) {
    unsigned char local[LOCAL_BYTES] = {0};
    array *out = &self->arrays[self->count];
    char *kept = NULL;
    if (length < 4 || strncmp(name + length - 4, ".npy", 4) != 0) return SNUG_OK;
    if (self->count == MOST_ARRAYS) return fail(self, "more than 64 arrays");
    SNUG_TRY(snug_pool_print(&self->pool, &kept, "%.*s", (int)length - 4, name));
    *out = (array){.name = kept, .method = (int)number(entry + 10, 2)};
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
    enum { ELEMENTS = 1024 };
    int64_t from[ELEMENTS], made[ELEMENTS];
    SNUG_TRY(begin_array(self, of));
    for (int64_t left = snug_type_elements(&of->type); left > 0;) {
        int64_t count = left < ELEMENTS ? left : ELEMENTS;
        SNUG_TRY(read_array(self, from, (size_t)count * snug_dtype_bytes(of->stored)));
        snug_elements_convert(from, of->stored, count, made, of->type.dtype);
        SNUG_TRY(snug_file_write(to, made, (size_t)count * snug_dtype_bytes(of->type.dtype)));
        left -= count;
    }
    return SNUG_OK;
}

static snug_status write_archive(archive *self, const char *to) {
    snug_safetensors_item items[MOST_ARRAYS];
    snug_file file;
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < self->count; i++)
        items[i] = (snug_safetensors_item){self->arrays[i].name, self->arrays[i].type};
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

#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define HEADER_LIMIT (UINT64_C(100) << 20)

// The format's names of element types.
static const struct {
    const char *name;
    snug_dtype dtype;
} dtypes[] = {
    {"F32", SNUG_F32}, {"F64", SNUG_F64}, {"F16", SNUG_F16}, {"BF16", SNUG_BF16},
    {"I64", SNUG_I64}, {"I32", SNUG_I32}, {"U8", SNUG_U8},   {"BOOL", SNUG_BOOL},
    {"I8", SNUG_I8},   {"I16", SNUG_I16}, {"U16", SNUG_U16}, {"U32", SNUG_U32},
    {"U64", SNUG_U64},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static snug_status bad(const char *path, const char *name, const char *what) {
    return snug_fail(SNUG_BAD_FILE, "%s: not a safetensors file: %s%s%s", path, name,
                     name[0] ? ": " : "", what);
}

static bool find_dtype(const char *name, snug_dtype *out) {
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *out = dtypes[i].dtype;
            return true;
        }
    return false;
}

static const char *dtype_text(snug_dtype dtype) {
    for (int i = 0; i < DTYPES; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    return "";
}

static snug_status read_shape(const char *path, const char *name, const json_t *shape,
                              snug_type *type) {
    if (!json_is_array(shape) || json_array_size(shape) > SNUG_MAX_RANK)
        return bad(path, name, "a shape of at most 8 dimensions expected");
    type->rank = (int)json_array_size(shape);
    for (int i = 0; i < type->rank; i++) {
        const json_t *extent = json_array_get(shape, (size_t)i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return bad(path, name, "a dimension that is not a whole number");
        type->dims[i] = json_integer_value(extent);
    }
    return snug_type_check(type) == SNUG_OK ? SNUG_OK : bad(path, name, "the shape overflows");
}

// |data_begin| and |data_bytes|: the file's part behind the header.
static snug_status read_entry(const char *path, const char *name, const json_t *value,
                              uint64_t data_begin, uint64_t data_bytes,
                              snug_safetensors_entry *entry, bool *known) {
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!dtype || json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bad(path, name, "dtype, shape and two data_offsets expected");
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > data_bytes)
        return bad(path, name, "data_offsets lie outside the file: is it truncated?");
    *entry = (snug_safetensors_entry){.name = name, .begin = data_begin + (uint64_t)from};
    *known = find_dtype(dtype, &entry->type.dtype);
    if (!*known) return SNUG_OK;
    SNUG_TRY(read_shape(path, name, json_object_get(value, "shape"), &entry->type));
    if (snug_type_bytes(&entry->type) != (uint64_t)(to - from))
        return bad(path, name, "data_offsets do not agree with the shape");
    return SNUG_OK;
}

static snug_status read_entries(snug_safetensors *file, uint64_t data_begin, uint64_t data_bytes) {
    json_t *header = file->header;
    SNUG_TRY(SNUG_NEW(&file->entries, json_object_size(header)));
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value) {
        if (strcmp(name, "__metadata__") == 0) continue;
        bool known = false;
        SNUG_TRY(read_entry(file->path, name, value, data_begin, data_bytes,
                            &file->entries[file->count], &known));
        file->count += known;
    }
    return SNUG_OK;
}

static snug_status read_header(snug_safetensors *file, uint64_t file_bytes) {
    unsigned char prefix[8];
    if (file_bytes < sizeof prefix || pread(file->descriptor, prefix, sizeof prefix, 0) != 8)
        return bad(file->path, "", "shorter than 8 bytes");
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | prefix[i];
    if (length > HEADER_LIMIT || length > file_bytes - 8)
        return bad(file->path, "", "the header's length is beyond the file: is it truncated?");
    char *text = NULL;
    SNUG_TRY(SNUG_NEW(&text, (size_t)length + 1));
    snug_status status = SNUG_OK;
    if (pread(file->descriptor, text, (size_t)length, 8) != (ssize_t)length) {
        status = snug_fail(SNUG_IO, "%s: cannot be read", file->path);
    } else {
        json_error_t error;
        file->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object((json_t *)file->header))
            status = bad(file->path, "", file->header ? "the header is no object" : error.text);
    }
    snug_memory_free(text);
    SNUG_TRY(status);
    return read_entries(file, 8 + length, file_bytes - 8 - length);
}

snug_status snug_safetensors_open(const char *path, snug_safetensors *out) {
    *out = (snug_safetensors){.descriptor = -1};
    snug_status status = snug_memory_copy_text(path, &out->path);
    struct stat found = {0};
    if (status == SNUG_OK) {
        out->descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (out->descriptor < 0 || fstat(out->descriptor, &found) != 0)
            status = snug_fail(errno == ENOENT ? SNUG_NOT_FOUND : SNUG_IO, "%s: %s", path,
                               strerror(errno));
        else if (!S_ISREG(found.st_mode))
            status = snug_fail(SNUG_BAD_FILE, "%s is not a file", path);
    }
    if (status == SNUG_OK) status = read_header(out, (uint64_t)found.st_size);
    if (status != SNUG_OK) snug_safetensors_close(out);
    return status;
}

void snug_safetensors_close(snug_safetensors *file) {
    if (file->descriptor >= 0) close(file->descriptor);
    json_decref(file->header);
    snug_memory_free(file->entries);
    snug_memory_free(file->path);
    *file = (snug_safetensors){.descriptor = -1};
}

const snug_safetensors_entry *snug_safetensors_find(const snug_safetensors *file,
                                                    const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0) return &file->entries[i];
    return NULL;
}

const char *snug_safetensors_metadata(const snug_safetensors *file, const char *key) {
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    return json_string_value(json_object_get(metadata, key));
}

snug_status snug_safetensors_read(const snug_safetensors *file, const snug_safetensors_entry *entry,
                                  uint64_t offset, void *to, size_t bytes) {
    if (offset > snug_type_bytes(&entry->type) || bytes > snug_type_bytes(&entry->type) - offset)
        return snug_fail(SNUG_INVALID, "%s: a read beyond the end of '%s'", file->path,
                         entry->name);
    for (size_t done = 0; done < bytes;) {
        ssize_t part = pread(file->descriptor, (char *)to + done, bytes - done,
                             (off_t)(entry->begin + offset + done));
        if (part <= 0)
            return snug_fail(SNUG_IO, "%s: '%s' cannot be read: %s", file->path, entry->name,
                             part < 0 ? strerror(errno) : "the file became shorter");
        done += (size_t)part;
    }
    return SNUG_OK;
}

static json_t *header_json(const snug_safetensors_item *items, size_t count,
                           const char *const *metadata) {
    json_t *header = json_object(), *texts = json_object();
    int failed = 0;
    for (; metadata && metadata[0]; metadata += 2)
        failed |= json_object_set_new(texts, metadata[0], json_string(metadata[1]));
    failed |= json_object_set_new(header, "__metadata__", texts);
    json_int_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        const snug_type *type = &items[i].type;
        json_t *shape = json_array();
        for (int j = 0; j < type->rank; j++)
            failed |= json_array_append_new(shape, json_integer(type->dims[j]));
        json_int_t end = begin + (json_int_t)snug_type_bytes(type);
        failed |=
            json_object_set_new(header, items[i].name,
                                json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text(type->dtype),
                                          "shape", shape, "data_offsets", begin, end));
        begin = end;
    }
    if (!failed) return header;
    json_decref(header);
    return NULL;
}

static snug_status write_header(snug_file *file, const char *text) {
    // Padded with spaces so that the tensors begin on a multiple of 8 bytes.
    uint64_t length = strlen(text), padded = (length + 7) / 8 * 8;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)(padded >> 8 * i);
    SNUG_TRY(snug_file_write(file, prefix, sizeof prefix));
    SNUG_TRY(snug_file_write(file, text, (size_t)length));
    return snug_file_write(file, "       ", (size_t)(padded - length));
}

snug_status snug_safetensors_create(const char *path, const snug_safetensors_item *items,
                                    size_t count, const char *const *metadata, snug_file *out) {
    *out = (snug_file){0};
    json_t *header = header_json(items, count, metadata);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return snug_fail(SNUG_NOMEM, "no host memory for the header of %s", path);
    snug_status status = snug_file_create(path, out);
    if (status == SNUG_OK) {
        status = write_header(out, text);
        if (status != SNUG_OK) snug_file_abandon(out);
    }
    json_free_t release = NULL;
    json_get_alloc_funcs(NULL, &release);
    release(text);
    return status;
}

#include "data/numpy_array.h"

#include <stdlib.h>
#include <string.h>

#include "data/element.h"

enum { HEADER_BYTES = 4096 }; // at most; numpy's have 128

static bool is_target(const char *name) {
    return strcmp(name, "target") == 0 || strcmp(name, "test_target") == 0;
}

static snug_status read_type(const char *path, const char *header, snug_numpy_array *out) {
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
                         path, out->name);
    type += strspn(type + 8, " ") + 8;
    while (found < count && strncmp(type, types[found].text, 5) != 0)
        found++;
    if (found == count)
        return snug_fail(SNUG_BAD_FILE, "%s: the array '%s' has elements %.12s: numbers expected",
                         path, out->name, type);
    out->stored = types[found].dtype;
    snug_dtype kept = out->stored == SNUG_F64 ? SNUG_F32 : out->stored;
    if (is_target(out->name) && !snug_dtype_is_float(kept)) kept = SNUG_I64;
    out->type = snug_type_scalar(kept);
    shape += strspn(shape + 8, " (") + 8;
    for (char *end; *shape && *shape != ')'; shape = end + strspn(end, ", ")) {
        long long extent = strtoll(shape, &end, 10);
        if (end == shape || extent < 0 || out->type.rank == SNUG_MAX_RANK)
            return snug_fail(SNUG_BAD_FILE, "%s: the array '%s' has more than %d dimensions", path,
                             out->name, SNUG_MAX_RANK);
        out->type.dims[out->type.rank++] = extent;
    }
    return snug_type_check(&out->type);
}

static snug_status fail(const char *path, const char *why) {
    return snug_fail(SNUG_BAD_FILE, "%s: %s", path, why);
}

snug_status snug_numpy_begin(snug_numpy_read read, void *context, const char *path,
                             snug_numpy_array *array) {
    unsigned char start[12];
    char header[HEADER_BYTES + 1];
    SNUG_TRY(read(context, start, 10));
    if (memcmp(start, "\x93NUMPY", 6) != 0) return fail(path, "an array of numpy's expected");
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        SNUG_TRY(read(context, start + 10, 2));
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length > HEADER_BYTES) return fail(path, "the header of an array is too long");
    SNUG_TRY(read(context, header, length));
    header[length] = '\0';
    return read_type(path, header, array);
}

snug_status snug_numpy_copy(snug_numpy_read read, void *context, const snug_numpy_array *array,
                            snug_file *to) {
    enum { ELEMENTS = 1024 };
    int64_t from[ELEMENTS], made[ELEMENTS];
    for (int64_t left = snug_type_elements(&array->type); left > 0;) {
        int64_t count = left < ELEMENTS ? left : ELEMENTS;
        SNUG_TRY(read(context, from, (size_t)count * snug_dtype_bytes(array->stored)));
        snug_elements_convert(from, array->stored, count, made, array->type.dtype);
        SNUG_TRY(snug_file_write(to, made, (size_t)count * snug_dtype_bytes(array->type.dtype)));
        left -= count;
    }
    return SNUG_OK;
}

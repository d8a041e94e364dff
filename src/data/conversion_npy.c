// A pair of numpy's .npy files, inputs and targets, whose names tell that they belong together:
// x.npy and y.npy, images_train.npy and labels_train.npy. With `test` or `val` for `train` in both
// names, a second pair is the test samples.
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/conversion.h"
#include "data/numpy_array.h"

enum { FILES = 4 }; // input, target, test_input, test_target

typedef struct numpy_pair {
    char paths[FILES][PATH_MAX];
    FILE *files[FILES];
    snug_numpy_array arrays[FILES];
    size_t count;
} numpy_pair;

static const char *const pairs[][2] = {{"x", "y"},
                                       {"X", "y"},
                                       {"X", "Y"},
                                       {"input", "target"},
                                       {"inputs", "targets"},
                                       {"images", "labels"},
                                       {"image", "label"},
                                       {"data", "labels"},
                                       {"data", "target"},
                                       {"data", "targets"},
                                       {"features", "labels"}};
enum { PAIRS = sizeof pairs / sizeof *pairs };

// Writes |path| with the word |from| of its file's name turned into |to|; false when the name has
// no such word, a part between what is neither letter nor digit, or there is no such file.
static bool turn_word(const char *path, const char *from, const char *to, char *out) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(from);
    for (const char *at = name; (at = strstr(at, from)); at++) {
        bool begins = at == name || !isalnum((unsigned char)at[-1]);
        if (!begins || isalnum((unsigned char)at[length])) continue;
        int used = snprintf(out, PATH_MAX, "%.*s%s%s", (int)(at - path), path, to, at + length);
        if (used < PATH_MAX && access(out, F_OK) == 0) return true;
    }
    return false;
}

static snug_status find_files(numpy_pair *self, const char *path) {
    static const char *const tests[] = {"test", "val"};
    int used = snprintf(self->paths[0], PATH_MAX, "%s", path);
    bool found = false;
    for (int i = 0; i < PAIRS && used < PATH_MAX && !found; i++)
        found = turn_word(path, pairs[i][0], pairs[i][1], self->paths[1]);
    if (!found)
        return snug_fail(SNUG_BAD_FILE,
                         "%s is one array, and where are its targets? They are looked for beside "
                         "it by name: x.npy and y.npy, images.npy and labels.npy, x_train.npy and "
                         "y_train.npy. Or in Python: numpy.savez('data.npz', input=x, target=y)",
                         path);
    self->count = 2;
    for (int i = 0; i < 2 && self->count == 2; i++)
        if (turn_word(self->paths[0], "train", tests[i], self->paths[2]) &&
            turn_word(self->paths[1], "train", tests[i], self->paths[3]))
            self->count = FILES;
    return SNUG_OK;
}

typedef struct numpy_source {
    const char *path;
    FILE *file;
} numpy_source;

static snug_status read_piece(void *context, void *to, size_t bytes) {
    const numpy_source *source = context;
    if (fread(to, 1, bytes, source->file) == bytes) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "%s ends too early", source->path);
}

static snug_status open_files(numpy_pair *self) {
    static const char *const names[] = {"input", "target", "test_input", "test_target"};
    for (size_t i = 0; i < self->count; i++) {
        self->files[i] = fopen(self->paths[i], "rbe");
        if (!self->files[i])
            return snug_fail(SNUG_IO, "cannot read %s: %s", self->paths[i], strerror(errno));
        numpy_source source = {self->paths[i], self->files[i]};
        self->arrays[i].name = names[i];
        SNUG_TRY(snug_numpy_begin(read_piece, &source, self->paths[i], &self->arrays[i]));
    }
    return SNUG_OK;
}

static snug_status write_arrays(numpy_pair *self, const char *to) {
    snug_safetensors_item items[FILES];
    snug_file file;
    for (size_t i = 0; i < self->count; i++)
        items[i] = (snug_safetensors_item){self->arrays[i].name, self->arrays[i].type};
    SNUG_TRY(snug_safetensors_create(to, items, self->count, NULL, &file));
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < self->count && status == SNUG_OK; i++) {
        numpy_source source = {self->paths[i], self->files[i]};
        status = snug_numpy_copy(read_piece, &source, &self->arrays[i], &file);
    }
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_status snug_data_open_npy(const char *path, snug_safetensors *out) {
    numpy_pair *self = NULL;
    char *temporary = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    snug_status status;
    SNUG_TRY_GOTO(find_files(self, path), done);
    SNUG_TRY_GOTO(open_files(self), done);
    SNUG_TRY_GOTO(snug_data_temporary(&temporary), done);
    status = write_arrays(self, temporary);
    if (status == SNUG_OK)
        status = snug_data_open_temporary(temporary, out);
    else
        unlink(temporary);
done:
    for (size_t i = 0; i < self->count; i++)
        if (self->files[i]) fclose(self->files[i]);
    snug_memory_free(temporary);
    snug_memory_free(self);
    return status;
}

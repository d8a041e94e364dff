// IDX files (LeCun's MNIST format), plain or gzip: Fashion-MNIST from Debian's package, or a folder
// with the same file names. Compressed images are inflated once into an unlinked temporary file, so
// that host memory does not grow with the set.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "data/dataset.h"

#define PACKAGE_FOLDER "/usr/share/datasets/fashion-mnist"

enum { PATH_BYTES = 4096, COPY_BYTES = 64 * 1024, IMAGES_MAGIC = 0x803, LABELS_MAGIC = 0x801 };

typedef struct idx_state {
    int images;  // file descriptor of the inflated or plain images
    off_t first; // offset of the first pixel
    uint8_t *labels;
} idx_state;

static const char *folder_of(const char *name) {
    return strcmp(name, "fashion-mnist") == 0 ? PACKAGE_FOLDER : name;
}

// The file |stem| in |folder|, plain or with .gz, into |path|; false when there is none.
static bool find_file(const char *folder, const char *stem, char path[PATH_BYTES]) {
    static const char *const endings[] = {"", ".gz"};
    char dotted[64];
    snprintf(dotted, sizeof dotted, "%s", stem);
    char *mark = strstr(dotted, "-idx");
    if (mark) *mark = '.';
    for (int form = 0; form < 2; form++)
        for (int i = 0; i < 2; i++) {
            snprintf(path, PATH_BYTES, "%s/%s%s", folder, form ? dotted : stem, endings[i]);
            if (access(path, F_OK) == 0) return true;
        }
    snprintf(path, PATH_BYTES, "%s/%s[.gz]", folder, stem);
    return false;
}

static bool matches(const char *path) {
    char found[PATH_BYTES];
    return strcmp(path, "fashion-mnist") == 0 ||
           find_file(path, "train-images-idx3-ubyte", found) ||
           find_file(path, "t10k-images-idx3-ubyte", found) ||
           find_file(path, "train-labels-idx1-ubyte", found);
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Reads an IDX header of |dimensions| extents with the magic number |magic|.
static snug_status read_header(gzFile file, const char *path, uint32_t magic, int dimensions,
                               int64_t extents[3]) {
    uint8_t bytes[16];
    int wanted = 4 + 4 * dimensions;
    if (gzread(file, bytes, (unsigned)wanted) != wanted)
        return snug_fail(SNUG_BAD_FILE, "%s: shorter than an IDX header of %d bytes", path, wanted);
    uint32_t found = big_endian(bytes);
    if (found != magic && (found == IMAGES_MAGIC || found == LABELS_MAGIC))
        return snug_fail(SNUG_BAD_FILE,
                         "%s: holds %s where %s were expected: are images and labels swapped?",
                         path, found == IMAGES_MAGIC ? "images" : "labels",
                         magic == IMAGES_MAGIC ? "images" : "labels");
    if (found != magic)
        return snug_fail(SNUG_BAD_FILE, "%s: not an IDX file: magic number %#x, expected %#x", path,
                         found, magic);
    for (int i = 0; i < dimensions; i++) {
        extents[i] = big_endian(bytes + 4 + 4 * i);
        if (extents[i] > (i == 0 ? 1 << 28 : 1 << 14))
            return snug_fail(SNUG_BAD_FILE, "%s: extent %d is %lld", path, i,
                             (long long)extents[i]);
    }
    return SNUG_OK;
}

static snug_status open_gzip(const char *path, gzFile *out) {
    *out = gzopen(path, "rb");
    if (*out) return SNUG_OK;
    return snug_fail(errno == ENOENT ? SNUG_NOT_FOUND : SNUG_IO, "%s: %s", path,
                     errno ? strerror(errno) : "out of memory");
}

static snug_status write_all(int descriptor, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = write(descriptor, bytes, count);
        if (done < 0)
            return snug_fail(SNUG_IO,
                             "no room for the inflated images: %s; TMPDIR chooses the directory",
                             strerror(errno));
        bytes += done;
        count -= (size_t)done;
    }
    return SNUG_OK;
}

// Opens an unlinked file in TMPDIR.
static snug_status open_temporary(int *out) {
    const char *folder = getenv("TMPDIR");
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/snug-XXXXXX", folder && *folder ? folder : "/tmp");
    *out = mkstemp(path);
    if (*out < 0)
        return snug_fail(SNUG_IO, "%s: %s; TMPDIR chooses the directory", path, strerror(errno));
    unlink(path);
    return SNUG_OK;
}

static snug_status inflate_pixels(gzFile file, const char *path, int64_t bytes, int descriptor) {
    uint8_t *buffer = NULL;
    SNUG_TRY(SNUG_NEW(&buffer, COPY_BYTES));
    snug_status status = SNUG_OK;
    for (int64_t left = bytes; left > 0 && status == SNUG_OK;) {
        int part = left < COPY_BYTES ? (int)left : COPY_BYTES;
        int done = gzread(file, buffer, (unsigned)part);
        if (done <= 0) {
            status = snug_fail(SNUG_BAD_FILE,
                               "%s: truncated or corrupt: %lld of %lld bytes of pixels are there",
                               path, (long long)(bytes - left), (long long)bytes);
            break;
        }
        status = write_all(descriptor, buffer, (size_t)done);
        left -= done;
    }
    snug_memory_free(buffer);
    return status;
}

static snug_status check_length(int descriptor, const char *path, off_t first, int64_t bytes) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
    int64_t promised = first + bytes;
    if (found.st_size < promised)
        return snug_fail(SNUG_BAD_FILE, "%s: truncated: %lld bytes, its header promises %lld", path,
                         (long long)found.st_size, (long long)promised);
    return SNUG_OK;
}

static snug_status open_images(snug_dataset *dataset, const char *path) {
    idx_state *state = dataset->state;
    gzFile file;
    int64_t extents[3] = {0};
    SNUG_TRY(open_gzip(path, &file));
    snug_status status;
    SNUG_TRY_GOTO(read_header(file, path, IMAGES_MAGIC, 3, extents), done);
    dataset->stored.samples = extents[0];
    dataset->stored.height = extents[1];
    dataset->stored.width = extents[2];
    int64_t bytes = extents[0] * extents[1] * extents[2];
    if (gzdirect(file)) {
        state->first = 16;
        state->images = open(path, O_RDONLY | O_CLOEXEC);
        if (state->images < 0)
            status = snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
        else
            status = check_length(state->images, path, state->first, bytes);
        goto done;
    }
    SNUG_TRY_GOTO(open_temporary(&state->images), done);
    status = inflate_pixels(file, path, bytes, state->images);
done:
    gzclose(file);
    return status;
}

static snug_status check_labels(const snug_dataset *dataset, const char *path) {
    const idx_state *state = dataset->state;
    for (int64_t i = 0; i < dataset->stored.samples; i++)
        if (state->labels[i] >= dataset->options.classes)
            return snug_fail(SNUG_BAD_FILE, "%s: label %u of sample %lld, with %lld classes", path,
                             state->labels[i], (long long)i, (long long)dataset->options.classes);
    return SNUG_OK;
}

static snug_status open_labels(snug_dataset *dataset, const char *path) {
    idx_state *state = dataset->state;
    gzFile file;
    int64_t count[3] = {0};
    SNUG_TRY(open_gzip(path, &file));
    snug_status status;
    SNUG_TRY_GOTO(read_header(file, path, LABELS_MAGIC, 1, count), done);
    if (count[0] != dataset->stored.samples) {
        status = snug_fail(SNUG_BAD_FILE, "%s: %lld labels for %lld images", path,
                           (long long)count[0], (long long)dataset->stored.samples);
        goto done;
    }
    SNUG_TRY_GOTO(SNUG_NEW(&state->labels, (size_t)count[0]), done);
    if (gzread(file, state->labels, (unsigned)count[0]) != (int)count[0]) {
        status = snug_fail(SNUG_BAD_FILE, "%s: truncated or corrupt: fewer than %lld labels", path,
                           (long long)count[0]);
        goto done;
    }
    status = check_labels(dataset, path);
done:
    gzclose(file);
    return status;
}

// Ten classes, as in MNIST, unless the labels have more.
static int64_t count_classes(const snug_dataset *dataset) {
    const idx_state *state = dataset->state;
    int64_t classes = 10;
    for (int64_t i = 0; i < dataset->stored.samples; i++)
        if (state->labels[i] >= classes) classes = state->labels[i] + 1;
    return classes;
}

static snug_status open_set(snug_dataset *dataset) {
    idx_state *state = NULL;
    SNUG_TRY(SNUG_NEW(&state, 1));
    dataset->state = state;
    state->images = -1;
    const char *name = dataset->options.name, *folder = folder_of(name);
    bool is_fashion = strcmp(name, "fashion-mnist") == 0;
    bool test = dataset->options.split == SNUG_SPLIT_TEST;
    char images[PATH_BYTES], labels[PATH_BYTES], other[PATH_BYTES];
    dataset->stored =
        (snug_stored){.channels = 1,
                      // Of Fashion-MNIST's training images; a half for a set that is not known.
                      .mean = is_fashion ? 0.2860 : 0.5,
                      .deviation = is_fashion ? 0.3530 : 0.5,
                      .has_test = find_file(folder, "t10k-images-idx3-ubyte", other)};
    const char *split = test && dataset->stored.has_test ? "t10k" : "train";
    char stem[64];
    snprintf(stem, sizeof stem, "%s-images-idx3-ubyte", split);
    bool found = find_file(folder, stem, images);
    snprintf(stem, sizeof stem, "%s-labels-idx1-ubyte", split);
    bool both = find_file(folder, stem, labels) && found;
    if (!both)
        return snug_fail(SNUG_NOT_FOUND, "%s is not there%s", found ? labels : images,
                         is_fashion ? ": install Debian's package dataset-fashion-mnist" : "");
    SNUG_TRY(open_images(dataset, images));
    SNUG_TRY(open_labels(dataset, labels));
    dataset->stored.classes = count_classes(dataset);
    return SNUG_OK;
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *pixels,
                               int32_t *target) {
    const idx_state *state = dataset->state;
    size_t bytes = (size_t)(dataset->stored.height * dataset->stored.width);
    ssize_t done = pread(state->images, pixels, bytes, state->first + index * (off_t)bytes);
    if (done != (ssize_t)bytes)
        return snug_fail(SNUG_IO, "%s: sample %lld cannot be read: %s", dataset->options.name,
                         (long long)index, done < 0 ? strerror(errno) : "the file became shorter");
    *target = state->labels[index];
    return SNUG_OK;
}

static void close_set(snug_dataset *dataset) {
    idx_state *state = dataset->state;
    if (!state) return;
    if (state->images >= 0) close(state->images);
    snug_memory_free(state->labels);
    snug_memory_free(state);
}

const snug_data_format snug_data_format_idx = {
    .name = "IDX",
    .matches = matches,
    .open = open_set,
    .read = read_sample,
    .close = close_set,
};

// Folders of class folders with JPEG and PNG files. Each image is decoded once and kept in the
// network's size in an unlinked temporary file, where there is room for that, else at every use.
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/conversion.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/image_list.h"

typedef struct folder_state {
    snug_image_list list;
    int kept;        // descriptor of the images as they are wanted, one after another; -1: none
    size_t bytes;    // of one
    uint8_t *pixels; // one
    float values[3][256]; // what each channel's pixels become
} folder_state;

static bool matches(const char *path) {
    return snug_image_list_matches(path);
}

// The mean and the deviation of ImageNet's photographs, which torchvision's and timm's weights
// expect; of grey, the mean of the three.
static void fill_values(folder_state *state, int64_t channels) {
    static const float means[] = {0.485F, 0.456F, 0.406F}, deviations[] = {0.229F, 0.224F, 0.225F};
    for (int64_t c = 0; c < channels; c++)
        for (int i = 0; i < 256; i++)
            state->values[c][i] = ((float)i / 255 - (channels == 1 ? 0.449F : means[c])) /
                                  (channels == 1 ? 0.226F : deviations[c]);
}

// A file for the images as they are wanted, unless they would take more than a quarter of what is
// free there: the folder for temporary files may lie in memory.
static snug_status open_kept(folder_state *state) {
    char *path = NULL;
    struct statvfs found;
    SNUG_TRY(snug_data_temporary(&path));
    bool is_known = statvfs(path, &found) == 0;
    double room = is_known ? (double)found.f_bavail * (double)found.f_frsize / 4 : 0;
    snug_status status = SNUG_OK;
    if ((double)state->bytes * (double)state->list.count <= room)
        status = snug_data_open_unlinked(path, &state->kept);
    else
        unlink(path);
    snug_memory_free(path);
    return status;
}

static snug_status check_wanted(const snug_dataset *dataset) {
    const snug_dataset_options *wanted = &dataset->options;
    size_t classes = (size_t)dataset->stored.classes;
    if (!dataset->wants_image || wanted->per_pixel)
        return snug_fail(SNUG_INVALID,
                         "'%s' holds images with a class each, and this network or loss takes "
                         "other tensors: a .safetensors file with `input` and `target` can hold "
                         "those",
                         wanted->name);
    if (wanted->channels != 1 && wanted->channels != 3)
        return snug_fail(SNUG_INVALID,
                         "'%s' holds images of 3 channels or 1, the network takes %lld",
                         wanted->name, (long long)wanted->channels);
    if (classes > (size_t)wanted->classes)
        return snug_fail(SNUG_INVALID, "'%s' has %zu classes, the network %lld outputs",
                         wanted->name, classes, (long long)wanted->classes);
    return SNUG_OK;
}

// The list of the split; the classes are those of the training samples.
static snug_status list_images(snug_dataset *dataset, folder_state *state) {
    char train[PATH_MAX], validation[PATH_MAX];
    snug_image_list classes = {0};
    snug_image_list_split(dataset->options.name, train, validation);
    bool has_validation = validation[0] != '\0';
    snug_status status;
    if (has_validation && dataset->options.split == SNUG_SPLIT_TEST) {
        status = snug_image_list_make(train, NULL, &classes);
        if (status == SNUG_OK) status = snug_image_list_make(validation, &classes, &state->list);
    } else {
        status = snug_image_list_make(train, NULL, &state->list);
    }
    size_t class_count = classes.class_count ? classes.class_count : state->list.class_count;
    snug_image_list_clear(&classes);
    dataset->stored = (snug_stored){.samples = (int64_t)state->list.count,
                                    .classes = (int64_t)class_count,
                                    .has_test = has_validation,
                                    .is_validation = has_validation,
                                    .as_wanted = true};
    return status;
}

static snug_status open_set(snug_dataset *dataset) {
    folder_state *state = NULL;
    SNUG_TRY(SNUG_NEW(&state, 1));
    dataset->state = state;
    state->kept = -1;
    SNUG_TRY(list_images(dataset, state));
    if (dataset->wanted.input_count == 0) return SNUG_OK; // it is only described
    SNUG_TRY(check_wanted(dataset));
    const snug_dataset_options *wanted = &dataset->options;
    state->bytes = (size_t)(wanted->channels * wanted->height * wanted->width);
    fill_values(state, wanted->channels);
    SNUG_TRY(SNUG_NEW(&state->pixels, state->bytes));
    return open_kept(state);
}

// Image |index| as it is wanted, into |state|'s pixels.
static snug_status decode(const snug_dataset *dataset, int64_t index) {
    const folder_state *state = dataset->state;
    const snug_listed_image *listed = &state->list.images[index];
    const snug_dataset_options *wanted = &dataset->options;
    char path[PATH_MAX];
    snug_image image;
    if (snprintf(path, sizeof path, "%s/%s", listed->folder, listed->name) >= (int)sizeof path)
        return snug_fail(SNUG_BAD_FILE, "%s/%s: too long a path", listed->folder, listed->name);
    SNUG_TRY(snug_image_read(path, (int)wanted->channels, &image));
    snug_status status = snug_image_fit(&image, wanted->height, wanted->width, state->pixels);
    snug_image_free(&image);
    return status;
}

static snug_status check_sample(snug_dataset *dataset, int64_t index) {
    folder_state *state = dataset->state;
    SNUG_TRY(decode(dataset, index));
    if (state->kept < 0) return SNUG_OK;
    ssize_t done = pwrite(state->kept, state->pixels, state->bytes, index * (off_t)state->bytes);
    if (done == (ssize_t)state->bytes) return SNUG_OK;
    close(state->kept); // the disk is full: images are decoded again when they are read
    state->kept = -1;
    return SNUG_OK;
}

static snug_status find_pixels(const snug_dataset *dataset, int64_t index) {
    const folder_state *state = dataset->state;
    if (state->kept >= 0 && pread(state->kept, state->pixels, state->bytes,
                                  index * (off_t)state->bytes) == (ssize_t)state->bytes)
        return SNUG_OK;
    return decode(dataset, index);
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *const *inputs,
                               void *target) {
    const folder_state *state = dataset->state;
    SNUG_TRY(find_pixels(dataset, index));
    const snug_dataset_options *wanted = &dataset->options;
    int64_t channels = wanted->channels, plane = wanted->height * wanted->width;
    bool last = dataset->wanted.inputs[0].channels_last;
    int64_t pixel_step = last ? channels : 1, channel_step = last ? 1 : plane;
    float *input = inputs[0];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < plane; i++)
            input[i * pixel_step + c * channel_step] =
                state->values[c][state->pixels[i * channels + c]];
    *(int32_t *)target = state->list.images[index].class;
    return SNUG_OK;
}

static void close_set(snug_dataset *dataset) {
    folder_state *state = dataset->state;
    if (!state) return;
    if (state->kept >= 0) close(state->kept);
    snug_image_list_clear(&state->list);
    snug_memory_free(state->pixels);
    snug_memory_free(state);
}

const snug_data_format snug_data_format_image_folder = {
    .name = "folder of images",
    .matches = matches,
    .open = open_set,
    .check = check_sample,
    .read_sample = read_sample,
    .close = close_set,
};

// Opening data sets, and turning stored samples into what a model takes.
#include "data/dataset.h"
#include "base/sized.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/element.h"
#include "snug/near.h"

static const char *const known_names[] = {"fashion-mnist", "synthetic", NULL};

// What there is but is not read, and what makes it into something that is.
static snug_status refuse_file(const char *name, bool is_folder) {
    const char *dot = strrchr(name, '.');
    if (is_folder)
        return snug_fail(SNUG_NOT_FOUND,
                         "the folder '%s' has neither IDX files nor a folder of JPEG or PNG files "
                         "for each class, as torchvision's ImageFolder takes them; a .safetensors "
                         "file of `input` and `target` can hold anything else: "
                         "safetensors.torch.save_file({'input': ..., 'target': ...}, ...)",
                         name);
    return snug_fail(SNUG_NOT_FOUND,
                     "'%s' is no data set that snug reads%s%s: a .safetensors, .npz or .csv file "
                     "is; in Python numpy.savez('data.npz', input=array, target=classes) writes "
                     "one",
                     name, dot ? ", which knows no " : "", dot ? dot : "");
}

static snug_status find_format(const char *name, const snug_data_format **out) {
    for (const snug_data_format *const *format = snug_data_formats; *format; format++) {
        *out = *format;
        if ((*format)->matches(name)) return SNUG_OK;
    }
    *out = NULL;
    struct stat found;
    if (stat(name, &found) == 0) return refuse_file(name, S_ISDIR(found.st_mode));
    const char *near = snug_near_match(name, known_names);
    return snug_fail(SNUG_NOT_FOUND,
                     "no data set '%s'%s%s%s: expected fashion-mnist, synthetic, a .safetensors, "
                     ".npz or .csv file, or a folder with IDX files or of images, a folder a "
                     "class",
                     name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static snug_status check_image(const snug_dataset *dataset) {
    const snug_stored *stored = &dataset->stored;
    const snug_dataset_options *wanted = &dataset->options;
    bool repeats = stored->channels == 1;
    if ((stored->channels != wanted->channels && !repeats) || stored->height > wanted->height ||
        stored->width > wanted->width ||
        (stored->is_float && (stored->height != wanted->height || stored->width != wanted->width)))
        return snug_fail(SNUG_INVALID,
                         "'%s' has samples of %lldx%lldx%lld, which do not make the network's "
                         "input of %lldx%lldx%lld: images are padded to a larger size and one "
                         "channel is repeated, no more",
                         dataset->options.name, (long long)stored->channels,
                         (long long)stored->height, (long long)stored->width,
                         (long long)wanted->channels, (long long)wanted->height,
                         (long long)wanted->width);
    if (stored->per_pixel != wanted->per_pixel)
        return snug_fail(SNUG_INVALID, "'%s' has one class %s, the network predicts one %s",
                         dataset->options.name, stored->per_pixel ? "for every pixel" : "a sample",
                         wanted->per_pixel ? "for every pixel" : "a sample");
    if (stored->classes > wanted->classes)
        return snug_fail(SNUG_INVALID, "'%s' has %lld classes, the network %lld outputs",
                         dataset->options.name, (long long)stored->classes,
                         (long long)wanted->classes);
    return SNUG_OK;
}

static snug_status check_shape(const snug_dataset *dataset) {
    if (dataset->stored.as_wanted) return SNUG_OK;
    if (dataset->wants_image) return check_image(dataset);
    return snug_fail(SNUG_INVALID,
                     "'%s' holds images with a class each, and this network or loss takes other "
                     "tensors: a .safetensors file with `input` and `target` can hold those",
                     dataset->options.name);
}

static size_t stored_bytes(const snug_stored *stored) {
    return (size_t)(stored->channels * stored->height * stored->width) *
           (stored->is_float ? sizeof(float) : 1);
}

// One image, channels last, and a class: what options without a sample ask for.
static void describe_image(snug_dataset *dataset) {
    const snug_dataset_options *options = &dataset->options;
    snug_sample_type *wanted = &dataset->wanted;
    if (options->channels < 1) return; // the set is only described
    wanted->input_count = 1;
    wanted->inputs[0] = (snug_sample_tensor){
        .name = "input",
        .type = "float32",
        .rank = 3,
        .dims = {options->channels, options->height, options->width},
        .channels_last = true,
        .bytes = sizeof(float) * (size_t)(options->channels * options->height * options->width)};
    wanted->target = (snug_sample_tensor){.name = "target",
                                          .type = "int32",
                                          .rank = options->per_pixel ? 2 : 0,
                                          .dims = {options->height, options->width}};
    wanted->target.bytes = sizeof(int32_t) * (size_t)snug_sample_elements(&wanted->target);
    wanted->classes = options->classes;
}

// Whether what is wanted is an image and a class, or a class for each of its pixels.
static bool is_image(const snug_sample_type *wanted) {
    const snug_sample_tensor *input = &wanted->inputs[0], *target = &wanted->target;
    bool per_pixel =
        target->rank == 2 && target->dims[0] == input->dims[1] && target->dims[1] == input->dims[2];
    return wanted->input_count == 1 && strcmp(input->type, "float32") == 0 && input->rank == 3 &&
           strcmp(target->type, "int32") == 0 && (target->rank == 0 || per_pixel);
}

static void take_sample(snug_dataset *dataset) {
    snug_dataset_options *options = &dataset->options;
    if (options->sample)
        dataset->wanted = *options->sample;
    else
        describe_image(dataset);
    options->sample = NULL; // borrowed no longer
    const snug_sample_type *wanted = &dataset->wanted;
    if (wanted->input_count == 0) return;
    dataset->wants_image = is_image(wanted);
    options->classes = wanted->classes;
    options->channels = dataset->wants_image ? wanted->inputs[0].dims[0] : 0;
    options->height = dataset->wants_image ? wanted->inputs[0].dims[1] : 0;
    options->width = dataset->wants_image ? wanted->inputs[0].dims[2] : 0;
    options->per_pixel = dataset->wants_image && wanted->target.rank == 2;
}

static int compare_places(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Puts |count| of [0, total) first, drawn by |seed| (Fisher-Yates); |places| has all of them.
static void draw(int64_t *places, int64_t count, int64_t total, uint64_t seed) {
    enum { STREAM = 0x76616c }; // apart from the numbers that shuffle epochs
    for (int64_t i = 0; i < total; i++)
        places[i] = i;
    for (int64_t i = 0; i < count && i < total; i++) {
        snug_random_block block = snug_random_at(seed, (uint64_t)i, STREAM);
        uint64_t word = (uint64_t)block.words[0] << 32 | block.words[1];
        int64_t other = i + (int64_t)(word % (uint64_t)(total - i)), kept = places[i];
        places[i] = places[other];
        places[other] = kept;
    }
}

// Holds out a share of the samples, at least one, and leaves at least one.
static snug_status split_samples(snug_dataset *dataset, bool held_out) {
    const snug_dataset_options *options = &dataset->options;
    int64_t total = dataset->stored.samples, count;
    dataset->samples = total;
    if (options->validation_share <= 0) return SNUG_OK;
    count = (int64_t)(options->validation_share * (double)total + 0.5);
    if (count < 1) count = 1;
    if (count >= total)
        return snug_fail(SNUG_INVALID,
                         "'%s' has %lld training samples: %g of them cannot be held out",
                         options->name, (long long)total, options->validation_share);
    SNUG_TRY(SNUG_NEW(&dataset->chosen, (size_t)total));
    draw(dataset->chosen, count, total, options->seed);
    if (!held_out)
        memmove(dataset->chosen, dataset->chosen + count,
                (size_t)(total - count) * sizeof *dataset->chosen);
    dataset->samples = held_out ? count : total - count;
    qsort(dataset->chosen, (size_t)dataset->samples, sizeof *dataset->chosen, compare_places);
    dataset->is_held_out = held_out;
    return SNUG_OK;
}

// Leaves out what the format cannot read.
static snug_status check_samples(snug_dataset *dataset) {
    const snug_dataset_options *options = &dataset->options;
    int64_t kept = 0, total = dataset->samples;
    if (!dataset->format->check || dataset->wanted.input_count == 0) return SNUG_OK;
    if (!dataset->chosen) {
        SNUG_TRY(SNUG_NEW(&dataset->chosen, (size_t)total));
        for (int64_t i = 0; i < total; i++)
            dataset->chosen[i] = i;
    }
    for (int64_t i = 0; i < total; i++) {
        if (options->on_progress && !options->on_progress(options->context, i, total))
            return snug_fail(SNUG_INTERRUPTED, "stopped while '%s' was read", options->name);
        snug_status status = dataset->format->check(dataset, dataset->chosen[i]);
        if (status == SNUG_OK) dataset->chosen[kept++] = dataset->chosen[i];
        if (status != SNUG_OK && status != SNUG_BAD_FILE) return status;
        if (status == SNUG_OK) continue;
        if (dataset->skipped_count < SNUG_SKIPPED_NAMES)
            SNUG_TRY(snug_memory_copy_text(snug_error_message(),
                                           &dataset->skipped[dataset->skipped_count]));
        dataset->skipped_count++;
    }
    dataset->samples = kept;
    if (kept > 0) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "none of %lld files of '%s' can be read; the first: %s",
                     (long long)total, options->name, dataset->skipped[0]);
}

static snug_status open_format(snug_dataset *dataset, const snug_dataset_options *options) {
    char *name = NULL;
    bool held_out = options->validation_share > 0 && options->split == SNUG_SPLIT_TEST;
    if (held_out) dataset->options.split = SNUG_SPLIT_TRAIN;
    SNUG_TRY(snug_memory_copy_text(options->name, &name));
    dataset->options.name = name;
    take_sample(dataset);
    SNUG_TRY(dataset->format->open(dataset));
    if (dataset->stored.samples < 1)
        return snug_fail(SNUG_BAD_FILE, "'%s' has no samples", options->name);
    SNUG_TRY(split_samples(dataset, held_out));
    return check_samples(dataset);
}

static snug_status open_any(const snug_dataset_options *options, snug_dataset **out) {
    *out = NULL;
    const snug_data_format *format;
    SNUG_TRY(find_format(options->name, &format));
    SNUG_TRY(SNUG_NEW(out, 1));
    assert(format && *out);
    (*out)->options = *options;
    (*out)->options.name = NULL;
    (*out)->format = format;
    snug_status status = open_format(*out, options);
    if (status != SNUG_OK) {
        snug_dataset_close(*out);
        *out = NULL;
    }
    return status;
}

static snug_status describe(const char *name, snug_dataset_info *out) {
    snug_dataset *dataset;
    // The class count is unknown yet, so no target is out of it.
    snug_dataset_options options = {.name = name, .classes = INT32_MAX};
    SNUG_TRY(open_any(&options, &dataset));
    const snug_stored *stored = &dataset->stored;
    *out = (snug_dataset_info){.channels = stored->channels,
                               .height = stored->height,
                               .width = stored->width,
                               .classes = stored->classes,
                               .samples = stored->samples,
                               .rank = stored->rank,
                               .target_rank = stored->target_rank,
                               .has_test = stored->has_test,
                               .input_count = stored->input_count};
    memcpy(out->dims, stored->dims, sizeof out->dims);
    memcpy(out->target_dims, stored->target_dims, sizeof out->target_dims);
    memcpy(out->inputs, stored->inputs, sizeof out->inputs);
    if (out->rank == 0 && stored->channels > 0) {
        out->rank = 3;
        out->dims[0] = stored->channels;
        out->dims[1] = stored->height;
        out->dims[2] = stored->width;
    }
    snug_dataset_close(dataset);
    return SNUG_OK;
}

snug_status snug_dataset_describe_sized(const char *name, snug_dataset_info *out,
                                        size_t out_bytes) {
    SNUG_REQUIRE(name && out, "a name and a place for what is found");
    snug_dataset_info found = {0};
    snug_status status = describe(name, &found);
    snug_sized_give(out, out_bytes, &found, sizeof found);
    return status;
}

static snug_status check_sample(const snug_sample_tensor *tensor) {
    snug_dtype dtype;
    SNUG_REQUIRE(tensor->rank >= 0 && tensor->rank < SNUG_MAX_RANK,
                 "a sample of at most 7 dimensions: those of a batch are at most 8");
    for (int i = 0; i < tensor->rank; i++)
        SNUG_REQUIRE(tensor->dims[i] >= 0, "extents of at least 0");
    SNUG_REQUIRE(tensor->type, "a type of the sample's elements");
    return snug_element_type(tensor->type, &dtype);
}

static snug_status check_options(const snug_dataset_options *options) {
    SNUG_REQUIRE(options->name, "options that name a data set");
    SNUG_REQUIRE((unsigned)options->split <= SNUG_SPLIT_TEST, "the training or the test split");
    SNUG_REQUIRE(options->channels >= 0 && options->height >= 0 && options->width >= 0 &&
                     options->classes >= 0 && options->samples >= 0,
                 "extents and counts of at least 0");
    SNUG_REQUIRE(options->validation_share >= 0 && options->validation_share < 1,
                 "a share to be held out of at least 0 and below 1");
    const snug_sample_type *sample = options->sample;
    if (!sample) return SNUG_OK;
    SNUG_REQUIRE(sample->input_count >= 0 && sample->input_count <= SNUG_MAX_INPUTS,
                 "a sample of at most 8 inputs");
    for (int i = 0; i < sample->input_count; i++)
        SNUG_TRY(check_sample(&sample->inputs[i]));
    return sample->input_count > 0 ? check_sample(&sample->target) : SNUG_OK;
}

snug_status snug_dataset_open_sized(const snug_dataset_options *given, size_t options_bytes,
                                    snug_dataset **out) {
    SNUG_REQUIRE(out, "a place for the data set");
    *out = NULL;
    snug_dataset_options options;
    SNUG_TRY(snug_sized_take(&options, sizeof options, given, options_bytes,
                             "options that name a data set"));
    SNUG_TRY(check_options(&options));
    SNUG_TRY(open_any(&options, out));
    snug_status status = check_shape(*out);
    if (status == SNUG_OK && !(*out)->stored.as_wanted)
        status = snug_memory_new(1, stored_bytes(&(*out)->stored), &(*out)->pixels);
    if (status != SNUG_OK) {
        snug_dataset_close(*out);
        *out = NULL;
    }
    return status;
}

void snug_dataset_close(snug_dataset *dataset) {
    if (!dataset) return;
    dataset->format->close(dataset);
    snug_memory_free(dataset->pixels);
    snug_memory_free(dataset->chosen);
    for (int i = 0; i < SNUG_SKIPPED_NAMES; i++)
        snug_memory_free(dataset->skipped[i]);
    snug_memory_free((char *)(uintptr_t)dataset->options.name);
    snug_memory_free(dataset);
}

int64_t snug_dataset_samples(const snug_dataset *dataset) {
    if (!dataset) return 0;
    return dataset->samples;
}

int64_t snug_dataset_skipped(const snug_dataset *dataset) {
    if (!dataset) return 0;
    return dataset->skipped_count;
}

const char *snug_dataset_skipped_file(const snug_dataset *dataset, int64_t index) {
    if (!dataset) return NULL;
    bool is_kept = index >= 0 && index < SNUG_SKIPPED_NAMES;
    return is_kept ? dataset->skipped[index] : NULL;
}

const char *snug_dataset_use(const snug_dataset *dataset) {
    if (!dataset) return NULL;
    bool is_test = dataset->options.split == SNUG_SPLIT_TEST && dataset->stored.has_test;
    if (dataset->is_held_out || (is_test && dataset->stored.is_validation)) return "validation";
    return is_test ? "test" : "training";
}

const snug_sample_type *snug_dataset_sample(const snug_dataset *dataset) {
    if (!dataset) return NULL;
    return &dataset->wanted;
}

// Centred in the wanted size; what lies around is a black pixel.
static void place_pixels(const snug_dataset *dataset, float *input) {
    const snug_stored *stored = &dataset->stored;
    const snug_dataset_options *wanted = &dataset->options;
    float scale = (float)(1 / (255 * stored->deviation));
    float shift = (float)(-stored->mean / stored->deviation);
    bool last = dataset->wanted.inputs[0].channels_last;
    int64_t channels = wanted->channels, plane = wanted->height * wanted->width;
    int64_t pixel_step = last ? channels : 1, channel_step = last ? 1 : plane;
    int64_t top = (wanted->height - stored->height) / 2, left = (wanted->width - stored->width) / 2;
    for (int64_t i = 0; i < plane * channels; i++)
        input[i] = shift;
    for (int64_t c = 0; c < channels; c++) {
        int64_t from = (stored->channels == 1 ? 0 : c) * stored->height * stored->width;
        for (int64_t h = 0; h < stored->height; h++)
            for (int64_t w = 0; w < stored->width; w++, from++) {
                int64_t pixel = (top + h) * wanted->width + left + w;
                input[pixel * pixel_step + c * channel_step] =
                    stored->is_float
                        ? ((const float *)dataset->pixels)[from]
                        : (float)((const uint8_t *)dataset->pixels)[from] * scale + shift;
            }
    }
}

snug_status snug_dataset_read(snug_dataset *dataset, int64_t index, void *const *inputs,
                              void *target) {
    SNUG_REQUIRE(dataset && inputs && target, "a data set and places for a sample");
    if (index < 0 || index >= dataset->samples)
        return snug_fail(SNUG_INVALID, "sample %lld of %lld", (long long)index,
                         (long long)dataset->samples);
    if (dataset->chosen) index = dataset->chosen[index];
    if (dataset->stored.as_wanted)
        return dataset->format->read_sample(dataset, index, inputs, target);
    SNUG_TRY(dataset->format->read(dataset, index, dataset->pixels, target));
    place_pixels(dataset, inputs[0]);
    return SNUG_OK;
}

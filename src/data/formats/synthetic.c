// Made-up samples: a level and a stripe that depend on the class, under noise, so that a network
// can learn something. Everything follows from the seed and the sample's index.
#include <string.h>

#include "base/random.h"
#include "data/dataset.h"
#include "data/element.h"
#include "ops/reference.h"

enum { DEFAULT_SAMPLES = 1024, MARKS = 10 };

static bool matches(const char *path) {
    return strcmp(path, "synthetic") == 0;
}

static snug_status open_set(snug_dataset *dataset) {
    const snug_dataset_options *options = &dataset->options;
    dataset->stored = (snug_stored){
        .channels = options->channels, // 0 when only described: any size, any classes
        .height = options->height,
        .width = options->width,
        .classes = options->channels ? options->classes : 0,
        .samples = options->samples ? options->samples : DEFAULT_SAMPLES,
        .is_float = true,
        .per_pixel = options->per_pixel,
        .has_test = true,
        .as_wanted = dataset->wanted.input_count > 0 && !dataset->wants_image,
    };
    return SNUG_OK;
}

// The number that a sample's random draws start from: the test split has samples of its own.
static uint64_t stream_of(const snug_dataset *dataset, int64_t index) {
    return (uint64_t)index + (dataset->options.split == SNUG_SPLIT_TEST ? 1ull << 32 : 0);
}

static snug_status read_image(snug_dataset *dataset, int64_t index, void *pixels, int32_t *target) {
    const snug_stored *stored = &dataset->stored;
    uint64_t sample = stream_of(dataset, index);
    uint64_t seed = dataset->options.seed;
    int64_t class = snug_random_at(seed, sample, 1).words[0] % (uint64_t)stored->classes;
    float level = (float)class / (float)stored->classes - 0.5f;
    int64_t plane = stored->height * stored->width, stripe = class % stored->height;
    float *out = pixels;
    for (int64_t i = 0; i < stored->channels * plane; i += 4) {
        snug_random_block block = snug_random_at(seed, sample, 2 + (uint64_t)i);
        for (int64_t j = i; j < i + 4 && j < stored->channels * plane; j++) {
            bool striped = j % plane / stored->width == stripe;
            out[j] =
                level + (striped ? 1.0f : 0.0f) + snug_random_uniform(block.words[j - i]) - 0.5f;
        }
    }
    if (!stored->per_pixel) {
        *target = (int32_t) class;
        return SNUG_OK;
    }
    // The stripe is the class, what lies around it the class 0.
    for (int64_t i = 0; i < plane; i++)
        target[i] = i / stored->width == stripe ? (int32_t) class : 0;
    return SNUG_OK;
}

// Element |at| of an input: whole numbers below what the input takes, or a level under noise.
static double input_value(const snug_sample_tensor *tensor, bool is_float, double level,
                          uint32_t word) {
    if (is_float) return level + (double)snug_random_uniform(word) - 0.5;
    return (double)(word % (uint64_t)(tensor->below > 0 ? tensor->below : 2));
}

// A class for each target, taken from the input's element of the same place where there is one that
// tells it; or a number: the level, above and below 0.5 by turns.
static double target_value(const snug_dataset *dataset, const double *marks, double level,
                           int64_t at) {
    const snug_sample_type *wanted = &dataset->wanted;
    if (strcmp(wanted->target.type, "int32") != 0)
        return at % 2 ? 1 - (level > 0 ? 1 : 0) : level > 0 ? 1 : 0;
    double classes = (double)wanted->classes;
    return wanted->target.rank == 0 ? (double)(int64_t)((level + 0.5) * classes)
                                    : (double)((int64_t)marks[at % MARKS] % wanted->classes);
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *const *inputs,
                               void *target) {
    const snug_sample_type *wanted = &dataset->wanted;
    uint64_t sample = stream_of(dataset, index), seed = dataset->options.seed;
    double level = (double)snug_random_uniform(snug_random_at(seed, sample, 1).words[0]) - 0.5;
    double marks[MARKS] = {0}; // the first elements of the first input
    snug_dtype type;
    for (int i = 0; i < wanted->input_count; i++) {
        SNUG_TRY(snug_element_type(wanted->inputs[i].type, &type));
        int64_t count = snug_sample_elements(&wanted->inputs[i]);
        for (int64_t j = 0; j < count; j++) {
            uint32_t word =
                snug_random_at(seed, sample, 2 + ((uint64_t)i << 40) + (uint64_t)j).words[0];
            double value = input_value(&wanted->inputs[i], snug_dtype_is_float(type), level, word);
            if (i == 0 && j < MARKS) marks[j] = value < 0 ? -value * 8 : value;
            snug_reference_store(inputs[i], type, j, value);
        }
    }
    SNUG_TRY(snug_element_type(wanted->target.type, &type));
    for (int64_t j = 0; j < snug_sample_elements(&wanted->target); j++)
        snug_reference_store(target, type, j, target_value(dataset, marks, level, j));
    return SNUG_OK;
}

static void close_set(snug_dataset *dataset) {
    (void)dataset;
}

const snug_data_format snug_data_format_synthetic = {
    .name = "synthetic",
    .matches = matches,
    .open = open_set,
    .read = read_image,
    .read_sample = read_sample,
    .close = close_set,
};

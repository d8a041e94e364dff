// Made-up samples: a grey level and a stripe that depend on the class, under noise, so that a
// network can learn something. Everything follows from the seed and the sample's index.
#include <string.h>

#include "base/random.h"
#include "data/dataset.h"

enum { DEFAULT_SAMPLES = 1024 };

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
    };
    return SNUG_OK;
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *pixels,
                               int32_t *target) {
    const snug_stored *stored = &dataset->stored;
    // The test split has samples of its own.
    uint64_t sample = (uint64_t)index + (dataset->options.split == SNUG_TEST ? 1ull << 32 : 0);
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

static void close_set(snug_dataset *dataset) {
    (void)dataset;
}

const snug_data_format snug_data_format_synthetic = {
    .name = "synthetic",
    .matches = matches,
    .open = open_set,
    .read = read_sample,
    .close = close_set,
};

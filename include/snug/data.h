// Data sets: samples of images and targets, read on demand so that host memory stays bounded.
#ifndef SNUG_DATA_H
#define SNUG_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snug/status.h"

typedef struct snug_dataset snug_dataset;

typedef enum snug_split { SNUG_TRAIN, SNUG_TEST } snug_split;

// Which samples, and how a model wants them.
typedef struct snug_dataset_options {
    // "fashion-mnist", "synthetic", a directory with IDX or CIFAR binary files, or a .safetensors
    // file with `input` (N, C, H, W) float32 or uint8 and `target` (N) or (N, H, W) int64.
    const char *name;
    snug_split split;
    int64_t channels, height, width; // delivered; at least the stored, or channels 3 for 1
    int64_t classes;                 // targets must be below
    bool per_pixel;                  // targets (H, W) of each sample, for per-pixel networks
    uint64_t seed;                   // synthetic
    int64_t samples;                 // synthetic: how many; 0: 1024
} snug_dataset_options;

// What a data set holds.
typedef struct snug_dataset_info {
    int64_t channels, height, width; // as stored
    int64_t classes;
    int64_t samples;
    bool has_test; // false: the test split is the training data
} snug_dataset_info;

// Looks at |name| without preparing anything for a model. Errors as in snug_dataset_open().
snug_status snug_dataset_describe(const char *name, snug_dataset_info *out);

// Opens a split. SNUG_NOT_FOUND for an unknown name (near matches are suggested) or missing files;
// SNUG_BAD_FILE for truncated, swapped or mismatched files and targets outside the classes, named;
// SNUG_INVALID when the samples cannot be made into what is wanted; SNUG_IO.
snug_status snug_dataset_open(const snug_dataset_options *options, snug_dataset **out);
void snug_dataset_close(snug_dataset *dataset);

int64_t snug_dataset_samples(const snug_dataset *dataset);
// float32 elements of a sample's input, and int32 elements of its target.
int64_t snug_dataset_input_elements(const snug_dataset *dataset);
int64_t snug_dataset_target_elements(const snug_dataset *dataset);

// Reads sample |index|: |input| in (H, W, C) order, |target|. uint8 pixels are padded with zeros
// to the size, scaled to [0, 1] and normalised by the set's mean and deviation; float32 inputs
// are taken as they are. One thread at a time.
snug_status snug_dataset_read(snug_dataset *dataset, int64_t index, float *input, int32_t *target);

// A thread that reads ahead, in an order that depends on the seed and the epoch alone.
typedef struct snug_loader snug_loader;

typedef struct snug_loader_options {
    uint64_t seed;
    bool shuffle;          // anew each epoch (Fisher-Yates); false: in order
    int64_t epoch_samples; // samples of an epoch, at most the set's; 0: all
    int64_t chunk_samples; // the most samples that next() is asked for
} snug_loader_options;

// |dataset| is borrowed; nothing else may read it meanwhile. Two chunks are held in host memory.
snug_status snug_loader_start(snug_dataset *dataset, const snug_loader_options *options,
                              snug_loader **out);
// Stops the thread at once.
void snug_loader_stop(snug_loader *loader);

// Gives the next |samples| (1 to chunk_samples) samples, valid until the next call. After the last
// of an epoch the next epoch begins; a call must not ask across that border.
snug_status snug_loader_next(snug_loader *loader, int64_t samples, const float **input,
                             const int32_t **target);

#endif

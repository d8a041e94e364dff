// Data sets: samples of images and targets, read on demand so that host memory stays bounded.
#ifndef SNUG_DATA_H
#define SNUG_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snug/api.h"
#include "snug/status.h"

SNUG_BEGIN

typedef struct snug_dataset snug_dataset;

typedef enum snug_split { SNUG_SPLIT_TRAIN, SNUG_SPLIT_TEST } snug_split;

enum { SNUG_MAX_INPUTS = 8, SNUG_SAMPLE_RANK = 8, SNUG_SAMPLE_NAME = 256 };
enum { SNUG_SKIPPED_NAMES = 100 };

// A tensor of one sample as a network takes it, without the batch's dimension.
typedef struct snug_sample_tensor {
    char name[SNUG_SAMPLE_NAME]; // the network's: "input"
    const char *type;            // of an element: "float32", "int64", "int32" ...; static storage
    int rank;
    int64_t dims[SNUG_SAMPLE_RANK];
    bool channels_last; // in memory dimension 0 lies innermost: (H, W, C) for (C, H, W)
    int64_t below;      // integers are from 0 to below this; 0: not known
    size_t bytes;
    int64_t reserved[4]; // 0
} snug_sample_tensor;

// What a sample is made of. A plan tells its own (snug_plan_sample()).
typedef struct snug_sample_type {
    snug_sample_tensor inputs[SNUG_MAX_INPUTS];
    int input_count;
    snug_sample_tensor target; // int32: classes; float32: numbers
    int64_t classes;           // of int32 targets
    int64_t reserved[8];       // 0
} snug_sample_type;

// Which samples, and how a model wants them.
typedef struct snug_dataset_options {
    // "fashion-mnist", "synthetic", a directory with IDX files or with a directory of JPEG and PNG
    // files for each class (below `train` and `val` where there are these), a .csv file of numbers
    // (`target` or the last column), an .npy file with its targets in another beside it (x.npy,
    // y.npy), or a .safetensors or .npz file with `target` (N, ...), whole numbers for classes, and
    // each of the network's inputs (N, ...) under its own name; a network of one input takes
    // `input` where there is none.
    const char *name;
    snug_split split;
    // Above 0: of the training samples this share, chosen by |seed|, is held out, and is what the
    // test split gives; the training split gives the others.
    double validation_share;
    // What is delivered; borrowed while the set is opened. NULL: one image, as the next fields say.
    const snug_sample_type *sample;
    int64_t channels, height, width; // delivered; at least the stored, or channels 3 for 1
    int64_t classes;                 // targets must be below
    bool per_pixel;                  // targets (H, W) of each sample, for per-pixel networks
    uint64_t seed;                   // of what is held out, and of what is made up
    int64_t samples;                 // synthetic: how many; 0: 1024
    // Called while files are looked at, which may take a while; false ends that with
    // SNUG_INTERRUPTED. May be NULL.
    bool (*on_progress)(void *context, int64_t done, int64_t total);
    void *context;
} snug_dataset_options;

// What a data set holds.
typedef struct snug_dataset_info {
    int64_t channels, height, width; // as stored; 0: no images, or any size
    int64_t classes;                 // 0: targets are numbers, or any
    int64_t samples;
    int rank; // of one sample's input; 0: any, or there are several
    int64_t dims[SNUG_SAMPLE_RANK];
    int target_rank; // of one sample's target
    int64_t target_dims[SNUG_SAMPLE_RANK];
    bool has_test; // false: the test split is the training data
    // Tensors that samples have beside their target, by name, where they have names.
    snug_sample_tensor inputs[SNUG_MAX_INPUTS];
    int input_count;
} snug_dataset_info;

// Looks at |name| without preparing anything for a model. Errors as in snug_dataset_open().
SNUG_API snug_status snug_dataset_describe_sized(const char *name, snug_dataset_info *out,
                                                 size_t out_bytes);
static inline snug_status snug_dataset_describe(const char *name, snug_dataset_info *out) {
    return snug_dataset_describe_sized(name, out, sizeof *out);
}

// Opens a split. SNUG_NOT_FOUND for an unknown name (near matches are suggested) or missing files;
// SNUG_BAD_FILE for truncated, swapped or mismatched files and targets outside the classes, named;
// SNUG_INVALID when the samples cannot be made into what is wanted; SNUG_IO.
SNUG_API snug_status snug_dataset_open_sized(const snug_dataset_options *options,
                                             size_t options_bytes, snug_dataset **out);
static inline snug_status snug_dataset_open(const snug_dataset_options *options,
                                            snug_dataset **out) {
    return snug_dataset_open_sized(options, sizeof *options, out);
}
SNUG_API void snug_dataset_close(snug_dataset *dataset);

SNUG_API int64_t snug_dataset_samples(const snug_dataset *dataset);
// Files that cannot be read, which are left out, and what is wrong with file |index| of the first
// SNUG_SKIPPED_NAMES of them, a sentence that names it; NULL past the end. Borrowed.
SNUG_API int64_t snug_dataset_skipped(const snug_dataset *dataset);
SNUG_API const char *snug_dataset_skipped_file(const snug_dataset *dataset, int64_t index);
// What its samples are to training: "training", "validation" (held out) or "test". A test split is
// "training" where the set has no other samples.
SNUG_API const char *snug_dataset_use(const snug_dataset *dataset);
// What a sample is made of; borrowed.
SNUG_API const snug_sample_type *snug_dataset_sample(const snug_dataset *dataset);

// Reads sample |index| into |inputs|, an address for each, and |target|. uint8 images are padded
// with zeros to the size, scaled to [0, 1] and normalised by the set's mean and deviation; images
// in files of their own are resized and cropped to the size and normalised by ImageNet's; other
// inputs are taken as they are. One thread at a time.
SNUG_API snug_status snug_dataset_read(snug_dataset *dataset, int64_t index, void *const *inputs,
                                       void *target);

// A thread that reads ahead, in an order that depends on the seed and the epoch alone.
typedef struct snug_loader snug_loader;

typedef struct snug_loader_options {
    uint64_t seed;
    bool shuffle;          // anew each epoch (Fisher-Yates); false: in order
    int64_t epoch_samples; // samples of an epoch, at most the set's; 0: all
    int64_t chunk_samples; // the most samples that next() is asked for
    // Where it begins, as another loader of the same options would stand after so many whole epochs
    // and samples of the next.
    uint64_t first_epoch;
    int64_t first_sample; // at most epoch_samples
} snug_loader_options;

// |dataset| is borrowed; nothing else may read it meanwhile. Two chunks are held in host memory.
SNUG_API snug_status snug_loader_start_sized(snug_dataset *dataset,
                                             const snug_loader_options *options,
                                             size_t options_bytes, snug_loader **out);
static inline snug_status snug_loader_start(snug_dataset *dataset,
                                            const snug_loader_options *options, snug_loader **out) {
    return snug_loader_start_sized(dataset, options, sizeof *options, out);
}
// Stops the thread at once.
SNUG_API void snug_loader_stop(snug_loader *loader);

// Gives the next |samples| (1 to chunk_samples) samples, valid until the next call: an address for
// each input in |inputs|. After the last of an epoch the next epoch begins; a call must not ask
// across that border.
SNUG_API snug_status snug_loader_next(snug_loader *loader, int64_t samples, const void **inputs,
                                      const void **target);

SNUG_END

#endif

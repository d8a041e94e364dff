// The inside of a data set, and the contract of its formats. A format is one const descriptor in
// src/data/formats/<format>.c, gathered by the build.
#ifndef SNUG_DATA_DATASET_H
#define SNUG_DATA_DATASET_H

#include "snug/data.h"

// What is stored: samples of images (C, H, W), uint8 or float32, or of other tensors.
typedef struct snug_stored {
    int64_t channels, height, width; // 0: no images
    int64_t classes;                 // 0: any, or targets are numbers
    int64_t samples;
    bool is_float;
    double mean, deviation; // of uint8 pixels scaled to [0, 1]
    bool per_pixel;         // targets are (H, W) of each sample
    bool has_test;
    bool is_validation; // what there is beside training samples is meant for validation
    bool as_wanted;     // read_sample() gives what is wanted; no image is made from pixels
    // One sample's input and target as they are in the file; rank 0 with channels set: the image's.
    int rank, target_rank;
    int64_t dims[SNUG_SAMPLE_RANK], target_dims[SNUG_SAMPLE_RANK];
    // Of a set that is only described: its tensors, where they have names.
    snug_sample_tensor inputs[SNUG_MAX_INPUTS];
    int input_count;
} snug_stored;

typedef struct snug_data_format {
    const char *name; // in errors
    // Whether |path| (a name, a file or a directory) is of this format.
    bool (*matches)(const char *path);
    // Fills dataset->stored and dataset->state from dataset->options and dataset->wanted.
    snug_status (*open)(snug_dataset *dataset);
    // Whether sample |index| can be read, asked once of each that is taken: SNUG_BAD_FILE leaves it
    // out, and its message is kept. NULL: all can.
    snug_status (*check)(snug_dataset *dataset, int64_t index);
    // Reads one image as stored; |pixels| has room for it, |target| for its targets.
    snug_status (*read)(snug_dataset *dataset, int64_t index, void *pixels, int32_t *target);
    // Reads one sample as dataset->wanted says, for stored.as_wanted; NULL: there are images alone.
    snug_status (*read_sample)(snug_dataset *dataset, int64_t index, void *const *inputs,
                               void *target);
    // Releases dataset->state, also when open failed half-way.
    void (*close)(snug_dataset *dataset);
} snug_data_format;

extern const snug_data_format *const snug_data_formats[];

struct snug_dataset {
    const snug_data_format *format;
    snug_dataset_options options; // name: owned copy; channels, height, width of a wanted image
    snug_sample_type wanted;      // input_count 0: the set is only described
    bool wants_image;             // one image, and a class or one a pixel
    snug_stored stored;
    int64_t *chosen; // the samples of the split, where some are held out; NULL: all
    int64_t samples; // of the split
    // What cannot be read, one sentence each that names it: of the first ones.
    char *skipped[SNUG_SKIPPED_NAMES];
    int64_t skipped_count;
    bool is_held_out;
    void *state;  // the format's
    void *pixels; // one stored image
};

#endif

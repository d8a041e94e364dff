// The inside of a data set, and the contract of its formats. A format is one const descriptor in
// src/data/formats/<format>.c, gathered by the build.
#ifndef SNUG_DATA_DATASET_H
#define SNUG_DATA_DATASET_H

#include "snug/data.h"

// Bytes of samples as stored: pixels (C, H, W), uint8 or float32.
typedef struct snug_stored {
    int64_t channels, height, width;
    int64_t classes; // 0: any
    int64_t samples;
    bool is_float;
    double mean, deviation; // of uint8 pixels scaled to [0, 1]
    bool per_pixel;         // targets are (H, W) of each sample
    bool has_test;
} snug_stored;

typedef struct snug_data_format {
    const char *name; // in errors
    // Whether |path| (a name, a file or a directory) is of this format.
    bool (*matches)(const char *path);
    // Fills dataset->stored and dataset->state from dataset->options.
    snug_status (*open)(snug_dataset *dataset);
    // Reads one sample as stored; |pixels| has room for it, |target| for its targets.
    snug_status (*read)(snug_dataset *dataset, int64_t index, void *pixels, int32_t *target);
    // Releases dataset->state, also when open failed half-way.
    void (*close)(snug_dataset *dataset);
} snug_data_format;

extern const snug_data_format *const snug_data_formats[];

struct snug_dataset {
    const snug_data_format *format;
    snug_dataset_options options; // name: owned copy
    snug_stored stored;
    void *state;  // the format's
    void *pixels; // one stored sample
};

#endif

// Architectures by torchvision's names. A model builds its forward pass into a graph for a given
// batch; weights carry torchvision's parameter names, shapes and initialisation.
#ifndef SNUG_MODELS_MODEL_H
#define SNUG_MODELS_MODEL_H

#include "graph/graph.h"
#include "snug/data.h"

typedef struct snug_model_options {
    int64_t classes;                 // 0: the model's own (1000 for torchvision's)
    int64_t channels, height, width; // of the input; 0: the model's own (3x224x224)
    double width_multiplier;         // scales the channels of every family; 0: 1.0
    bool drop;                       // false: dropout and stochastic depth are left out
    bool separable;                  // dense 3x3 and 5x5 convolutions become depthwise and 1x1
    bool fuse;                       // activations become part of the norm before them
    bool freeze_bn;                  // batch norm keeps its inference form in training
    // Models that come from files alone; the texts are borrowed.
    int input_rank; // of one sample's first input; 0: the model's own
    int64_t input_dims[SNUG_SAMPLE_RANK];
    bool input_suggested;                  // a file's own fixed dimensions stand
    const snug_sample_tensor *data_inputs; // by name: what inputs take that nothing else says
    int data_input_count;
    const char *output; // NULL: the only one
    bool random_init;   // not the file's weights, but PyTorch's defaults
} snug_model_options;

// Whether all fields are equal; of what is borrowed, that it is the same.
bool snug_model_options_equal(const snug_model_options *a, const snug_model_options *b);

// Where a built network begins and ends.
typedef struct snug_model_ends {
    snug_tensor_id inputs[SNUG_MAX_INPUTS];
    int input_count;
    snug_tensor_id logits;
} snug_model_ends;

typedef struct snug_model snug_model;
struct snug_model {
    const char *name;      // "mobilenet_v2"
    const char *family;    // "mobilenet_v2", "resnet", "vgg", ...
    const char *summary;   // one line for `snug models`
    int64_t default_size;  // H and W that the published network takes
    int64_t minimum_size;  // smallest H and W that keeps every operator's output non-empty
    int64_t size_multiple; // H and W must be multiples of this (1 for most; 16 for unet)
    int64_t default_classes;
    bool per_pixel; // logits are (N, classes, H, W), targets (N, H, W)
    bool has_batch_norm;
    // Emits the forward pass for |input|; |training| selects batch norm's and dropout's form.
    // Returns the logits, SNUG_NO_TENSOR after a failure (the graph's status says which).
    snug_tensor_id (*build)(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id input, bool training);
    const void *config; // the family's own table row
    // Models that come from files have these two in place of build(): they add their inputs, and
    // they know which options make sense. NULL for families.
    snug_status (*build_file)(const snug_model *model, const snug_model_options *options,
                              int64_t batch, bool training, snug_graph *graph,
                              snug_model_ends *out);
    snug_status (*resolve)(const snug_model *model, snug_model_options *options);
};

// What a file under src/models/families exports: `const snug_model_file snug_models_<stem>`.
typedef struct snug_model_file {
    const snug_model *models;
    int count;
} snug_model_file;
extern const snug_model_file *const snug_model_files[];

// The model called |name|. SNUG_NOT_FOUND suggests near matches.
snug_status snug_model_find(const char *name, const snug_model **out);

// Fills in defaults and checks the options against the model: SNUG_INVALID names the option, what
// was found and what the model takes.
snug_status snug_model_resolve(const snug_model *model, snug_model_options *options);

// Builds the forward pass for |batch| samples: adds the inputs (role SNUG_ROLE_INPUT; a family's is
// "input", a float32 image, channels last) and every weight.
snug_status snug_model_build(const snug_model *model, const snug_model_options *options,
                             int64_t batch, bool training, snug_graph *graph, snug_model_ends *out);

// Trainable parameters, and multiply-adds of one sample's forward pass (convolutions and linear
// layers, as published tables count them).
snug_status snug_model_count(const snug_model *model, const snug_model_options *options,
                             int64_t *parameters, int64_t *multiply_adds);

#endif

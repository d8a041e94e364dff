// The options of `snug plan` and `snug train`.
#ifndef SNUG_CLI_OPTIONS_H
#define SNUG_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "snug/plan.h"
#include "snug/train.h"

typedef struct options {
    snug_plan_request request;
    snug_train_options train;
    const char *data;
    snug_dataset_info data_info;    // what they hold, once that was looked at
    snug_sample_tensor data_target; // what |request| borrows of it
    const char *device, *gpu;       // gpu: a card to plan for
    const char *html;               // a file for the plan's page
    const char *out;
    const char *resume; // the folder of the run that goes on
    char train_list[4096], freeze_list[4096], no_decay_list[4096]; // of --train ..., by comma
    double val_split; // share of the training samples that is held out
    bool input_given, no_out, no_eval;
    bool json, quiet, curve, graph;
    bool logits; // predictions: the network's output as it is
    FILE *text;  // for people: standard output, with --json standard error, with --quiet nowhere
    bool timing_told;  // that kernels are being timed
    bool timing_shown; // how many, on a line that is drawn over
    int threads;
} options;

// What the options are for: some are of a run alone, or of predictions.
typedef enum options_purpose {
    OPTIONS_PLANNING = 0,
    OPTIONS_TRAINING = 1,
    OPTIONS_PREDICTING = 2, // the data may be the second argument
} options_purpose;

// Reads the arguments of the command argv[0]. Returns true, or false after printing what is wrong
// on standard error.
bool options_read(int argc, char **argv, options_purpose purpose, options *out);

// What an option is to a run that goes on later.
typedef enum option_use {
    OPTION_FIXED, // the run's own: its numbers depend on it
    OPTION_FREE,  // may be another one when the run goes on
    OPTION_ONCE,  // of one call of the command
} option_use;

// An option as it was given, by its full name.
typedef struct option_given {
    const char *name, *value; // value: NULL for a flag
    option_use use;
    bool adds_up; // given twice both count, else the last
} option_given;

enum { OPTIONS_MOST = 1024 };
// Lists the options among the arguments of `snug train`, in order, into |out| (OPTIONS_MOST); their
// number, or -1 after a complaint. |*model|: what is no option, or NULL.
int options_list(int argc, char **argv, option_given *out, const char **model);

// The text of --help for these options.
#define OPTIONS_PLAN_HELP                                                                          \
    "  --memory SIZE         the budget: 512MiB, 8GiB, 2G (default: what is free)\n"               \
    "  --batch-size N        samples an update sees, never changed (default 256)\n"                \
    "  --micro-batch N       samples at once (default: the most that fits)\n"                      \
    "  --input CxHxW         the network's input (default: the model's or data's);\n"              \
    "                        of an ONNX file what it leaves open, of any rank\n"                   \
    "  --output NAME         of an ONNX file with several outputs: the logits\n"                   \
    "  --classes N           outputs (default: the model's, or the data's)\n"                      \
    "  --loss NAME           cross-entropy (default), mse, or bce (of logits)\n"                   \
    "  --class-axis N        of logits of rank 3 and more: 1, or -1 for the last\n"                \
    "                        (default: what the shapes suggest)\n"                                 \
    "  --train PATTERN       only weights of these names learn: 'fc', 'layer4.*'; by\n"            \
    "                        comma, repeatable\n"                                                  \
    "  --freeze PATTERN      weights of these names do not learn; likewise\n"                      \
    "  --freeze-bn           batch norm uses and keeps its running statistics\n"                   \
    "  --init WHAT           weights to start from: random or a .safetensors file\n"               \
    "                        (default: random, or as in the ONNX file)\n"                          \
    "  --width X             multiplies the channels (default 1)\n"                                \
    "  --separable           depthwise separable convolutions in place of dense ones\n"            \
    "  --no-drop             without dropout and stochastic depth\n"                               \
    "  --optimizer NAME      sgd, adam or adamw (default sgd)\n"                                   \
    "  --momentum X          sgd (default 0.9); also --dampening X, --nesterov\n"                  \
    "  --betas X,Y --eps X   adam, adamw (default 0.9,0.999 and 1e-8)\n"                           \
    "  --weight-decay X      (default sgd 1e-4, adam 0, adamw 0.01)\n"                             \
    "  --no-decay PATTERN    none for norms, biases, or weights of these names; by\n"              \
    "                        comma, repeatable: 'norms,biases'\n"                                  \
    "  --clip-norm X         of all gradients together, as PyTorch's clip_grad_norm_\n"            \
    "  --clip-value X        of each element, as clip_grad_value_\n"                               \
    "  --gradient-norm       tells the norm of each step\n"                                        \
    "  --label-smoothing X   (default 0)\n"                                                        \
    "  --allow FIDELITY      the most that fixes may change: exact, rounding,\n"                   \
    "                        precision, statistics (default) or model\n"                           \
    "  --fixes LIST          only these fixes, by comma; `snug fixes` lists them\n"                \
    "  --require LIST        fixes to use whatever the budget, by comma\n"                         \
    "  --prefer WHAT         fidelity (default) or speed\n"                                        \
    "  --precision WHAT      activations': auto (default), float32, bfloat16, float16\n"           \
    "  --cost WHAT           step times: measured (default; once, then kept) or model\n"           \
    "  --device NAME         cpu (default); `snug devices` lists them\n"                           \
    "  --threads N           (default: all cores)\n"                                               \
    "  --html FILE           the plan as a page to look at\n"                                      \
    "  --json                JSON on standard output, one object a line\n"                         \
    "  --quiet               nothing for people but what went wrong\n"

#endif

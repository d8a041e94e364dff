// Plans: what a training run needs to the byte, every way of making it fit, and the one chosen.
#ifndef SNUG_PLAN_H
#define SNUG_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snug/api.h"
#include "snug/data.h"
#include "snug/device.h"
#include "snug/status.h"

SNUG_BEGIN

// What a fix changes in the result, mildest first. X(symbol, text)
#define SNUG_FIDELITY_LIST(X)                                                                      \
    X(SNUG_FIDELITY_EXACT, "exact")                                                                \
    X(SNUG_FIDELITY_ROUNDING, "rounding")                                                          \
    X(SNUG_FIDELITY_PRECISION, "precision")                                                        \
    X(SNUG_FIDELITY_STATISTICS, "statistics")                                                      \
    X(SNUG_FIDELITY_MODEL, "model")

typedef enum snug_fidelity {
#define SNUG_FIDELITY_ENUM(symbol, text) symbol,
    SNUG_FIDELITY_LIST(SNUG_FIDELITY_ENUM)
#undef SNUG_FIDELITY_ENUM
} snug_fidelity;

SNUG_API const char *snug_fidelity_name(snug_fidelity fidelity);
// SNUG_INVALID lists the names there are.
SNUG_API snug_status snug_fidelity_parse(const char *text, snug_fidelity *out);

// The type of activations and of the arithmetic that is safe in it; weights, their gradients' sums
// and the optimizer's state are float32 whatever it is. X(symbol, text)
#define SNUG_PRECISION_LIST(X)                                                                     \
    X(SNUG_PRECISION_AUTO,                                                                         \
      "auto") /* float32 unless the budget needs less, or speed is preferred */                    \
    X(SNUG_PRECISION_FLOAT32, "float32")                                                           \
    X(SNUG_PRECISION_BFLOAT16, "bfloat16")                                                         \
    X(SNUG_PRECISION_FLOAT16, "float16") /* with loss scaling */

typedef enum snug_precision {
#define SNUG_PRECISION_ENUM(symbol, text) symbol,
    SNUG_PRECISION_LIST(SNUG_PRECISION_ENUM)
#undef SNUG_PRECISION_ENUM
} snug_precision;

// Whether |device| computes in |precision| at least as fast as in float32. Where it does not, 16
// bits are storage alone, which halves the memory of activations and takes time to convert.
SNUG_API bool snug_device_is_fast(const snug_device *device, snug_precision precision);

SNUG_API const char *snug_precision_name(snug_precision precision);
// SNUG_INVALID lists the names there are.
SNUG_API snug_status snug_precision_parse(const char *text, snug_precision *out);

// An optimizer with PyTorch's meaning of each number. It never grows: what optimizers come to need
// beside is a field of the request.
typedef enum snug_optimizer_kind {
    SNUG_OPTIMIZER_SGD,
    SNUG_OPTIMIZER_ADAM,
    SNUG_OPTIMIZER_ADAMW
} snug_optimizer_kind;
typedef struct snug_optimizer {
    snug_optimizer_kind kind;
    double momentum, dampening; // SGD
    bool nesterov;              // SGD
    double beta1, beta2, eps;   // Adam, AdamW
    double weight_decay;
} snug_optimizer;
// torch.optim's defaults for |kind| (SGD: everything 0; Adam: 0.9, 0.999, 1e-8, 0; AdamW: 0.01).
SNUG_API snug_optimizer snug_optimizer_defaults(snug_optimizer_kind kind);

// What is minimised, with PyTorch's meaning, mean over the batch. X(symbol, text)
#define SNUG_LOSS_LIST(X)                                                                          \
    X(SNUG_LOSS_CROSS_ENTROPY, "cross-entropy") /* of logits and classes */                        \
    X(SNUG_LOSS_MSE, "mse")                     /* of the output and numbers shaped like it */     \
    X(SNUG_LOSS_BCE, "bce") /* of logits and numbers in [0, 1] shaped like them */

typedef enum snug_loss {
#define SNUG_LOSS_ENUM(symbol, text) symbol,
    SNUG_LOSS_LIST(SNUG_LOSS_ENUM)
#undef SNUG_LOSS_ENUM
} snug_loss;

SNUG_API const char *snug_loss_name(snug_loss loss);
// SNUG_INVALID lists the names there are.
SNUG_API snug_status snug_loss_parse(const char *text, snug_loss *out);

// Where step times come from: kernels measured on the device, one of each kind and size, and kept
// in the user's cache directory, with those of the same kind predicted from them; or arithmetic and
// bandwidth, which takes no time and never varies.
typedef enum snug_cost_source {
    SNUG_COST_SOURCE_MEASURED,
    SNUG_COST_SOURCE_MODEL
} snug_cost_source;

// What is to be trained and in how much memory. Zero-initialise, then set what differs: zero means
// the default everywhere. Texts are borrowed until snug_plan_make() returns.
typedef struct snug_plan_request {
    const char *model;               // a name, or the path of an ONNX file (ends in .onnx)
    int64_t classes;                 // 0: the model's own
    int64_t channels, height, width; // of the input; 0: the model's own
    double width_multiplier;         // 0: 1
    bool separable;                  // dense 3x3 and 5x5 convolutions become depthwise and 1x1
    bool no_drop;                    // leave out dropout and stochastic depth
    int input_rank; // ONNX files: of one sample of the first input; 0: as the file says
    int64_t input_dims[SNUG_SAMPLE_RANK]; // what the file leaves open takes these
    bool input_suggested; // where the file says otherwise, it is right; else that is an error
    // ONNX files: the tensors of the data. An input of one's name takes its extents where neither
    // the file nor the above says them.
    const snug_sample_tensor *data_inputs;
    int data_input_count;
    const char *output; // ONNX files: the logits' name; NULL: the only output
    bool random_init;   // ONNX files: weights start by PyTorch's defaults, not as in the file
    const char *train;  // names of weights that learn, globs by comma; NULL: all
    const char *freeze; // names of weights that do not, of those; NULL: none
    bool freeze_bn;     // batch norm uses and keeps its running statistics
    snug_loss loss;
    int class_axis; // of logits of rank 3 and more; 0: as their shape suggests, -1: the last
    double label_smoothing;
    snug_optimizer optimizer;
    int64_t batch_size;       // samples an optimizer update sees; 0: 256
    int64_t micro_batch;      // 0: the planner chooses; else at most batch_size
    size_t budget_bytes;      // 0: what the device has free
    snug_precision precision; // other than SNUG_PRECISION_AUTO: nothing else will do
    snug_fidelity allow; // the planner's default for callers is SNUG_FIDELITY_STATISTICS: set it
    bool prefer_speed;   // the fastest that fits, whatever allowed fidelity it has
    const char *fixes;   // "free-early,accumulate": only these fixes, "": none; NULL: all
    const char *require; // fixes that are used whatever the budget, by comma; NULL: none
    bool evaluation;     // no training: weights and the forward pass alone
    snug_cost_source cost;
    // Called before each kernel that is measured, with how many that makes; may be NULL.
    void (*on_timing)(void *context, int64_t kernels);
    // Asked before each run of a kernel that is measured; may be NULL. A true answer ends planning
    // with SNUG_INTERRUPTED; what was measured is kept.
    bool (*should_stop)(void *context);
    void *context;
    // A group of parameters without weight decay: "norms" (their scales and shifts), "biases" (and
    // what else has one dimension), and names or globs as of |train|, by comma; NULL: all decay.
    const char *no_decay;
    // Gradients as torch.nn.utils.clip_grad_norm_() and clip_grad_value_() leave them; 0: as they
    // are. The norm is that of all gradients together, so all of them are kept until it is known,
    // which the plan's figures say; values are clipped after it, and need no memory.
    double clip_norm, clip_value;
    bool gradient_norm; // tell the norm of each step; with |clip_norm| it is told anyhow
    // The targets of the data: where |class_axis| is 0, their shape tells which dimension of the
    // output has the classes. NULL: not known.
    const snug_sample_tensor *data_target;
} snug_plan_request;

// Bytes by kind at the moment of the peak; they add up to peak_bytes with |packing_gap|.
typedef struct snug_plan_memory {
    size_t weights, gradients, optimizer, statistics, activations, workspace, input;
    size_t packing_gap; // bytes of the arena that hold nothing then
} snug_plan_memory;

enum { SNUG_PLAN_MAX_FIXES = 16 };

// One way of running a batch.
typedef struct snug_candidate {
    const char *fixes[SNUG_PLAN_MAX_FIXES]; // names, ends with NULL
    snug_fidelity fidelity;
    int64_t micro_batch, accumulation_steps;
    int64_t recomputed_ops;
    const char *precision; // "float32", "bfloat16" or "float16"
    size_t peak_bytes;     // the arena
    double step_seconds;   // predicted, one optimizer update
    bool fits;             // the budget, with what is allowed
    snug_plan_memory memory;
    // What is trained: the network asked for, or with fidelity SNUG_FIDELITY_MODEL another.
    const char *network; // its own name, "resnet18-width-0.5"
    int64_t parameters, multiply_adds;
    double published_accuracy; // top-1 on ImageNet in percent; 0: none is
} snug_candidate;

typedef struct snug_plan snug_plan;

// Plans |request| on |device|, which must outlive the plan. When nothing that is allowed fits the
// budget, the plan is still given (its candidates tell by how much) and the status is SNUG_NO_FIT,
// with the smallest budgets and the largest batch size named in the message. Other failures leave
// |*out| NULL: SNUG_NOT_FOUND (model), SNUG_INVALID (options), SNUG_NOMEM.
SNUG_API snug_status snug_plan_make_sized(snug_device *device, const snug_plan_request *request,
                                          size_t request_bytes, snug_plan **out);
static inline snug_status snug_plan_make(snug_device *device, const snug_plan_request *request,
                                         snug_plan **out) {
    return snug_plan_make_sized(device, request, sizeof *request, out);
}
SNUG_API void snug_plan_free(snug_plan *plan);

// The network that is trained, by its own name; and the model that was asked for.
SNUG_API const char *snug_plan_model(const snug_plan *plan);
SNUG_API const char *snug_plan_requested_model(const snug_plan *plan);
SNUG_API int64_t snug_plan_batch_size(const snug_plan *plan);
SNUG_API size_t snug_plan_budget_bytes(const snug_plan *plan);
// The smallest budget that works with what is allowed; SIZE_MAX: none does.
SNUG_API size_t snug_plan_minimum_bytes(const snug_plan *plan);
// The smallest budget that works with changes of |fidelity| at most, allowed or not.
SNUG_API size_t snug_plan_minimum_bytes_at(const snug_plan *plan, snug_fidelity fidelity);
// When nothing fits: the largest batch size that would; 0: not even one sample. Else 0.
SNUG_API int64_t snug_plan_largest_batch(const snug_plan *plan);
// What the batch needs when every tensor that the backward pass reads is kept until then and
// gradients until the update, as eager frameworks do.
SNUG_API size_t snug_plan_unfixed_bytes(const snug_plan *plan);
// Candidate |index|, mildest first, NULL past the last; borrowed.
SNUG_API const snug_candidate *snug_plan_candidate(const snug_plan *plan, size_t index);
// The chosen one, NULL when nothing fits.
SNUG_API const snug_candidate *snug_plan_chosen(const snug_plan *plan);
// What the network takes: for data sets (snug_dataset_options.sample). Borrowed.
SNUG_API const snug_sample_type *snug_plan_sample(const snug_plan *plan);
// What the network gives for a sample: float32, row-major in PyTorch's order of dimensions, such as
// the logits of its classes; |below| says nothing. Borrowed.
SNUG_API const snug_sample_tensor *snug_plan_output(const snug_plan *plan);
// Whether targets are (N, H, W), a class for every pixel.
SNUG_API bool snug_plan_is_per_pixel(const snug_plan *plan);
// Whether an evaluation tells an accuracy.
SNUG_API bool snug_plan_has_accuracy(const snug_plan *plan);
// Parameters of the network, and those of them that learn.
SNUG_API void snug_plan_parameters(const snug_plan *plan, int64_t *all, int64_t *learning);

// The plan for people, at most 80 columns wide, and as one line of JSON. The caller frees |*out|
// with snug_string_free().
SNUG_API snug_status snug_plan_text(const snug_plan *plan, char **out);
SNUG_API snug_status snug_plan_json(const snug_plan *plan, char **out);
// The graphs of the chosen candidate's passes: one line a tensor that no node makes, one line a
// node, as in graph/print.h; "" when nothing fits. For people: the form changes with the graph.
SNUG_API snug_status snug_plan_graph(const snug_plan *plan, char **out);
// The plan as a page for a browser, complete in itself: what is in memory operation by operation,
// the packing to scale, the candidates. Freed likewise.
SNUG_API snug_status snug_plan_html(const snug_plan *plan, char **out);
// The same into the file |path|, which appears whole or not at all (SNUG_IO).
SNUG_API snug_status snug_plan_html_write(const snug_plan *plan, const char *path);

// The fixes there are, for `snug fixes`; NULL past the end. Static storage.
typedef struct snug_fix_info {
    const char *name;
    snug_fidelity fidelity;
    const char *help;
} snug_fix_info;
SNUG_API const snug_fix_info *snug_fix_at(int index);

// The models there are, for `snug models`.
typedef struct snug_model_info {
    const char *name, *summary;
    int64_t channels, height, width, classes; // defaults
    int64_t parameters, multiply_adds;        // multiply-adds of one sample's forward pass
} snug_model_info;
SNUG_API int snug_model_total(void);
// Counts model |index| by building it: milliseconds. SNUG_NOT_FOUND past the end.
SNUG_API snug_status snug_model_describe_sized(int index, snug_model_info *out, size_t out_bytes);
static inline snug_status snug_model_describe(int index, snug_model_info *out) {
    return snug_model_describe_sized(index, out, sizeof *out);
}

SNUG_END

#endif

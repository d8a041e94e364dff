// Training: a plan's arena with the weights in it, one optimizer update at a time, and the loop
// over a data set around it.
#ifndef SNUG_TRAIN_H
#define SNUG_TRAIN_H

#include "snug/api.h"
#include "snug/data.h"
#include "snug/plan.h"

SNUG_BEGIN

// Holds the arena. All device memory is taken by snug_trainer_new(); nothing is taken later.
typedef struct snug_trainer snug_trainer;

// Where a trainer's samples come from. Called in order, for at most |most| samples at a time: gives
// |samples| samples as snug_plan_sample() describes them, valid until the next call: |inputs| has
// room for an address for each input. An image network takes one, float32 in NHWC order, and int32
// targets. A class below 0 (PyTorch's ignore_index of -100) counts neither in the loss, which is
// the mean over the batch's other targets, nor in gradients and accuracy.
typedef struct snug_batch_source {
    snug_status (*next)(void *context, int64_t samples, const void **inputs, const void **target);
    void *context;
    int64_t most;      // 0: any number
    void *reserved[4]; // NULL
} snug_batch_source;

// |plan| is borrowed and must have a chosen candidate. Weights are initialised from |seed|, which
// also drives dropout.
SNUG_API snug_status snug_trainer_new(const snug_plan *plan, uint64_t seed, snug_trainer **out);
SNUG_API void snug_trainer_free(snug_trainer *trainer);

// One optimizer update on plan's batch_size samples of |source|; |*loss| receives their mean loss.
// When |source| fails in mid-batch the weights stay as they were, and gradients so far are dropped.
// SNUG_NOT_FINITE for a loss that is infinite or no number: weights, statistics and the optimizer's
// state stay as they were, and the message names the first tensor that was not finite. Where losses
// are scaled such steps are skipped like those whose gradients overflow, and sixteen of them in a
// row fail.
SNUG_API snug_status snug_trainer_step(snug_trainer *trainer, const snug_batch_source *source,
                                       double learning_rate, double *loss);

// The norm of all gradients together in the last step, before they were clipped. NAN before the
// first step and where the plan does not tell it (snug_plan_request.gradient_norm, .clip_norm). A
// norm that is not finite and is to be clipped fails the step as a loss does.
SNUG_API double snug_trainer_gradient_norm(const snug_trainer *trainer);

// With |keep_going| a loss that is not finite is trained on like any other.
SNUG_API void snug_trainer_keep_going(snug_trainer *trainer, bool keep_going);

// Evaluation form over |samples| samples: their mean loss, and the share of targets that the
// largest logit hits (binary: whose logit is on the right side of 0), in [0, 1]; NaN where the loss
// knows no right answers.
SNUG_API snug_status snug_trainer_evaluate(snug_trainer *trainer, const snug_batch_source *source,
                                           int64_t samples, double *loss, double *accuracy);

// What a prediction is: the network's output as it is, or by the loss that it was trained with:
// cross-entropy: softmax over the classes, bce: sigmoid; the numbers of mse are none.
typedef enum snug_prediction {
    SNUG_PREDICTION_OUTPUT,
    SNUG_PREDICTION_PROBABILITIES
} snug_prediction;

// Evaluation form: what the network says to the next |samples| samples of |source|, whose targets
// may be NULL. |out| receives them one after the other, each as snug_plan_output() describes it;
// |bytes| must be so many times its bytes. Works in the arena that is there; samples do not depend
// on each other, however many there are at once. SNUG_INVALID for probabilities of numbers.
SNUG_API snug_status snug_trainer_predict(snug_trainer *trainer, const snug_batch_source *source,
                                          int64_t samples, snug_prediction prediction, void *out,
                                          size_t bytes);

// Where the plan computes in float16 the loss is scaled, by PyTorch's dynamic rule from 65536 on
// (train/loss_scaler.h) unless |scale| fixes it; 0 takes the rule up again from its start. A step
// with a gradient that is not finite changes no weight and no state of the optimizer, with a loss
// that is not finite no running statistic either, and counts as skipped. Plans of other precisions
// scale nothing: SNUG_INVALID.
SNUG_API snug_status snug_trainer_set_loss_scale(snug_trainer *trainer, double scale);
// The scale that the next step uses, 0 when none does; and the steps skipped so far.
SNUG_API double snug_trainer_loss_scale(const snug_trainer *trainer);
SNUG_API int64_t snug_trainer_skipped_steps(const snug_trainer *trainer);

// Gives the arena back to the device, as between training and other work: weights, statistics and
// the optimizer's state are kept in host memory meanwhile. snug_trainer_restore() takes an arena
// again and brings them back, bit for bit; until then a step, an evaluation, and reading or writing
// a tensor fail with SNUG_INVALID. SNUG_NOMEM leaves the trainer as it was. Calling either twice
// does nothing.
SNUG_API snug_status snug_trainer_release(snug_trainer *trainer);
SNUG_API snug_status snug_trainer_restore(snug_trainer *trainer);
// Bytes of device memory that the trainer holds: its arena, or 0 when released; and those of them
// that hold something between steps.
SNUG_API size_t snug_trainer_reserved_bytes(const snug_trainer *trainer);
SNUG_API size_t snug_trainer_used_bytes(const snug_trainer *trainer);

// Updates done so far, skipped steps not counted.
SNUG_API int64_t snug_trainer_steps(const snug_trainer *trainer);
SNUG_API size_t snug_trainer_planned_peak(const snug_trainer *trainer);
// The arena's high-water mark so far; equal to the planned peak from the first step on.
SNUG_API size_t snug_trainer_measured_peak(const snug_trainer *trainer);

// Weights and running statistics under torchvision's names, then optimizer state and gradient
// accumulators ("<weight>.grad"; where the network has a tensor of that name, the name is that
// tensor's). |*shape| (|*rank| entries) is borrowed.
typedef struct snug_tensor_info {
    const char *name;
    int rank;
    const int64_t *shape;
    const char *type; // of an element: "float32", "uint8" ...; static storage
    size_t bytes;
    bool is_weight, is_statistic;
} snug_tensor_info;
// SNUG_NOT_FOUND past the end.
SNUG_API snug_status snug_trainer_tensor_sized(const snug_trainer *trainer, size_t index,
                                               snug_tensor_info *out, size_t out_bytes);
static inline snug_status snug_trainer_tensor(const snug_trainer *trainer, size_t index,
                                              snug_tensor_info *out) {
    return snug_trainer_tensor_sized(trainer, index, out, sizeof *out);
}
// Copies a whole tensor; |bytes| must be its size. SNUG_NOT_FOUND for an unknown name.
SNUG_API snug_status snug_trainer_read(snug_trainer *trainer, const char *name, void *to,
                                       size_t bytes);
SNUG_API snug_status snug_trainer_write(snug_trainer *trainer, const char *name, const void *from,
                                        size_t bytes);

// Reads weights and statistics that snug_trainer_save() wrote. SNUG_BAD_FILE names a tensor that is
// missing or has another shape; then some of them may have changed.
SNUG_API snug_status snug_trainer_load(snug_trainer *trainer, const char *path);

// SNUG_NOT_FINITE, and the name, where a weight or a running statistic is not finite.
SNUG_API snug_status snug_trainer_check(snug_trainer *trainer);

// Writes weights and statistics to |path| as safetensors, whole or not at all.
SNUG_API snug_status snug_trainer_save(snug_trainer *trainer, const char *path);

typedef enum snug_lr_schedule {
    SNUG_LR_SCHEDULE_CONSTANT,
    SNUG_LR_SCHEDULE_COSINE
} snug_lr_schedule;

typedef struct snug_step_event {
    int64_t step, steps; // done, and to do in all
    int64_t epoch;       // counted from 1
    double loss;
    double learning_rate;
    double loss_scale;     // of this step; 0: the plan does not scale losses
    int64_t skipped_steps; // so far, for a gradient that was not finite
    double samples_per_second, seconds_left;
    double gradient_norm; // as snug_trainer_gradient_norm()
} snug_step_event;

typedef struct snug_epoch_event {
    int64_t epoch, epochs;
    double train_loss, val_loss, accuracy; // means over the epoch and the test split
    double seconds;
} snug_epoch_event;

typedef struct snug_train_options {
    int64_t epochs;    // 0: 1
    int64_t max_steps; // 0: no limit
    double learning_rate;
    snug_lr_schedule schedule;
    double warmup_epochs; // linear, before the schedule proper
    const char *init;     // weights to start from, as snug_trainer_load() reads them; NULL: none
    double loss_scale;    // float16: what the loss is multiplied by; 0: PyTorch's dynamic rule
    uint64_t seed;
    // Directory for weights.safetensors, plan.json, log.jsonl and checkpoints; NULL: none.
    const char *out;
    bool overwrite;  // the files of an earlier run in |out|
    bool keep_going; // as snug_trainer_keep_going()
    // Checkpoints in |out| (snug/checkpoint.h), every so many steps and whenever so many seconds
    // have passed; 0: not by that. With either there is one of the start and one of the end, too.
    // An interrupted run leaves one whatever these say.
    int64_t checkpoint_steps;
    double checkpoint_seconds;
    int checkpoints_kept; // the newest so many; 0: 2
    // Goes on from the newest checkpoint in |out| that is whole, with the same bits as if the run
    // had never stopped, where plan, data and the options above are the same or differ in the
    // budget and exact fixes alone. |epochs| and |max_steps| may be more than they were.
    bool resume;
    const char *note; // kept in every checkpoint, for snug_checkpoint_note(.., "caller"); or NULL
    // May be NULL. |should_stop| is asked before samples are taken; a true answer ends the run as
    // an interrupted one, after the last step that was complete, with its state saved. |on_notice|
    // is told in a sentence what is otherwise than it was: a damaged checkpoint that was passed by,
    // and what of a resumed run's plan differs so that bits will.
    void (*on_notice)(void *context, const char *text);
    void (*on_step)(void *context, const snug_step_event *event);
    void (*on_epoch)(void *context, const snug_epoch_event *event);
    bool (*should_stop)(void *context);
    void *context;
} snug_train_options;

typedef struct snug_train_result {
    int64_t steps;         // with those before the run was resumed
    int64_t resumed_steps; // of these, done before; 0 in a new run
    int64_t skipped_steps; // of these, for a gradient that was not finite
    size_t planned_peak_bytes, measured_peak_bytes;
    double seconds;            // likewise in all
    double accuracy, val_loss; // of the last evaluation; NaN before the first
} snug_train_result;

// Trains |plan|'s model on |train|, evaluating on |test| (may be NULL) after each epoch; each
// epoch has floor(samples / batch size) updates over freshly shuffled samples.
// SNUG_INTERRUPTED when should_stop() said so: |*result| is filled and, with |out|, all is saved:
// the weights, and a checkpoint from which |resume| goes on. SNUG_IO when |out| cannot be written,
// SNUG_INVALID when it holds an earlier run or another process trains in it: found before training
// starts. SNUG_IO later (a full disk): what was written whole before is still there, and the
// message names the last checkpoint. With |resume|: SNUG_NOT_FOUND where |out| has no checkpoint,
// SNUG_BAD_FILE where none is whole, SNUG_INVALID where the checkpoint is of another network, batch
// size, optimizer, loss, learning rate, seed or number of samples, named. SNUG_NOT_FINITE when a
// loss is not: |*result| is filled, and |out| keeps the weights of the last epoch that ended; where
// none did, those before the step if they are finite.
SNUG_API snug_status snug_train_sized(const snug_plan *plan, snug_dataset *train,
                                      snug_dataset *test, const snug_train_options *options,
                                      size_t options_bytes, snug_train_result *result,
                                      size_t result_bytes);
static inline snug_status snug_train(const snug_plan *plan, snug_dataset *train, snug_dataset *test,
                                     const snug_train_options *options, snug_train_result *result) {
    return snug_train_sized(plan, train, test, options, sizeof *options, result, sizeof *result);
}

// Whether |folder| holds files of a run.
SNUG_API bool snug_run_exists(const char *folder);

// What plan.json in the folder of a run says about the network that was trained.
typedef struct snug_run_info {
    bool is_file;     // |model| is a path
    char model[4096]; // as `snug models` lists it, or the path of an ONNX file
    char network[64]; // its own name, "resnet18-width-0.5"
    double width_multiplier;
    bool separable;
    int64_t classes, channels, height, width;
    int input_rank; // of one sample's (first) input
    int64_t input_dims[SNUG_SAMPLE_RANK];
    char output[256]; // "": the only one
    snug_loss loss;
    int class_axis;
    snug_precision precision;
} snug_run_info;
// SNUG_NOT_FOUND when there is no such file, SNUG_BAD_FILE when it is no plan of snug's.
SNUG_API snug_status snug_run_describe_sized(const char *folder, snug_run_info *out,
                                             size_t out_bytes);
static inline snug_status snug_run_describe(const char *folder, snug_run_info *out) {
    return snug_run_describe_sized(folder, out, sizeof *out);
}

// Writes the weights and statistics of the run in |folder| to |path| as a safetensors file of the
// names, shapes and types of the network's PyTorch state_dict(), num_batches_tracked included (the
// updates done: training does not read it). Of a network from an ONNX file that is still there, its
// buffers as well. SNUG_BAD_FILE where the run's weights are no snug's.
SNUG_API snug_status snug_run_export(const char *folder, const char *path);

// The same as an ONNX file in inference form, with a dynamic batch: what was trained from a file is
// that file with the trained weights. SNUG_BAD_FILE where that file is gone or is another one now;
// SNUG_INVALID beyond 2 GiB.
SNUG_API snug_status snug_run_export_onnx(const char *folder, const char *path);

typedef struct snug_evaluate_options {
    bool (*should_stop)(void *context); // may be NULL
    void *context;
} snug_evaluate_options;

typedef struct snug_evaluate_result {
    int64_t samples;
    double loss, accuracy;
    size_t planned_peak_bytes, measured_peak_bytes;
    double seconds;
} snug_evaluate_result;

// Evaluates weights (a safetensors file) on all samples of |test| inside |plan|, which may be one
// for evaluation alone. SNUG_INTERRUPTED when should_stop() said so.
SNUG_API snug_status snug_evaluate_sized(const snug_plan *plan, const char *weights,
                                         snug_dataset *test, const snug_evaluate_options *options,
                                         size_t options_bytes, snug_evaluate_result *result,
                                         size_t result_bytes);
static inline snug_status snug_evaluate(const snug_plan *plan, const char *weights,
                                        snug_dataset *test, const snug_evaluate_options *options,
                                        snug_evaluate_result *result) {
    return snug_evaluate_sized(plan, weights, test, options, sizeof *options, result,
                               sizeof *result);
}

typedef struct snug_predict_options {
    snug_prediction prediction;
    // A file of numpy's format, (samples, ...) float32 as snug_plan_output() has it, that appears
    // whole or not at all; NULL: none.
    const char *npy;
    // Hears of |samples| samples from |first| on, in their order; may be NULL. |outputs| lie one
    // after the other, valid during the call.
    void (*on_samples)(void *context, int64_t first, int64_t samples, const float *outputs);
    bool (*should_stop)(void *context); // may be NULL
    void *context;
} snug_predict_options;

typedef struct snug_predict_result {
    int64_t samples;
    size_t planned_peak_bytes, measured_peak_bytes;
    double seconds;
} snug_predict_result;

// What the network of |plan| with |weights| (a safetensors file) says to all samples of |data|, in
// their order. |plan| may be one for evaluation alone. SNUG_INTERRUPTED when should_stop() said so,
// SNUG_IO where the file cannot be written; others as snug_trainer_predict().
SNUG_API snug_status snug_predict_sized(const snug_plan *plan, const char *weights,
                                        snug_dataset *data, const snug_predict_options *options,
                                        size_t options_bytes, snug_predict_result *result,
                                        size_t result_bytes);
static inline snug_status snug_predict(const snug_plan *plan, const char *weights,
                                       snug_dataset *data, const snug_predict_options *options,
                                       snug_predict_result *result) {
    return snug_predict_sized(plan, weights, data, options, sizeof *options, result,
                              sizeof *result);
}

SNUG_END

#endif

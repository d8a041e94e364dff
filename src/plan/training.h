// Training graphs: a model's forward pass with loss, backward pass and update as nodes of one
// graph, in the forms that plans run.
#ifndef SNUG_PLAN_TRAINING_H
#define SNUG_PLAN_TRAINING_H

#include "graph/graph.h"
#include "models/model.h"
#include "snug/plan.h"

// What is trained; borrowed pointers outlive the graphs.
typedef struct snug_training {
    const snug_model *model;
    snug_model_options options;
    snug_optimizer optimizer;
    snug_loss loss;
    int class_axis; // 0: snug_loss_class_axis() finds it
    double label_smoothing;
    const char *train, *freeze;   // globs by comma, or NULL
    const char *no_decay;         // the same, and "norms" and "biases"
    double clip_norm, clip_value; // 0: none
    bool gradient_norm;
    snug_dtype activations; // SNUG_F32, SNUG_BF16 or SNUG_F16: weights are float32 whatever it is
    bool scales_loss;       // gradients come out times the run's loss scale
    bool lean_optimizer;    // state of large weights in 8 bits
} snug_training;

typedef enum snug_pass_kind {
    // Forward, backward; each weight is updated as soon as its gradient is complete, and the
    // gradient dies there.
    SNUG_PASS_WHOLE,
    // The same with all updates at the end, as eager frameworks do.
    SNUG_PASS_DEFERRED,
    // Forward, backward; gradients are added to accumulators that live through the step.
    SNUG_PASS_MICRO,
    // All gradients are looked at before the update: accumulators are divided by the loss scale and
    // searched for what is not finite, |found|; and their norm is worked out where it is to be
    // clipped, |norm|.
    SNUG_PASS_INSPECT,
    // Accumulators update the weights and are cleared.
    SNUG_PASS_UPDATE,
    // Forward in evaluation form, loss sum and count of correct answers.
    SNUG_PASS_EVALUATE,
} snug_pass_kind;

typedef struct snug_training_graph {
    snug_graph *graph;
    snug_tensor_id inputs[SNUG_MAX_INPUTS];
    int input_count;        // 0 in the update pass
    snug_tensor_id target;  // SNUG_NO_TENSOR in the update pass
    snug_tensor_id logits;  // float32, as the model gives them
    snug_tensor_id loss;    // scalar: the samples' loss sum / denominator
    snug_tensor_id correct; // scalar, evaluation only; SNUG_NO_TENSOR: the loss has none
    snug_tensor_id found;   // scalar, inspection only: above 0 where a gradient is not finite
    snug_tensor_id norm;    // scalar: the sum of all gradients' squares; SNUG_NO_TENSOR: not here
    int64_t samples;
} snug_training_graph;

// Builds the graph of |kind| for |samples| samples. The loss is the sum over them divided by
// |denominator| samples, so that the micro-batches of a batch add up to its mean loss; in
// evaluation the denominator is 1. The update pass has neither: of any number of samples the
// network has the same weights, and one that a plan builds already costs least.
snug_status snug_training_graph_build(const snug_training *training, snug_pass_kind kind,
                                      int64_t samples, int64_t denominator,
                                      snug_training_graph *out);

#endif

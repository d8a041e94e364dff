// Losses: what is minimised, and the targets that it takes.
#ifndef SNUG_PLAN_LOSSES_H
#define SNUG_PLAN_LOSSES_H

#include "plan/training.h"

// Adds the target (role SNUG_ROLE_INPUT, named "target") and the loss of |built|'s logits: the sum
// over the samples divided by |denominator| samples in training form, by 1 in evaluation, which
// counts the correct answers as well where there are any.
// Classes are int32, shaped like the logits without the axis of the classes; the targets of other
// losses are float32 and shaped like the output.
// SNUG_INVALID when the output's shape is none for the loss.
snug_status snug_training_add_loss(const snug_training *training, bool training_form,
                                   int64_t denominator, snug_training_graph *built);

// The dimension of the classes in the logits.
int snug_loss_class_axis(const snug_training *training, const snug_training_graph *built);

// The class axis, as snug_training's, that |target|, a sample's targets as data have them, leaves
// in the logits; 0 where it tells none or both.
int snug_loss_told_axis(const snug_training_graph *built, const snug_sample_tensor *target);

// What the logits already went through where the loss does it itself, sigmoid or softmax by name,
// or NULL.
const char *snug_loss_squashed(const snug_training *training, const snug_training_graph *built);

// What a sample of |built| is made of.
snug_status snug_training_sample(const snug_training *training, const snug_training_graph *built,
                                 snug_sample_type *out);
// What it answers to one.
void snug_training_answer(const snug_training_graph *built, snug_sample_tensor *out);

#endif

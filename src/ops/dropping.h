// What dropout and stochastic depth share: both scale by what a random word says, and so does the
// gradient, from the same words.
#ifndef SNUG_OPS_DROPPING_H
#define SNUG_OPS_DROPPING_H

#include "graph/autodiff.h"
#include "ops/mask.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute snug_dropping_attributes[] = {
    SNUG_ATTRIBUTE(snug_dropout_attributes, p, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_dropout_attributes, salt, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static inline snug_status snug_dropping_infer(const void *attributes, const snug_type *inputs,
                                              int input_count, snug_type *outputs) {
    const snug_dropout_attributes *dropout = attributes;
    if (!(dropout->p >= 0 && dropout->p <= 1))
        return snug_fail(SNUG_INVALID, "a probability from 0 to 1 expected, found %g", dropout->p);
    if (inputs[0].rank == 0)
        return snug_fail(SNUG_INVALID, "samples along dimension 0 expected, found a scalar");
    return snug_infer_same(attributes, inputs, input_count, outputs);
}

static inline snug_status snug_dropping_gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, node->op, node->attributes, dy));
    return SNUG_OK;
}

// What an element whose random word is |word| is multiplied by; a dropped one is set to 0, so that
// infinities and NaN go too.
static inline double snug_dropping_apply(const snug_dropout_attributes *dropout, uint32_t word,
                                         double x) {
    return snug_mask_keeps(word, dropout->p) ? x / (1 - dropout->p) : 0;
}

static const snug_dropout_attributes snug_dropping_half = {.p = 0.5, .salt = 1},
                                     snug_dropping_some = {.p = 0.2, .salt = 2},
                                     snug_dropping_none = {.p = 0}, snug_dropping_all = {.p = 1};

static const snug_sample snug_dropping_samples[] = {
    {.name = "matrix",
     .attributes = &snug_dropping_half,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "image",
     .attributes = &snug_dropping_some,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(4, 5, 3, 4)}},
    {.name = "nothing drops",
     .attributes = &snug_dropping_none,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "all drop",
     .attributes = &snug_dropping_all,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
};

#endif

// What the operators that update a tensor in place share.
#ifndef SNUG_OPS_UPDATE_H
#define SNUG_OPS_UPDATE_H

#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

// All |count| inputs are floating-point tensors that lie alike; element types may differ.
static inline snug_status snug_update_check(const snug_type *inputs, int count) {
    for (int i = 0; i < count; i++) {
        bool alike =
            snug_type_same_shape(&inputs[0], &inputs[i]) && inputs[0].layout == inputs[i].layout;
        if (alike && snug_dtype_is_float(inputs[i].dtype)) continue;
        char first[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID,
                         "floating-point tensors shaped like %s expected, found %s as input %d",
                         snug_type_print(&inputs[0], first), snug_type_print(&inputs[i], other), i);
    }
    return SNUG_OK;
}

// What an update takes gradients times.
static inline double snug_update_weight(const snug_run_state *state) {
    return state->gradient_weight != 0 ? state->gradient_weight : 1;
}

#endif

// Attention's sizes, from its operands.
#ifndef SNUG_OPS_ATTENTION_H
#define SNUG_OPS_ATTENTION_H

#include "ops/ops.h"

typedef struct snug_attention_sizes {
    int64_t batch, heads, queries, keys, width, value_width;
} snug_attention_sizes;

// |inputs|: queries, keys and values, of four dimensions.
static inline snug_attention_sizes
snug_attention_sizes_of(const snug_attention_attributes *attention, const snug_type *inputs) {
    int position = attention->positions_first ? 1 : 2, head = 3 - position;
    return (snug_attention_sizes){.batch = inputs[0].dims[0],
                                  .heads = inputs[0].dims[head],
                                  .queries = inputs[0].dims[position],
                                  .keys = inputs[1].dims[position],
                                  .width = inputs[0].dims[3],
                                  .value_width = inputs[2].dims[3]};
}

// The type of an operand with so many positions, so wide.
static inline snug_type snug_attention_type(const snug_attention_attributes *attention,
                                            const snug_attention_sizes *sizes, snug_dtype dtype,
                                            int64_t positions, int64_t width) {
    bool first = attention->positions_first != 0;
    const int64_t dims[] = {sizes->batch, first ? positions : sizes->heads,
                            first ? sizes->heads : positions, width};
    return snug_type_make(dtype, SNUG_ROW_MAJOR, 4, dims);
}

#endif

// The loops of element-wise operators over arrays: kernels/elementwise_kernel.c has them,
// elementwise_blocks.c feeds them.
#ifndef SNUG_DEVICE_CPU_ELEMENTWISE_BLOCKS_H
#define SNUG_DEVICE_CPU_ELEMENTWISE_BLOCKS_H

#include "device/cpu/kernel.h"

// y[i] = the operator on x[0][i], x[1][i] ...; y may be one of them. |attributes|: the operator's.
typedef void snug_elementwise_block(const float *const *x, float *y, int64_t count,
                                    const void *attributes);

// The loop of |op|; NULL: there is none.
snug_elementwise_block *snug_elementwise_find(const snug_op *op);

// Prepares an operator that has a loop.
snug_status snug_elementwise_prepare(snug_cpu_kernel *kernel);

#endif

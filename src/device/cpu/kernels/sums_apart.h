// Sums over dimensions that lie apart in memory: [kept][summed][kept][summed].
#ifndef SNUG_DEVICE_CPU_KERNELS_SUMS_APART_H
#define SNUG_DEVICE_CPU_KERNELS_SUMS_APART_H

#include "device/cpu/kernel.h"

// Fills |kernel| in for sum_to, multiply_sum_to and reductions, |scale| times the sum over |axes|.
// SNUG_UNSUPPORTED: the dimensions lie in another order.
snug_status snug_sums_apart_prepare(snug_cpu_kernel *kernel, uint32_t axes, double scale);

#endif

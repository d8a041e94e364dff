// The weight gradient of a convolution with 16-bit data, by shares of the samples.
#ifndef SNUG_DEVICE_CPU_KERNELS_WEIGHT_GRADIENT_H
#define SNUG_DEVICE_CPU_KERNELS_WEIGHT_GRADIENT_H

#include "device/cpu/kernel.h"

// Fills |kernel| in for |whole|, the convolution of all samples whose weights lie as the operator's
// do. SNUG_UNSUPPORTED, without a message: there is nothing to share, or no fast convolution.
snug_status snug_weight_gradient_prepare(snug_cpu_kernel *kernel,
                                         const snug_onednn_convolution *whole);

#endif

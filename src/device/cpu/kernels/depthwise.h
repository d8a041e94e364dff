// The weight gradient of a depthwise convolution, for the forms that oneDNN leaves to a kernel
// meant for dense groups.
#ifndef SNUG_DEVICE_CPU_KERNELS_DEPTHWISE_H
#define SNUG_DEVICE_CPU_KERNELS_DEPTHWISE_H

#include "device/cpu/kernel.h"

// Whether each channel of x has one filter of its own, all float32.
bool snug_depthwise_fits(const snug_cpu_kernel *kernel);
// Fills in a kernel for a signature that fits.
snug_status snug_depthwise_prepare(snug_cpu_kernel *kernel);

#endif

// 16-bit tensors for kernels that know float32 alone.
#ifndef SNUG_DEVICE_CPU_WIDENED_H
#define SNUG_DEVICE_CPU_WIDENED_H

#include "device/cpu/kernel.h"

// Fills |kernel| in for a signature with 16-bit tensors: the float32 kernel runs on pieces that are
// converted on the way in and out. Element by element where the operator works so; sample by
// sample, a few MiB at a time, where it treats samples alike or sums over them; else on the whole.
// SNUG_UNSUPPORTED: nothing has 16 bits, or there is no fast float32 kernel.
snug_status snug_widened_prepare(snug_cpu_kernel *kernel);

#endif

// Implementations of oneDNN's that crash, hang or compute wrongly on some forms. They are passed
// over: the library's next implementation takes the form, or a kernel of our own.
#ifndef SNUG_DEVICE_CPU_ONEDNN_FAULTS_H
#define SNUG_DEVICE_CPU_ONEDNN_FAULTS_H

#include "device/cpu/onednn.h"

// Whether the implementation called |name| ("jit_1x1:avx2") is at fault on |convolution|.
bool snug_onednn_is_faulty(const char *name, const snug_onednn_convolution *convolution);

#endif

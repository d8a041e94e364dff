// The list of cards, and the architectures that they are of.
#ifndef SNUG_CARDS_GPU_LIST_H
#define SNUG_CARDS_GPU_LIST_H

#include "snug/gpu.h"

extern const snug_gpu_info snug_gpu_list[];
extern const int snug_gpu_count;

#endif

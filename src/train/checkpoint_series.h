// The names of a folder's checkpoints.
#ifndef SNUG_TRAIN_CHECKPOINT_SERIES_H
#define SNUG_TRAIN_CHECKPOINT_SERIES_H

#include "snug/checkpoint.h"

// The number in the name of a file, or -1 where it is no checkpoint's.
int64_t snug_checkpoint_number(const char *name);

#endif

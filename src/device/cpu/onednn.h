// oneDNN behind functions that read the same for its 2.x and 3.x C API.
#ifndef SNUG_DEVICE_CPU_ONEDNN_H
#define SNUG_DEVICE_CPU_ONEDNN_H

#include "graph/type.h"

// An engine and a stream. Belongs to one thread at a time.
typedef struct snug_onednn snug_onednn;

snug_status snug_onednn_open(snug_onednn **out);
void snug_onednn_close(snug_onednn *onednn);

#endif

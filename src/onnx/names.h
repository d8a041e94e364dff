// A table from names to whatever they stand for.
#ifndef SNUG_ONNX_NAMES_H
#define SNUG_ONNX_NAMES_H

#include <stddef.h>

#include "base/status.h"

typedef struct snug_onnx_name {
    const char *name; // NULL: free
    void *value;
} snug_onnx_name;

// Zero-initialise. Names are borrowed.
typedef struct snug_onnx_names {
    snug_onnx_name *slots; // open addressing; a power of two of them
    size_t slot_count, count;
} snug_onnx_names;

// What |name| stands for, or NULL.
void *snug_onnx_names_find(const snug_onnx_names *names, const char *name);
// |name| stands for |value| (not NULL) from now on.
snug_status snug_onnx_names_put(snug_onnx_names *names, const char *name, void *value);
void snug_onnx_names_clear(snug_onnx_names *names);

#endif

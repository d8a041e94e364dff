// A table from names to whatever they stand for.
#ifndef SNUG_ONNX_NAMES_H
#define SNUG_ONNX_NAMES_H

#include <stddef.h>

#include "base/pool.h"

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

// |first| and |second| as one name in |pool|. What is longer than a line or two is told by its
// beginning and the hash of the whole: a name is never cut to another's, and a document of long
// names does not multiply them.
snug_status snug_onnx_join_names(snug_pool *pool, const char *first, const char *second,
                                 char **out);

#endif

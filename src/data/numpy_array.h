// Arrays in numpy's .npy format, wherever their bytes come from.
#ifndef SNUG_DATA_NUMPY_ARRAY_H
#define SNUG_DATA_NUMPY_ARRAY_H

#include "graph/type.h"
#include "io/file.h"

typedef struct snug_numpy_array {
    const char *name; // borrowed; set before the header is read
    snug_dtype stored;
    snug_type type; // as it is written: float64 as float32, whole numbers of a target as int64
} snug_numpy_array;

// Reads the next |bytes| of a file, or fails.
typedef snug_status (*snug_numpy_read)(void *context, void *to, size_t bytes);

// Reads the header from the start of a file, so that its elements come next. |path| is for
// messages. SNUG_BAD_FILE.
snug_status snug_numpy_begin(snug_numpy_read read, void *context, const char *path,
                             snug_numpy_array *array);
// Writes the elements to |to|, as |array|'s type says.
snug_status snug_numpy_copy(snug_numpy_read read, void *context, const snug_numpy_array *array,
                            snug_file *to);

#endif

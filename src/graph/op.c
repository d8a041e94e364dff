#include "graph/op.h"

#include <string.h>

const snug_op *snug_op_find(const char *name) {
    for (const snug_op_file *const *file = snug_op_files; *file; file++)
        for (const snug_op *const *op = (*file)->ops; *op; op++)
            if (strcmp((*op)->name, name) == 0) return *op;
    return NULL;
}

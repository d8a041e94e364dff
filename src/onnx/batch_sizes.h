// Building one document at several batch sizes. What an import finds is compared with what it finds
// at another batch size: so a constant that depends on the batch is told from one that does not,
// and where the batch is in each value of a document that is exported for one batch alone.
#ifndef SNUG_ONNX_BATCH_SIZES_H
#define SNUG_ONNX_BATCH_SIZES_H

#include "onnx/import.h"

struct snug_onnx_slot;

// A value of an import, as far as another is compared with it.
typedef struct snug_onnx_seen {
    uint64_t name;  // hashes
    uint64_t data;  // of known elements; 0 else
    uint64_t first; // of those at index 0 of dimension 0
    snug_type type; // layout does not count
} snug_onnx_seen;

// All values of an import, found by their names.
typedef struct snug_onnx_trace {
    int64_t batch;
    snug_onnx_seen *seen; // open addressing by |name|, 0 where free; NULL: nothing was recorded
    size_t slot_count;    // a power of two
} snug_onnx_trace;

void snug_onnx_trace_clear(snug_onnx_trace *trace);

// What |slot| was in |trace|, or NULL when it is not there.
const snug_onnx_seen *snug_onnx_trace_find(const snug_onnx_trace *trace,
                                           const struct snug_onnx_slot *slot);
// Records the values of an import.
snug_status snug_onnx_trace_record(struct snug_onnx_slot *const *slots, size_t count, int64_t batch,
                                   snug_onnx_trace *out);

// Whether the elements of known |slot| depend on the batch; and whether those at index 0 of
// dimension 0 do.
bool snug_onnx_depends_on_batch(const snug_onnx_import *import, const struct snug_onnx_slot *slot);
bool snug_onnx_first_depends(const snug_onnx_import *import, const struct snug_onnx_slot *slot);

// Before a translator is called: operands that have 1 where others have the batch are repeated.
snug_status snug_onnx_general_operands(const snug_onnx_call *call);
// After it: output |index| of |node|, now |slot|, has the batch in one dimension when an input has,
// and nothing is summed over it.
snug_status snug_onnx_check_batch(snug_onnx_import *import, const snug_onnx_node *node,
                                  struct snug_onnx_slot *const *inputs, size_t index,
                                  struct snug_onnx_slot *slot);
// That the graph's outputs follow the batch.
snug_status snug_onnx_check_outputs(const snug_onnx_import *import, const snug_onnx_built *built);

#endif

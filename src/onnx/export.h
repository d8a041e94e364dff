// Networks as ONNX documents, in inference form.
#ifndef SNUG_ONNX_EXPORT_H
#define SNUG_ONNX_EXPORT_H

#include "graph/graph.h"
#include "io/onnx/writer.h"

enum { SNUG_ONNX_EXPORT_OPSET = 17, SNUG_ONNX_EXPORT_IR = 8 };

// The initializers that the caller gives when the file is written: names by the writer's index,
// NULL for those that are in the writer already.
typedef struct snug_onnx_wanted {
    const char **names; // owned array; the names are the graph's or the document's
    size_t count, capacity;
    snug_pool pool; // of constants that the writer borrows
} snug_onnx_wanted;
void snug_onnx_wanted_clear(snug_onnx_wanted *wanted);

// Writes |graph|'s forward pass, built in inference form, with a dynamic first dimension: the
// inputs under their names, |logits| as the output "logits", every persistent tensor as an
// initializer under its name. SNUG_UNSUPPORTED names an operator that has no row here.
snug_status snug_onnx_export_graph(const snug_graph *graph, const snug_tensor_id *inputs,
                                   int input_count, snug_tensor_id logits, const char *name,
                                   snug_onnx_writer **out, snug_onnx_wanted *wanted);

// Which of |graph|'s initializers are parameters or buffers under the names that PyTorch's
// state_dict() has: |is_state| has room for all. Buffers of which it keeps nothing are none.
snug_status snug_onnx_find_state(const snug_onnx_graph *graph, bool *is_state);

// A parameter under a second name: a head whose weight is the embedding's, say.
typedef struct snug_onnx_shared {
    const char *name;
    size_t initializer; // whose name is the first
} snug_onnx_shared;

// The names of shared parameters that |graph| leaves out, told by the modules whose layers use
// them. The caller frees |*out|; the names are in |pool|.
snug_status snug_onnx_find_shared(const snug_onnx_graph *graph, snug_pool *pool,
                                  snug_onnx_shared **out, size_t *count);

// Copies |document|, batch norm and dropout turned to inference form. |is_wanted| tells which
// initializers the caller gives.
snug_status
snug_onnx_export_document(const snug_onnx_document *document,
                          bool (*is_wanted)(void *context, const snug_onnx_tensor *tensor),
                          void *context, snug_onnx_writer **out, snug_onnx_wanted *wanted);

#endif

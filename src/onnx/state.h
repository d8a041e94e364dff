// The importer's own state: what the files of onnx/ share and translators do not see.
#ifndef SNUG_ONNX_STATE_H
#define SNUG_ONNX_STATE_H

#include "onnx/batch_sizes.h"
#include "onnx/import.h"
#include "onnx/names.h"

// A value of the document.
typedef struct snug_onnx_slot {
    snug_onnx_operand operand;
    const struct snug_onnx_origin *origin;  // the node that a known value comes from, or NULL
    size_t origin_output;                   // which of its results
    struct snug_onnx_slot *const *elements; // of a sequence
    size_t element_count;
    bool is_sequence;                    // no tensor: |operand| is absent
    const snug_onnx_tensor *initializer; // what a weight, a statistic or a constant starts as
    snug_role role;                      // of its tensor when it has none yet
    int64_t pre; // see batch_sizes.c: elements of the batch's dimension that are outside the batch;
                 // 0: 1
} snug_onnx_slot;

// What names mean inside a graph, a branch of it, or a function's body.
typedef struct snug_onnx_scope {
    struct snug_onnx_scope *outer; // branches see what is around them; functions do not
    snug_onnx_names names;         // to snug_onnx_slot
    const snug_onnx_opset *opsets;
    size_t opset_count;
    // Of a function: where the attributes that its body refers to are given.
    const snug_onnx_function *function;
    const snug_onnx_node *caller;
    const char *path; // "" at the top, "caller/" in a function
} snug_onnx_scope;

// The call of a translator that is going on.
typedef struct snug_onnx_frame {
    snug_onnx_slot **inputs;  // NULL where absent
    snug_onnx_slot **aliases; // by output: the input that it is, or NULL
} snug_onnx_frame;

struct snug_onnx_import {
    const snug_onnx_document *document;
    const snug_onnx_options *options;
    snug_graph *graph;
    snug_pool pool;               // what the import needs until it ends
    snug_onnx_names operators;    // "domain.op" of the translators
    snug_onnx_names uses;         // of values of the main graph: snug_onnx_use_kind bits
    snug_onnx_names symbols;      // of inputs' dimensions: to int64_t
    snug_onnx_names persistent;   // names of persistent tensors in |graph|
    const snug_onnx_frame *frame; // of the call that is going on
    snug_onnx_slot **slots;       // all values
    size_t slot_count, slot_capacity;
    // What other imports of the document found: at the batch that the document fixes, NULL when it
    // fixes none or it is this one; and at any other.
    const snug_onnx_trace *reference, *other;
    int64_t result_pre; // what a call says of output 0's |pre|, or 0
    bool is_probe;      // the graph is thrown away
    int depth;          // of functions and branches within each other
    size_t nodes_left;  // that may still be translated
    size_t known_left;  // bytes of known values that may still be kept
    double work_left;   // operations that may still be done for known values
};

// How far a hostile document is followed.
enum { SNUG_ONNX_MAX_DEPTH = 32, SNUG_ONNX_MAX_NODES = 1 << 20 };
#define SNUG_ONNX_MAX_KNOWN ((size_t)256 << 20) // bytes of known values altogether
#define SNUG_ONNX_MAX_WORK 2e8                  // operations for known values altogether
// A value of more elements is computed by the graph, even when it could be known.
enum { SNUG_ONNX_MAX_EVALUATED = 1 << 16 };

// The translator of |node|, or the operator of snug's that it is one to one; both NULL: unknown.
typedef struct snug_onnx_meaning {
    const snug_onnx_operator *translator;
    const snug_op *op;
    const snug_onnx_function *function;
    bool is_control;  // If, Loop or Scan, which the importer follows itself
    bool is_sequence; // makes or takes apart a sequence: likewise
} snug_onnx_meaning;
snug_status snug_onnx_operators_index(snug_onnx_import *import);
snug_onnx_meaning snug_onnx_meaning_of(const snug_onnx_import *import, const snug_onnx_node *node);
// SNUG_UNSUPPORTED with the unknown operators of the |count| nodes for which |needed| holds.
snug_status snug_onnx_check_operators(const snug_onnx_import *import, const snug_onnx_node *nodes,
                                      const bool *needed, size_t count);

// Emits |call| into its graph by |meaning|.
snug_status snug_onnx_emit(const snug_onnx_meaning *meaning, const snug_onnx_call *call);

// Evaluates |call|, whose inputs are all known, on the host. |*done| is false when that would take
// too much memory or time: emit it then.
snug_status snug_onnx_evaluate(const snug_onnx_meaning *meaning, const snug_onnx_call *call,
                               bool *done);

// A node whose results were known, kept so that the graph can compute them after all.
typedef struct snug_onnx_origin {
    const snug_onnx_node *node;
    snug_onnx_meaning meaning;
    int64_t opset;
    snug_onnx_slot **inputs;
    size_t input_count;
} snug_onnx_origin;
// Keeps the node of |call|, which is going on.
snug_status snug_onnx_keep_origin(snug_onnx_import *import, const snug_onnx_call *call,
                                  const snug_onnx_meaning *meaning, const snug_onnx_origin **out);
// Emits the node that known |slot| comes from into the graph of |call|. SNUG_UNSUPPORTED where
// there is none.
snug_status snug_onnx_compute(const snug_onnx_call *call, const snug_onnx_slot *slot,
                              snug_tensor_id *out);

// Sequences disappear at import: each of a sequence's elements is a value of its own. Defines the
// results of |node|, whose meaning is |is_sequence|.
bool snug_onnx_is_sequence_operator(const char *name);
snug_status snug_onnx_follow_sequence(snug_onnx_import *import, snug_onnx_scope *scope,
                                      const snug_onnx_node *node, snug_onnx_slot *const *inputs);

// Loop and Scan become their bodies, as often as they run. Defines the results of |node|, which is
// one of them, of version |opset|. SNUG_UNSUPPORTED where it is not known how often that is.
bool snug_onnx_is_loop(const char *name);
snug_status snug_onnx_follow_loop(snug_onnx_import *import, snug_onnx_scope *scope,
                                  const snug_onnx_node *node, snug_onnx_slot *const *inputs,
                                  int64_t opset);

// Translates |count| nodes in |scope|, those alone for which |needed| (may be NULL) holds.
snug_status snug_onnx_translate(snug_onnx_import *import, snug_onnx_scope *scope,
                                const snug_onnx_node *nodes, const bool *needed, size_t count);
// Whether the result of nodes[index] is what stochastic depth multiplies by, as PyTorch's exporters
// write it: (u < p) / p, for random numbers u. Where nothing is dropped that is 1. |count| nodes.
bool snug_onnx_is_drop(const snug_onnx_scope *scope, const snug_onnx_node *nodes, size_t index);
// What |name| means in |scope|; NULL when nothing.
snug_onnx_slot *snug_onnx_lookup(const snug_onnx_scope *scope, const char *name);
// |name| is |slot| in |scope|; SNUG_BAD_FILE when it is something there already.
snug_status snug_onnx_define(snug_onnx_scope *scope, const char *name, snug_onnx_slot *slot);
snug_status snug_onnx_slot_new(snug_onnx_import *import, snug_onnx_slot **out);

// Defines the inputs of the document's graph in |scope|, and lists them in |built|.
snug_status snug_onnx_define_inputs(snug_onnx_import *import, snug_onnx_scope *scope,
                                    snug_onnx_built *built);

// The batch that the document's first input fixes, or 0 where it is open.
int64_t snug_onnx_fixed_batch(const snug_onnx_document *document);

// What happens to a value of the graph further on decides what its initializer is.
typedef enum snug_onnx_use_kind {
    SNUG_ONNX_USE_WEIGHT = 1,    // where parameters go: a convolution's weight
    SNUG_ONNX_USE_OPERAND = 2,   // an operand of arithmetic: a parameter or a constant
    SNUG_ONNX_USE_STATISTIC = 4, // batch norm's running mean or variance
    SNUG_ONNX_USE_NORM = 8,      // a norm's scale or bias, or the 1 or 0 of one that has none
    SNUG_ONNX_USE_AFFINE = 16    // a group norm's scale or bias where that is written out
} snug_onnx_use_kind;
// Finds the uses of all names in |graph|, and which nodes |outputs| (names) need.
snug_status snug_onnx_find_uses(snug_onnx_import *import, const snug_onnx_graph *graph,
                                const char *const *outputs, size_t output_count, bool *needed);
// Defines the initializers of |graph| in |scope|: weights, statistics and known constants.
snug_status snug_onnx_define_initializers(snug_onnx_import *import, snug_onnx_scope *scope,
                                          const snug_onnx_graph *graph);
// Whether an exporter made |name| up for a constant; parameters and buffers keep their names.
bool snug_onnx_is_anonymous(const char *name);
// Whether |name|, one of |initializers|, is a vector of a spectral norm, which power iteration
// makes and no gradient: "fc.weight_u" where there is a "fc.weight_orig" (a weight norm's
// "fc.weight_v" is a parameter), or "fc.parametrizations.weight.0._u". SNUG_NOMEM.
snug_status snug_onnx_find_spectral(const snug_onnx_names *initializers, const char *name,
                                    bool *out);
// PyTorch's exporter keeps equal initializers once, and makes the others Identity nodes of that
// one. Fresh scales and biases are equal, and yet parameters of their own: |*out| is a new slot
// when |node| is such an Identity of |slot|, else NULL.
snug_status snug_onnx_unshare(snug_onnx_import *import, const snug_onnx_scope *scope,
                              const snug_onnx_node *node, const snug_onnx_slot *slot,
                              snug_onnx_slot **out);

#endif

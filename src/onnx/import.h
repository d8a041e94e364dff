// Building a graph from an ONNX document: every node is handed to the translator of its operator
// (onnx/operators/), which emits nodes of snug's own operators. Nodes whose inputs are all known
// are evaluated at once, on the host, by the same translators and the operators' reference kernels:
// that is how shape arithmetic disappears.
#ifndef SNUG_ONNX_IMPORT_H
#define SNUG_ONNX_IMPORT_H

#include "graph/graph.h"
#include "io/onnx/document.h"
#include "snug/data.h"

// A value of the document during the import. Known values have |data| on the host, row-major, and
// become a tensor of the graph when somebody asks for one; the others have a tensor.
typedef struct snug_onnx_operand {
    bool is_present;       // false: an absent optional input
    snug_type type;        // layout: that of |tensor|; row-major while there is none
    snug_tensor_id tensor; // SNUG_NO_TENSOR: not (yet) in the graph
    const void *data;      // NULL: known at run time only
    const char *name;      // the document's
    snug_tensor_id other;  // |tensor| in the other layout, or SNUG_NO_TENSOR (see snug_onnx_use)
    bool is_weight;        // an initializer that may learn
} snug_onnx_operand;

typedef struct snug_onnx_import snug_onnx_import;

// What a translator sees.
typedef struct snug_onnx_call {
    snug_onnx_import *import;
    snug_graph *graph; // where to emit
    const snug_onnx_node *node;
    int64_t opset;           // version of the node's domain
    bool training;           // batch norm and dropout take their training form
    bool freeze_bn, no_drop; // but not this one of them
    bool as_written;         // nothing is adapted: what the document says is what is wanted
    snug_onnx_operand *inputs;
    size_t input_count;
    snug_onnx_operand *outputs; // to be set with the functions below; absent ones need not be
    size_t output_count;
} snug_onnx_call;

// An operator of ONNX's. A translator checks what it is given: documents are hostile. On failure it
// returns SNUG_BAD_FILE (the node is wrong), or SNUG_UNSUPPORTED (snug cannot do this) with the
// reason; the importer adds which node it is.
typedef struct snug_onnx_operator {
    const char *name;
    const char *domain;            // "" is ai.onnx
    size_t min_inputs, max_inputs; // max 0: any number
    snug_status (*translate)(const snug_onnx_call *call);
    // How inputs and outputs relate to the batch is found by shape; nothing to say here.
} snug_onnx_operator;

// What a file under src/onnx/operators exports, `const snug_onnx_operators
// snug_onnx_operators_<stem>`: found by the build. An operator without a row that is the `onnx` of
// one of snug's operators without attributes (relu: "Relu") is emitted as that one, with equal
// inputs.
typedef struct snug_onnx_operators {
    const snug_onnx_operator *rows;
    size_t count;
} snug_onnx_operators;
extern const snug_onnx_operators *const snug_onnx_operator_files[];

// --- For translators ---

// Input |index| is there.
bool snug_onnx_has(const snug_onnx_call *call, size_t index);

// Input |index| as a tensor of the graph: in the layout that it has, or in |layout|. Rank below 3
// is always row-major. SNUG_NO_TENSOR for an absent input or after a failure (the graph's sticky
// one).
snug_tensor_id snug_onnx_use(const snug_onnx_call *call, size_t index);
snug_tensor_id snug_onnx_use_as(const snug_onnx_call *call, size_t index, snug_layout layout);
// Input |index| with dimensions of 1 put in front until it has |rank|, in |layout|: an operand that
// broadcasts.
snug_tensor_id snug_onnx_use_ranked(const snug_onnx_call *call, size_t index, int rank,
                                    snug_layout layout);
// The layout of the largest input that is computed at run time: what operands of arithmetic take,
// since it costs least.
snug_layout snug_onnx_common_layout(const snug_onnx_call *call);
// Any tensor of the graph in |layout| (emits to_layout where it differs).
snug_tensor_id snug_onnx_to_layout(const snug_onnx_call *call, snug_tensor_id tensor,
                                   snug_layout layout);

// Whether anything that is computed reads output |index|, as far as the document tells.
bool snug_onnx_is_used(const snug_onnx_call *call, size_t index);
// Output |index| is |tensor|. A row-major tensor or channels-last one, whichever was made.
void snug_onnx_set(const snug_onnx_call *call, size_t index, snug_tensor_id tensor);
// Output |index| is known: |bytes| of |type| (row-major) are copied from |data|.
snug_status snug_onnx_set_known(const snug_onnx_call *call, size_t index, const snug_type *type,
                                const void *data);
// Output |index| is input |input|.
void snug_onnx_pass(const snug_onnx_call *call, size_t index, size_t input);

// Known integers of input |index| (int32, int64, bool ...; rank 0 or 1) or known numbers of any
// type.
// |*count| of them are written to |out|, which has room for |most|. SNUG_UNSUPPORTED when the value
// is not known before the run: the importer names what it depends on.
snug_status snug_onnx_known_integers(const snug_onnx_call *call, size_t index, int64_t *out,
                                     size_t most, size_t *count);
snug_status snug_onnx_known_reals(const snug_onnx_call *call, size_t index, double *out,
                                  size_t most, size_t *count);

// Attributes with their defaults; of another kind than asked for: the default, and a sticky
// SNUG_BAD_FILE in the graph.
int64_t snug_onnx_integer(const snug_onnx_call *call, const char *name, int64_t fallback);
double snug_onnx_real(const snug_onnx_call *call, const char *name, double fallback);
const char *snug_onnx_text(const snug_onnx_call *call, const char *name, const char *fallback);
// |*count| values into |out|, 0 when the attribute is absent; SNUG_BAD_FILE for more than |most|.
snug_status snug_onnx_integers(const snug_onnx_call *call, const char *name, int64_t *out,
                               size_t most, size_t *count);
snug_status snug_onnx_reals(const snug_onnx_call *call, const char *name, double *out, size_t most,
                            size_t *count);
// A dimension that may be negative (from the end); SNUG_BAD_FILE outside [-rank, rank).
snug_status snug_onnx_axis(int64_t axis, int rank, int64_t *out);

// A document that is exported for one batch size has it in the shapes that it gives; the importer
// makes such shapes general where that is sound. |dims| (|*rank| of them), from input |index|, says
// how input 0 is reshaped (with Reshape's 0 and -1), what it is broadcast to, or the size of
// something whose dimension 0 is the batch's: they are changed in place. SNUG_UNSUPPORTED where it
// is not clear which dimension the batch is in.
typedef enum snug_onnx_shape_use {
    SNUG_ONNX_RESHAPE,
    SNUG_ONNX_BROADCAST,
    SNUG_ONNX_SIZE
} snug_onnx_shape_use;
snug_status snug_onnx_general_shape(const snug_onnx_call *call, size_t index,
                                    snug_onnx_shape_use use, int64_t *dims, const int *rank);

// Whether dimension |axis| of input |index| has another extent at another batch size.
bool snug_onnx_follows_batch(const snug_onnx_call *call, size_t index, int axis);

// Whether a double holds the element at |data|, of any alignment: attributes of operators are such.
bool snug_onnx_is_exact(const void *data, snug_dtype dtype);

// A scalar constant of |dtype| in the graph.
snug_tensor_id snug_onnx_scalar(const snug_onnx_call *call, snug_dtype dtype, double value);
// A constant with the elements at |data| (row-major, copied).
snug_tensor_id snug_onnx_constant(const snug_onnx_call *call, const snug_type *type,
                                  const void *data);

// |op|, which has no attributes, on all inputs; they broadcast where there are several.
snug_status snug_onnx_emit_op(const snug_op *op, const snug_onnx_call *call);

// --- For those who build a graph ---

typedef struct snug_onnx_options {
    int64_t batch;      // samples; 0: as the document says (conformance cases)
    bool training;      // batch norm and dropout in training form
    bool freeze_bn;     // batch norm stays in inference form in training, too
    bool no_drop;       // dropout is left out
    bool is_literal;    // patterns (onnx/patterns.h) stay as they are written
    bool fuse;          // activations become part of the norm before them
    const char *output; // name of the logits; NULL: the only output
    // Inputs, by name: their types go before what the document says. Those with data are known when
    // |make_inputs_known|.
    bool make_inputs_known;
    const snug_onnx_tensor *known_inputs;
    size_t known_input_count;
    // The first input's dimensions without the batch, where the document leaves them open; symbols
    // that other inputs share take these values. NULL: none are given. Dimensions that the document
    // fixes stand where these are |sample_suggested|; else they must be equal (SNUG_INVALID).
    const int64_t *sample;
    int sample_rank;
    bool sample_suggested;
    // By name: what else the dimensions take that the document leaves open.
    const snug_sample_tensor *named_samples;
    int named_sample_count;
} snug_onnx_options;

typedef struct snug_onnx_built {
    // Inputs of the graph in the document's order, initializers not counted; outputs likewise.
    // Known outputs are constants of the graph.
    snug_tensor_id *inputs, *outputs;
    size_t input_count, output_count;
    // Their names in the document, which owns them.
    const char **input_names, **output_names;
} snug_onnx_built;

// Builds |document| into |graph|. Initializers that may learn become weights under their names,
// batch norm's running values statistics; both start as the document's values (snug_init DATA),
// which must outlive the graph. SNUG_UNSUPPORTED lists all unknown operators at once, with how
// often each occurs. A batch that the document fixes ("1" in the input and in a Reshape) is made
// general where that is sound, else SNUG_UNSUPPORTED names the node. |*out| is freed with
// snug_onnx_built_clear().
snug_status snug_onnx_build(const snug_onnx_document *document, const snug_onnx_options *options,
                            snug_graph *graph, snug_onnx_built *out);
void snug_onnx_built_clear(snug_onnx_built *built);

// Advice for people about a document that is to be trained ("batch norm is folded into 3
// convolutions ..."): a paragraph a line, each line ended. |*out| is NULL where there is none; the
// caller frees it with snug_memory_free().
snug_status snug_onnx_advise(const snug_onnx_document *document, char **out);
// Whether |document| says of initializers whether they are parameters or buffers.
bool snug_onnx_is_declared(const snug_onnx_document *document);
// Whether |name| is that of a parameter of a layer of PyTorch's own ("fc.weight"), or one that an
// exporter made up. Any other may as well be a buffer's, where the document does not tell.
bool snug_onnx_is_of_layer(const char *name);

#endif

// An .onnx file as it is written: nodes, values, tensors, nothing interpreted. The file is mapped,
// and tensors point into the mapping (or into that of their external data file), so that weights
// are never copied; what else is read is bounded by a small multiple of the file's size.
//
// The wire format is read by our own few lines: a protobuf library copies every weight.
#ifndef SNUG_IO_ONNX_DOCUMENT_H
#define SNUG_IO_ONNX_DOCUMENT_H

#include "graph/type.h"

typedef struct snug_onnx_graph snug_onnx_graph;

// A TensorProto. Elements are row-major and little-endian, |bytes| of them at |data| (alignment is
// the file's: copy before reading). Typed fields (float_data, int32_data ...) are unpacked.
typedef struct snug_onnx_tensor {
    const char *name; // "" when it has none
    int data_type;    // onnx.TensorProto.DataType
    bool is_known;    // |type.dtype| is that of |data_type|; false: snug has no such type
    snug_type type;   // rank above SNUG_MAX_RANK: the file is refused
    const void *data;
    size_t bytes;
} snug_onnx_tensor;

// onnx.AttributeProto.AttributeType
typedef enum snug_onnx_kind {
    SNUG_ONNX_UNDEFINED,
    SNUG_ONNX_FLOAT,
    SNUG_ONNX_INT,
    SNUG_ONNX_STRING,
    SNUG_ONNX_TENSOR,
    SNUG_ONNX_GRAPH,
    SNUG_ONNX_FLOATS,
    SNUG_ONNX_INTS,
    SNUG_ONNX_STRINGS,
    SNUG_ONNX_OTHER, // kinds that no operator of snug's takes
} snug_onnx_kind;

typedef struct snug_onnx_attribute {
    const char *name;
    snug_onnx_kind kind;
    const char
        *reference;   // in a function's body: the function's attribute whose value it is; or NULL
    double real;      // FLOAT
    int64_t integer;  // INT
    const char *text; // STRING
    snug_onnx_tensor tensor;
    const snug_onnx_graph *graph;
    size_t count; // of the arrays
    const double *reals;
    const int64_t *integers;
    const char *const *texts;
} snug_onnx_attribute;

typedef struct snug_onnx_node {
    const char *name;        // "" when it has none
    const char *op, *domain; // domain "" is ai.onnx, also where the file says "ai.onnx"
    const char *overload;
    const char *scopes;         // as PyTorch's newer exporter tells them: "['', 'head', 'linear']"
    const char *const *inputs;  // "" for an absent optional input
    const char *const *outputs; // likewise
    size_t input_count, output_count;
    const snug_onnx_attribute *attributes;
    size_t attribute_count;
} snug_onnx_node;

// What PyTorch's newer exporter says of an initializer, in the metadata of its value.
#define SNUG_ONNX_DECLARED_KEY "pkg.torch.export.graph_signature.InputSpec.kind"
#define SNUG_ONNX_DECLARED_PARAMETER "PARAMETER"
#define SNUG_ONNX_DECLARED_BUFFER "BUFFER"
#define SNUG_ONNX_PERSISTENT_KEY "pkg.torch.export.graph_signature.InputSpec.persistent"
#define SNUG_ONNX_FOLDED_KEY "pkg.onnxscript.optimizer.folded_from"
#define SNUG_ONNX_SCOPES_KEY "pkg.torch.onnx.name_scopes"                          // of a node
#define SNUG_ONNX_SIGNATURE_KEY "pkg.torch.export.ExportedProgram.graph_signature" // of a graph
typedef enum snug_onnx_declared {
    SNUG_ONNX_UNDECLARED,
    SNUG_ONNX_PARAMETER,
    SNUG_ONNX_BUFFER,
    SNUG_ONNX_TRANSIENT, // a buffer that state_dict() leaves out
    SNUG_ONNX_FOLDED     // the optimizer computed it of other values
} snug_onnx_declared;

// A graph's input or output, or an initializer of which something is declared.
typedef struct snug_onnx_value {
    const char *name;
    bool is_tensor; // false: a sequence, map, optional or sparse tensor
    int data_type;
    bool has_shape;
    int rank;
    int64_t dims[SNUG_MAX_RANK];        // -1: dynamic
    const char *symbols[SNUG_MAX_RANK]; // of dynamic dimensions ("batch"), or ""
    snug_onnx_declared declared;
} snug_onnx_value;

struct snug_onnx_graph {
    const char *name;
    const snug_onnx_node *nodes;
    const snug_onnx_tensor *initializers;
    const snug_onnx_value *inputs,
        *outputs;                    // inputs: initializers that are listed as well included
    const snug_onnx_value *declared; // the values of which something is
    size_t node_count, initializer_count, input_count, output_count, declared_count;
    const char *signature; // as PyTorch's newer exporter tells it: lines "NAME: KIND target='KEY'"
};

typedef struct snug_onnx_opset {
    const char *domain;
    int64_t version;
} snug_onnx_opset;

typedef struct snug_onnx_function {
    const char *name, *domain, *overload;
    const char *const *inputs, *const *outputs;
    size_t input_count, output_count;
    const char *const *attribute_names; // without a default
    size_t attribute_name_count;
    const snug_onnx_attribute *attributes; // with a default
    size_t attribute_count;
    const snug_onnx_node *nodes;
    size_t node_count;
    const snug_onnx_opset *opsets;
    size_t opset_count;
} snug_onnx_function;

typedef struct snug_onnx_document {
    int64_t ir_version;
    const char *producer, *producer_version;
    const snug_onnx_opset *opsets;
    size_t opset_count;
    snug_onnx_graph graph;
    const snug_onnx_function *functions;
    size_t function_count;
    struct snug_onnx_storage *storage; // mappings and the pool of everything above
} snug_onnx_document;

// Opens |path| and reads all of it. Files are hostile: SNUG_BAD_FILE says what is wrong and where,
// without a crash, a hang or memory beyond the bound above. SNUG_IO when a file cannot be read.
// External data must lie in the folder of |path| or below it.
snug_status snug_onnx_open(const char *path, snug_onnx_document **out);
void snug_onnx_close(snug_onnx_document *document);

// The same from |length| bytes in memory, which outlive the document; |folder| (may be NULL: none
// is allowed) is where external data lies.
snug_status snug_onnx_parse(const void *bytes, size_t length, const char *folder,
                            snug_onnx_document **out);

// The same for a file that holds one tensor (onnx.TensorProto), as test data does: it is the
// graph's only initializer.
snug_status snug_onnx_open_tensor(const char *path, snug_onnx_document **out);

// snug's type for an onnx.TensorProto.DataType; false when there is none. And the other way.
bool snug_onnx_dtype(int64_t data_type, snug_dtype *out);
int snug_onnx_data_type(snug_dtype dtype);

// A copy of |bytes| bytes that lives as long as |document|; equal ones are kept once, so that
// building a graph again and again takes no more memory. Not for two threads at once.
snug_status snug_onnx_keep(const snug_onnx_document *document, const void *data, size_t bytes,
                           const void **out);

// The attribute called |name|, or NULL.
const snug_onnx_attribute *snug_onnx_attribute_find(const snug_onnx_node *node, const char *name);

#endif

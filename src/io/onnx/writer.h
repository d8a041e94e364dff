// Writing .onnx files: a model is put together piece by piece, small pieces encoded at once, and
// the tensors' bytes are asked for one by one when the file is written.
#ifndef SNUG_IO_ONNX_WRITER_H
#define SNUG_IO_ONNX_WRITER_H

#include "io/onnx/document.h"

typedef struct snug_onnx_writer snug_onnx_writer;

// A model whose graph is called |name|, of |opset| of the standard operators and |ir_version|.
snug_status snug_onnx_writer_new(const char *name, int64_t ir_version, int64_t opset,
                                 snug_onnx_writer **out);
void snug_onnx_writer_free(snug_onnx_writer *writer);

// Another domain of operators than "".
snug_status snug_onnx_writer_domain(snug_onnx_writer *writer, const char *domain, int64_t version);

// Appends a node, an input or an output of the graph, or a function; nothing is borrowed. Tensors
// in attributes are written whole. SNUG_UNSUPPORTED for attributes of kind SNUG_ONNX_OTHER.
snug_status snug_onnx_writer_node(snug_onnx_writer *writer, const snug_onnx_node *node);
snug_status snug_onnx_writer_input(snug_onnx_writer *writer, const snug_onnx_value *value);
snug_status snug_onnx_writer_output(snug_onnx_writer *writer, const snug_onnx_value *value);
// Appends what is declared of an initializer (value->declared).
snug_status snug_onnx_writer_declared(snug_onnx_writer *writer, const snug_onnx_value *value);
snug_status snug_onnx_writer_function(snug_onnx_writer *writer, const snug_onnx_function *function);

// Appends an initializer, row-major. |data| is borrowed until the file is written; NULL: it is
// asked for then. The index of the initializer, from 0, is what it is asked for by.
snug_status snug_onnx_writer_initializer(snug_onnx_writer *writer, const char *name,
                                         const snug_type *type, const void *data);

// Gives the bytes of initializer |index|, which stay valid until the next call.
typedef snug_status snug_onnx_data(void *context, size_t index, const void **out);

// Writes the model to |path|, whole or not at all. |data| may be NULL when every initializer has
// its bytes. Fails with SNUG_INVALID beyond 2 GiB, which the format's readers do not take.
snug_status snug_onnx_writer_write(snug_onnx_writer *writer, const char *path, snug_onnx_data *data,
                                   void *context);

// --- Shorthands ---

// A value of |type|; |symbol| (may be NULL) names dimension 0 in place of its size.
snug_onnx_value snug_onnx_value_of(const char *name, const snug_type *type, const char *symbol);
// Attributes; |integers| is borrowed.
snug_onnx_attribute snug_onnx_attribute_integer(const char *name, int64_t value);
snug_onnx_attribute snug_onnx_attribute_real(const char *name, double value);
snug_onnx_attribute snug_onnx_attribute_text(const char *name, const char *value);
snug_onnx_attribute snug_onnx_attribute_integers(const char *name, const int64_t *integers,
                                                 size_t count);

#endif

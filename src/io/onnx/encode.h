// Messages of the protocol buffers wire format, put together in memory.
#ifndef SNUG_IO_ONNX_ENCODE_H
#define SNUG_IO_ONNX_ENCODE_H

#include "io/onnx/document.h"

// Zero-initialise. After a failure |status| stays set, so that a sequence needs one check.
typedef struct snug_encoded {
    unsigned char *data;
    size_t length, capacity;
    snug_status status;
} snug_encoded;

void snug_encoded_clear(snug_encoded *message);

// Field |number| of each wire type. Bytes of length 0 are written, too.
void snug_encode_integer(snug_encoded *message, uint32_t number, int64_t value);
void snug_encode_float(snug_encoded *message, uint32_t number, double value);
void snug_encode_bytes(snug_encoded *message, uint32_t number, const void *data, size_t bytes);
void snug_encode_text(snug_encoded *message, uint32_t number, const char *text);
// Appends |part|, and clears it.
void snug_encode_message(snug_encoded *message, uint32_t number, snug_encoded *part);
// The head of a field of |bytes| bytes that follow elsewhere.
void snug_encode_head(snug_encoded *message, uint32_t number, size_t bytes);

// Fields of a NodeProto, ValueInfoProto, FunctionProto; and of a TensorProto without its data.
void snug_encode_node(snug_encoded *message, const snug_onnx_node *node);
void snug_encode_value(snug_encoded *message, const snug_onnx_value *value);
void snug_encode_function(snug_encoded *message, const snug_onnx_function *function);
void snug_encode_tensor_head(snug_encoded *message, const char *name, const snug_type *type);
void snug_encode_opset(snug_encoded *message, const char *domain, int64_t version);

#endif

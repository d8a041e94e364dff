// What the files that read a document share. Not for others.
#ifndef SNUG_IO_ONNX_READER_H
#define SNUG_IO_ONNX_READER_H

#include "base/pool.h"
#include "io/onnx/document.h"
#include "io/onnx/wire.h"

// A file in memory: the model, or one with external data.
typedef struct snug_onnx_mapping {
    struct snug_onnx_mapping *next;
    const char *location; // as tensors name it; "" for the model
    const void *data;
    size_t bytes;
} snug_onnx_mapping;

// A copy of a value that graphs point to; equal ones are kept once.
typedef struct snug_onnx_kept snug_onnx_kept;

struct snug_onnx_storage {
    snug_pool pool;
    snug_onnx_mapping *mappings;
    snug_onnx_kept **kept; // a hash table of |kept_slots|, a power of two
    size_t kept_slots, kept_count;
};

typedef struct snug_onnx_reader {
    struct snug_onnx_storage *storage;
    const char *folder;   // of external data; NULL: none is allowed
    size_t pooled, limit; // bytes taken from the pool, and how many may be
    int depth;            // of graphs within graphs
} snug_onnx_reader;

// |count| zeroed elements of |size| bytes from the pool. SNUG_BAD_FILE beyond the limit: a file
// whose parts need many times its size is no model.
snug_status snug_onnx_reader_new(snug_onnx_reader *reader, size_t count, size_t size, void **out);
#define SNUG_READER_NEW(reader, out, count)                                                        \
    snug_onnx_reader_new((reader), (count), sizeof **(out), (void **)(out))

// The fields' values; SNUG_BAD_FILE when the field is of another wire type. A name is valid UTF-8
// without a NUL, so that it can be printed and written.
snug_status snug_onnx_read_name(snug_onnx_reader *reader, const snug_wire_field *field,
                                const char **out);
snug_status snug_onnx_read_text(snug_onnx_reader *reader, const snug_wire_field *field,
                                const char **out);
snug_status snug_onnx_read_integer(const snug_wire_field *field, int64_t *out);
snug_status snug_onnx_read_message(const snug_wire_field *field, snug_wire *out);

// A repeated scalar, whose fields numbered |number| in |message| may be packed or not.
snug_status snug_onnx_read_integers(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                                    const int64_t **out, size_t *count);
// Likewise numbers of |bytes| bytes each (4 or 8), as they lie; in place where all are packed in
// one field.
snug_status snug_onnx_read_fixed(snug_onnx_reader *reader, snug_wire message, uint32_t number,
                                 size_t bytes, const void **out, size_t *count);

snug_status snug_onnx_read_tensor(snug_onnx_reader *reader, snug_wire message,
                                  snug_onnx_tensor *out);
// The value of a StringStringEntryProto whose key is |key|; any other leaves |*out| as it is.
snug_status snug_onnx_read_metadata(snug_onnx_reader *reader, snug_wire message, const char *key,
                                    const char **out);
// What a ValueInfoProto declares.
snug_status snug_onnx_read_declared(snug_wire message, snug_onnx_declared *out);
snug_status snug_onnx_read_value(snug_onnx_reader *reader, snug_wire message, snug_onnx_value *out);
snug_status snug_onnx_read_attribute(snug_onnx_reader *reader, snug_wire message,
                                     snug_onnx_attribute *out);
snug_status snug_onnx_read_node(snug_onnx_reader *reader, snug_wire message, snug_onnx_node *out);
snug_status snug_onnx_read_graph(snug_onnx_reader *reader, snug_wire message, snug_onnx_graph *out);
snug_status snug_onnx_read_function(snug_onnx_reader *reader, snug_wire message,
                                    snug_onnx_function *out);
snug_status snug_onnx_read_opset(snug_onnx_reader *reader, snug_wire message, snug_onnx_opset *out);

// The bytes from |offset| on in the file |location| names, which is mapped when it is asked for
// first. |*length| is given back as what is left when it is SIZE_MAX.
snug_status snug_onnx_external(snug_onnx_reader *reader, const char *location, uint64_t offset,
                               size_t *length, const void **out);
// Maps the whole of |path|.
snug_status snug_onnx_map(struct snug_onnx_storage *storage, const char *path,
                          snug_onnx_mapping **out);
void snug_onnx_unmap(struct snug_onnx_storage *storage);

// "" for "ai.onnx".
static inline const char *snug_onnx_domain(const char *domain) {
    return __builtin_strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

#endif

// The safetensors format: an 8-byte little-endian length, a JSON header with each tensor's dtype,
// shape and place, then the tensors' bytes.
#ifndef SNUG_IO_SAFETENSORS_H
#define SNUG_IO_SAFETENSORS_H

#include "graph/type.h"
#include "io/file.h"

typedef struct snug_safetensors_entry {
    const char *name; // owned by the file
    snug_type type;   // row-major
    uint64_t begin;   // of its bytes, from the start of the file
} snug_safetensors_entry;

typedef struct snug_safetensors {
    char *path;
    int descriptor;
    snug_safetensors_entry *entries; // in the header's order
    size_t count;
    void *header; // the parsed JSON, which owns the names and the metadata
} snug_safetensors;

// Opens |path| and checks the whole header: hostile files give SNUG_BAD_FILE with the reason, and
// never more memory than a small multiple of the header, which is at most 100 MiB.
// Tensors of types that snug has no name for are left out. SNUG_IO when |path| cannot be read.
snug_status snug_safetensors_open(const char *path, snug_safetensors *out);
void snug_safetensors_close(snug_safetensors *file);

// The entry called |name|, or NULL.
const snug_safetensors_entry *snug_safetensors_find(const snug_safetensors *file, const char *name);
// The text under |key| of __metadata__, or NULL.
const char *snug_safetensors_metadata(const snug_safetensors *file, const char *key);

// Reads |bytes| bytes of a tensor from |offset| on; SNUG_IO when the file became shorter.
snug_status snug_safetensors_read(const snug_safetensors *file, const snug_safetensors_entry *entry,
                                  uint64_t offset, void *to, size_t bytes);

// What a file will hold, for writing; names are borrowed.
typedef struct snug_safetensors_item {
    const char *name;
    snug_type type;
} snug_safetensors_item;

// Starts a file with its header; the tensors' bytes are then written to |out| in the order of
// |items| with snug_file_write(), and snug_file_commit() ends it. |metadata| is a NULL-ended list
// of keys and values, or NULL.
snug_status snug_safetensors_create(const char *path, const snug_safetensors_item *items,
                                    size_t count, const char *const *metadata, snug_file *out);

#endif

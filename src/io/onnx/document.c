#include "io/onnx/document.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "io/onnx/reader.h"

// What is read may take this many bytes, and this many times the file's: the tables of a graph are
// larger than its text, and numbers that are not raw are unpacked.
#define MEMORY_LEAST ((size_t)64 << 20)
enum { MEMORY_TIMES = 8 };

struct snug_onnx_kept {
    snug_onnx_kept *next;
    uint64_t hash;
    size_t bytes;
    unsigned char data[];
};

static snug_status new_document(snug_onnx_document **out) {
    *out = NULL;
    snug_onnx_document *document = NULL;
    SNUG_TRY(SNUG_NEW(&document, 1));
    document->producer = document->producer_version = "";
    snug_status status = SNUG_NEW(&document->storage, 1);
    if (status != SNUG_OK)
        snug_memory_free(document);
    else
        *out = document;
    return status;
}

void snug_onnx_close(snug_onnx_document *document) {
    if (!document) return;
    struct snug_onnx_storage *storage = document->storage;
    for (size_t i = 0; i < storage->kept_slots; i++)
        while (storage->kept[i]) {
            snug_onnx_kept *next = storage->kept[i]->next;
            snug_memory_free(storage->kept[i]);
            storage->kept[i] = next;
        }
    snug_memory_free(storage->kept);
    snug_onnx_unmap(storage);
    snug_pool_clear(&storage->pool);
    snug_memory_free(storage);
    snug_memory_free(document);
}

static snug_status read_model_part(snug_onnx_reader *reader, const snug_wire_field *field,
                                   snug_onnx_document *out, snug_onnx_opset *opsets,
                                   snug_onnx_function *functions) {
    snug_wire bytes;
    SNUG_TRY(snug_onnx_read_message(field, &bytes));
    if (field->number == 7) return snug_onnx_read_graph(reader, bytes, &out->graph);
    if (field->number == 8) return snug_onnx_read_opset(reader, bytes, &opsets[out->opset_count++]);
    return snug_onnx_read_function(reader, bytes, &functions[out->function_count++]);
}

static snug_status read_model(snug_onnx_reader *reader, snug_wire message,
                              snug_onnx_document *out) {
    size_t counts[SNUG_WIRE_COUNTED];
    snug_onnx_opset *opsets = NULL;
    snug_onnx_function *functions = NULL;
    SNUG_TRY(snug_wire_count(message, counts));
    if (counts[7] != 1) return snug_fail(SNUG_BAD_FILE, "one graph expected, found %zu", counts[7]);
    SNUG_TRY(SNUG_READER_NEW(reader, &opsets, counts[8]));
    SNUG_TRY(SNUG_READER_NEW(reader, &functions, counts[25]));
    out->opsets = opsets;
    out->functions = functions;
    snug_wire_field field;
    bool more;
    for (;;) {
        SNUG_TRY(snug_wire_next(&message, &field, &more));
        if (!more) return SNUG_OK;
        if (field.number == 1) SNUG_TRY(snug_onnx_read_integer(&field, &out->ir_version));
        if (field.number == 2) SNUG_TRY(snug_onnx_read_name(reader, &field, &out->producer));
        if (field.number == 3)
            SNUG_TRY(snug_onnx_read_name(reader, &field, &out->producer_version));
        if (field.number == 7 || field.number == 8 || field.number == 25)
            SNUG_TRY(read_model_part(reader, &field, out, opsets, functions));
    }
}

static snug_status read_one_tensor(snug_onnx_reader *reader, snug_wire message,
                                   snug_onnx_document *out) {
    snug_onnx_tensor *tensor = NULL;
    SNUG_TRY(SNUG_READER_NEW(reader, &tensor, 1));
    out->graph = (snug_onnx_graph){.name = "", .initializers = tensor, .initializer_count = 1};
    return snug_onnx_read_tensor(reader, message, tensor);
}

static snug_status read_bytes(const void *bytes, size_t length, const char *folder, bool is_tensor,
                              snug_onnx_document *document) {
    size_t limit = length < SIZE_MAX / MEMORY_TIMES / 2 ? length * MEMORY_TIMES : SIZE_MAX / 2;
    snug_onnx_reader reader = {
        .storage = document->storage, .folder = folder, .limit = limit + MEMORY_LEAST};
    static const uint8_t nothing[1];
    const uint8_t *at = length ? bytes : nothing;
    snug_wire message = {at, at + length};
    return is_tensor ? read_one_tensor(&reader, message, document)
                     : read_model(&reader, message, document);
}

snug_status snug_onnx_parse(const void *bytes, size_t length, const char *folder,
                            snug_onnx_document **out) {
    SNUG_TRY(new_document(out));
    snug_status status = read_bytes(bytes, length, folder, false, *out);
    if (status == SNUG_OK) return SNUG_OK;
    snug_onnx_close(*out);
    *out = NULL;
    return snug_fail_context(status, "not an ONNX model");
}

// The folder of |path|, "" for the current one.
static snug_status folder_of(const char *path, struct snug_onnx_storage *storage, char **out) {
    SNUG_TRY(snug_pool_text(&storage->pool, path, out));
    char *slash = strrchr(*out, '/');
    if (slash)
        slash[slash == *out] = '\0';
    else
        **out = '\0';
    return SNUG_OK;
}

static snug_status open_path(const char *path, bool is_tensor, snug_onnx_document *document) {
    char *folder = NULL;
    snug_onnx_mapping *mapping;
    SNUG_TRY(folder_of(path, document->storage, &folder));
    SNUG_TRY(snug_onnx_map(document->storage, path, &mapping));
    snug_status status = read_bytes(mapping->data, mapping->bytes, folder, is_tensor, document);
    return status == SNUG_OK ? SNUG_OK
                             : snug_fail_context(status, "%s: not %s", path,
                                                 is_tensor ? "a tensor" : "an ONNX model");
}

static snug_status open_file(const char *path, bool is_tensor, snug_onnx_document **out) {
    SNUG_TRY(new_document(out));
    snug_status status = open_path(path, is_tensor, *out);
    if (status == SNUG_OK) return SNUG_OK;
    snug_onnx_close(*out);
    *out = NULL;
    return status;
}

snug_status snug_onnx_open(const char *path, snug_onnx_document **out) {
    return open_file(path, false, out);
}

snug_status snug_onnx_open_tensor(const char *path, snug_onnx_document **out) {
    return open_file(path, true, out);
}

const snug_onnx_attribute *snug_onnx_attribute_find(const snug_onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
    return NULL;
}

static snug_status grow_kept(struct snug_onnx_storage *storage) {
    if (storage->kept_count < storage->kept_slots) return SNUG_OK;
    size_t slots = storage->kept_slots ? 2 * storage->kept_slots : 64;
    snug_onnx_kept **grown = NULL;
    SNUG_TRY(SNUG_NEW(&grown, slots));
    for (size_t i = 0; i < storage->kept_slots; i++)
        while (storage->kept[i]) {
            snug_onnx_kept *kept = storage->kept[i];
            storage->kept[i] = kept->next;
            kept->next = grown[kept->hash & (slots - 1)];
            grown[kept->hash & (slots - 1)] = kept;
        }
    snug_memory_free(storage->kept);
    storage->kept = grown;
    storage->kept_slots = slots;
    return SNUG_OK;
}

snug_status snug_onnx_keep(const snug_onnx_document *document, const void *data, size_t bytes,
                           const void **out) {
    struct snug_onnx_storage *storage = document->storage;
    uint64_t hash = snug_hash_more(SNUG_HASH_START ^ bytes, data, bytes);
    *out = NULL;
    SNUG_TRY(grow_kept(storage));
    snug_onnx_kept **slot = &storage->kept[hash & (storage->kept_slots - 1)], *kept = *slot;
    while (kept &&
           (kept->hash != hash || kept->bytes != bytes || memcmp(kept->data, data, bytes) != 0))
        kept = kept->next;
    if (!kept) {
        SNUG_TRY(snug_memory_new(1, sizeof *kept + bytes, (void **)&kept));
        kept->hash = hash;
        kept->bytes = bytes;
        memcpy(kept->data, data, bytes);
        kept->next = *slot;
        *slot = kept;
        storage->kept_count++;
    }
    *out = kept->data;
    return SNUG_OK;
}

#include "device/kernel_cache.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

static uint64_t hash_types(uint64_t hash, const snug_type *types, int count) {
    for (int i = 0; i < count; i++) {
        const int shape[] = {(int)types[i].dtype, (int)types[i].layout, types[i].rank};
        hash = snug_hash_more(hash, shape, sizeof shape);
        hash = snug_hash_more(hash, types[i].dims, (size_t)types[i].rank * sizeof types[i].dims[0]);
    }
    return hash;
}

static uint64_t hash_signature(const snug_signature *signature) {
    uint64_t hash = SNUG_HASH_START;
    hash = snug_hash_more(hash, signature->op->name, strlen(signature->op->name));
    hash = snug_hash_more(hash, signature->attributes, signature->op->attributes_size);
    hash = hash_types(hash, signature->inputs, signature->input_count);
    hash = hash_types(hash, signature->outputs, signature->output_count);
    return snug_hash_more(hash, &signature->present, sizeof signature->present);
}

static bool equal_types(const snug_type *a, const snug_type *b, int count) {
    for (int i = 0; i < count; i++)
        if (!snug_type_equal(&a[i], &b[i])) return false;
    return true;
}

static bool equal_signatures(const snug_signature *a, const snug_signature *b) {
    return a->op == b->op && a->present == b->present && a->input_count == b->input_count &&
           a->output_count == b->output_count &&
           memcmp(a->attributes, b->attributes, a->op->attributes_size) == 0 &&
           equal_types(a->inputs, b->inputs, a->input_count) &&
           equal_types(a->outputs, b->outputs, a->output_count);
}

snug_cached_kernel *snug_kernel_cache_find(const snug_kernel_cache *cache,
                                           const snug_signature *signature) {
    if (cache->count == 0) return NULL;
    uint64_t hash = hash_signature(signature);
    size_t mask = cache->slot_count - 1;
    for (size_t slot = hash & mask; cache->slots[slot]; slot = (slot + 1) & mask)
        if (cache->slots[slot]->hash == hash &&
            equal_signatures(&cache->slots[slot]->signature, signature))
            return cache->slots[slot];
    return NULL;
}

snug_status snug_cached_kernel_new(const snug_signature *signature, size_t bytes,
                                   snug_cached_kernel **out) {
    *out = NULL;
    snug_status status = SNUG_NOMEM;
    snug_cached_kernel *kernel = NULL;
    unsigned char *attributes = NULL;
    snug_type *types = NULL;
    size_t inputs = (size_t)signature->input_count, outputs = (size_t)signature->output_count;
    // Nodes without attributes still point their kernels somewhere.
    size_t attribute_bytes = signature->op->attributes_size;
    SNUG_TRY_GOTO(snug_memory_new(1, bytes, (void **)&kernel), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&attributes, attribute_bytes + 1), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&types, inputs + outputs + 1), failed);
    memcpy(attributes, signature->attributes, attribute_bytes);
    memcpy(types, signature->inputs, inputs * sizeof *types);
    memcpy(types + inputs, signature->outputs, outputs * sizeof *types);
    kernel->signature = *signature;
    kernel->signature.attributes = attributes;
    kernel->signature.inputs = types;
    kernel->signature.outputs = types + inputs;
    kernel->hash = hash_signature(signature);
    *out = kernel;
    return SNUG_OK;
failed:
    snug_memory_free(types);
    snug_memory_free(attributes);
    snug_memory_free(kernel);
    return status;
}

void snug_cached_kernel_free(snug_cached_kernel *kernel) {
    if (!kernel) return;
    // The copies were made here, so casting their const away is sound.
    snug_memory_free((void *)(uintptr_t)kernel->signature.attributes);
    snug_memory_free((void *)(uintptr_t)kernel->signature.inputs);
    snug_memory_free(kernel);
}

static void place(snug_cached_kernel **slots, size_t slot_count, snug_cached_kernel *kernel) {
    size_t slot = kernel->hash & (slot_count - 1);
    while (slots[slot])
        slot = (slot + 1) & (slot_count - 1);
    slots[slot] = kernel;
}

snug_status snug_kernel_cache_add(snug_kernel_cache *cache, snug_cached_kernel *kernel) {
    if (2 * (cache->count + 1) > cache->slot_count) {
        size_t slot_count = cache->slot_count ? 2 * cache->slot_count : 64;
        snug_cached_kernel **slots;
        SNUG_TRY(SNUG_NEW(&slots, slot_count));
        for (size_t i = 0; i < cache->slot_count; i++)
            if (cache->slots[i]) place(slots, slot_count, cache->slots[i]);
        snug_memory_free(cache->slots);
        cache->slots = slots;
        cache->slot_count = slot_count;
    }
    place(cache->slots, cache->slot_count, kernel);
    cache->count++;
    return SNUG_OK;
}

void snug_kernel_cache_clear(snug_kernel_cache *cache,
                             void (*discard)(snug_cached_kernel *kernel)) {
    for (size_t i = 0; i < cache->slot_count; i++) {
        if (!cache->slots[i]) continue;
        if (discard) discard(cache->slots[i]);
        snug_cached_kernel_free(cache->slots[i]);
    }
    snug_memory_free(cache->slots);
    *cache = (snug_kernel_cache){0};
}

#include "standin/cudnn/backend_store.h"

#include <stdlib.h>
#include <string.h>

size_t cudnn_element_size(int type) {
    // handle, data type, boolean, int64, float, double, pointer, then enumerations; descriptors are
    // pointers, a fraction is two int64.
    static const unsigned char sizes[CUDNN_ELEMENT_TYPES] = {
        8, 4, 1, 8, 4, 8, 8, 4, 4, 4, 4,  4, 4, 4, 4, 8,
        4, 4, 4, 4, 4, 4, 4, 4, 1, 4, 16, 4, 4, 4, 4,
    };
    if (type >= CUDNN_ELEMENT_TYPES && type < CUDNN_ELEMENT_NEWER)
        return sizeof(int); // enumerations
    return type >= 0 && type < CUDNN_ELEMENT_TYPES ? sizes[type] : 0;
}

cudnn_body *cudnn_body_create(int type) {
    cudnn_body *body = calloc(1, sizeof *body);
    if (!body) return NULL;
    body->references = 1;
    body->type = type;
    return body;
}

cudnn_body *cudnn_body_share(cudnn_body *body) {
    __atomic_fetch_add(&body->references, 1, __ATOMIC_RELAXED);
    return body;
}

static void free_attribute(cudnn_attribute *attribute) {
    if (attribute->type == CUDNN_ELEMENT_DESCRIPTOR)
        for (int64_t i = 0; i < attribute->count; ++i)
            cudnn_body_release(((cudnn_body **)attribute->elements)[i]);
    free(attribute->elements);
    free(attribute);
}

// Bodies are nested no deeper than a plan is: plan, configuration, engine, graph, operation,
// tensor.
void cudnn_body_release(cudnn_body *body) { // NOLINT(misc-no-recursion)
    if (!body || __atomic_sub_fetch(&body->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (cudnn_attribute *next, *attribute = body->attributes; attribute; attribute = next) {
        next = attribute->next;
        free_attribute(attribute);
    }
    free(body);
}

int cudnn_body_set(cudnn_body *body, int name, int type, int64_t count, const void *elements) {
    size_t size = cudnn_element_size(type);
    if (size == 0 || count < 0 || (uint64_t)count > SIZE_MAX / 32) return CUDNN_BAD_PARAM;
    cudnn_attribute *made = calloc(1, sizeof *made);
    if (!made) return CUDNN_ALLOC_FAILED;
    *made = (cudnn_attribute){.name = name, .type = type, .count = count};
    if (count > 0) {
        made->elements = malloc(size * (size_t)count);
        if (!made->elements) {
            free(made);
            return CUDNN_ALLOC_FAILED;
        }
        memcpy(made->elements, elements, size * (size_t)count);
    }
    if (type == CUDNN_ELEMENT_DESCRIPTOR)
        for (int64_t i = 0; i < count; ++i)
            cudnn_body_share(((cudnn_body **)made->elements)[i]);
    cudnn_attribute **place = &body->attributes;
    while (*place && (*place)->name != name)
        place = &(*place)->next;
    cudnn_attribute *old = *place;
    made->next = old ? old->next : NULL;
    *place = made;
    if (old) free_attribute(old);
    return CUDNN_OK;
}

const cudnn_attribute *cudnn_body_find(const cudnn_body *body, int name) {
    const cudnn_attribute *attribute = body->attributes;
    while (attribute && attribute->name != name)
        attribute = attribute->next;
    return attribute;
}

cudnn_body *cudnn_body_child(const cudnn_body *body, int name) {
    const cudnn_attribute *attribute = cudnn_body_find(body, name);
    if (!attribute || attribute->type != CUDNN_ELEMENT_DESCRIPTOR || attribute->count < 1)
        return NULL;
    return ((cudnn_body **)attribute->elements)[0];
}

int64_t cudnn_body_integer(const cudnn_body *body, int name, int64_t otherwise) {
    const cudnn_attribute *attribute = cudnn_body_find(body, name);
    if (!attribute || attribute->count < 1) return otherwise;
    switch (cudnn_element_size(attribute->type)) {
    case 1:
        return *(unsigned char *)attribute->elements;
    case 4:
        return *(int32_t *)attribute->elements;
    default:
        return *(int64_t *)attribute->elements;
    }
}

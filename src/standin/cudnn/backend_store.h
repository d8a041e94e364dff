// Descriptors of cuDNN's backend interface: what a program set, by attribute. A descriptor is a
// name for a body; a finalized body never changes and is shared, so that what a program destroys
// lives on in what was built from it, and "get" hands bodies out without copying.
//
// A descriptor is one thread's at a time, as the library asks; bodies are shared between threads.
#ifndef SNUG_STANDIN_CUDNN_BACKEND_STORE_H
#define SNUG_STANDIN_CUDNN_BACKEND_STORE_H

#include "standin/cudnn/cudnn_interface.h"

#include <stdbool.h>

typedef struct cudnn_attribute {
    struct cudnn_attribute *next;
    int name, type;
    int64_t count;
    void *elements; // of CUDNN_ELEMENT_DESCRIPTOR: bodies, each with a reference
} cudnn_attribute;

typedef struct cudnn_body {
    uint32_t references; // atomic
    int type;
    bool finalized;
    cudnn_attribute *attributes;
} cudnn_body;

typedef struct cudnn_descriptor {
    cudnn_body *body;
} cudnn_descriptor;

// Bytes of an element of an attribute of |type|; 0 for a type that is not known.
size_t cudnn_element_size(int type);

// A body of its own with one reference; NULL without memory.
cudnn_body *cudnn_body_create(int type);
cudnn_body *cudnn_body_share(cudnn_body *body);
// Gives one reference back. NULL is allowed.
void cudnn_body_release(cudnn_body *body);

// Replaces attribute |name| by a copy of |count| |elements|; of descriptors, |elements| are bodies.
// Fails with CUDNN_ALLOC_FAILED, all unchanged.
int cudnn_body_set(cudnn_body *body, int name, int type, int64_t count, const void *elements);

// NULL where it was never set.
const cudnn_attribute *cudnn_body_find(const cudnn_body *body, int name);
// The single body of a descriptor attribute; NULL where there is none.
cudnn_body *cudnn_body_child(const cudnn_body *body, int name);
// The first integer of an attribute (of any integer or enum type), or |otherwise|.
int64_t cudnn_body_integer(const cudnn_body *body, int name, int64_t otherwise);

#endif

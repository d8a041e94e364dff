// Elements of tensors in files, turned into those that networks take.
#ifndef SNUG_DATA_ELEMENT_H
#define SNUG_DATA_ELEMENT_H

#include "graph/type.h"
#include "snug/data.h"

// The type called |name| ("float32"); SNUG_INTERNAL when there is none.
snug_status snug_element_type(const char *name, snug_dtype *out);

// Whether elements of |from| can stand for those of |to|: whole numbers for any, floats for floats.
bool snug_element_converts(snug_dtype from, snug_dtype to);
// Converts |count| elements for which snug_element_converts().
void snug_elements_convert(const void *from, snug_dtype from_type, int64_t count, void *to,
                           snug_dtype to_type);

// Copies a row-major sample |from|, its elements of |bytes| bytes, into channels-last order.
void snug_elements_channels_last(const snug_sample_tensor *tensor, size_t bytes, const void *from,
                                 void *to);

// Elements of one sample.
int64_t snug_sample_elements(const snug_sample_tensor *tensor);
// As many samples as |bytes| hold, at least 1.
int64_t snug_sample_chunk(const snug_sample_type *sample, int64_t bytes);

#endif

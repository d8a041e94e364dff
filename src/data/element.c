#include "data/element.h"

#include <string.h>

#include "ops/reference.h"

snug_status snug_element_type(const char *name, snug_dtype *out) {
    for (int i = 0; snug_dtype_is_valid(i); i++) {
        *out = (snug_dtype)i;
        if (strcmp(snug_dtype_name(*out), name) == 0) return SNUG_OK;
    }
    return snug_fail(SNUG_INTERNAL, "no element type '%s'", name);
}

bool snug_element_converts(snug_dtype from, snug_dtype to) {
    return from == to || snug_dtype_is_float(to) || !snug_dtype_is_float(from);
}

void snug_elements_convert(const void *from, snug_dtype from_type, int64_t count, void *to,
                           snug_dtype to_type) {
    if (from_type == to_type) {
        memcpy(to, from, (size_t)count * snug_dtype_bytes(to_type));
        return;
    }
    for (int64_t i = 0; i < count; i++)
        snug_reference_store(to, to_type, i, snug_reference_load(from, from_type, i));
}

int64_t snug_sample_elements(const snug_sample_tensor *tensor) {
    int64_t elements = 1;
    for (int i = 0; i < tensor->rank; i++)
        elements *= tensor->dims[i];
    return elements;
}

void snug_elements_channels_last(const snug_sample_tensor *tensor, size_t bytes, const void *from,
                                 void *to) {
    int64_t channels = tensor->rank > 0 ? tensor->dims[0] : 1;
    int64_t pixels = channels ? snug_sample_elements(tensor) / channels : 0;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < pixels; i++)
            memcpy((char *)to + (size_t)(i * channels + c) * bytes,
                   (const char *)from + (size_t)(c * pixels + i) * bytes, bytes);
}

int64_t snug_sample_chunk(const snug_sample_type *sample, int64_t bytes) {
    size_t one = sample->target.bytes;
    for (int i = 0; i < sample->input_count; i++)
        one += sample->inputs[i].bytes;
    return one > 0 && bytes / (int64_t)one > 0 ? bytes / (int64_t)one : 1;
}

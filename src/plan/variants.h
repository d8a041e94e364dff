// Smaller networks in place of the one asked for.
#ifndef SNUG_PLAN_VARIANTS_H
#define SNUG_PLAN_VARIANTS_H

#include "fixes/fix.h"
#include "plan/training.h"

// Lists the networks for |training|'s input and classes that do fewer multiply-adds than its own:
// narrower ones, those with depthwise separable convolutions, smaller members of the family, other
// published architectures. Mildest first: those that keep most of the multiply-adds. The caller
// frees |*out| with snug_memory_free().
snug_status snug_variants_list(const snug_training *training, snug_variant **out, size_t *count);

// Changes |training| to |variant|; NULL leaves it.
void snug_variant_apply(const snug_variant *variant, snug_training *training);

// The network of |training|, with the name it is saved under.
snug_status snug_variant_describe(const snug_training *training, snug_variant *out);

#endif

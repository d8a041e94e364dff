// Another network that needs less: narrower, with depthwise separable convolutions, a smaller
// member of the family, or another published architecture. The planner lists what there is for the
// input (plan/variants.h), mildest first; nothing but what was asked for is trained unless the user
// allows it.
#include "fixes/fix.h"

// Of what is there in float32 with 32-bit state: the whole batch, and what needs least.
static bool is_base(const snug_fix_context *context, const snug_spec *spec) {
    bool is_least = spec->recompute && spec->limit_bytes == 0 && spec->micro_batch == 1;
    bool is_whole =
        spec->micro_batch == context->batch_size || spec->micro_batch == context->micro_batch;
    bool is_same =
        spec->precision == SNUG_PRECISION_FLOAT32 || spec->precision == context->precision;
    return spec->free_early && is_same && !spec->lean_optimizer && !spec->variant &&
           (is_least || (is_whole && (!spec->recompute || spec->limit_bytes > 0)));
}

static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    size_t count = specs->count;
    for (size_t i = 0; i < count; i++) {
        snug_spec base = specs->items[i], *spec = NULL;
        if (!is_base(context, &base)) continue;
        for (size_t j = 0; j < context->variant_count; j++) {
            SNUG_TRY(snug_spec_derive(specs, &base, "smaller-model", SNUG_FIDELITY_MODEL, &spec));
            spec->variant = &context->variants[j];
        }
    }
    return SNUG_OK;
}

const snug_fix snug_fix_smaller_model = {
    .info = {.name = "smaller-model",
             .fidelity = SNUG_FIDELITY_MODEL,
             .help = "a narrower, separable or smaller published network; says which"},
    .causes = "model batch",
    .propose = propose,
};

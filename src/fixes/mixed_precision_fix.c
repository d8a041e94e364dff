// 16-bit activations and arithmetic with float32 weights, gradient sums, norms and losses, after
// PyTorch's autocast. Left to choose, the planner takes bfloat16, whose range is float32's; float16
// is more exact but needs its loss scaled.
#include "fixes/fix.h"

// What is to be tried in 16 bits. Left to choose: the whole batch, and what needs least; where the
// user demands 16 bits, everything.
static bool is_base(const snug_fix_context *context, const snug_spec *spec) {
    if (context->precision != SNUG_PRECISION_AUTO) return true;
    bool is_least = spec->recompute && spec->limit_bytes == 0;
    return spec->free_early &&
           (is_least || !spec->recompute || spec->micro_batch == context->batch_size ||
            spec->micro_batch == context->micro_batch);
}

static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    size_t count = specs->count;
    bool is_free = context->precision == SNUG_PRECISION_AUTO;
    if (context->precision == SNUG_PRECISION_FLOAT32) return SNUG_OK;
    for (size_t i = 0; i < count; i++) {
        snug_spec base = specs->items[i], *spec = NULL;
        if (!is_base(context, &base)) continue;
        SNUG_TRY(snug_spec_derive(specs, &base, "mixed-precision", SNUG_FIDELITY_PRECISION, &spec));
        spec->precision = is_free ? SNUG_PRECISION_BFLOAT16 : context->precision;
    }
    return SNUG_OK;
}

const snug_fix snug_fix_mixed_precision = {
    .info = {.name = "mixed-precision",
             .fidelity = SNUG_FIDELITY_PRECISION,
             .help = "16-bit activations; weights, sums, norms and losses stay float32"},
    .causes = "batch",
    .propose = propose,
};

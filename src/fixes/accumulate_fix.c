// Micro-batches: the batch goes through the network in parts, gradients accumulate in float32, one
// update follows. The sums are those of the whole batch in another order; batch norm, though,
// normalises each part by its own statistics.
#include "fixes/fix.h"

static snug_status propose_micro_batch(const snug_fix_context *context, const snug_spec *base,
                                       int64_t micro_batch, snug_spec_list *specs) {
    snug_spec *spec = NULL;
    snug_fidelity fidelity =
        context->has_batch_norm ? SNUG_FIDELITY_STATISTICS : SNUG_FIDELITY_ROUNDING;
    SNUG_TRY(snug_spec_derive(specs, base, "accumulate", fidelity, &spec));
    spec->micro_batch = micro_batch;
    return SNUG_OK;
}

// Halved, rounding up, down to one sample; or what the user demands.
static snug_status propose_halves(const snug_fix_context *context, const snug_spec *base,
                                  snug_spec_list *specs) {
    if (context->micro_batch > 0)
        return context->micro_batch < context->batch_size
                   ? propose_micro_batch(context, base, context->micro_batch, specs)
                   : SNUG_OK;
    for (int64_t samples = base->micro_batch; samples > 1;) {
        samples = (samples + 1) / 2;
        // What needs least is the smallest micro-batch with all that can be done for it.
        bool is_least = base->recompute && base->limit_bytes == 0;
        if (!is_least || samples == 1) SNUG_TRY(propose_micro_batch(context, base, samples, specs));
    }
    return SNUG_OK;
}

// Of the variations that recompute nothing, only the last is split: the fixes before it cost
// nothing and stay.
static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    size_t count = specs->count, plain = 0;
    for (size_t i = 0; i < count; i++)
        if (!specs->items[i].recompute) plain = i;
    for (size_t i = plain; i < count; i++) {
        snug_spec base = specs->items[i];
        SNUG_TRY(propose_halves(context, &base, specs));
    }
    return SNUG_OK;
}

const snug_fix snug_fix_accumulate = {
    .info = {.name = "accumulate",
             .fidelity = SNUG_FIDELITY_ROUNDING,
             .help = "smaller micro-batches, gradients add up (statistics where batch norm is)"},
    .causes = "batch late-batch",
    .propose = propose,
};

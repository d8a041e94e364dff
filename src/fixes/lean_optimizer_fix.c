// The optimizer's state in 8 bits, in blocks of 256 with a scale each (Dettmers et al., 2022);
// small weights, norms' among them, keep theirs in 32 bits.
#include "fixes/fix.h"

// Of what is there, the whole batch with nothing else done, and what needs least.
static bool is_base(const snug_fix_context *context, const snug_spec *spec) {
    bool is_least = spec->recompute && spec->limit_bytes == 0;
    return spec->free_early && (is_least || spec->micro_batch == context->batch_size ||
                                spec->micro_batch == context->micro_batch);
}

static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    size_t count = specs->count;
    for (size_t i = 0; i < count && context->has_optimizer_state; i++) {
        snug_spec base = specs->items[i], *spec = NULL;
        if (!is_base(context, &base)) continue;
        SNUG_TRY(snug_spec_derive(specs, &base, "lean-optimizer", SNUG_FIDELITY_PRECISION, &spec));
        spec->lean_optimizer = true;
    }
    return SNUG_OK;
}

const snug_fix snug_fix_lean_optimizer = {
    .info = {.name = "lean-optimizer",
             .fidelity = SNUG_FIDELITY_PRECISION,
             .help = "momentum and Adam's moments in 8 bits, a scale for each 256"},
    .causes = "model optimizer-state",
    .propose = propose,
};

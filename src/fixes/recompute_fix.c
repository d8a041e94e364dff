// Forward results that the backward pass needs are dropped and made again when it comes to them,
// cheap ones first; the planner searches for those whose loss costs least (plan/recompute.h). The
// same kernels run on the same numbers, random ones replayed.
#include "fixes/fix.h"

static snug_status propose_limit(const snug_spec *base, size_t limit, snug_spec_list *specs) {
    snug_spec *spec = NULL;
    SNUG_TRY(snug_spec_derive(specs, base, "recompute", SNUG_FIDELITY_EXACT, &spec));
    spec->recompute = true;
    spec->limit_bytes = limit;
    return SNUG_OK;
}

// As little as the budget asks for, and as much as can be.
static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    snug_spec base = specs->items[specs->count - 1];
    SNUG_TRY(propose_limit(&base, context->budget_bytes, specs));
    return propose_limit(&base, 0, specs);
}

const snug_fix snug_fix_recompute = {
    .info = {.name = "recompute",
             .fidelity = SNUG_FIDELITY_EXACT,
             .help = "forward results are dropped and made again in the backward pass"},
    .causes = "batch late-batch workspace",
    .propose = propose,
};

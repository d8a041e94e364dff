// A ReLU that follows batch norm, or a ReLU or SiLU that follows group norm, becomes part of it:
// one pass over memory in place of two, each way, and one tensor less to keep. The gradient finds
// what the activation was given from the norm's input, by the same arithmetic.
#include "fixes/fix.h"

static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    if (!context->can_fuse) return SNUG_OK;
    snug_spec base = specs->items[specs->count - 1], *spec = NULL;
    SNUG_TRY(snug_spec_derive(specs, &base, "fuse", SNUG_FIDELITY_EXACT, &spec));
    spec->fuse = true;
    return SNUG_OK;
}

const snug_fix snug_fix_fuse = {
    .info = {.name = "fuse",
             .fidelity = SNUG_FIDELITY_EXACT,
             .help = "activations join the norm before them: fewer passes and tensors"},
    .causes = "batch",
    .propose = propose,
};

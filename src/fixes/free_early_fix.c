// Every tensor dies at its last use and hands its memory on: results are written over a dying
// input where the operator allows, and a gradient is consumed by the update of its weight as soon
// as it is complete. The same operations run on the same numbers.
#include "fixes/fix.h"

static snug_status propose(const snug_fix_context *context, snug_spec_list *specs) {
    (void)context;
    size_t count = specs->count;
    for (size_t i = 0; i < count; i++) {
        snug_spec base = specs->items[i], *spec = NULL;
        SNUG_TRY(snug_spec_derive(specs, &base, "free-early", SNUG_FIDELITY_EXACT, &spec));
        spec->free_early = true;
    }
    return SNUG_OK;
}

const snug_fix snug_fix_free_early = {
    .info = {.name = "free-early",
             .fidelity = SNUG_FIDELITY_EXACT,
             .help = "every tensor dies at its last use; results in place; gradients are consumed"},
    .causes = "batch model optimizer-state",
    .propose = propose,
};

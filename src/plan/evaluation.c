// Plans for evaluation: no gradients, no optimizer, and samples do not depend on each other, so
// that any number of them at once gives the same result.
#include "plan/demands.h"
#include "plan/plan.h"

static snug_status propose(const snug_plan_request *request, const snug_spec *base,
                           size_t limit_bytes, snug_spec_list *specs) {
    snug_spec *spec;
    SNUG_TRY(snug_spec_derive(specs, base, "free-early", SNUG_FIDELITY_EXACT, &spec));
    spec->free_early = spec->fuse = true;
    spec->limit_bytes = limit_bytes;
    if (request->precision == SNUG_PRECISION_AUTO || request->precision == SNUG_PRECISION_FLOAT32)
        return SNUG_OK;
    snug_spec exact = *spec;
    SNUG_TRY(snug_spec_derive(specs, &exact, "mixed-precision", SNUG_FIDELITY_PRECISION, &spec));
    spec->precision = request->precision;
    return SNUG_OK;
}

snug_status snug_evaluation_propose(const snug_plan *plan, const snug_plan_request *request,
                                    int64_t batch_size, snug_spec_list *specs) {
    snug_spec unfixed = {.micro_batch = batch_size,
                         .precision = SNUG_PRECISION_FLOAT32,
                         .limit_bytes = SIZE_MAX,
                         .evaluation = true},
              *spec;
    SNUG_TRY(snug_spec_derive(specs, &unfixed, NULL, SNUG_FIDELITY_EXACT, &spec));
    SNUG_TRY(propose(request, &unfixed, plan->budget_bytes, specs));
    SNUG_TRY(propose(request, &unfixed, 1, specs)); // one sample: the least there can be
    snug_demands_filter(request, specs);
    return SNUG_OK;
}

// What a request asks for: whether it can be meant, and what the fixes propose for it.
#include <math.h>
#include <string.h>

#include "plan/demands.h"
#include "plan/plan.h"

static snug_status check_fix_list(const char *list) {
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, ",");
        bool known = false;
        for (int i = 0; snug_fix_at(i); i++)
            known = known || (strlen(snug_fix_at(i)->name) == length &&
                              strncmp(snug_fix_at(i)->name, at, length) == 0);
        if (!known)
            return snug_fail(SNUG_INVALID, "unknown fix '%.*s': `snug fixes` lists them",
                             (int)length, at);
        at += length + (at[length] == ',');
    }
    return SNUG_OK;
}

// Numbers of callers that mean nothing, whatever is planned.
static snug_status check_choices(const snug_plan_request *request) {
    const snug_optimizer *optimizer = &request->optimizer;
    const double reals[] = {request->width_multiplier,
                            request->label_smoothing,
                            optimizer->momentum,
                            optimizer->dampening,
                            optimizer->beta1,
                            optimizer->beta2,
                            optimizer->eps,
                            optimizer->weight_decay,
                            request->clip_norm,
                            request->clip_value};
    const int64_t counts[] = {request->classes, request->channels, request->height, request->width};
    const struct {
        const char *name;
        unsigned value, most;
    } choices[] = {{"precision", (unsigned)request->precision, SNUG_PRECISION_FLOAT16},
                   {"fidelity to allow", (unsigned)request->allow, SNUG_FIDELITY_MODEL},
                   {"loss", (unsigned)request->loss, SNUG_LOSS_BCE},
                   {"optimizer", (unsigned)optimizer->kind, SNUG_OPTIMIZER_ADAMW},
                   {"source of step times", (unsigned)request->cost, SNUG_COST_SOURCE_MODEL},
                   {"rank of the input", (unsigned)request->input_rank, SNUG_MAX_RANK - 1}};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (choices[i].value > choices[i].most)
            return snug_fail(SNUG_INVALID, "there is no %s %d", choices[i].name,
                             (int)choices[i].value);
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (!isfinite(reals[i]) || reals[i] < 0)
            return snug_fail(SNUG_INVALID, "%g in the request: numbers of at least 0 expected",
                             reals[i]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] < 0)
            return snug_fail(SNUG_INVALID, "%lld in the request: 0 or more expected",
                             (long long)counts[i]);
    if (request->data_input_count < 0 || (request->data_input_count > 0 && !request->data_inputs))
        return snug_fail(SNUG_INVALID, "%d inputs of the data: their list expected",
                         request->data_input_count);
    const snug_sample_tensor *target = request->data_target;
    if (target && (unsigned)target->rank >= SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "the data's targets have %d dimensions", target->rank);
    for (int i = 0; i < request->data_input_count; i++)
        if ((unsigned)request->data_inputs[i].rank >= SNUG_MAX_RANK)
            return snug_fail(SNUG_INVALID, "a tensor of the data of rank %d",
                             request->data_inputs[i].rank);
    for (int i = 0; i < request->input_rank; i++)
        if (request->input_dims[i] < 1)
            return snug_fail(SNUG_INVALID, "an input of extent %lld: at least 1 expected",
                             (long long)request->input_dims[i]);
    return SNUG_OK;
}

snug_status snug_plan_check(const snug_plan *plan, const snug_plan_request *request) {
    long long batch = (long long)plan->batch_size, micro = (long long)request->micro_batch;
    SNUG_TRY(check_choices(request));
    SNUG_TRY(check_fix_list(request->fixes));
    SNUG_TRY(check_fix_list(request->require));
    SNUG_TRY(snug_demands_check(request));
    if (batch < 1)
        return snug_fail(SNUG_INVALID, "a batch size of %lld: at least 1 sample is needed", batch);
    if (micro < 0 || micro > batch)
        return snug_fail(SNUG_INVALID,
                         "a micro-batch of %lld samples: expected 1 to the batch size, %lld", micro,
                         batch);
    if (micro > 0 && micro < batch && !snug_demands_list(request, "accumulate"))
        return snug_fail(SNUG_INVALID,
                         "a micro-batch of %lld below the batch size of %lld needs the fix "
                         "accumulate, which `fixes=%s` leaves out",
                         micro, batch, request->fixes);
    return SNUG_OK;
}

// The least that a spec with the fix |name| changes; SNUG_FIDELITY_MODEL + 1: there is none.
static int least_fidelity(const snug_spec_list *specs, const char *name) {
    int least = SNUG_FIDELITY_MODEL + 1;
    for (size_t i = 0; i < specs->count; i++)
        for (int j = 0; specs->items[i].fixes[j]; j++)
            if (strcmp(specs->items[i].fixes[j], name) == 0 &&
                (int)specs->items[i].fidelity < least)
                least = specs->items[i].fidelity;
    return least;
}

snug_status snug_plan_check_specs(const snug_plan *plan, const snug_plan_request *request,
                                  const snug_spec_list *specs) {
    const char *allowed = snug_fidelity_name(request->allow);
    int splitting = least_fidelity(specs, "accumulate");
    if (request->micro_batch > 0 && request->micro_batch < plan->batch_size &&
        splitting > (int)request->allow)
        return snug_fail(SNUG_INVALID,
                         "micro-batches of %lld change %s, which `allow=%s` rules out",
                         (long long)request->micro_batch,
                         splitting == SNUG_FIDELITY_STATISTICS ? "batch norm's statistics"
                                                               : "the rounding of gradients",
                         allowed);
    for (int i = 0; request->fixes && snug_fix_at(i); i++) {
        const char *name = snug_fix_at(i)->name;
        int least = least_fidelity(specs, name);
        if (least > SNUG_FIDELITY_MODEL) least = snug_fix_at(i)->fidelity;
        if (!snug_demands_list(request, name) || least <= (int)request->allow) continue;
        return snug_fail(SNUG_INVALID,
                         "the fix %s changes %s, which `allow=%s` rules out: leave it out of "
                         "`fixes=%s`, or allow %s",
                         name, snug_fidelity_name((snug_fidelity)least), allowed, request->fixes,
                         snug_fidelity_name((snug_fidelity)least));
    }
    return SNUG_OK;
}

snug_status snug_plan_propose(const snug_plan *plan, const snug_plan_request *request,
                              int64_t batch_size, snug_spec_list *specs) {
    if (request->evaluation) return snug_evaluation_propose(plan, request, batch_size, specs);
    int64_t micro = request->micro_batch < batch_size ? request->micro_batch : batch_size;
    snug_fix_context context = {.batch_size = batch_size,
                                .micro_batch = request->micro_batch ? micro : 0,
                                .budget_bytes = plan->budget_bytes,
                                .has_batch_norm = plan->has_batch_norm,
                                .can_fuse = plan->can_fuse,
                                .has_optimizer_state =
                                    request->optimizer.kind != SNUG_OPTIMIZER_SGD ||
                                    request->optimizer.momentum != 0,
                                .precision = request->precision,
                                .variants = plan->variants,
                                .variant_count = plan->variant_count};
    snug_spec unfixed = {.micro_batch = batch_size, .precision = SNUG_PRECISION_FLOAT32}, *spec;
    SNUG_TRY(snug_spec_derive(specs, &unfixed, NULL, SNUG_FIDELITY_EXACT, &spec));
    const snug_fix *fix;
    for (int i = 0; (fix = snug_fix_by_fidelity(i)); i++)
        if (snug_demands_list(request, fix->info.name)) SNUG_TRY(fix->propose(&context, specs));
    snug_demands_filter(request, specs);
    return SNUG_OK;
}

// What would fit instead: a larger budget, by what it may change, or a smaller batch.
#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "plan/demands.h"
#include "plan/plan.h"

typedef struct batch_search {
    const snug_plan *plan;
    const snug_plan_request *request;
    snug_costs *costs;
} batch_search;

// The fewest bytes that |batch_size| samples need with what is allowed, or any number of bytes that
// fits. Fixes append what takes less: the last specs are looked at first.
static snug_status find_need(const batch_search *self, int64_t batch_size, size_t *out) {
    const snug_plan *plan = self->plan;
    snug_spec_list specs = {0};
    *out = SIZE_MAX;
    snug_status status;
    SNUG_TRY_GOTO(snug_plan_propose(plan, self->request, batch_size, &specs), done);
    for (size_t i = specs.count; i-- > 0 && *out > plan->budget_bytes;) {
        const snug_spec *spec = &specs.items[i];
        int64_t micro = self->request->micro_batch;
        if (micro > batch_size) micro = batch_size;
        if (spec->fidelity > plan->allow || snug_spec_follows_budget(spec) ||
            (micro && micro != spec->micro_batch) || !snug_demands_met(self->request, spec))
            continue;
        snug_schedule schedule;
        SNUG_TRY_GOTO(snug_schedule_make(plan->device, self->costs, &plan->training, batch_size,
                                         spec, &schedule),
                      done);
        if (schedule.peak_bytes < *out) *out = schedule.peak_bytes;
        snug_schedule_clear(&schedule);
    }
done:
    snug_memory_free(specs.items);
    return status;
}

// Between a batch that fits and one that does not: needs grow about linearly, so the line between
// the two tells where to look; every other look halves, in case they do not.
static snug_status narrow(const batch_search *self, int64_t *fits, size_t need_below,
                          size_t need_above) {
    int64_t low = *fits, high = self->plan->batch_size;
    for (bool halve = false; high - low > 1; halve = !halve) {
        int64_t middle = low + (high - low) / 2;
        double share = (double)(self->plan->budget_bytes - need_below) /
                       ((double)need_above - (double)need_below);
        if (!halve) middle = low + (int64_t)((double)(high - low) * share);
        if (middle <= low) middle = low + 1;
        if (middle >= high) middle = high - 1;
        size_t need;
        SNUG_TRY(find_need(self, middle, &need));
        if (need <= self->plan->budget_bytes)
            low = middle, need_below = need;
        else
            high = middle, need_above = need;
    }
    *fits = low;
    return SNUG_OK;
}

static snug_status find_largest_batch(const snug_plan *plan, const snug_plan_request *request,
                                      int64_t *out) {
    snug_plan_request stable = *request;
    stable.cost = SNUG_COST_SOURCE_MODEL;
    batch_search self = {.plan = plan, .request = &stable};
    size_t need = SIZE_MAX;
    *out = 0;
    snug_status status;
    SNUG_TRY_GOTO(snug_costs_new(plan->device, &stable, plan->budget_bytes, &self.costs), done);
    if (plan->batch_size > 1) SNUG_TRY_GOTO(find_need(&self, 1, &need), done);
    if (need > plan->budget_bytes) goto done;
    *out = 1;
    status = narrow(&self, out, need, snug_plan_minimum_bytes(plan));
done:
    snug_costs_free(self.costs);
    return status;
}

static void append_size(snug_text *text, size_t bytes) {
    char size[SNUG_SIZE_TEXT];
    snug_text_append(text, "%zu bytes (%s)", bytes, snug_size_print(bytes, size));
}

snug_status snug_plan_no_fit(snug_plan *plan, const snug_plan_request *request) {
    if (request->require && plan->minimum_bytes[SNUG_FIDELITY_MODEL] == SIZE_MAX)
        return snug_fail(SNUG_INVALID,
                         "no plan that was tried has every fix of `require=%s`: name fewer; "
                         "accumulate is had with `micro_batch`",
                         request->require);
    SNUG_TRY(find_largest_batch(plan, request, &plan->largest_batch));
    snug_text text = {0};
    snug_text_append(&text, "%s at batch size %lld does not fit ", plan->training.model->name,
                     (long long)plan->batch_size);
    append_size(&text, plan->budget_bytes);
    snug_text_append(&text, ": the smallest budget that works with what is allowed is ");
    append_size(&text, snug_plan_minimum_bytes(plan));
    for (int i = (int)plan->allow + 1; i <= SNUG_FIDELITY_MODEL; i++) {
        if (plan->minimum_bytes[i] == plan->minimum_bytes[i - 1]) continue;
        snug_text_append(&text, "; with `allow=%s` it is ", snug_fidelity_name((snug_fidelity)i));
        append_size(&text, plan->minimum_bytes[i]);
    }
    if (plan->largest_batch > 0)
        snug_text_append(&text, "; the largest batch size that fits is %lld",
                         (long long)plan->largest_batch);
    else
        snug_text_append(&text, "; no smaller batch fits");
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_fail(SNUG_NO_FIT, "%s", snug_text_view(&text));
    snug_text_clear(&text);
    return status;
}

// The search for a plan: every fix proposes, each proposal is laid out, the mildest
// that fits is taken, the fastest among equals.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/sized.h"
#include "plan/demands.h"
#include "plan/plan.h"
#include "plan/survey.h"
#include "plan/variants.h"

enum { DEFAULT_BATCH_SIZE = 256 };

static snug_candidate describe(const snug_plan *plan, const snug_schedule *schedule,
                               const snug_plan_request *request, size_t budget) {
    const snug_spec *spec = &schedule->spec;
    const snug_pass *step = snug_schedule_find(schedule, SNUG_WHEN_SAMPLES);
    const snug_variant *network = spec->variant ? spec->variant : &plan->own;
    snug_candidate candidate = {
        .fidelity = spec->fidelity,
        .micro_batch = spec->micro_batch,
        .accumulation_steps = spec->evaluation ? 1 : snug_schedule_micro_batches(schedule),
        .recomputed_ops = step ? step->recomputed_ops : 0,
        .precision = snug_precision_name(spec->precision),
        .peak_bytes = schedule->peak_bytes,
        .step_seconds = schedule->step_seconds,
        .memory = schedule->memory,
        .network = network->name,
        .parameters = network->parameters,
        .multiply_adds = network->multiply_adds,
        .published_accuracy = network->accuracy,
    };
    memcpy(candidate.fixes, spec->fixes, sizeof candidate.fixes);
    bool demanded = request->micro_batch == 0 || request->micro_batch == spec->micro_batch;
    candidate.fits = demanded && snug_demands_met(request, spec) &&
                     candidate.fidelity <= request->allow && candidate.peak_bytes <= budget;
    return candidate;
}

// Fixes that change anything.
static int count_changes(const snug_candidate *candidate) {
    int changes = 0;
    for (int i = 0; candidate->fixes[i]; i++)
        for (int j = 0; snug_fix_at(j); j++)
            changes += strcmp(snug_fix_at(j)->name, candidate->fixes[i]) == 0 &&
                       snug_fix_at(j)->fidelity > SNUG_FIDELITY_EXACT;
    return changes;
}

// Whether |a| is to be taken rather than |b|, both fitting.
static bool better(const snug_candidate *a, const snug_candidate *b, bool prefer_speed) {
    double faster = b->step_seconds - a->step_seconds;
    if (prefer_speed && faster != 0) return faster > 0;
    if (a->fidelity != b->fidelity) return a->fidelity < b->fidelity;
    if (a->fidelity == SNUG_FIDELITY_MODEL &&
        (a->accumulation_steps > 1) != (b->accumulation_steps > 1))
        return b->accumulation_steps > 1;
    if (a->multiply_adds != b->multiply_adds) return a->multiply_adds > b->multiply_adds;
    if (a->fidelity > SNUG_FIDELITY_ROUNDING && count_changes(a) != count_changes(b))
        return count_changes(a) < count_changes(b);
    if (faster != 0) return faster > 0;
    return a->peak_bytes < b->peak_bytes;
}

// Another network that takes as much as the one asked for.
static bool is_pointless(const snug_plan *plan, const snug_candidate *candidate) {
    for (size_t i = 0; i < plan->candidate_count; i++) {
        const snug_candidate *own = &plan->candidates[i];
        bool alike = own->network == plan->own.name && own->micro_batch == candidate->micro_batch &&
                     own->precision == candidate->precision;
        if (alike && own->fixes[0] && own->recomputed_ops == 0 &&
            own->peak_bytes <= candidate->peak_bytes)
            return true;
    }
    return false;
}

static bool is_full_precision(const snug_candidate *candidate) {
    return strcmp(candidate->precision, snug_precision_name(SNUG_PRECISION_FLOAT32)) == 0;
}

// Fewer bits that need no less than the float32 form of the same fixes, and take no less time.
static bool saves_nothing(const snug_plan *plan, const snug_candidate *candidate) {
    if (is_full_precision(candidate)) return false;
    for (size_t i = 0; i < plan->candidate_count; i++) {
        const snug_candidate *full = &plan->candidates[i];
        if (is_full_precision(full) && full->network == candidate->network &&
            full->micro_batch == candidate->micro_batch && full->fidelity <= candidate->fidelity &&
            full->peak_bytes <= candidate->peak_bytes &&
            full->step_seconds <= candidate->step_seconds)
            return true;
    }
    return false;
}

// A candidate that is there already under another name, has nothing over one that is, or does not
// do what it is for.
static bool is_superfluous(const snug_plan *plan, const snug_plan_request *request,
                           const snug_spec *spec, const snug_candidate *candidate) {
    if (spec->variant && is_pointless(plan, candidate)) return true;
    if (request->precision == SNUG_PRECISION_AUTO && saves_nothing(plan, candidate)) return true;
    if (!spec->recompute) return false;
    if (candidate->recomputed_ops == 0) return true;
    if (snug_spec_follows_budget(spec) && candidate->peak_bytes > spec->limit_bytes) return true;
    for (size_t i = 0; i < plan->candidate_count; i++)
        if (plan->candidates[i].micro_batch == candidate->micro_batch &&
            plan->candidates[i].recomputed_ops > 0 &&
            plan->candidates[i].fidelity <= candidate->fidelity &&
            plan->candidates[i].network == candidate->network &&
            plan->candidates[i].precision == candidate->precision &&
            plan->candidates[i].peak_bytes <= candidate->peak_bytes &&
            plan->candidates[i].step_seconds <= candidate->step_seconds)
            return true;
    return false;
}

static snug_status evaluate_one(snug_plan *plan, snug_costs *costs,
                                const snug_plan_request *request, const snug_spec *spec,
                                const snug_spec **chosen) {
    snug_schedule schedule;
    SNUG_TRY(snug_schedule_make(plan->device, costs, &plan->training, plan->batch_size, spec,
                                &schedule));
    snug_candidate *candidate = &plan->candidates[plan->candidate_count];
    *candidate = describe(plan, &schedule, request, plan->budget_bytes);
    if (plan->candidate_count == 0) plan->unfixed_bytes = candidate->peak_bytes;
    if (is_superfluous(plan, request, spec, candidate)) {
        snug_schedule_clear(&schedule);
        return SNUG_OK;
    }
    plan->candidate_count++;
    bool demanded = (request->micro_batch == 0 || request->micro_batch == candidate->micro_batch) &&
                    snug_demands_met(request, spec);
    if (demanded && !snug_spec_follows_budget(spec))
        for (int i = candidate->fidelity; i <= SNUG_FIDELITY_MODEL; i++)
            if (candidate->peak_bytes < plan->minimum_bytes[i])
                plan->minimum_bytes[i] = candidate->peak_bytes;
    if (candidate->fits &&
        (!*chosen || better(candidate, &plan->candidates[plan->chosen], request->prefer_speed))) {
        plan->chosen = plan->candidate_count - 1;
        *chosen = spec;
        snug_schedule previous = plan->schedule;
        plan->schedule = schedule;
        schedule = previous;
    }
    snug_schedule_clear(&schedule);
    return SNUG_OK;
}

typedef struct ranked_candidate {
    snug_candidate candidate;
    size_t place; // in which it was found
} ranked_candidate;

// In the order of reports: what changes least first, then what takes most memory; of equals, what
// was found first.
static int compare_candidates(const void *a, const void *b) {
    const ranked_candidate *x = a, *y = b;
    const snug_candidate *first = &x->candidate, *second = &y->candidate;
    if (first->fidelity != second->fidelity) return first->fidelity < second->fidelity ? -1 : 1;
    if (first->multiply_adds != second->multiply_adds)
        return first->multiply_adds > second->multiply_adds ? -1 : 1;
    if (first->peak_bytes != second->peak_bytes)
        return first->peak_bytes > second->peak_bytes ? -1 : 1;
    if (first->step_seconds != second->step_seconds)
        return first->step_seconds < second->step_seconds ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

// The unfixed candidate stays in front, and the chosen one is followed: others may look like it.
static snug_status sort_candidates(snug_plan *plan, bool is_chosen) {
    size_t count = plan->candidate_count;
    ranked_candidate *ranked = NULL;
    SNUG_TRY(SNUG_NEW(&ranked, count));
    for (size_t i = 0; i < count; i++)
        ranked[i] = (ranked_candidate){plan->candidates[i], i};
    qsort(ranked + 1, count - 1, sizeof *ranked, compare_candidates);
    size_t chosen = count;
    for (size_t i = 0; i < count; i++) {
        plan->candidates[i] = ranked[i].candidate;
        if (is_chosen && ranked[i].place == plan->chosen) chosen = i;
    }
    plan->chosen = chosen;
    snug_memory_free(ranked);
    return SNUG_OK;
}

// Lays out every spec; |chosen| receives the one to take, whose schedule is the plan's, or NULL.
static snug_status evaluate(snug_plan *plan, snug_costs *costs, const snug_plan_request *request,
                            const snug_spec_list *specs, const snug_spec **chosen) {
    SNUG_TRY(SNUG_NEW(&plan->candidates, specs->count));
    for (int i = 0; i <= SNUG_FIDELITY_MODEL; i++)
        plan->minimum_bytes[i] = SIZE_MAX;
    *chosen = NULL;
    for (int following = 0; following < 2; following++) {
        // Below what works there is no need to search.
        if (following && plan->budget_bytes < snug_plan_minimum_bytes(plan)) break;
        for (size_t i = 0; i < specs->count; i++)
            if (snug_spec_follows_budget(&specs->items[i]) == (bool)following)
                SNUG_TRY(evaluate_one(plan, costs, request, &specs->items[i], chosen));
    }
    return sort_candidates(plan, *chosen != NULL);
}

static snug_status search(snug_plan *plan, const snug_plan_request *request) {
    snug_spec_list specs = {0};
    snug_costs *costs = NULL;
    const snug_spec *chosen = NULL;
    snug_status status;
    SNUG_TRY_GOTO(snug_costs_new(plan->device, request, plan->budget_bytes, &costs), done);
    SNUG_TRY_GOTO(snug_plan_propose(plan, request, plan->batch_size, &specs), done);
    SNUG_TRY_GOTO(snug_plan_check_specs(plan, request, &specs), done);
    SNUG_TRY_GOTO(evaluate(plan, costs, request, &specs, &chosen), done);
    if (chosen) {
        SNUG_TRY_GOTO(snug_survey_frozen(plan, costs, chosen), done);
        snug_variant_apply(chosen->variant, &plan->training);
        if (chosen->variant) plan->network = *chosen->variant;
    }
    // A run needs the kernels of one candidate; the others' would only take host memory.
    if (plan->device->programs == 0) plan->device->device_class->forget(plan->device);
done:
    snug_costs_free(costs);
    snug_memory_free(specs.items);
    return status;
}

// What is asked for, and what may stand in for it.
static snug_status list_networks(snug_plan *plan, const snug_plan_request *request) {
    plan->requested = plan->training.model->name;
    SNUG_TRY(snug_survey(plan, request));
    SNUG_TRY(snug_variant_describe(&plan->training, &plan->own));
    plan->network = plan->own;
    if (plan->file || request->allow < SNUG_FIDELITY_MODEL ||
        !snug_demands_list(request, "smaller-model"))
        return SNUG_OK;
    return snug_variants_list(&plan->training, &plan->variants, &plan->variant_count);
}

static snug_training training_of(const snug_plan_request *request, const snug_model *model) {
    snug_training training = {.model = model,
                              .optimizer = request->optimizer,
                              .loss = request->loss,
                              .class_axis = request->class_axis,
                              .label_smoothing = request->label_smoothing,
                              .clip_norm = request->clip_norm,
                              .clip_value = request->clip_value,
                              .gradient_norm = request->gradient_norm,
                              .options = {.classes = request->classes,
                                          .channels = request->channels,
                                          .height = request->height,
                                          .width = request->width,
                                          .width_multiplier = request->width_multiplier,
                                          .separable = request->separable,
                                          .drop = !request->no_drop,
                                          .freeze_bn = request->freeze_bn,
                                          .input_rank = request->input_rank,
                                          .input_suggested = request->input_suggested,
                                          .data_input_count = request->data_input_count,
                                          .random_init = request->random_init}};
    memcpy(training.options.input_dims, request->input_dims, sizeof request->input_dims);
    return training;
}

// What the training graphs are built from, beside figures.
static snug_status keep_borrowed(snug_plan *plan, const snug_plan_request *request) {
    struct {
        const char *from, **to;
    } texts[] = {{request->train, &plan->training.train},
                 {request->freeze, &plan->training.freeze},
                 {request->no_decay, &plan->training.no_decay},
                 {request->output, &plan->training.options.output}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *copy = NULL;
        if (texts[i].from) SNUG_TRY(snug_pool_text(&plan->texts, texts[i].from, &copy));
        *texts[i].to = copy;
    }
    void *inputs = NULL;
    size_t bytes = (size_t)request->data_input_count * sizeof *request->data_inputs;
    SNUG_TRY(snug_pool_new(&plan->texts, bytes + 1, &inputs));
    if (bytes > 0) memcpy(inputs, request->data_inputs, bytes);
    plan->training.options.data_inputs = inputs;
    return SNUG_OK;
}

static snug_status fill(snug_plan *plan, const snug_plan_request *request,
                        const snug_model *model) {
    plan->allow = request->allow;
    plan->batch_size = request->batch_size ? request->batch_size : DEFAULT_BATCH_SIZE;
    plan->budget_bytes = request->budget_bytes
                             ? request->budget_bytes
                             : plan->device->device_class->free_bytes(plan->device);
    if (!model) {
        SNUG_TRY(snug_file_model_open(request->model, &plan->file));
        model = snug_file_model_of(plan->file);
    }
    plan->training = training_of(request, model);
    SNUG_TRY(snug_plan_check(plan, request));
    SNUG_TRY(keep_borrowed(plan, request));
    SNUG_TRY(snug_model_resolve(plan->training.model, &plan->training.options));
    SNUG_TRY(list_networks(plan, request));
    SNUG_TRY(search(plan, request));
    return snug_plan_chosen(plan) ? SNUG_OK : snug_plan_no_fit(plan, request);
}

snug_status snug_plan_make_sized(snug_device *device, const snug_plan_request *given,
                                 size_t request_bytes, snug_plan **out) {
    SNUG_REQUIRE(out, "a place for the plan");
    *out = NULL;
    SNUG_REQUIRE(device, "a device");
    snug_plan_request request;
    SNUG_TRY(snug_sized_take(&request, sizeof request, given, request_bytes,
                             "a request that names a model"));
    SNUG_REQUIRE(request.model, "a request that names a model");
    const snug_model *model = NULL;
    if (!snug_file_model_matches(request.model)) SNUG_TRY(snug_model_find(request.model, &model));
    return snug_plan_make_of(device, &request, model, out);
}

snug_status snug_plan_make_of(snug_device *device, const snug_plan_request *request,
                              const snug_model *model, snug_plan **out) {
    *out = NULL;
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->device = device;
    snug_status status = fill(*out, request, model);
    if ((*out)->file) snug_file_model_settle((*out)->file);
    if (status != SNUG_OK && status != SNUG_NO_FIT) {
        snug_plan_free(*out);
        *out = NULL;
    }
    return status;
}

void snug_plan_free(snug_plan *plan) {
    if (!plan) return;
    snug_schedule_clear(&plan->schedule);
    snug_memory_free(plan->candidates);
    snug_memory_free(plan->variants);
    snug_file_model_close(plan->file);
    snug_pool_clear(&plan->texts);
    snug_memory_free(plan);
}

const char *snug_plan_model(const snug_plan *plan) {
    if (!plan) return NULL;
    return plan->network.name;
}

const char *snug_plan_requested_model(const snug_plan *plan) {
    if (!plan) return NULL;
    return plan->requested;
}

int64_t snug_plan_batch_size(const snug_plan *plan) {
    if (!plan) return 0;
    return plan->batch_size;
}

size_t snug_plan_budget_bytes(const snug_plan *plan) {
    if (!plan) return 0;
    return plan->budget_bytes;
}

size_t snug_plan_minimum_bytes(const snug_plan *plan) {
    if (!plan) return 0;
    return plan->minimum_bytes[plan->allow];
}

size_t snug_plan_minimum_bytes_at(const snug_plan *plan, snug_fidelity fidelity) {
    if (!plan) return 0;
    return (unsigned)fidelity <= SNUG_FIDELITY_MODEL ? plan->minimum_bytes[fidelity] : SIZE_MAX;
}

int64_t snug_plan_largest_batch(const snug_plan *plan) {
    if (!plan) return 0;
    return plan->largest_batch;
}

size_t snug_plan_unfixed_bytes(const snug_plan *plan) {
    if (!plan) return 0;
    return plan->unfixed_bytes;
}

const snug_candidate *snug_plan_candidate(const snug_plan *plan, size_t index) {
    return plan && index < plan->candidate_count ? &plan->candidates[index] : NULL;
}

const snug_candidate *snug_plan_chosen(const snug_plan *plan) {
    if (!plan) return NULL;
    return plan->chosen < plan->candidate_count ? &plan->candidates[plan->chosen] : NULL;
}

const snug_sample_type *snug_plan_sample(const snug_plan *plan) {
    if (!plan) return NULL;
    return &plan->sample;
}

const snug_sample_tensor *snug_plan_output(const snug_plan *plan) {
    return plan ? &plan->answer : NULL;
}

bool snug_plan_is_per_pixel(const snug_plan *plan) {
    if (!plan) return false;
    return plan->training.model->per_pixel;
}

bool snug_plan_has_accuracy(const snug_plan *plan) {
    if (!plan) return false;
    return plan->training.loss != SNUG_LOSS_MSE;
}

void snug_plan_parameters(const snug_plan *plan, int64_t *all, int64_t *learning) {
    if (all) *all = plan ? plan->weights : 0;
    if (learning) *learning = plan ? plan->learning : 0;
}

// The plan's two forms: a page for people, 80 columns wide, and one line of JSON.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "plan/plan.h"
#include "plan/plan_notes.h"

// The kinds of memory in the order of reports; keys are those of the JSON form.
static const struct {
    const char *key;
    size_t offset;
} kinds[] = {
    {"weights", offsetof(snug_plan_memory, weights)},
    {"gradients", offsetof(snug_plan_memory, gradients)},
    {"optimizer", offsetof(snug_plan_memory, optimizer)},
    {"statistics", offsetof(snug_plan_memory, statistics)},
    {"activations", offsetof(snug_plan_memory, activations)},
    {"workspace", offsetof(snug_plan_memory, workspace)},
    {"input", offsetof(snug_plan_memory, input)},
    {"packing_gap", offsetof(snug_plan_memory, packing_gap)},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static size_t kind_bytes(const snug_plan_memory *memory, int kind) {
    size_t bytes;
    memcpy(&bytes, (const char *)memory + kinds[kind].offset, sizeof bytes);
    return bytes;
}

// Another network goes by its name.
static void join_fixes(const snug_candidate *candidate, const char *separator, snug_text *text) {
    for (int i = 0; candidate->fixes[i]; i++) {
        bool is_other = strcmp(candidate->fixes[i], "smaller-model") == 0;
        snug_text_append(text, "%s%s", i ? separator : "",
                         is_other ? candidate->network : candidate->fixes[i]);
    }
    if (!candidate->fixes[0]) snug_text_append(text, "none");
}

static void print_candidate(const snug_candidate *candidate, const char *mark, snug_text *text) {
    char peak[SNUG_SIZE_TEXT], micro[48];
    snug_text fixes = {0};
    join_fixes(candidate, "+", &fixes);
    const char *changes = candidate->fidelity == SNUG_FIDELITY_EXACT
                              ? "nothing"
                              : snug_fidelity_name(candidate->fidelity);
    if (candidate->accumulation_steps > 1)
        snprintf(micro, sizeof micro, "%" PRId64 " x %" PRId64, candidate->accumulation_steps,
                 candidate->micro_batch);
    else
        snprintf(micro, sizeof micro, "%" PRId64, candidate->micro_batch);
    // What changes most comes last: a list that is too long loses its front.
    enum { COLUMN = 36 };
    const char *list = snug_text_view(&fixes);
    size_t length = strlen(list);
    bool is_long = length > COLUMN;
    snug_text_append(text, "%s %s%-*s %-10s %8s %11s %7.3f s\n", mark, is_long ? ".." : "",
                     is_long ? COLUMN - 2 : COLUMN, is_long ? list + length - COLUMN + 2 : list,
                     changes, micro, snug_size_print(candidate->peak_bytes, peak),
                     candidate->step_seconds);
    if (fixes.failed) text->failed = 1;
    snug_text_clear(&fixes);
}

// "3x224x224", with the type where it is not float32.
static void print_input(const snug_sample_tensor *input, snug_text *text) {
    if (input->rank == 0) snug_text_append(text, "1");
    for (int i = 0; i < input->rank; i++)
        snug_text_append(text, "%s%" PRId64, i ? "x" : "", input->dims[i]);
    if (strcmp(input->type, "float32") != 0) snug_text_append(text, " %s", input->type);
}

static void print_network(const snug_plan *plan, snug_text *text) {
    const snug_sample_type *sample = &plan->sample;
    const snug_training *training = &plan->training;
    snug_text_append(text, "%s, ", snug_plan_model(plan));
    for (int i = 0; i < sample->input_count; i++) {
        if (i > 0) snug_text_append(text, " + ");
        print_input(&sample->inputs[i], text);
    }
    if (training->loss == SNUG_LOSS_CROSS_ENTROPY) {
        snug_text_append(text, ", %" PRId64 " classes", sample->classes);
    } else {
        snug_text_append(text, ", %s of ", snug_loss_name(training->loss));
        print_input(&sample->target, text);
    }
}

static void print_head(const snug_plan *plan, snug_text *text) {
    char bytes[SNUG_SIZE_TEXT];
    print_network(plan, text);
    snug_text_append(text, ", batch size %" PRId64 ", %s", plan->batch_size,
                     plan->device->device_class->name);
    if (!plan->device->only_planned)
        snug_text_append(text, " with %d threads", plan->device->threads);
    snug_text_append(text, "\n\n  unfixed %12s  what the batch needs with every tensor kept\n",
                     snug_size_print(plan->unfixed_bytes, bytes));
    snug_text_append(text, "  budget  %12s\n", snug_size_print(plan->budget_bytes, bytes));
    for (int i = 0; i <= SNUG_FIDELITY_MODEL; i++) {
        size_t minimum = plan->minimum_bytes[i];
        if (minimum == SIZE_MAX || (i > 0 && minimum == plan->minimum_bytes[i - 1])) continue;
        const char *name =
            i == SNUG_FIDELITY_EXACT ? "nothing" : snug_fidelity_name((snug_fidelity)i);
        snug_text_append(text, "  minimum %12s  changing %s (%zu bytes)%s\n",
                         snug_size_print(minimum, bytes), name, minimum,
                         i > (int)plan->allow ? ", not allowed" : "");
    }
    if (plan->largest_batch > 0)
        snug_text_append(text, "  batch   %12" PRId64 "  the largest that fits the budget\n",
                         plan->largest_batch);
}

// What is in use at the moment of the peak, by kind: of the batch unfixed, and as chosen.
static void print_memory(const snug_plan *plan, const snug_candidate *chosen, snug_text *text) {
    const snug_candidate *unfixed = &plan->candidates[0];
    char before[SNUG_SIZE_TEXT], after[SNUG_SIZE_TEXT];
    snug_text_append(text, "\n  at the peak       unfixed%s\n", chosen ? "       chosen" : "");
    for (int i = 0; i < KINDS; i++) {
        size_t size = kind_bytes(&unfixed->memory, i);
        size_t chosen_size = chosen ? kind_bytes(&chosen->memory, i) : 0;
        if (size == 0 && chosen_size == 0) continue;
        const char *name = strcmp(kinds[i].key, "packing_gap") == 0 ? "gaps" : kinds[i].key;
        snug_text_append(text, "  %-12s %12s", name, snug_size_print(size, before));
        if (chosen) snug_text_append(text, " %12s", snug_size_print(chosen_size, after));
        snug_text_append(text, "\n");
    }
    if (chosen) snug_text_append(text, "  chosen peak: %zu bytes\n", chosen->peak_bytes);
}

snug_status snug_plan_text(const snug_plan *plan, char **out) {
    SNUG_REQUIRE(plan && out, "a plan and a place for the text");
    *out = NULL;
    snug_text text = {0};
    const snug_candidate *chosen = snug_plan_chosen(plan);
    print_head(plan, &text);
    snug_text_append(&text, "\n  %-36s %-10s %8s %11s %9s\n", "fixes", "changes", "at once", "peak",
                     "step");
    for (size_t i = 0; i < plan->candidate_count; i++) {
        const snug_candidate *candidate = &plan->candidates[i];
        print_candidate(candidate, candidate == chosen ? "*" : candidate->fits ? " " : "-", &text);
    }
    snug_text_append(&text, "\n  * chosen   - over the budget or not allowed   step: predicted\n");
    print_memory(plan, chosen, &text);
    snug_plan_append_notes(plan, &text);
    if (plan->device->only_planned) snug_text_append(&text, "\n%s", plan->device->only_planned);
    snug_status status = snug_text_status(&text);
    if (status != SNUG_OK) {
        snug_text_clear(&text);
        return status;
    }
    *out = text.data;
    return SNUG_OK;
}

static json_t *network_json(const snug_candidate *candidate) {
    json_t *accuracy =
        candidate->published_accuracy > 0 ? json_real(candidate->published_accuracy) : json_null();
    return json_pack("{s:s, s:I, s:I, s:o}", "name", candidate->network, "parameters",
                     (json_int_t)candidate->parameters, "multiply_adds",
                     (json_int_t)candidate->multiply_adds, "published_accuracy", accuracy);
}

// What it takes to build the network again.
static json_t *built_json(const snug_plan *plan) {
    const snug_training *training = &plan->training;
    const snug_model_options *options = &training->options;
    const snug_sample_tensor *first = &plan->sample.inputs[0];
    json_t *input = json_array();
    for (int i = 0; i < first->rank; i++)
        json_array_append_new(input, json_integer((json_int_t)first->dims[i]));
    const char *model = plan->file ? snug_file_model_path(plan->file) : training->model->name;
    return json_pack("{s:s, s:f, s:b, s:I, s:o, s:s, s:s?, s:i}", "model", model, "width",
                     options->width_multiplier, "separable", options->separable, "classes",
                     (json_int_t)plan->sample.classes, "input", input, "loss",
                     snug_loss_name(training->loss), "output", options->output, "class_axis",
                     training->class_axis);
}

static json_t *parameters_json(const snug_plan *plan) {
    return json_pack("{s:I, s:I, s:I}", "all", (json_int_t)plan->weights, "learning",
                     (json_int_t)plan->learning, "frozen_saves_bytes",
                     (json_int_t)plan->frozen_bytes);
}

static json_t *candidate_json(const snug_candidate *candidate, bool with_fits) {
    json_t *fixes = json_array(), *memory = json_object();
    for (int i = 0; candidate->fixes[i]; i++)
        json_array_append_new(fixes, json_string(candidate->fixes[i]));
    for (int i = 0; i < KINDS; i++)
        json_object_set_new(memory, kinds[i].key,
                            json_integer((json_int_t)kind_bytes(&candidate->memory, i)));
    json_t *json = json_pack(
        "{s:I, s:I, s:I, s:s, s:s, s:o, s:I, s:f, s:o}", "peak_bytes",
        (json_int_t)candidate->peak_bytes, "micro_batch", (json_int_t)candidate->micro_batch,
        "accumulation_steps", (json_int_t)candidate->accumulation_steps, "precision",
        candidate->precision, "fidelity", snug_fidelity_name(candidate->fidelity), "fixes", fixes,
        "recomputed_ops", (json_int_t)candidate->recomputed_ops, "step_seconds",
        candidate->step_seconds, "memory", memory);
    if (json && with_fits) json_object_set_new(json, "fits", json_boolean(candidate->fits));
    if (json && candidate->fidelity == SNUG_FIDELITY_MODEL)
        json_object_set_new(json, "network", network_json(candidate));
    return json;
}

static json_t *minimum_json(const snug_plan *plan, snug_fidelity fidelity) {
    size_t minimum = plan->minimum_bytes[fidelity];
    return minimum == SIZE_MAX ? json_null() : json_integer((json_int_t)minimum);
}

static json_t *advice_json(const snug_plan *plan) {
    const char *advice = plan->file ? snug_file_model_advice(plan->file) : NULL;
    json_t *lines = json_array();
    while (advice && *advice) {
        size_t length = strcspn(advice, "\n");
        json_array_append_new(lines, json_stringn(advice, length));
        advice += length + (advice[length] == '\n');
    }
    return lines;
}

static json_t *plan_json(const snug_plan *plan) {
    const snug_candidate *chosen = snug_plan_chosen(plan);
    json_t *candidates = json_array();
    for (size_t i = 0; i < plan->candidate_count; i++)
        json_array_append_new(candidates, candidate_json(&plan->candidates[i], true));
    json_t *minima = json_object();
    for (int i = 0; i <= SNUG_FIDELITY_MODEL; i++)
        json_object_set_new(minima, snug_fidelity_name((snug_fidelity)i),
                            minimum_json(plan, (snug_fidelity)i));
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "event",
        "plan", "model", snug_plan_model(plan), "requested_model", plan->requested, "network",
        built_json(plan), "parameters", parameters_json(plan), "device",
        plan->device->device_class->name, "batch_size", (json_int_t)plan->batch_size,
        "budget_bytes", (json_int_t)plan->budget_bytes, "minimum_bytes",
        minimum_json(plan, plan->allow), "minimum_bytes_by_fidelity", minima, "largest_batch_size",
        (json_int_t)(chosen ? plan->batch_size : plan->largest_batch), "unfixed_bytes",
        (json_int_t)plan->unfixed_bytes, "chosen",
        chosen ? candidate_json(chosen, false) : json_null(), "candidates", candidates, "advice",
        advice_json(plan));
}

snug_status snug_plan_json(const snug_plan *plan, char **out) {
    SNUG_REQUIRE(plan && out, "a plan and a place for the text");
    *out = NULL;
    json_t *json = plan_json(plan);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    if (!text) return snug_fail(SNUG_NOMEM, "no host memory for the plan's JSON");
    // jansson's allocator is the C library's unless the program changed it; hand out our own.
    snug_status status = snug_memory_copy_text(text, out);
    json_free_t release = NULL;
    json_get_alloc_funcs(NULL, &release);
    release(text);
    return status;
}

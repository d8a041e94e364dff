#include "plan/plan_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "onnx/import.h"
#include "ops/ops.h"

enum { ROUGH_SAMPLES = 8 };

// The candidate that changes |most| at most with the fewest bytes, or the best of those that fit.
static const snug_candidate *find_milder(const snug_plan *plan, snug_fidelity most) {
    const snug_candidate *least = NULL;
    for (size_t i = 0; i < plan->candidate_count; i++) {
        const snug_candidate *candidate = &plan->candidates[i];
        if (candidate->fidelity > most) continue;
        if (!least || candidate->peak_bytes < least->peak_bytes) least = candidate;
    }
    return least;
}

static void append_alternative(const snug_plan *plan, const snug_candidate *chosen,
                               snug_text *text) {
    char bytes[SNUG_SIZE_TEXT];
    const snug_candidate *exact = find_milder(plan, SNUG_FIDELITY_ROUNDING);
    if (!exact) return;
    double ratio = chosen->step_seconds > 0 ? exact->step_seconds / chosen->step_seconds : 1;
    snug_text_append(text,
                     "The exact alternative, the whole batch at once, needs %zu bytes\n"
                     "(%s), %.3f s a step (%+.0f %%)",
                     exact->peak_bytes, snug_size_print(exact->peak_bytes, bytes),
                     exact->step_seconds, 100 * (ratio - 1));
    if (exact->recomputed_ops > 0)
        snug_text_append(text, " and %" PRId64 " operations recomputed", exact->recomputed_ops);
    snug_text_append(text, ".\n");
}

// Whether a batch norm of |pass| has but one value of each channel: less its mean that is 0.
static bool has_single_values(const snug_pass *pass) {
    const snug_graph *graph = pass->built.graph;
    for (size_t i = 0; graph && i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op != &snug_op_batch_norm) continue;
        const snug_type *x = snug_graph_type(graph, node->inputs[0]);
        if (x->rank > 1 && snug_type_elements(x) == x->dims[1]) return true;
    }
    return false;
}

static void append_statistics(const snug_plan *plan, const snug_candidate *chosen,
                              snug_text *text) {
    if (chosen->accumulation_steps < 2 || !plan->has_batch_norm) return;
    snug_text_append(text,
                     "\nBatch norm takes its statistics over micro-batches of %" PRId64
                     " sample%s, not %" PRId64 ".\n",
                     chosen->micro_batch, chosen->micro_batch == 1 ? "" : "s", plan->batch_size);
    bool is_single = false;
    for (size_t i = 0; i < plan->schedule.stage_count; i++)
        is_single = is_single || (plan->schedule.stages[i].when == SNUG_WHEN_SAMPLES &&
                                  has_single_values(&plan->schedule.stages[i].pass));
    if (is_single)
        snug_text_append(text,
                         "WARNING: where a map is 1x1, that leaves one value of each channel, "
                         "of which a\nbatch norm passes nothing on: the network cannot learn. "
                         "PyTorch refuses this.\n");
    else if (chosen->micro_batch < ROUGH_SAMPLES)
        snug_text_append(text, "WARNING: statistics of under 8 samples are rough: expect a lower "
                               "accuracy.\n");
    append_alternative(plan, chosen, text);
}

static bool has_fix(const snug_candidate *candidate, const char *name) {
    for (int i = 0; candidate->fixes[i]; i++)
        if (strcmp(candidate->fixes[i], name) == 0) return true;
    return false;
}

static void append_precision(const snug_plan *plan, const snug_candidate *chosen, snug_text *text) {
    if (has_fix(chosen, "mixed-precision")) {
        snug_precision precision = SNUG_PRECISION_AUTO;
        bool is_known = snug_precision_parse(chosen->precision, &precision) == SNUG_OK;
        snug_text_append(
            text,
            "\nActivations and the arithmetic that is safe in it are %s; weights, sums "
            "of\ngradients, norms and losses are float32.",
            chosen->precision);
        if (chosen->precision && strcmp(chosen->precision, "float16") == 0)
            snug_text_append(text, " The loss is scaled: a step whose\ngradients overflow is "
                                   "skipped.");
        if (is_known && !plan->device->only_planned &&
            !snug_device_is_fast(plan->device, precision))
            snug_text_append(text,
                             "\nThis processor has no fast %s arithmetic: it is stored so and "
                             "computed in\nfloat32, which takes time.",
                             chosen->precision);
        snug_text_append(text, "\n");
    }
    if (has_fix(chosen, "lean-optimizer"))
        snug_text_append(text,
                         "\nThe optimizer's state of weights from 4096 elements on is kept in "
                         "8 bits, with a\nscale for each 256.\n");
}

static void append_network(const snug_variant *network, size_t peak, const char *mark,
                           snug_text *text) {
    char bytes[SNUG_SIZE_TEXT], accuracy[16] = "-";
    if (peak == 0) return; // none of its candidates was worth showing
    if (network->accuracy > 0) snprintf(accuracy, sizeof accuracy, "%.1f %%", network->accuracy);
    snug_text_append(text, "%s %-30.30s %9.3f M %9.3f G %11s %9s\n", mark, network->name,
                     (double)network->parameters / 1e6, (double)network->multiply_adds / 1e9,
                     snug_size_print(peak, bytes), accuracy);
}

// What |network| needs with the fewest changes beside: the first that fits, else the smallest.
static size_t find_peak(const snug_plan *plan, const snug_variant *network) {
    size_t least = SIZE_MAX;
    const snug_candidate *chosen = snug_plan_chosen(plan);
    if (chosen && strcmp(chosen->network, network->name) == 0) return chosen->peak_bytes;
    for (size_t i = 0; i < plan->candidate_count; i++) {
        const snug_candidate *candidate = &plan->candidates[i];
        if (strcmp(candidate->network, network->name) != 0) continue;
        if (candidate->fits) return candidate->peak_bytes;
        if (candidate->peak_bytes < least) least = candidate->peak_bytes;
    }
    return least == SIZE_MAX ? 0 : least;
}

static void append_networks(const snug_plan *plan, snug_text *text) {
    if (plan->variant_count == 0) return;
    snug_text_append(text, "\n  %-30s %11s %11s %11s %9s\n", "network", "parameters", "mult-adds",
                     "memory", "published");
    append_network(&plan->own, find_peak(plan, &plan->own),
                   strcmp(plan->own.name, plan->network.name) == 0 ? "*" : " ", text);
    for (size_t i = 0; i < plan->variant_count; i++)
        append_network(&plan->variants[i], find_peak(plan, &plan->variants[i]),
                       strcmp(plan->variants[i].name, plan->network.name) == 0 ? "*" : " ", text);
    snug_text_append(text, "  published: top-1 accuracy on ImageNet, at the size of the paper\n");
    if (strcmp(plan->own.name, plan->network.name) != 0)
        snug_text_append(text,
                         "\nANOTHER NETWORK: %s in place of %s.\nNothing milder fits, and "
                         "`allow=model` lets it be trained.\n",
                         plan->network.name, plan->own.name);
}

static void append_frozen(const snug_plan *plan, snug_text *text) {
    char bytes[SNUG_SIZE_TEXT];
    if (plan->learning == plan->weights || plan->learning == 0) return;
    snug_text_append(text, "\n%" PRId64 " of %" PRId64 " parameters learn: ", plan->learning,
                     plan->weights);
    snug_text_append(text, "the frozen ones save %s (%zu bytes).\n",
                     snug_size_print(plan->frozen_bytes, bytes), plan->frozen_bytes);
}

// |advice| in lines of at most |WIDTH| characters; its own line ends stay. A field's name has room
// for the dashes that the command puts before it.
static void append_wrapped(const char *advice, snug_text *text) {
    enum { WIDTH = 80 };
    size_t column = 0;
    while (*advice) {
        size_t space = strspn(advice, " "), word = strcspn(advice + space, " \n");
        if (advice[space] == '`') column += 2;
        if (column > 0 && column + space + word > WIDTH) {
            snug_text_append(text, "\n");
            column = 0;
        }
        if (column == 0) advice += space, space = 0;
        snug_text_append(text, "%.*s", (int)(space + word), advice);
        column += space + word;
        advice += space + word;
        if (*advice != '\n') continue;
        snug_text_append(text, "\n");
        column = 0;
        advice++;
    }
}

// Weights that learn and may be buffers: a file that does not tell them apart has been guessed at.
static void append_unowned(const snug_plan *plan, snug_text *text) {
    enum { LISTED = 8 };
    const snug_pass *step = snug_schedule_find(&plan->schedule, SNUG_WHEN_SAMPLES);
    const snug_graph *graph = step ? step->built.graph : NULL;
    size_t count = 0;
    snug_text names = {0}, note = {0};
    if (!plan->file || !graph || snug_file_model_tells_buffers(plan->file)) return;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (tensor->role != SNUG_ROLE_WEIGHT || !tensor->trainable ||
            snug_onnx_is_of_layer(tensor->name))
            continue;
        if (count++ < LISTED) snug_text_append(&names, "%s%s", count > 1 ? ", " : "", tensor->name);
    }
    if (count > 0)
        snug_text_append(&note,
                         "These learn, and no layer of PyTorch's own has them: %s%s. The file does "
                         "not tell parameters from buffers: `freeze=NAME` for each that is a "
                         "buffer, or export with dynamo=True, which tells.\n",
                         snug_text_view(&names), count > LISTED ? ", ..." : "");
    if (count > 0) snug_text_append(text, "\n");
    append_wrapped(snug_text_view(&note), text);
    snug_text_clear(&names);
    snug_text_clear(&note);
}

static void append_advice(const snug_plan *plan, snug_text *text) {
    const char *advice = plan->file ? snug_file_model_advice(plan->file) : NULL;
    if (!advice) return;
    snug_text_append(text, "\n");
    append_wrapped(advice, text);
}

// A sigmoid or softmax that the loss has within itself is applied twice.
static void append_squashed(const snug_plan *plan, snug_text *text) {
    snug_text note = {0};
    if (!plan->squashed) return;
    snug_text_append(&note,
                     "The network ends in a %s, and `loss` %s applies one itself: twice, gradients "
                     "vanish. Export the network without its last one, or name what goes into it "
                     "with `output`.\n",
                     plan->squashed, snug_loss_name(plan->training.loss));
    snug_text_append(text, "\n");
    append_wrapped(snug_text_view(&note), text);
    snug_text_clear(&note);
}

void snug_plan_append_notes(const snug_plan *plan, snug_text *text) {
    const snug_candidate *chosen = snug_plan_chosen(plan);
    append_networks(plan, text);
    append_advice(plan, text);
    if (!chosen) return;
    append_frozen(plan, text);
    append_unowned(plan, text);
    append_squashed(plan, text);
    append_statistics(plan, chosen, text);
    append_precision(plan, chosen, text);
}

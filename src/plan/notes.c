#include "plan/notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

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
    const snug_candidate *exact = find_milder(plan, SNUG_ROUNDING);
    if (!exact) return;
    snug_text_append(text, "The exact alternative, the whole batch at once, needs %zu bytes (%s)\n",
                     exact->peak_bytes, snug_size_print(exact->peak_bytes, bytes));
    double ratio = chosen->step_seconds > 0 ? exact->step_seconds / chosen->step_seconds : 1;
    snug_text_append(text, "and takes %.3f s a step (%+.0f %%)", exact->step_seconds,
                     100 * (ratio - 1));
    if (exact->recomputed_ops > 0)
        snug_text_append(text, " with %" PRId64 " operations recomputed", exact->recomputed_ops);
    snug_text_append(text, ".\n");
}

static void append_statistics(const snug_plan *plan, const snug_candidate *chosen,
                              snug_text *text) {
    if (chosen->accumulation_steps < 2 || !plan->training.model->has_batch_norm) return;
    snug_text_append(text,
                     "\nBatch norm takes its statistics over micro-batches of %" PRId64
                     " samples, not %" PRId64 ".\n%s",
                     chosen->micro_batch, plan->batch_size,
                     chosen->micro_batch < ROUGH_SAMPLES
                         ? "WARNING: statistics of under 8 samples are rough: expect a lower "
                           "accuracy.\n"
                         : "");
    append_alternative(plan, chosen, text);
}

static bool has_fix(const snug_candidate *candidate, const char *name) {
    for (int i = 0; candidate->fixes[i]; i++)
        if (strcmp(candidate->fixes[i], name) == 0) return true;
    return false;
}

static void append_precision(const snug_plan *plan, const snug_candidate *chosen, snug_text *text) {
    if (has_fix(chosen, "mixed-precision")) {
        snug_precision precision = SNUG_AUTO;
        bool is_known = snug_precision_parse(chosen->precision, &precision) == SNUG_OK;
        snug_text_append(
            text,
            "\nActivations and the arithmetic that is safe in it are %s; weights, sums "
            "of\ngradients, norms and losses are float32.",
            chosen->precision);
        if (plan->schedule.unscale.built.graph)
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
                         "'--allow model' lets it be trained.\n",
                         plan->network.name, plan->own.name);
}

void snug_plan_append_notes(const snug_plan *plan, snug_text *text) {
    const snug_candidate *chosen = snug_plan_chosen(plan);
    append_networks(plan, text);
    if (!chosen) return;
    append_statistics(plan, chosen, text);
    append_precision(plan, chosen, text);
}

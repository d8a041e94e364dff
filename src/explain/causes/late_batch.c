// A batch longer than those before it: sequences, images or graphs of unequal sizes.
#include <math.h>

#include "explain/causes/cause.h"

static double judge_snapshot(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->period_known || !facts->usual_peak.known || !facts->peak.known) return 0.02;
    if (snug_ratio(facts->stale, facts->peak) > 0.1) {
        snug_speak_against(evidence, "%s of what is live is of an earlier iteration or attempt.",
                           SNUG_SIZE(facts->stale.bytes));
        return 0.03;
    }
    if (snug_ratio(facts->saved, facts->peak) > 0.25 && !facts->no_grad) {
        snug_speak_against(evidence, "It was an evaluation, which keeps activations needlessly.");
        return 0.05;
    }
    if (facts->last_scale > 0 && facts->growth_per_period <= 0) {
        const char *words =
            "The last iteration's tensors are %.2f times as large as the largest of "
            "the %lld before it.";
        if (facts->last_scale < 1.1) {
            snug_speak_against(evidence, words, facts->last_scale, (long long)facts->iterations);
            return 0.03;
        }
        snug_speak_for(evidence, words, facts->last_scale, (long long)facts->iterations);
        snug_speak_for(evidence, "Iterations usually peak at %s, the largest at %s.",
                       SNUG_SIZE(facts->usual_peak.bytes),
                       SNUG_SIZE(facts->largest_iteration.bytes));
        return snug_clamp(0.62 + 0.6 * (facts->last_scale - 1.1), 0, 0.93);
    }
    if (facts->iterations < 3) return 0.03; // nothing is usual yet
    double rise = snug_ratio(facts->peak, facts->usual_peak);
    if (facts->figures.requested.known && facts->demand.known)
        rise = snug_ratio(facts->demand, facts->usual_peak);
    if (facts->growth_per_period > 0 || rise < 1.1) {
        snug_speak_against(evidence, "The last iteration's peak is %.0f %% of a usual one's.",
                           snug_percent(rise));
        return 0.03;
    }
    snug_speak_for(evidence, "Iterations usually peak at %s; the last one wanted %.0f %% of that.",
                   SNUG_SIZE(facts->usual_peak.bytes), snug_percent(rise));
    if (facts->largest_iteration.known)
        snug_speak_for(evidence, "The largest before it peaked at %s.",
                       SNUG_SIZE(facts->largest_iteration.bytes));
    return snug_clamp(0.45 + 1.2 * (rise - 1.1), 0, 0.92);
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->is_snapshot) {
        double confidence = judge_snapshot(facts, evidence);
        if (confidence < SNUG_CAUSE_LEAST || !snug_is_scattered(facts)) return confidence;
        snug_speak_against(evidence, "%s lay free in the allocator, more than the %s asked for.",
                           SNUG_SIZE(facts->figures.unallocated.bytes),
                           SNUG_SIZE(facts->figures.requested.bytes));
        // Pieces cut for smaller batches are a part of it: larger ones do not fit into them.
        double room = snug_ratio(facts->figures.unallocated, facts->figures.requested);
        return confidence - (facts->last_scale >= 1.1 && room < 3 ? 0.1 : 0.3);
    }
    if (facts->masked || facts->host) return 0;
    double one = snug_ratio(facts->figures.requested, facts->usable), confidence = 0.03;
    if (facts->iterations >= 20 && facts->log_growth <= 0) {
        snug_speak_for(evidence, "%lld steps went well before this one%s.",
                       (long long)facts->iterations,
                       facts->epochs > 1 ? ", over more than one epoch" : "");
        confidence = one > 0.02 ? 0.5 : 0.35;
        if (facts->epochs > 1) confidence -= 0.1;
    }
    if (one > 0.25) {
        snug_speak_for(evidence,
                       "One tensor of %s is %.0f %% of %s: as attention's scores are "
                       "over a long sequence, which grow with its square.",
                       SNUG_SIZE(facts->figures.requested.bytes), snug_percent(one),
                       SNUG_SIZE(facts->usable.bytes));
        confidence += one > 1 ? 0.3 : 0.15;
    }
    if (facts->attention && one > 0.02) {
        snug_speak_for(evidence, "It was asked for in attention.");
        confidence += one > 0.25 ? 0.35 : 0.12;
    }
    if (facts->iterations == 0) snug_speak_against(evidence, "It failed in the first step.");
    return confidence;
}

// How much larger a batch could be than the largest that fitted, were all that it makes to grow
// alike, and the parts that the last one would have to be cut into.
static void advise_size(const snug_facts *facts, snug_advice *advice) {
    if (facts->last_scale < 1.1 || !facts->largest_iteration.known || !facts->attainable.known)
        return;
    uint64_t stays = facts->between.bytes, largest = facts->largest_iteration.bytes;
    if (stays >= largest || largest > facts->attainable.bytes) return;
    uint64_t made = largest - stays, room = facts->attainable.bytes - stays;
    double most = (double)room / (double)made;
    if (most >= facts->last_scale) return; // by its size alone it would have fitted
    unsigned parts = (unsigned)snug_clamp(ceil(facts->last_scale / most), 2, 1024);
    snug_advise(advice,
                snug_words(advice,
                           "the largest batch that fitted made %s beside the %s that stay, and "
                           "there is room for %s: %.1f times as much; the batch that failed makes "
                           "%.1f times as much",
                           SNUG_SIZE(made), SNUG_SIZE(stays), SNUG_SIZE(room), most,
                           facts->last_scale),
                "Cut batches that are more than %.1f times the largest before into %u, and add up "
                "their gradients",
                most, parts);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    advise_size(facts, advice);
    double one = snug_ratio(facts->figures.requested, facts->usable);
    snug_advise(advice, "the longest batch then fails, or fits, in the first step and not hours in",
                "Sort or bucket by length, and run the longest batch first");
    snug_advise(advice,
                facts->figures.requested.known
                    ? snug_words(advice,
                                 "half the length: a quarter of %s where attention asked "
                                 "for it, half elsewhere",
                                 SNUG_SIZE(facts->figures.requested.bytes))
                    : "attention's scores grow with the square of the length",
                "Cut sequences (or images) at a fixed size, or bound the tokens of a batch instead "
                "of its samples");
    if (facts->attention || (one > 0.25 && !facts->convolution))
        snug_advise(advice, "its memory grows with the length, not with its square",
                    "Use torch.nn.functional.scaled_dot_product_attention in place of explicit "
                    "scores");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_late_batch = {
    .name = "late-batch",
    .help = "a longer batch or sequence than those before",
    .judge = judge,
    .advise = advise,
};

// The allocator holds enough, but in pieces that are too small.
#include <string.h>

#include "explain/causes/cause.h"

static bool is_expandable(const snug_facts *facts) {
    return facts->settings && strstr(facts->settings, "expandable_segments:True");
}

static void speak_of_settings(const snug_facts *facts, snug_evidence *evidence) {
    if (is_expandable(facts))
        snug_speak_against(evidence, "expandable_segments:True was set, which leaves few pieces.");
    else if (facts->settings)
        snug_speak_for(evidence, "The allocator ran with %s.", facts->settings);
}

// cudaMallocAsync does not tell what its pool holds.
static double judge_async(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->elsewhere.known || facts->other_framework || facts->masked) return 0;
    double share = snug_ratio(facts->elsewhere, facts->figures.capacity);
    if (share < 0.15 || facts->host) return 0;
    snug_speak_for(evidence,
                   "%s of the card is neither free nor live here; a part of it may be free memory "
                   "in this process's own pool, which the text does not tell.",
                   SNUG_SIZE(facts->elsewhere.bytes));
    return 0.35;
}

// The largest piece, which snapshots tell.
static double judge_pieces(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (!figures->largest_free.known || !figures->requested.known) return 0;
    const char *words = "Free inside the allocator: %s, the largest piece %s; asked for: %s.";
    bool enough = figures->largest_free.bytes < figures->requested.bytes &&
                  figures->unallocated.bytes >= figures->requested.bytes;
    if (enough)
        snug_speak_for(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                       SNUG_SIZE(figures->largest_free.bytes), SNUG_SIZE(figures->requested.bytes));
    else
        snug_speak_against(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                           SNUG_SIZE(figures->largest_free.bytes),
                           SNUG_SIZE(figures->requested.bytes));
    return enough ? 0.2 : -0.1;
}

// A snapshot shows all pieces, also those that any run leaves. What lies free is worth more of the
// batch or of the model the larger it is.
static double limit_of_snapshot(const snug_facts *facts) {
    double share = snug_ratio(facts->figures.unallocated, facts->figures.reserved);
    return facts->is_snapshot ? 0.1 + 3 * share : 1;
}

static double judge_unallocated(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    double share = snug_ratio(figures->unallocated, figures->reserved);
    uint64_t reach = facts->within_reach.known ? facts->within_reach.bytes : 0;
    uint64_t wanted = figures->requested.bytes;
    bool fits = reach >= wanted;
    if (figures->free.known && figures->free.bytes > wanted + (32u << 20)) {
        snug_speak_against(evidence,
                           "The device itself had %s free, more than the %s asked for; the "
                           "allocator's free pieces add %s.",
                           SNUG_SIZE(figures->free.bytes), SNUG_SIZE(wanted),
                           SNUG_SIZE(figures->unallocated.bytes));
        return 0.05;
    }
    if (share < 0.03 || (!fits && share < 0.08)) {
        snug_speak_against(evidence,
                           "Reserved but unallocated is only %s of %s; %s was asked for, so no "
                           "setting of the allocator would have helped%s.",
                           SNUG_SIZE(figures->unallocated.bytes),
                           SNUG_SIZE(figures->reserved.bytes), SNUG_SIZE(wanted),
                           facts->tells_hint ? ", whatever the hint says" : "");
        return fits ? 0.12 : 0.03;
    }
    snug_speak_for(evidence,
                   "Reserved but unallocated is %s of %s (%.0f %%): fragmentation is "
                   "worth up to that.",
                   SNUG_SIZE(figures->unallocated.bytes), SNUG_SIZE(figures->reserved.bytes),
                   snug_percent(share));
    double confidence = snug_clamp(0.35 + 0.9 * share, 0, 0.85);
    if (fits) {
        confidence = snug_clamp(0.35 + 0.15 * snug_clamp(share / 0.1, 0, 1) + 0.9 * share, 0, 0.88);
        // Whatever lay whole was given back before it failed: the rest is pieces.
        double times = snug_ratio(figures->unallocated, figures->requested);
        if (share >= 0.06)
            confidence = snug_clamp(confidence + 0.1 * snug_clamp((times - 4) / 4, 0, 1), 0, 0.88);
        // Without a scrap to spare hardly any setting finds room.
        if (times < 1.25) confidence -= share < 0.08 ? 0.2 : 0.12;
        if (times < 1) confidence -= 0.15;
        snug_speak_for(evidence, "With the %s free it would have held the %s asked for.",
                       SNUG_SIZE(figures->free.bytes), SNUG_SIZE(wanted));
        return confidence;
    }
    if (!facts->within_reach.known) return confidence - 0.1;
    snug_speak_against(evidence, "With the %s free it is %s, still %s less than the %s asked for.",
                       SNUG_SIZE(figures->free.bytes), SNUG_SIZE(reach), SNUG_SIZE(wanted - reach),
                       SNUG_SIZE(wanted));
    // What other settings could win is a part of what is missing at best.
    double part = (double)reach / (double)wanted;
    return confidence * part * (figures->unallocated.bytes * 2 < wanted ? 0.5 : 0.85);
}

// A snapshot of a run that has not failed: how much of what was reserved lay free at the peak.
static double judge_without_failure(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    double share = snug_ratio(figures->unallocated, figures->reserved);
    if (!facts->has_trace) {
        snug_speak_against(evidence,
                           "%s of the %s reserved lay free when the snapshot was written: a cache, "
                           "as any run leaves one.",
                           SNUG_SIZE(figures->unallocated.bytes),
                           SNUG_SIZE(figures->reserved.bytes));
        return 0.03;
    }
    const char *words = "At the peak %s of the %s reserved (%.0f %%) lay free, in pieces of at "
                        "most %s.";
    if (share < 0.1)
        snug_speak_against(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                           SNUG_SIZE(figures->reserved.bytes), snug_percent(share),
                           SNUG_SIZE(figures->largest_free.bytes));
    else
        snug_speak_for(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                       SNUG_SIZE(figures->reserved.bytes), snug_percent(share),
                       SNUG_SIZE(figures->largest_free.bytes));
    return share < 0.1 ? 0.03 : snug_clamp(share, 0, 0.45);
}

// A table of the allocator's figures without a request.
static double judge_table(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    double share = snug_ratio(figures->unallocated, figures->reserved);
    const char *words = "%s of the %s reserved (%.0f %%) lies free in the allocator.";
    if (share < 0.15)
        snug_speak_against(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                           SNUG_SIZE(figures->reserved.bytes), snug_percent(share));
    else
        snug_speak_for(evidence, words, SNUG_SIZE(figures->unallocated.bytes),
                       SNUG_SIZE(figures->reserved.bytes), snug_percent(share));
    return share < 0.15 ? 0.03 : snug_clamp(1.3 * share, 0, 0.7);
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (facts->masked || facts->host) return 0;
    if (facts->is_snapshot && figures->unallocated.known && !figures->requested.known)
        return judge_without_failure(facts, evidence);
    if (figures->unallocated.known && figures->reserved.known && !figures->requested.known)
        return judge_table(facts, evidence);
    if (!figures->unallocated.known || !figures->requested.known)
        return figures->unallocated.known ? 0 : judge_async(facts, evidence);
    double confidence = judge_unallocated(facts, evidence) + judge_pieces(facts, evidence);
    confidence *= snug_outside_pools(facts);
    confidence = snug_clamp(confidence, -1, limit_of_snapshot(facts));
    if (facts->what_if) {
        snug_speak_for(evidence, "Replayed with %s, the request succeeds within %s.",
                       facts->what_if, SNUG_SIZE(facts->what_if_reserved.bytes));
        confidence += 0.15;
    }
    if (facts->what_if_tried > 0 && !facts->what_if) {
        snug_speak_against(evidence,
                           "Replayed under %zu other settings of the allocator, the request fails "
                           "under each.",
                           facts->what_if_tried);
        confidence *= 0.4;
    }
    // Someone else's memory is the larger part of what is missing.
    uint64_t wanted = facts->usable.bytes + figures->requested.bytes;
    if (facts->most_reserved.known && facts->usable.known && facts->most_reserved.bytes > wanted) {
        snug_speak_against(evidence, "This process held %s before, without trouble.",
                           SNUG_SIZE(facts->most_reserved.bytes));
        confidence *= 0.7;
    }
    if (facts->growth_per_period > 0 && facts->growing_live.bytes >= figures->requested.bytes) {
        snug_speak_against(evidence, "Without what grows, %s, it would have fitted.",
                           SNUG_SIZE(facts->growing_live.bytes));
        confidence *= 0.6; // without the pieces it fails a little later
    }
    if (confidence < SNUG_CAUSE_LEAST) return confidence;
    speak_of_settings(facts, evidence);
    return is_expandable(facts) ? confidence * 0.4 : confidence;
}

static void advise_split(const snug_facts *facts, snug_advice *advice) {
    const snug_figures *figures = &facts->figures;
    bool set = facts->settings && strstr(facts->settings, "max_split_size_mb");
    if (set || !figures->requested.known || figures->requested.bytes <= (40u << 20)) return;
    uint64_t half = figures->requested.bytes >> 21;
    snug_advise(advice,
                "blocks above that are not split, so requests as large find them whole; for "
                "versions without expandable segments",
                "Set PYTORCH_CUDA_ALLOC_CONF=max_split_size_mb:%u",
                (unsigned)(half < 32    ? 32
                           : half > 512 ? 512
                                        : half));
}

// What this version on this platform has: expandable segments came with 2.1, and Windows has none;
// max_split_size_mb came with 1.10.
static void advise_settings(const snug_facts *facts, const char *gain, snug_advice *advice) {
    static const char setting[] = "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True";
    bool can = !is_expandable(facts) && !facts->no_expandable && !facts->windows;
    bool recent = facts->torch == SNUG_TORCH_RECENT || facts->torch == SNUG_TORCH_UNKNOWN;
    if (can && recent) snug_advise(advice, gain, "Set %s (PyTorch 2.1 and later, Linux)", setting);
    if (facts->torch != SNUG_TORCH_EARLY) advise_split(facts, advice);
    if (can && !recent)
        snug_advise(advice, gain,
                    "Set %s (PyTorch 2.1 and later, Linux; this text is an older one's: update)",
                    setting);
    if (!can && !is_expandable(facts))
        snug_advise(advice,
                    "CUDA's own pool leaves fewer pieces; there are no expandable segments "
                    "on this platform",
                    "Set PYTORCH_CUDA_ALLOC_CONF=backend:cudaMallocAsync");
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    const snug_figures *figures = &facts->figures;
    if (facts->other_framework) return;
    const char *gain = figures->unallocated.known
                           ? snug_words(advice, "makes up to %s of free pieces usable",
                                        SNUG_SIZE(figures->unallocated.bytes))
                           : "segments grow in place instead of lying apart";
    if (facts->what_if)
        snug_advise(advice,
                    snug_words(advice, "a replay of this trace succeeds, with %s reserved at most",
                               SNUG_SIZE(facts->what_if_reserved.bytes)),
                    "Set PYTORCH_CUDA_ALLOC_CONF=%s%s", facts->what_if,
                    facts->what_if_fraction
                        ? " and call torch.cuda.set_per_process_memory_fraction(1.0)"
                        : "");
    advise_settings(facts, gain, advice);
    snug_advise(advice, "sizes that change from batch to batch leave pieces of every size",
                "Pad batches to a few fixed shapes, and evaluate before training's first step or "
                "call torch.cuda.empty_cache() between the two");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_fragmentation = {
    .name = "fragmentation",
    .help = "the allocator's free memory lies in pieces that are too small",
    .judge = judge,
    .advise = advise,
};

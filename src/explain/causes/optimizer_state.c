// The optimizer's state appears at its first step, after a forward and backward pass that fitted.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    double confidence = 0.03;
    if (facts->phase == SNUG_PHASE_OPTIMIZER) {
        snug_speak_for(evidence,
                       "%s in the optimizer's step, which follows a forward and a backward pass "
                       "that fitted.",
                       facts->is_snapshot && !facts->figures.requested.known
                           ? "The trace ends at its peak"
                           : "It was asked for");
        confidence = 0.72;
        if (facts->iterations >= 0 && facts->iterations <= 1) {
            snug_speak_for(evidence, "It is the first step, when Adam makes two tensors for each "
                                     "weight.");
            confidence += 0.15;
        }
        if (facts->iterations >= 20) {
            snug_speak_against(evidence, "%lld steps went well, with the state in place.",
                               (long long)facts->iterations);
            confidence -= 0.45;
        }
    }
    if (!facts->is_snapshot || !facts->optimizer.known || facts->optimizer.bytes == 0)
        return confidence;
    double share = snug_ratio(facts->optimizer, facts->peak);
    if (confidence > 0.5 || share > 0.25)
        snug_speak_for(evidence, "%s of the %s live at the peak are optimizer state.",
                       SNUG_SIZE(facts->optimizer.bytes), SNUG_SIZE(facts->peak.bytes));
    return snug_clamp(confidence + 0.5 * share, 0, 0.92);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    const snug_amount state = facts->optimizer, live = facts->figures.allocated;
    snug_advise(advice,
                state.known && state.bytes > 0
                    ? snug_words(advice,
                                 "%s of state become %s in 8 bits; SGD keeps half of it with "
                                 "momentum, none without",
                                 SNUG_SIZE(state.bytes), SNUG_SIZE(state.bytes / 4))
                    : "Adam's 8 bytes a weight become 2; SGD keeps 4 with momentum, none without",
                "Use an 8-bit Adam, or SGD where it trains as well");
    snug_advise(advice,
                live.known ? snug_words(advice,
                                        "foreach makes a temporary copy of all gradients "
                                        "or weights at once, a part of the %s live",
                                        SNUG_SIZE(live.bytes))
                           : "foreach makes a temporary copy of all gradients or weights at once",
                "Pass fused=True (or foreach=False) to the optimizer");
    snug_advise(advice, "gradients do not stay beside the new state",
                "Call optimizer.zero_grad(set_to_none=True) before the forward pass");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_optimizer_state = {
    .name = "optimizer-state",
    .help = "the optimizer's state, made at its first step, does not fit",
    .judge = judge,
    .advise = advise,
};

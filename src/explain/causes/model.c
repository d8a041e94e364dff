// Weights, gradients and optimizer state alone take most of the memory.
#include <string.h>

#include "explain/causes/cause.h"

static double judge_snapshot(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->weights.known) return 0.1;
    if (facts->only_made) {
        snug_speak_for(evidence,
                       "Nothing that was made, %s, had been freed%s, large tensors and "
                       "small ones alike: so it is while a model comes onto the device.",
                       SNUG_SIZE(facts->peak.bytes),
                       facts->figures.requested.known ? " before it failed" : "");
        return 0.6;
    }
    // Where nothing failed, the peak is what they can be compared with.
    snug_amount whole = facts->usable.known ? facts->usable : facts->peak;
    uint64_t fixed = facts->weights.bytes + facts->gradients.bytes + facts->optimizer.bytes;
    if (!facts->has_stacks) fixed = facts->lasting.bytes;
    double share = snug_ratio(snug_amount_of(fixed), whole);
    if (!facts->has_stacks) {
        snug_speak_for(
            evidence,
            facts->lasting.known ? "%s of %s are older than the iteration, whatever they are."
                                 : "What is live, %s of %s, may be the model's: no stacks tell.",
            SNUG_SIZE(facts->lasting.known ? fixed : facts->peak.bytes), SNUG_SIZE(whole.bytes));
        return facts->lasting.known ? 0.15 + 0.75 * snug_clamp(share, 0, 1) : 0.5;
    }
    const char *words = "Weights %s, gradients %s and optimizer state %s take %.0f %% of %s "
                        "whatever the batch.";
    char weights[SNUG_SIZE_TEXT], gradients[SNUG_SIZE_TEXT], optimizer[SNUG_SIZE_TEXT];
    snug_size_print(facts->weights.bytes, weights);
    snug_size_print(facts->gradients.bytes, gradients);
    snug_size_print(facts->optimizer.bytes, optimizer);
    if (share >= 0.35)
        snug_speak_for(evidence, words, weights, gradients, optimizer, snug_percent(share),
                       SNUG_SIZE(whole.bytes));
    else
        snug_speak_against(evidence, words, weights, gradients, optimizer, snug_percent(share),
                           SNUG_SIZE(whole.bytes));
    if (facts->phase == SNUG_PHASE_LOAD) return 0.55 + 0.4 * snug_clamp(share, 0, 1);
    return share < 0.35 ? 0.05 : 0.15 + 0.75 * snug_clamp(share, 0, 1);
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (facts->is_snapshot) return judge_snapshot(facts, evidence);
    if (facts->masked) return 0.1;
    if (facts->phase == SNUG_PHASE_LOAD) {
        snug_speak_for(evidence, "It failed while weights came onto the device, before any batch.");
        // CUDA's status alone: the first call that needs the device finds it full.
        if (facts->format && strcmp(facts->format, "cuda") == 0 && !facts->other_framework)
            return facts->use == SNUG_USE_IMAGES || facts->use == SNUG_USE_SERVER ? 0.6 : 0.45;
        return facts->elsewhere.known && snug_ratio(facts->elsewhere, figures->capacity) > 0.4
                   ? 0.45
                   : 0.8;
    }
    if (facts->activations.known && facts->weights.known) {
        uint64_t both = facts->activations.bytes + facts->weights.bytes;
        double share = snug_ratio(facts->weights, snug_amount_of(both));
        if (share > 0.4)
            snug_speak_for(evidence, "Parameters and other inputs of the step take %s.",
                           SNUG_SIZE(facts->weights.bytes));
        return 0.15 + 0.6 * share;
    }
    double live = snug_ratio(figures->allocated, facts->usable);
    double one = snug_ratio(figures->requested, facts->usable);
    if (figures->allocated.known && live < 0.3) return 0.05;
    double confidence = facts->figures.allocated.known ? 0.2 : 0.15;
    bool asked = figures->requested.known;
    if (live > 0.5 && one < 0.02 && asked) {
        snug_speak_for(evidence,
                       "%.0f %% of the memory was live and only %s was asked for, as weights, "
                       "gradients and optimizer state are: in many pieces.",
                       snug_percent(live), SNUG_SIZE(figures->requested.bytes));
        confidence = 0.42;
    }
    if (facts->phase == SNUG_PHASE_OPTIMIZER) confidence += 0.15;
    // Servers that took their cache already.
    bool cached = facts->use == SNUG_USE_SERVER && !facts->other_framework &&
                  !snug_facts_mention(facts, "load_model|loadingmodel|load_weights|loadingweights|"
                                             "loadingsafetensors|create_weights|"
                                             "loadingcheckpoint|get_model(|from_pretrained");
    if (cached) {
        snug_speak_against(evidence, "Beside the weights a server takes a cache of keys and values "
                                     "and runs requests; nothing shows that it still loaded.");
        return 0.3;
    }
    // Without gradients and optimizer state, what is live beside a small request is mostly weights.
    if (snug_facts_is_inference(facts) && live > 0.6 && one < 0.08 && asked) {
        if (one >= 0.02)
            snug_speak_for(evidence,
                           "%.0f %% of the memory was live in a program that only applies "
                           "its network.",
                           snug_percent(live));
        confidence = one < 0.02 ? 0.68 + 0.1 * snug_clamp(5 * (live - 0.8), 0, 1) : 0.5;
    }
    if (facts->other_framework && figures->requested.known && one == 0) confidence += 0.1;
    if (facts->iterations >= 20) {
        snug_speak_against(evidence, "%lld steps went well with the same network.",
                           (long long)facts->iterations);
        confidence -= 0.25;
    }
    return confidence;
}

// Neither gradients nor optimizer state are there yet.
static void advise_loading(const snug_facts *facts, snug_advice *advice) {
    snug_advise(advice, "half of what weights in 32 bits take; a quarter of that in 4 bits",
                facts->half ? "Load the weights quantised, before they come onto the device"
                            : "Load the weights in 16 bits (torch_dtype=torch.bfloat16, or "
                              "model.bfloat16() before .to(\"cuda\")) or quantised");
    snug_advise(advice, "each device holds a part of them",
                "Spread the weights over more devices (FSDP, ZeRO-3, device_map=\"auto\"), or take "
                "a smaller model");
    snug_advise_command(facts, advice);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    const snug_amount live = facts->figures.allocated;
    if (facts->other_framework || snug_facts_is_inference(facts)) {
        snug_advise(advice, "half or a quarter of the bytes of each weight",
                    "Load the weights in %squantised, or a part of the layers on the CPU",
                    facts->half ? "" : "16 bits or ");
        snug_advise(advice, "fewer weights", "Take a smaller model");
        return;
    }
    if (facts->phase == SNUG_PHASE_LOAD && !facts->is_snapshot) {
        advise_loading(facts, advice);
        return;
    }
    snug_advise_command(facts, advice);
    if (facts->optimizer.known && facts->optimizer.bytes > 0)
        snug_advise(advice,
                    snug_words(advice, "of %s optimizer state three quarters go: %s",
                               SNUG_SIZE(facts->optimizer.bytes),
                               SNUG_SIZE(facts->optimizer.bytes / 4 * 3)),
                    "Use an 8-bit Adam, or SGD where it trains as well");
    else
        snug_advise(advice,
                    "Adam keeps 8 bytes for each weight, 8-bit state 2, SGD with momentum 4",
                    "Use an 8-bit Adam, or SGD where it trains as well");
    if (!facts->half)
        snug_advise(advice,
                    live.known ? snug_words(advice, "up to %s of the %s that was live",
                                            SNUG_SIZE(live.bytes / 2), SNUG_SIZE(live.bytes))
                               : "half of what weights in 32 bits take",
                    "Load the weights in 16 bits: torch_dtype=torch.bfloat16, or model.bfloat16() "
                    "before .to(\"cuda\")");
    snug_advise(advice,
                "keeps a part of the weights' gradients and state, or of the weights, away "
                "from this device",
                "Freeze layers (requires_grad_(False)), train adapters, or shard with FSDP");
}

static const char *help_for(const snug_facts *facts) {
    return snug_facts_is_inference(facts) ? "the weights leave too little of the device" : NULL;
}

const snug_cause snug_cause_model = {
    .name = "model",
    .help = "weights, gradients and optimizer state alone are too large",
    .help_for = help_for,
    .judge = judge,
    .advise = advise,
};

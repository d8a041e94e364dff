// More samples at once than fit: what is live belongs to the step, and one more tensor is too much.
#include <string.h>

#include "explain/causes/cause.h"

// What the figures of a message say; its request and what was live against what there was.
static double judge_figures(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    double demand =
        snug_ratio(figures->requested.known ? facts->demand : figures->allocated, facts->usable);
    double live = snug_ratio(figures->allocated, facts->usable);
    if (figures->allocated.known && live < 0.1 && demand < 0.2) {
        snug_speak_against(evidence, "Only %s of %s was live, and %s more was asked for.",
                           SNUG_SIZE(figures->allocated.bytes), SNUG_SIZE(facts->usable.bytes),
                           SNUG_SIZE(figures->requested.bytes));
        return 0.05;
    }
    if (!figures->requested.known)
        snug_speak_for(evidence, "%s are used, of %s.", SNUG_SIZE(figures->allocated.bytes),
                       SNUG_SIZE(facts->usable.bytes));
    else if (figures->allocated.known)
        snug_speak_for(evidence, "%s was live and %s more was asked for: %.0f %% of %s.",
                       SNUG_SIZE(figures->allocated.bytes), SNUG_SIZE(figures->requested.bytes),
                       snug_percent(demand), SNUG_SIZE(facts->usable.bytes));
    if (snug_is_enough_free(facts) || snug_is_little(facts)) {
        snug_speak_against(evidence, "That is not what filled the device: see what was free.");
        return 0.1 + 0.05 * snug_clamp(demand, 0, 1);
    }
    double confidence = 0.3 + 0.4 * snug_clamp(demand, 0, 1);
    double elsewhere = snug_ratio(snug_beyond_context(facts->elsewhere), figures->capacity);
    if (elsewhere > 0.1) confidence -= 0.3 * elsewhere;
    double one = snug_ratio(figures->requested, facts->usable);
    // Attention over a large picture is one such tensor.
    if (one > 0.5 && live < 1 && facts->use != SNUG_USE_IMAGES) {
        snug_speak_against(evidence,
                           "The one request of %s is %.0f %% of %s by itself: few batches are made "
                           "of such tensors.",
                           SNUG_SIZE(figures->requested.bytes), snug_percent(one),
                           SNUG_SIZE(facts->usable.bytes));
        confidence -= one > 2 ? 0.5 : one > 1 ? 0.35 : 0.2;
    }
    if (figures->limit.known && figures->limit.bytes < figures->capacity.bytes)
        snug_speak_for(evidence, "The process may use %s of the card's %s.",
                       SNUG_SIZE(figures->limit.bytes), SNUG_SIZE(figures->capacity.bytes));
    return confidence;
}

static double judge_snapshot(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->activations.known || !facts->peak.known) return 0.3;
    if (facts->only_made) {
        snug_speak_against(evidence, "No forward pass is seen: a model was on its way.");
        return 0.05;
    }
    snug_amount wanted = facts->activations, whole = facts->peak;
    // Without stacks, what nothing tells of is activations as likely as not.
    if (!facts->has_stacks)
        wanted.bytes += facts->lasting.known ? facts->peak.bytes - facts->lasting.bytes
                                             : facts->unclassified.bytes / 2;
    bool step = facts->phase == SNUG_PHASE_FORWARD || facts->phase == SNUG_PHASE_BACKWARD;
    // The request that failed is one of them.
    if (step && facts->figures.requested.known) {
        wanted.bytes += facts->figures.requested.bytes;
        whole.bytes += facts->figures.requested.bytes;
    }
    double confidence = 0.2 + 0.65 * snug_ratio(wanted, whole);
    if (facts->has_stacks)
        snug_speak_for(evidence,
                       "%s of the %s live at the peak are activations, which grow with it.",
                       SNUG_SIZE(facts->activations.bytes), SNUG_SIZE(facts->peak.bytes));
    else if (facts->lasting.known)
        snug_speak_for(evidence, "%s of the %s live at the peak were made by the last iteration.",
                       SNUG_SIZE(wanted.bytes), SNUG_SIZE(facts->peak.bytes));
    else
        snug_speak_for(evidence, "What is live may be the batch's or the model's: no stacks tell.");
    if (facts->period_known && facts->usual_peak.known && facts->growth_per_period <= 0)
        snug_speak_for(evidence, "Each iteration returns to where the one before began.");
    if (facts->growth_per_period > 0) {
        snug_speak_against(evidence, "%s more stay after every iteration, whatever the batch.",
                           SNUG_SIZE(facts->growth_per_period));
        confidence -= 0.1 + 0.4 * snug_ratio(facts->growing_live, facts->peak);
    }
    if (snug_ratio(facts->stale, facts->peak) > 0.1) {
        snug_speak_against(evidence, "%s of what is live is of an earlier iteration or attempt.",
                           SNUG_SIZE(facts->stale.bytes));
        confidence -= 0.5 * snug_ratio(facts->stale, facts->peak);
    }
    if (facts->last_scale >= 1.1 && facts->iterations >= 3) {
        snug_speak_against(evidence, "%lld iterations fitted before this larger one.",
                           (long long)facts->iterations);
        confidence -= 0.25;
    }
    double one = snug_ratio(facts->figures.requested, facts->usable);
    if (facts->workspace_request && one > 0.01) {
        snug_speak_against(evidence, "What was asked for is a library's workspace.");
        confidence -= 0.4 * snug_clamp(10 * one, 0, 1);
    }
    if (snug_is_scattered(facts)) {
        double share = snug_ratio(facts->figures.unallocated, facts->figures.reserved);
        snug_speak_against(evidence, "%s lay free in the allocator, more than the %s asked for.",
                           SNUG_SIZE(facts->figures.unallocated.bytes),
                           SNUG_SIZE(facts->figures.requested.bytes));
        confidence -= snug_clamp(2 * share, 0, 0.6);
    }
    return confidence;
}

static double judge_stack(const snug_facts *facts, snug_evidence *evidence) {
    switch (facts->phase) {
    case SNUG_PHASE_FORWARD:
    case SNUG_PHASE_BACKWARD:
        snug_speak_for(evidence, "It was asked for in the %s pass.",
                       facts->phase == SNUG_PHASE_FORWARD ? "forward" : "backward");
        return 0.05;
    case SNUG_PHASE_LOAD:
        snug_speak_against(evidence, "It was asked for while weights came onto the device.");
        return -0.4;
    case SNUG_PHASE_OPTIMIZER:
        snug_speak_against(evidence, "It was asked for in the optimizer's step.");
        return -0.3;
    case SNUG_PHASE_EVALUATE:
        if (snug_facts_is_inference(facts)) return 0;
        snug_speak_against(evidence, "It was asked for while evaluating.");
        return facts->no_grad ? -0.1 : -0.2;
    default:
        return 0;
    }
}

static double judge_run(const snug_facts *facts, snug_evidence *evidence) {
    double more = 0;
    if (facts->iterations >= 20 && !facts->is_snapshot) {
        snug_speak_against(evidence, "%lld steps of the same batch size went well before.",
                           (long long)facts->iterations);
        more -= 0.3;
    }
    if (facts->iterations == 0 || facts->iterations == 1) {
        snug_speak_for(evidence, "It failed in the first steps.");
        more += 0.05;
    }
    if (facts->log_growth > 0) more -= 0.25;
    if (facts->kept.code || facts->retain_graph) more -= 0.1;
    return more;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    double confidence;
    if (facts->masked) {
        confidence = 0.25;
        snug_speak_for(evidence, "It is what most often fills a card in training.");
    } else if (facts->is_snapshot) {
        confidence = judge_snapshot(facts, evidence);
    } else if (facts->activations.known && facts->weights.known) {
        uint64_t both = facts->activations.bytes + facts->weights.bytes;
        double share = snug_ratio(facts->activations, snug_amount_of(both));
        confidence = 0.2 + 0.6 * share;
        snug_speak_for(evidence, "Temporaries of a step take %s, parameters and other inputs %s.",
                       SNUG_SIZE(facts->activations.bytes), SNUG_SIZE(facts->weights.bytes));
    } else if (facts->figures.allocated.known && facts->usable.known) {
        confidence = judge_figures(facts, evidence);
    } else {
        confidence = 0.35;
        snug_speak_for(evidence,
                       "It is the most common one; the text has too few figures to tell.");
        if (snug_ratio(facts->figures.requested, facts->usable) > 2) confidence = 0.15;
    }
    if (confidence <= 0.05) return confidence;
    return confidence + judge_stack(facts, evidence) + judge_run(facts, evidence);
}

// The largest power of two below the batch that the figures leave room for, were all that was live
// to shrink with it.
static int64_t guess_micro_batch(const snug_facts *facts) {
    int64_t size = 1;
    double room = facts->demand.known && facts->demand.bytes > 0
                      ? snug_ratio(facts->attainable, facts->demand)
                      : 0;
    double most = (double)facts->batch_size * (room > 0 && room < 0.95 ? room : 0.95);
    while ((double)size * 2 <= most)
        size *= 2;
    return size;
}

// A snapshot tells what grows with the batch and what does not. The step had not come to its end,
// so the parts it has to be cut into are the least.
static bool advise_parts(const snug_facts *facts, snug_advice *advice) {
    if (!facts->activations.known || !facts->attainable.known || !facts->peak.known) return false;
    uint64_t grows = facts->activations.bytes + facts->figures.requested.bytes;
    uint64_t fixed = facts->peak.bytes - facts->activations.bytes;
    if (facts->activations.bytes < facts->peak.bytes / 4 || fixed >= facts->attainable.bytes)
        return false;
    uint64_t room = facts->attainable.bytes - fixed;
    unsigned parts = 2;
    while (parts < 1024 && grows / parts > room)
        parts *= 2;
    snug_advise(
        advice,
        snug_words(advice,
                   "%s live and asked for grew with the batch, %s is left for them "
                   "beside the rest: 1/%u of the batch takes %s; the same mathematics, only "
                   "batch norm sees fewer samples",
                   SNUG_SIZE(grows), SNUG_SIZE(room), parts, SNUG_SIZE(grows / parts)),
        "Train with micro-batches of 1/%u of the batch: divide the loss by %u and step the "
        "optimizer after %u of them (halve again where the rest of the step needs more)",
        parts, parts, parts);
    return true;
}

static void advise_smaller(const snug_facts *facts, snug_advice *advice) {
    if (advise_parts(facts, advice)) return;
    const char *why = "gradients add up over micro-batches; only batch norm sees the difference";
    if (facts->demand.known && facts->attainable.known && facts->figures.allocated.known) {
        double room = snug_ratio(facts->attainable, facts->demand);
        why = room < 1
                  ? snug_words(advice,
                               "the step held %s with this request, and its tensors can have %s: "
                               "they have to shrink by %s (%.0f %%) or more; the same mathematics, "
                               "only batch norm sees fewer samples",
                               SNUG_SIZE(facts->demand.bytes), SNUG_SIZE(facts->attainable.bytes),
                               SNUG_SIZE(facts->demand.bytes - facts->attainable.bytes),
                               snug_percent(1 - room))
                  : snug_words(advice,
                               "halves what grows with the batch, up to %s of the %s that was "
                               "live; only batch norm sees fewer samples",
                               SNUG_SIZE(facts->figures.allocated.bytes / 2),
                               SNUG_SIZE(facts->figures.allocated.bytes));
    }
    if (facts->batch_size >= 2) {
        int64_t micro = guess_micro_batch(facts);
        snug_advise(advice, why,
                    "Train with micro-batches of %lld and step the optimizer every %lld of them, "
                    "with the loss divided by %lld (batch size stays %lld)",
                    (long long)micro, (long long)((facts->batch_size + micro - 1) / micro),
                    (long long)((facts->batch_size + micro - 1) / micro),
                    (long long)facts->batch_size);
        return;
    }
    snug_advise(advice, why,
                facts->use == SNUG_USE_TRAINING || facts->is_snapshot
                    ? "Halve the batch, add up the gradients of two before optimizer.step(), and "
                      "divide the loss by 2; halve again where it is not enough"
                    : "Halve the batch, or what goes through at once (smaller images, shorter "
                      "sequences); where it trains, add up the "
                      "gradients of two before optimizer.step(), and divide the loss by 2");
}

// A program that only applies its network has no gradients to add up.
static void advise_inference(const snug_facts *facts, snug_advice *advice) {
    const char *what = facts->use == SNUG_USE_IMAGES ? "Make smaller images, and fewer at once"
                       : facts->use == SNUG_USE_SERVER
                           ? "Let it take shorter requests, and fewer at once"
                           : "Give it fewer samples at once, or shorter or smaller ones";
    snug_advise(advice, "what is computed on the way grows with them", "%s", what);
    // What runs under a tool's own interface is not the user's code to change.
    if (facts->tool_count > 0 && facts->use != SNUG_USE_INFERENCE) return;
    if (facts->use == SNUG_USE_INFERENCE && !facts->no_grad && !facts->other_framework)
        snug_advise(advice, "without it every layer keeps its input for a backward pass",
                    "Put it under torch.inference_mode()");
    if (!facts->half && !facts->other_framework)
        snug_advise(advice, "half of 32-bit weights and activations",
                    "Load the network in 16 bits: model.half(), or torch_dtype=torch.float16");
}

// What the one sample of a batch of one leaves to do.
static void advise_one(snug_advice *advice) {
    snug_advise(advice, "the batch is one sample already; activations grow with its size",
                "Make the sample smaller: shorter sequences, smaller images or crops");
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    if (snug_facts_is_inference(facts)) {
        advise_inference(facts, advice);
        return;
    }
    if (facts->other_framework) {
        // Its own levers say it better.
        if (facts->tool_count == 0)
            snug_advise(advice, "what it keeps grows with them",
                        "Give the program less at once: a smaller input, grid, scene or batch");
        return;
    }
    if (facts->batch_size == 1)
        advise_one(advice);
    else
        advise_smaller(facts, advice);
    snug_advise_command(facts, advice);
    snug_amount live = facts->activations.known ? facts->activations : facts->figures.allocated;
    bool mac = facts->device && strcmp(facts->device, "MPS") == 0;
    if (!facts->half)
        snug_advise(
            advice,
            live.known && live.bytes > 0
                ? snug_words(advice, "16-bit activations: up to %s less", SNUG_SIZE(live.bytes / 2))
                : "activations take half",
            "Use torch.autocast(\"%s\", dtype=torch.bfloat16)",
            facts->host ? "cpu"
            : mac       ? "mps"
                        : "cuda");
    snug_advise(advice,
                "keeps one activation a block and computes the others again: often a third "
                "to a half of them, for about 30 % more time",
                "Wrap the largest blocks in torch.utils.checkpoint");
}

static const char *help_for(const snug_facts *facts) {
    switch (facts->use) {
    case SNUG_USE_IMAGES:
        return "the images are too large, or too many at once, for what the model leaves";
    case SNUG_USE_SERVER:
        return "requests are too long, or too many at once, for what the model leaves";
    case SNUG_USE_INFERENCE:
        return "what goes through the network at once is too much for what it leaves";
    default:
        return facts->batch_size == 1 && !facts->is_snapshot
                   ? "what one sample makes is too large for the memory there is"
                   : NULL;
    }
}

const snug_cause snug_cause_batch = {
    .name = "batch",
    .help = "the batch is too large for the memory there is",
    .help_for = help_for,
    .judge = judge,
    .advise = advise,
};

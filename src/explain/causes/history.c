// The graph of past steps is kept: sums of losses, evaluation without no_grad, retain_graph.
#include "explain/causes/cause.h"

static double judge_growth(const snug_facts *facts, snug_evidence *evidence) {
    double saved = snug_ratio(facts->saved, facts->peak);
    double confidence = 0;
    if (saved > 0.25 && !facts->no_grad) {
        snug_speak_for(evidence,
                       "While evaluating, %s (%.0f %% of what was live) were kept of one forward "
                       "pass, as for a backward pass: under no_grad() layers free their inputs.",
                       SNUG_SIZE(facts->saved.bytes), snug_percent(saved));
        confidence = 0.45 + 0.45 * saved;
    }
    double stale = snug_ratio(facts->stale, facts->peak);
    // Too few iterations in the trace to tell growth, and many layers' outputs of earlier ones
    // live.
    if (facts->growth_per_period <= 0 && facts->errors_before == 0 && stale > 0.25 &&
        facts->stale_graph) {
        snug_speak_for(evidence,
                       "%s of the %s live were made by the layers of earlier iterations' forward "
                       "passes: activations that a graph still refers to.",
                       SNUG_SIZE(facts->stale.bytes), SNUG_SIZE(facts->peak.bytes));
        confidence = snug_clamp(0.5 + 0.5 * stale, confidence, 0.94);
    }
    if (facts->growth_per_period <= 0 || !facts->growth_has_history) return confidence;
    double share = snug_ratio(facts->growing_live, facts->peak);
    snug_speak_for(evidence,
                   "%s more stay after every iteration, made in forward passes: activations that a "
                   "graph still refers to. %s of the %s live come from there.",
                   SNUG_SIZE(facts->growth_per_period), SNUG_SIZE(facts->growing_live.bytes),
                   SNUG_SIZE(facts->peak.bytes));
    if (facts->loop.file)
        snug_speak_for(evidence, "The loop: %s:%ld%s%s.", facts->loop.file, facts->loop.line,
                       facts->loop.function ? ", in " : "",
                       facts->loop.function ? facts->loop.function : "");
    double grows = snug_clamp(0.45 + 0.9 * share, 0, 0.92);
    return grows > confidence ? grows : confidence;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->host && !facts->kept.code) return 0;
    double confidence = facts->is_snapshot ? judge_growth(facts, evidence) : 0.05;
    if (facts->kept.code) {
        snug_speak_for(evidence, "%s:%ld keeps a tensor with its whole graph: \"%s\".",
                       facts->kept.file ? facts->kept.file : "?", facts->kept.line,
                       facts->kept.code);
        confidence += 0.75;
    }
    if (facts->retain_graph) {
        snug_speak_for(evidence, "The stack shows retain_graph or create_graph, which keeps the "
                                 "activations after backward().");
        confidence += 0.7;
    }
    // Makers of images, servers and libraries' own functions take care of it themselves.
    bool cares = facts->use == SNUG_USE_IMAGES || facts->use == SNUG_USE_SERVER ||
                 (facts->use == SNUG_USE_INFERENCE && facts->tool_count > 0);
    if (facts->phase == SNUG_PHASE_EVALUATE && !facts->no_grad && !facts->is_snapshot && !cares) {
        snug_speak_for(evidence,
                       facts->user.file
                           ? "It failed while evaluating, and the stack shows no no_grad() or "
                             "inference_mode(): without it each output keeps its graph."
                           : "It failed while evaluating, as the text says: without no_grad() "
                             "each output keeps its graph.");
        confidence += facts->user.file ? 0.6 : 0.45;
    }
    if (facts->phase == SNUG_PHASE_EVALUATE && facts->no_grad)
        snug_speak_against(evidence, "The stack shows no_grad() or inference_mode().");
    if (facts->is_snapshot) return confidence;
    const snug_amount live = facts->figures.allocated;
    if (live.known && facts->figures.capacity.known &&
        snug_ratio(live, facts->figures.capacity) < 0.25) {
        snug_speak_against(evidence, "Only %s was live: graphs that are kept are a part of it.",
                           SNUG_SIZE(live.bytes));
        confidence -= 0.5;
    }
    if (facts->log_growth > 0 || (facts->iterations >= 20 && facts->figures.allocated.known)) {
        if (facts->log_growth > 0)
            snug_speak_for(evidence, "Memory figures in the log grow by about %s a line.",
                           SNUG_SIZE(facts->log_growth));
        confidence += facts->log_growth > 0 ? 0.25 : 0.1;
    }
    return confidence;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    const char *gain = facts->growth_per_period > 0
                           ? snug_words(advice, "%s an iteration stays no more",
                                        SNUG_SIZE(facts->growth_per_period))
                           : "the graph and its activations die with each step";
    if (facts->kept.code)
        snug_advise(advice, gain, "%s:%ld: add .item() (or .detach()) to what is kept: \"%s\"",
                    facts->kept.file ? facts->kept.file : "?", facts->kept.line, facts->kept.code);
    const snug_site *place = facts->loop.file ? &facts->loop : &facts->user;
    if (facts->phase == SNUG_PHASE_EVALUATE && place->file && place->line > 0)
        snug_advise(advice, "evaluation then keeps no activations at all",
                    "%s:%ld%s%s: put this under torch.no_grad() or torch.inference_mode()",
                    place->file, place->line, place->function ? ", in " : "",
                    place->function ? place->function : "");
    else if (facts->phase == SNUG_PHASE_EVALUATE)
        snug_advise(advice, "evaluation then keeps no activations at all",
                    "%s%sPut the evaluation under torch.no_grad() or torch.inference_mode()",
                    facts->user.file ? facts->user.file : "", facts->user.file ? ": " : "");
    if (facts->retain_graph)
        snug_advise(advice, "the graph dies in backward()",
                    "Remove retain_graph=True and create_graph=True, or detach() what the next "
                    "step takes over");
    if (facts->phase != SNUG_PHASE_EVALUATE && facts->growth_has_history && place->file)
        snug_advise(advice, gain,
                    "%s:%ld%s%s: what this loop keeps of each step (a sum, a list), keep as "
                    "loss.item() or .detach(); what only evaluates, put under torch.no_grad()",
                    place->file, place->line, place->function ? ", in " : "",
                    place->function ? place->function : "");
    for (size_t i = 0; i < facts->growing_count && i < 2; i++)
        if (facts->growing[i].file)
            snug_advise(advice,
                        snug_words(advice, "%s an iteration",
                                   SNUG_SIZE(facts->growing[i].bytes_per_period)),
                        "%s:%ld: what is made here outlives its step; store loss.item() or "
                        ".detach() of what depends on it",
                        facts->growing[i].file, facts->growing[i].line);
    snug_advise(advice, gain,
                "Write total += loss.item(), and append .detach().cpu() results to lists");
}

const snug_cause snug_cause_history = {
    .name = "history",
    .help = "the gradient history of past steps is kept",
    .judge = judge,
    .advise = advise,
};

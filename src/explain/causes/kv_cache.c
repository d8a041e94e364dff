// A language model's server: what it keeps of each request's context, keys and values, has no room
// beside the weights.
#include "explain/causes/cause.h"

static double judge_share(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (!figures->free.known || !figures->capacity.known) {
        snug_speak_for(evidence, "The server wants a share of the card that is not free at its "
                                 "start.");
        return 0.6;
    }
    uint64_t taken = figures->capacity.bytes - figures->free.bytes;
    snug_speak_for(evidence, "The server wants %s of the card's %s to be free at its start; %s is.",
                   SNUG_SIZE(figures->requested.bytes), SNUG_SIZE(figures->capacity.bytes),
                   SNUG_SIZE(figures->free.bytes));
    // CUDA's contexts and a desktop take a part of every card.
    return taken < (uint64_t)3 << 29 ? 0.85 : 0.5;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    switch (facts->shortage) {
    case SNUG_SHORTAGE_CACHE:
        snug_speak_for(evidence, "Weights and what a first run takes leave nothing of the server's "
                                 "share of the card to the cache of keys and values.");
        return 0.92;
    case SNUG_SHORTAGE_CONTEXT:
        if (facts->tokens > 0 && facts->tokens_possible > 0)
            snug_speak_for(evidence,
                           "One request may have %lld tokens; the cache has room for %lld.",
                           (long long)facts->tokens, (long long)facts->tokens_possible);
        else if (figures->requested.known && figures->free.known)
            snug_speak_for(evidence, "One request's keys and values take %s, and there is %s.",
                           SNUG_SIZE(figures->requested.bytes), SNUG_SIZE(figures->free.bytes));
        else
            snug_speak_for(evidence, "One request of the full length does not fit into the cache.");
        return 0.95;
    case SNUG_SHORTAGE_REQUESTS:
        if (facts->tokens > 0)
            snug_speak_for(evidence, "The server tried a batch of %lld tokens at its start.",
                           (long long)facts->tokens);
        else
            snug_speak_for(evidence,
                           "The server ran the largest batch of requests that it may get.");
        return 0.85;
    case SNUG_SHORTAGE_SHARE:
        return judge_share(facts, evidence);
    default:
        break;
    }
    bool loads = facts->phase == SNUG_PHASE_LOAD || facts->host;
    if (facts->use != SNUG_USE_SERVER || !facts->other_framework || loads || facts->masked)
        return 0;
    snug_speak_for(evidence, "It was asked for after the weights: keys and values of the context, "
                             "and buffers that grow with it.");
    return facts->phase == SNUG_PHASE_FORWARD ? 0.65 : 0.4;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    if (facts->tool_count > 0) return; // its own levers say it better
    snug_advise(advice, "keys and values grow with it",
                "Shorten the longest context that the "
                "server takes");
    snug_advise(advice, "each has keys and values of its own",
                "Let it take fewer requests at once");
    snug_advise(advice, "the weights leave more to the cache",
                "Take a quantised or smaller model, or spread it over more cards");
}

const snug_cause snug_cause_kv_cache = {
    .name = "kv-cache",
    .help =
        "a server's requests and their context (keys and values) have no room beside the weights",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

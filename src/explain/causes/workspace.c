// Libraries' workspaces, CUDA graphs and other memory beside tensors.
#include <string.h>

#include "explain/causes/cause.h"

static double judge_outside(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (!figures->outside.known) return 0;
    double share = snug_ratio(figures->outside, figures->capacity);
    bool much = figures->outside.bytes > ((uint64_t)768 << 20) && share > 0.03;
    if (!much) {
        snug_speak_against(evidence,
                           "Outside the allocator the process holds only %s, about what "
                           "CUDA itself takes.",
                           SNUG_SIZE(figures->outside.bytes));
        return 0;
    }
    snug_speak_for(evidence,
                   "The process holds %s outside PyTorch's allocator: CUDA's context, "
                   "libraries' workspaces, NCCL, other code's own allocations.",
                   SNUG_SIZE(figures->outside.bytes));
    return 0.15 + 0.6 * share;
}

// A server has taken its cache when it captures graphs, which come on top.
static double judge_capture(const snug_facts *facts, snug_evidence *evidence) {
    static const char words[] = "capturingcudagraph|capture_model(|cuda_graph_runner.py|"
                                "capturecudagraph|incapture_model|incapture_one_batch_size";
    if (facts->use != SNUG_USE_SERVER || facts->phase == SNUG_PHASE_LOAD ||
        facts->shortage != SNUG_SHORTAGE_UNKNOWN || !snug_facts_mention(facts, words))
        return 0;
    snug_speak_for(evidence, "The server was capturing CUDA graphs, which take memory beside the "
                             "weights and the cache that it had taken before.");
    return 0.45;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (facts->host) return 0;
    double confidence = judge_outside(facts, evidence) + judge_capture(facts, evidence);
    if (facts->library) {
        snug_speak_for(evidence,
                       "%s reports it, whose handles and workspaces come after the "
                       "tensors.",
                       facts->library);
        // Where the words seldom mean memory, whether they do comes before what took it.
        confidence += facts->masked && facts->masked_share < 0.6 ? 0.25 : 0.4;
    }
    if (facts->convolution && snug_ratio(figures->requested, facts->usable) > 0.05) {
        snug_speak_for(evidence, "It was asked for in a convolution, whose fastest algorithms want "
                                 "large workspaces.");
        confidence += 0.12;
    }
    double pools = snug_ratio(figures->private_pools, figures->allocated);
    if (pools > 0.1) {
        snug_speak_for(evidence,
                       "%s of what is allocated lies in private pools, such as CUDA "
                       "graphs', which share nothing.",
                       SNUG_SIZE(figures->private_pools.bytes));
        confidence += 0.6 * pools;
    }
    double idle = snug_ratio(facts->private_free, facts->figures.reserved);
    if (idle > 0.1) {
        snug_speak_for(
            evidence,
            "%s of the %s reserved lie free in private pools, such as each CUDA graph's, "
            "where no other request can have them.",
            SNUG_SIZE(facts->private_free.bytes), SNUG_SIZE(figures->reserved.bytes));
        confidence += 0.25 + 0.7 * idle;
    }
    if (facts->workspace_request) {
        double one = snug_ratio(figures->requested, facts->usable);
        snug_speak_for(evidence,
                       "The request itself, %s, is a workspace: a library asked for it inside %s, "
                       "whose result was there already.",
                       SNUG_SIZE(figures->requested.bytes),
                       facts->convolution ? "a convolution" : "an operator");
        // A small one only happens to be what came last.
        confidence += snug_clamp(0.25 + 0.2 * snug_clamp(10 * one, 0, 1) + one, 0, 0.9);
    }
    double share = snug_ratio(facts->workspace, facts->peak);
    if (share > 0.05) {
        snug_speak_for(evidence, "%s of the %s live at the peak are workspace.",
                       SNUG_SIZE(facts->workspace.bytes), SNUG_SIZE(facts->peak.bytes));
        confidence += share > 0.15 ? 0.2 + 0.7 * share : 0.05;
    }
    return confidence;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    const snug_figures *figures = &facts->figures;
    if (facts->other_framework) {
        snug_advise_command(facts, advice);
        return;
    }
    uint64_t pools = facts->private_free.known ? facts->private_free.bytes : 0;
    if (figures->private_pools.known) pools += figures->private_pools.bytes;
    if (pools > 0)
        snug_advise(advice, snug_words(advice, "gives back up to %s", SNUG_SIZE(pools)),
                    "Capture fewer CUDA graphs, or let them share a pool "
                    "(torch.cuda.graph_pool_handle())");
    bool blas = facts->library && strcmp(facts->library, "cuBLAS") == 0;
    if (!blas)
        snug_advise(advice,
                    facts->workspace.known && facts->workspace.bytes > 0
                        ? snug_words(advice, "up to %s of workspace at the peak",
                                     SNUG_SIZE(facts->workspace.bytes))
                        : "its trial runs take the largest workspaces",
                    "Set torch.backends.cudnn.benchmark = False");
    snug_advise(advice, "PyTorch gives cuBLAS 8 MiB a handle and stream, 32 MiB on H100",
                "Set CUBLAS_WORKSPACE_CONFIG=:16:8");
    snug_advise(advice, "leaves room for what libraries take beside the tensors",
                "Leave some of the card to them: torch.cuda.set_per_process_memory_fraction(0.9), "
                "and a batch that fits the rest");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_workspace = {
    .name = "workspace",
    .help = "libraries' workspaces or memory beside the tensors",
    .judge = judge,
    .advise = advise,
};

// Memory that grows with every iteration, at a steady slope, and is not activations of a graph.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->is_snapshot) {
        if (facts->masked || facts->other_framework) return 0;
        if (facts->log_growth <= 0) return facts->iterations >= 1000 ? 0.12 : 0.02;
        snug_speak_for(evidence, "Memory figures in the log grow by about %s a line, steadily.",
                       SNUG_SIZE(facts->log_growth));
        return 0.62;
    }
    double stale = snug_ratio(facts->stale, facts->peak);
    if (facts->periods == 0 && facts->errors_before == 0 && facts->stale_rounds >= 2 &&
        stale > 0.25 && !facts->stale_graph) {
        snug_speak_for(evidence,
                       "%s of the %s live were made by %zu iterations before this one: something "
                       "keeps a part of each.",
                       SNUG_SIZE(facts->stale.bytes), SNUG_SIZE(facts->peak.bytes),
                       facts->stale_rounds);
        return snug_clamp(0.4 + 0.5 * stale, 0, facts->stale_rounds >= 3 ? 0.9 : 0.5);
    }
    if (facts->growth_per_period <= 0) {
        if (facts->period_known && facts->periods > 0)
            snug_speak_against(evidence, "Over %zu iterations nothing more stays live.",
                               facts->periods);
        return 0.02;
    }
    bool steady = facts->periods >= 4 && facts->growing_periods * 10 >= facts->periods * 8;
    snug_speak_for(evidence, "Live bytes grow by %s an iteration, in %zu of %zu.",
                   SNUG_SIZE(facts->growth_per_period), facts->growing_periods, facts->periods);
    if (facts->growing_count > 0 && facts->growing[0].file)
        snug_speak_for(evidence, "The line that grows most: %s:%ld.", facts->growing[0].file,
                       facts->growing[0].line);
    if (facts->growth_has_history) {
        snug_speak_against(evidence, "What grows is made in forward passes: history, more likely.");
        return 0.3;
    }
    double share = snug_ratio(facts->growing_live, facts->peak);
    snug_speak_for(evidence, "%s of the %s live come from there.",
                   SNUG_SIZE(facts->growing_live.bytes), SNUG_SIZE(facts->peak.bytes));
    return snug_clamp((steady ? 0.45 : 0.3) + share, 0, 0.92) * snug_outside_pools(facts);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    double slope = facts->growth_per_period > 0 ? facts->growth_per_period : facts->log_growth;
    for (size_t i = 0; i < facts->growing_count && i < 3; i++)
        if (facts->growing[i].file)
            snug_advise(advice,
                        snug_words(advice, "%s an iteration",
                                   SNUG_SIZE(facts->growing[i].bytes_per_period)),
                        "%s:%ld%s%s: bound or empty the list, cache or dict that this goes into, "
                        "or keep it on the CPU (.cpu())",
                        facts->growing[i].file, facts->growing[i].line,
                        facts->growing[i].function ? ", in " : "",
                        facts->growing[i].function ? facts->growing[i].function : "");
    if (facts->attainable.known && slope > 0)
        snug_advise(advice,
                    snug_words(advice, "at %s each, %s lasts for %.0f more", SNUG_SIZE(slope),
                               SNUG_SIZE(facts->attainable.bytes),
                               (double)facts->attainable.bytes / slope),
                    "Find what grows before making the batch smaller: that only delays it");
    if (!facts->has_stacks)
        snug_advise(advice, "names the lines that grow, with bytes an iteration",
                    "torch.cuda.memory._record_memory_history(); after some steps "
                    "torch.cuda.memory._dump_snapshot(\"s.pickle\"); then snug explain s.pickle");
}

const snug_cause snug_cause_leak = {
    .name = "leak",
    .help = "something keeps a little more every iteration",
    .judge = judge,
    .advise = advise,
};

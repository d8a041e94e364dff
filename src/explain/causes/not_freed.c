// Tensors of an iteration are alive in the next, or those of a failed attempt in the one after.
#include "explain/causes/cause.h"

static double judge_snapshot(const snug_facts *facts, snug_evidence *evidence) {
    double stale = snug_ratio(facts->stale, facts->peak);
    if (stale > 0.1 && facts->growth_per_period <= 0) {
        if (facts->errors_before > 0)
            snug_speak_for(evidence,
                           "%s of the %s live were made by an attempt that failed before: its "
                           "exception or traceback still refers to them.",
                           SNUG_SIZE(facts->stale.bytes), SNUG_SIZE(facts->peak.bytes));
        else
            snug_speak_for(evidence, "%s of the %s live were made by iterations before this one.",
                           SNUG_SIZE(facts->stale.bytes), SNUG_SIZE(facts->peak.bytes));
        // Several iterations' leavings add up, and a graph's layers are more than what was
        // forgotten.
        bool other = facts->errors_before == 0 && (facts->stale_graph || facts->stale_rounds >= 2);
        return snug_clamp((other ? 0.1 : 0.5) + 0.7 * stale, 0, other ? 0.5 : 0.92);
    }
    if (facts->period_known && facts->growth_per_period <= 0)
        snug_speak_against(evidence, "Nothing of an iteration stays after it.");
    if (facts->growth_per_period <= 0) return 0.02;
    snug_speak_for(evidence, "%s of an iteration are still live after it.",
                   SNUG_SIZE(facts->growth_per_period));
    if (facts->growing_count > 0 && facts->growing[0].file)
        snug_speak_for(evidence, "Most of it was made at %s:%ld.", facts->growing[0].file,
                       facts->growing[0].line);
    if (facts->growth_has_history) return 0.35;
    bool steady = facts->periods >= 4 && facts->growing_periods * 10 >= facts->periods * 8;
    double share = snug_ratio(facts->growing_live, facts->peak);
    return snug_clamp((steady ? 0.2 : 0.35) + 0.6 * share, 0, 0.8) * snug_outside_pools(facts);
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->is_snapshot) return judge_snapshot(facts, evidence);
    if (facts->host || facts->masked || facts->other_framework) return 0;
    double confidence = 0.05;
    if (facts->errors_before > 0) {
        snug_speak_for(evidence,
                       "It is error %zu of this text: what the failed attempt had made lives as "
                       "long as its exception or traceback is referred to.",
                       facts->errors_before + 1);
        confidence = 0.4;
    }
    if (facts->notebook) {
        snug_speak_for(evidence, "A notebook's kernel keeps the variables of every cell that ran, "
                                 "and the last exception with its tensors.");
        confidence += 0.2;
    }
    if (facts->log_growth > 0) {
        snug_speak_for(evidence, "Memory figures in the log grow by about %s a line.",
                       SNUG_SIZE(facts->log_growth));
        confidence += 0.35;
    } else if (facts->iterations >= 20 && facts->figures.allocated.known) {
        snug_speak_for(evidence, "%lld steps went well, so something has grown since.",
                       (long long)facts->iterations);
        confidence += 0.2;
    }
    if (facts->iterations == 0) {
        snug_speak_against(evidence, "It failed in the first step.");
        confidence -= 0.2;
    }
    return confidence;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    for (size_t i = 0; i < facts->growing_count && i < 2; i++)
        if (facts->growing[i].file)
            snug_advise(advice,
                        snug_words(advice, "%s an iteration",
                                   SNUG_SIZE(facts->growing[i].bytes_per_period)),
                        "%s:%ld%s%s: let go of what this line makes (del, or .detach().cpu() what "
                        "is kept)",
                        facts->growing[i].file, facts->growing[i].line,
                        facts->growing[i].function ? ", in " : "",
                        facts->growing[i].function ? facts->growing[i].function : "");
    if (facts->errors_before > 0)
        snug_advise(advice,
                    facts->stale.known
                        ? snug_words(advice,
                                     "gives back up to %s: an exception holds every local variable "
                                     "of its stack",
                                     SNUG_SIZE(facts->stale.bytes))
                        : "an exception holds every local variable of its stack",
                    "After catching the error, leave the except block before trying again, and "
                    "call gc.collect() and torch.cuda.empty_cache() there");
    if (facts->notebook)
        snug_advise(advice, "frees what earlier cells and errors hold",
                    "Restart the kernel, or del what cells made; then run the failing cell");
    snug_advise(advice,
                "outputs and losses of the step before live until they are assigned again, "
                "so two steps' tensors are alive at once",
                "del outputs, loss at the end of the loop's body, or make the body a function");
    if (!facts->has_stacks)
        snug_advise(advice, "names every tensor that is live and the line that made it",
                    "torch.cuda.memory._record_memory_history(); after some steps "
                    "torch.cuda.memory._dump_snapshot(\"s.pickle\"); then snug explain s.pickle");
}

const snug_cause snug_cause_not_freed = {
    .name = "not-freed",
    .help = "memory of an iteration is not freed after it",
    .judge = judge,
    .advise = advise,
};

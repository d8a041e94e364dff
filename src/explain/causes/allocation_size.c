// The device gives no single allocation so large, however much of it is free.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->shortage != SNUG_SHORTAGE_BLOCK) return 0;
    const snug_figures *figures = &facts->figures;
    if (figures->allocated.known && figures->capacity.known) {
        snug_speak_for(evidence,
                       "%s in one piece was asked for while only %s of %s was in use: drivers of "
                       "this device give no single block above 4 GiB unless they are told to.",
                       SNUG_SIZE(figures->requested.bytes), SNUG_SIZE(figures->allocated.bytes),
                       SNUG_SIZE(figures->capacity.bytes));
        return 0.85;
    }
    snug_speak_for(evidence, "The text says that a single allocation may not be so large%s%s.",
                   facts->figures.requested.known ? ": " : "",
                   facts->figures.requested.known ? SNUG_SIZE(facts->figures.requested.bytes) : "");
    return 0.9;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    if (facts->tool_count > 0) return;
    snug_advise(advice, "attention's scores grow with the square of the length",
                "Make the one tensor smaller: a shorter sequence, a smaller image or batch");
}

const snug_cause snug_cause_allocation_size = {
    .name = "allocation-size",
    .help = "the device gives no single allocation so large",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

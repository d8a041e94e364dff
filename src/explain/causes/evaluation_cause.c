// What an evaluation gathers, predictions of the whole set, stays on the card.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->shortage != SNUG_SHORTAGE_GATHERED || facts->is_snapshot) return 0;
    snug_speak_for(evidence,
                   "It failed while the predictions of an evaluation were put together on "
                   "the device: they grow with every batch of the set.");
    return 0.9;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    (void)facts;
    snug_advise(advice, "they then wait in the host's memory, where there is more",
                "Move each batch's predictions to the host before they are kept: .cpu(), or the "
                "trainer's own setting for it");
    snug_advise(advice, "a class for each sample is a thousandth of its logits",
                "Keep only what the metric needs of them (argmax, a loss), or update the metric "
                "batch by batch");
}

const snug_cause snug_cause_evaluation = {
    .name = "evaluation",
    .help = "the predictions that an evaluation gathers fill the device",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

// An error of another name that a full device sets off.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->masked) return 0;
    snug_speak_for(evidence, "%s is raised also where the device has no memory left.",
                   facts->masked);
    if (facts->masked_share < 0.6)
        snug_speak_against(evidence,
                           "It has other causes too: a wrong installation, shapes or types "
                           "that do not match, an earlier fault on the device.");
    double confidence = facts->masked_share;
    if (facts->errors_before > 0) {
        snug_speak_for(evidence, "The same text has an out-of-memory error before it.");
        confidence += 0.15;
    }
    return confidence;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    snug_advise(advice, "if memory was the reason it goes away, else the reason is another",
                "Run once with a quarter of the batch");
    snug_advise(advice, "a device with nothing left while the error comes settles it",
                "Watch the device meanwhile: nvidia-smi --query-gpu=memory.used,memory.total "
                "--format=csv -l 1");
    snug_advise(advice, "errors are then raised by the call that made them",
                "Run once with CUDA_LAUNCH_BLOCKING=1 to see where it comes from");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_hidden = {
    .name = "hidden",
    .help = "an error of another name that may hide an out-of-memory",
    .judge = judge,
    .advise = advise,
};

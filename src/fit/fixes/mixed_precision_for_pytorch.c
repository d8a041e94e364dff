// Autocast to bfloat16 around the outermost module.
#include "fit/fit.h"

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    (void)situation;
    return SNUG_PRECISION;
}

static const char *why_not(const snug_fit_situation *situation) {
    const snug_fit_profile *profile = &situation->profile;
    if (profile->network_count == 0) return "no network of the program learns";
    if (profile->autocast) return "the program has autocast of its own";
    if (situation->gpu->capability < 80) return "the card has no bfloat16";
    for (size_t i = 0; i < profile->network_count; i++)
        if (profile->networks[i].element != 4) return "its weights are not in float32";
    return NULL;
}

static size_t most(const snug_fit_situation *situation) {
    (void)situation;
    return 1;
}

static uint64_t saves(const snug_fit_situation *situation, size_t amount) {
    uint64_t kept = situation->frontier.count ? situation->frontier.choices[0].kept : 0;
    return amount ? kept / 5 * 2 : 0;
}

static double costs(const snug_fit_situation *situation, size_t amount) {
    (void)situation, (void)amount;
    return 0; // it is faster where it matters
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount, (void)out;
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "autocast to bfloat16");
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "# Around the forward pass and the loss:\n"
                          "with torch.autocast(\"cuda\", dtype=torch.bfloat16):\n"
                          "    outputs = model(inputs)\n");
}

const snug_fit_fix snug_fit_fix_mixed_precision = {
    .name = "mixed-precision",
    .help = "autocast to bfloat16 around the network",
    .rank = 0,
    .fidelity = fidelity,
    .why_not = why_not,
    .most = most,
    .saves = saves,
    .costs = costs,
    .options = options,
    .tell = tell,
    .code = code,
};

// Autocast to bfloat16 around the outermost module.
#include "fit/fit.h"

static const char *why_not(const snug_fit_situation *situation) {
    const snug_fit_profile *profile = &situation->profile;
    if (profile->network_count == 0) return "no network of the program learns";
    if (profile->autocast) return "the program has autocast of its own";
    if (situation->gpu->capability < 80) return "the card has no bfloat16";
    for (size_t i = 0; i < profile->network_count; i++)
        if (profile->networks[i].element != 4) return "its weights are not in float32";
    return NULL;
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    (void)situation, (void)amount; // it is no slower
    load->share *= 0.6;
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
    .fidelity = SNUG_FIDELITY_PRECISION,
    .why_not = why_not,
    .lighten = lighten,
    .tell = tell,
    .code = code,
};

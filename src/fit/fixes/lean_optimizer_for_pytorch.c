// 8-bit state for Adam and AdamW, in a package's implementation.
#include "fit/fit.h"

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    (void)situation;
    return SNUG_PRECISION;
}

static const char *why_not(const snug_fit_situation *situation) {
    if (!situation->profile.adam) return "the program's optimizer is no Adam or AdamW";
    if (!*situation->profile.lean_optimizer) return "neither bitsandbytes nor torchao is installed";
    return NULL;
}

static size_t most(const snug_fit_situation *situation) {
    (void)situation;
    return 1;
}

static uint64_t saves(const snug_fit_situation *situation, size_t amount) {
    return amount ? situation->kinds[SNUG_KIND_OPTIMIZER] / 4 * 3 : 0;
}

static double costs(const snug_fit_situation *situation, size_t amount) {
    (void)situation, (void)amount;
    return 0;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount, (void)out;
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, "8-bit state by %s", situation->profile.lean_optimizer);
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "# In place of torch.optim.AdamW:\n"
                          "import bitsandbytes\n"
                          "optimizer = bitsandbytes.optim.AdamW8bit(model.parameters(), lr=lr)\n");
}

const snug_fit_fix snug_fit_fix_lean_optimizer = {
    .name = "lean-optimizer",
    .help = "the optimizer's state in 8 bits",
    .rank = 1,
    .fidelity = fidelity,
    .why_not = why_not,
    .most = most,
    .saves = saves,
    .costs = costs,
    .options = options,
    .tell = tell,
    .code = code,
};

// 8-bit state for Adam and AdamW, in a package's implementation.
#include "fit/fit.h"

static const char *why_not(const snug_fit_situation *situation) {
    if (!situation->profile.adam) return "the program's optimizer is no Adam or AdamW";
    if (!*situation->profile.lean_optimizer) return "neither bitsandbytes nor torchao is installed";
    return NULL;
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    (void)situation, (void)amount;
    load->optimizer /= 4;
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
    .fidelity = SNUG_FIDELITY_PRECISION,
    .why_not = why_not,
    .lighten = lighten,
    .tell = tell,
    .code = code,
};

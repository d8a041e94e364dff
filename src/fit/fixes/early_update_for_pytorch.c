// Each parameter is updated inside backward, as soon as its gradient is complete.
#include "fit/fit.h"

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    (void)situation;
    return SNUG_EXACT;
}

static const char *why_not(const snug_fit_situation *situation) {
    const snug_fit_profile *profile = &situation->profile;
    if (profile->network_count == 0) return "no network of the program learns";
    if (profile->clips) return "the program clips gradients, and needs all of them for that";
    if (profile->scaler) return "the program scales its loss";
    if (profile->backwards_per_step > 1.01)
        return "the program runs backward more than once before a step";
    if (situation->kinds[SNUG_KIND_GRADIENTS] == 0) return "there are no gradients at the peak";
    return NULL;
}

static size_t most(const snug_fit_situation *situation) {
    (void)situation;
    return 1;
}

static uint64_t saves(const snug_fit_situation *situation, size_t amount) {
    return amount ? situation->kinds[SNUG_KIND_GRADIENTS] : 0;
}

static double costs(const snug_fit_situation *situation, size_t amount) {
    (void)situation;
    return amount ? 0.01 : 0; // more and smaller kernels in the optimizer
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount, (void)out;
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "each gradient is freed at its update");
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out,
                     "# Once, after the optimizer is made; then without optimizer.step():\n"
                     "# one optimizer a parameter, as yours is made.\n"
                     "optimizers = {p: torch.optim.AdamW([p], lr=lr) for p in model.parameters()}\n"
                     "def update(p):\n"
                     "    optimizers[p].step()\n"
                     "    optimizers[p].zero_grad(set_to_none=True)\n"
                     "for p in model.parameters():\n"
                     "    p.register_post_accumulate_grad_hook(update)\n");
}

const snug_fit_fix snug_fit_fix_early_update = {
    .name = "early-update",
    .help = "each parameter is updated as soon as its gradient is complete",
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

// Each parameter is updated inside backward, as soon as its gradient is complete.
#include "fit/fit.h"

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

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    (void)amount;
    load->gradients = load->early_gradients = 0;
    load->seconds += 0.01 * situation->step_seconds; // more and smaller kernels in the optimizer
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
    .why_not = why_not,
    .lighten = lighten,
    .tell = tell,
    .code = code,
};

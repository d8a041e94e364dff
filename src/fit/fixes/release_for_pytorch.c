// torch.cuda.empty_cache() after each step.
#include "fit/fit.h"

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    (void)situation;
    return SNUG_EXACT;
}

// A tenth of what is reserved: less is lost again at the next step.
static const char *why_not(const snug_fit_situation *situation) {
    uint64_t needed = situation->needed;
    return situation->cached > needed / 10
               ? NULL
               : "at the peak little is cached: emptying the cache would give nothing";
}

static size_t most(const snug_fit_situation *situation) {
    (void)situation;
    return 1;
}

static uint64_t saves(const snug_fit_situation *situation, size_t amount) {
    return amount ? situation->cached / 2 : 0;
}

static double costs(const snug_fit_situation *situation, size_t amount) {
    (void)situation;
    return amount ? 0.02 : 0;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, ",\"when\":\"step\"");
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "the cache is emptied after each step");
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "# After optimizer.step():\ntorch.cuda.empty_cache()\n");
}

const snug_fit_fix snug_fit_fix_release = {
    .name = "release",
    .help = "unused memory goes back to the card after each step",
    .rank = 2,
    .fidelity = fidelity,
    .why_not = why_not,
    .most = most,
    .saves = saves,
    .costs = costs,
    .options = options,
    .tell = tell,
    .code = code,
};

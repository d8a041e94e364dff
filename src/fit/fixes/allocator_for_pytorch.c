// Settings of PyTorch's allocator: the one that a replay of the recording found to need least.
#include <inttypes.h>

#include "fit/fit.h"

static const snug_dry_setting *best(const snug_fit_situation *situation) {
    return situation->unfixed->setting_count ? &situation->unfixed->settings[0] : NULL;
}

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    (void)situation;
    return SNUG_EXACT;
}

static const char *why_not(const snug_fit_situation *situation) {
    return best(situation) ? NULL : "no setting needs less than the program's own, by replay";
}

static size_t most(const snug_fit_situation *situation) {
    (void)situation;
    return 1;
}

static uint64_t saves(const snug_fit_situation *situation, size_t amount) {
    const snug_dry_need *need = situation->unfixed->needs;
    const snug_dry_setting *setting = best(situation);
    if (amount == 0 || !setting || situation->unfixed->need_count == 0) return 0;
    uint64_t before = need->recording->smallest;
    return before > setting->reserved ? before - setting->reserved : 0;
}

static double costs(const snug_fit_situation *situation, size_t amount) {
    (void)situation, (void)amount;
    return 0;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, ",\"settings\":\"%s\"", best(situation)->text);
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, "%s", best(situation)->text);
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out,
                     "# In the environment, before the program starts:\n"
                     "#   PYTORCH_CUDA_ALLOC_CONF=%s\n",
                     best(situation)->text);
}

const snug_fit_fix snug_fit_fix_allocator = {
    .name = "allocator",
    .help = "settings of PyTorch's allocator that lose less to fragmentation",
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

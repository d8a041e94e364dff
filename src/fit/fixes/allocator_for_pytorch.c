// Settings of PyTorch's allocator: the one that a replay of the recording found to need least.
#include <inttypes.h>

#include "fit/fit.h"

// What is cached beside tensors with segments that grow, of what there would be otherwise; where a
// replay tells more, that.
static const double left = 0.2;

static const snug_dry_setting *best(const snug_fit_situation *situation) {
    return situation->unfixed->setting_count ? &situation->unfixed->settings[0] : NULL;
}

// Where the program as it is needs none: the fixes that it goes with may cache more.
const char *snug_fit_allocator_settings(const snug_fit_situation *situation) {
    return best(situation) ? best(situation)->text : "expandable_segments:True";
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    const snug_dry_setting *setting = best(situation);
    uint64_t needed = situation->needed, cached = situation->cached;
    double stays = left;
    (void)amount;
    if (setting && cached > 0 && needed > setting->reserved)
        stays = 1 - (double)(needed - setting->reserved) / (double)cached;
    load->cached *= stays < left ? left : stays;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, ",\"settings\":\"%s\"", snug_fit_allocator_settings(situation));
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, "%s", snug_fit_allocator_settings(situation));
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out,
                     "# In the environment, before the program starts:\n"
                     "#   PYTORCH_CUDA_ALLOC_CONF=%s\n",
                     snug_fit_allocator_settings(situation));
}

const snug_fit_fix snug_fit_fix_allocator = {
    .name = "allocator",
    .help = "settings of PyTorch's allocator that lose less to fragmentation",
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

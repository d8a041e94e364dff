// torch.cuda.empty_cache() after each step.
#include "fit/fit.h"

// A tenth of what is reserved: less is lost again at the next step.
static const char *why_not(const snug_fit_situation *situation) {
    uint64_t needed = situation->needed;
    return situation->cached > needed / 10
               ? NULL
               : "at the peak little is cached: emptying the cache would give nothing";
}

// What a step leaves is seldom what stands in its own way.
static const double stays = 0.9;

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    (void)amount;
    load->cached *= stays;
    load->seconds += 0.02 * situation->step_seconds;
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
    .why_not = why_not,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

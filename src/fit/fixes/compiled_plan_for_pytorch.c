// What compiled graphs keep for backward is held to a budget in bytes; the rest is computed again.
// Amount k is the profile's k-th plan; the first is PyTorch's own.
#include <inttypes.h>

#include "base/size.h"
#include "fit/fit.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

static size_t most(const snug_fit_situation *situation) {
    size_t count = situation->profile.plan_count;
    return count ? count - 1 : 0;
}

static const char *why_not(const snug_fit_situation *situation) {
    if (!situation->profile.compiled) return "the program compiles nothing";
    if (situation->profile.plan_count == 0)
        return "no compiled graph was cut by PyTorch's own plan";
    return most(situation) ? NULL : "its compiled graphs keep next to nothing";
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    const snug_fit_plan *plans = situation->profile.plans;
    uint64_t freed = plans[0].bytes - plans[amount].bytes;
    load->rest -= freed < load->rest ? freed : load->rest;
    // A step is about three forward passes.
    load->seconds += plans[amount].again * situation->step_seconds / 3;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_plan *plans = situation->profile.plans;
    snug_text_append(out, ",\"budget\":%" PRIu64 ",\"of\":%" PRIu64, plans[amount].budget,
                     plans[0].bytes);
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_plan *plans = situation->profile.plans;
    snug_text_append(out, "compiled graphs hold %s of %s", SIZE(plans[amount].bytes),
                     SIZE(plans[0].bytes));
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_plan *plans = situation->profile.plans;
    snug_text_append(
        out,
        "# Before the program compiles anything. PyTorch's own setting is a share and not\n"
        "# bytes, and PyTorch 2.15 draws dropout anew with it: only without dropout.\n"
        "import torch._functorch.config\n"
        "torch._functorch.config.activation_memory_budget = %.2f\n"
        "# With dropout, in its place:\n"
        "import snug.torch\n"
        "snug.torch.apply(\"snug-fixes.json\", model)\n",
        (double)plans[amount].bytes / (double)plans[0].bytes);
}

const snug_fit_fix snug_fit_fix_compiled_plan = {
    .name = "compiled-plan",
    .help = "compiled graphs keep a budget of bytes for backward, and compute the rest again",
    .why_not = why_not,
    .most = most,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

// Chosen parts keep only their inputs, and are computed again in backward. Amount k is the k-th
// choice of the frontier.
#include <string.h>

#include "fit/fit.h"

static const char *why_not(const snug_fit_situation *situation) {
    if (situation->profile.network_count == 0) return "no network of the program learns";
    if (situation->profile.compiled) return "the program compiles its network";
    return situation->frontier.count > 1 ? NULL : "no part of the network keeps much for backward";
}

static size_t most(const snug_fit_situation *situation) {
    return situation->frontier.count ? situation->frontier.count - 1 : 0;
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    const snug_fit_choice *choice = &situation->frontier.choices[amount];
    load->kept = choice->kept;
    load->at_end = choice->at_end;
    load->inputs = choice->inputs;
    load->again = choice->again;
    load->seconds += choice->seconds;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_choice *choice = &situation->frontier.choices[amount];
    snug_text_append(out, ",\"modules\":[");
    for (size_t i = 0; i < choice->count; i++)
        snug_text_append(out, "%s\"%s\"", i ? "," : "",
                         situation->profile.parts[choice->parts[i]].name);
    snug_text_append(out, "]");
}

// How many parts of the same class there are in all, for the class of the first that was chosen.
static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_profile *profile = &situation->profile;
    const snug_fit_choice *choice = &situation->frontier.choices[amount];
    const char *last = "";
    size_t told = 0;
    for (size_t i = 0; i < choice->count; i++) {
        const char *kind = profile->parts[choice->parts[i]].class_name;
        size_t chosen = 0, all = 0;
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known |= strcmp(profile->parts[choice->parts[k]].class_name, kind) == 0;
        if (known || strcmp(kind, last) == 0) continue;
        if (told++ == 3) {
            snug_text_append(out, " ...");
            return;
        }
        for (size_t k = 0; k < choice->count; k++)
            chosen += strcmp(profile->parts[choice->parts[k]].class_name, kind) == 0;
        for (size_t k = 0; k < profile->part_count; k++)
            all += strcmp(profile->parts[k].class_name, kind) == 0;
        snug_text_append(out, "%s%zu of %zu %s", *last ? ", " : "", chosen, all, kind);
        last = kind;
    }
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    const snug_fit_choice *choice = &situation->frontier.choices[amount];
    snug_text_append(
        out, "# Once, after the network is made (|model|):\n"
             "from torch.utils.checkpoint import checkpoint\n"
             "def compute_again(module):\n"
             "    forward = module.forward\n"
             "    module.forward = lambda *a, **k: checkpoint(forward, *a, use_reentrant=False, "
             "**k)\n"
             "for name in [\n");
    for (size_t i = 0; i < choice->count; i++) {
        const snug_fit_part *part = &situation->profile.parts[choice->parts[i]];
        const char *inside = part->name + strlen(situation->profile.networks[part->network].name);
        snug_text_append(out, "    \"%s\",\n", *inside ? inside + 1 : inside);
    }
    snug_text_append(out, "]:\n    compute_again(model.get_submodule(name))\n"
                          "# Batch norm's running statistics are then updated twice a step.\n");
}

const snug_fit_fix snug_fit_fix_checkpoint = {
    .name = "checkpoint",
    .help = "chosen modules compute their activations again in backward",
    .why_not = why_not,
    .most = most,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

// Activations wait in pinned host memory: those of whole networks, but for what checkpoints leave
// out.
#include "fit/fit.h"

// Bytes a second over PCI Express: 4.0 with 16 lanes, as measured with pinned memory.
static const double bus = 20e9;

static uint64_t kept(const snug_fit_situation *situation) {
    return situation->frontier.count ? situation->frontier.choices[0].kept : 0;
}

static const char *why_not(const snug_fit_situation *situation) {
    if (situation->profile.network_count == 0) return "no network of the program learns";
    if (situation->profile.compiled) return "the program compiles its network";
    return kept(situation) ? NULL : "nothing is kept for backward";
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    (void)situation, (void)amount;
    load->on_host = true;
    load->seconds += 2 * (double)(load->at_end - load->inputs) / bus;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, ",\"modules\":[");
    for (size_t i = 0; i < situation->profile.network_count; i++)
        snug_text_append(out, "%s\"%s\"", i ? "," : "", situation->profile.networks[i].name);
    snug_text_append(out, "]");
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "activations wait in host memory");
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation, (void)amount;
    snug_text_append(out, "# Around the forward pass:\n"
                          "with torch.autograd.graph.save_on_cpu(pin_memory=True):\n"
                          "    outputs = model(inputs)\n");
}

const snug_fit_fix snug_fit_fix_offload = {
    .name = "offload",
    .help = "activations wait in pinned host memory",
    .why_not = why_not,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

// The outermost module's batch goes through it in pieces inside the step: amount k in 2^k pieces.
#include "fit/fit.h"

static snug_fidelity fidelity(const snug_fit_situation *situation) {
    return situation->profile.batch_norm ? SNUG_FIDELITY_STATISTICS : SNUG_FIDELITY_ROUNDING;
}

static int64_t batch(const snug_fit_situation *situation) {
    int64_t largest = 0;
    for (size_t i = 0; i < situation->profile.network_count; i++)
        if (situation->profile.networks[i].batch > largest)
            largest = situation->profile.networks[i].batch;
    return largest;
}

static const char *why_not(const snug_fit_situation *situation) {
    if (situation->profile.compiled) return "the program compiles its network";
    if (situation->profile.sequences_first)
        return "its batch may not come first: a part has batch_first=False";
    return batch(situation) > 1 ? NULL : "the batch is of one sample";
}

static size_t most(const snug_fit_situation *situation) {
    size_t amount = 0;
    while ((int64_t)1 << (amount + 1) <= batch(situation) && amount < 10)
        amount++;
    return amount;
}

static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    load->share /= (double)((size_t)1 << amount);
    load->seconds += situation->frontier.forward_seconds;
    if (situation->profile.loss_inside) load->loss /= (size_t)1 << amount;
    // The pieces' outputs are there beside the whole, and so are their gradients.
    load->rest += 2 * situation->profile.largest_loss;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation;
    snug_text_append(out, ",\"pieces\":%d", 1 << amount);
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)situation;
    snug_text_append(out, "%d pieces", 1 << amount);
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    snug_text_append(out,
                     "# In place of outputs = model(inputs):\n"
                     "from torch.utils.checkpoint import checkpoint\n"
                     "outputs = torch.cat([\n"
                     "    checkpoint(model, piece, use_reentrant=False)\n"
                     "    for piece in inputs.chunk(%d)\n"
                     "])\n",
                     1 << amount);
    if (situation->profile.batch_norm)
        snug_text_append(out, "# Batch norm sees the pieces: its statistics differ.\n");
}

const snug_fit_fix snug_fit_fix_batch_in_pieces = {
    .name = "batch-in-pieces",
    .help = "the batch goes through the network in pieces, inside the step",
    .fidelity_of = fidelity,
    .why_not = why_not,
    .most = most,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

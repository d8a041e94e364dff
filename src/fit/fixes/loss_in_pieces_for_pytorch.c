// Cross-entropy of a large vocabulary goes through the logits in pieces, which the last layer then
// never makes as a whole.
#include "fit/fit.h"

// A piece in float32 is to have at most so many bytes.
static const uint64_t piece_bytes = (uint64_t)64 << 20;

static uint64_t pieces(const snug_fit_situation *situation) {
    uint64_t bytes = situation->profile.loss_rows * situation->profile.loss_classes * 4;
    uint64_t count = (bytes + piece_bytes - 1) / piece_bytes;
    return count < 4 ? 4 : count > 256 ? 256 : count;
}

static const char *why_not(const snug_fit_situation *situation) {
    if (situation->profile.compiled) return "the program compiles its network";
    if (situation->profile.largest_loss < situation->needed / 100)
        return "the program's loss is small";
    return NULL;
}

// Of what snug_fit_load_begin() counts the logits and one gradient are left; where the last layer
// is put off, a piece of the logits with its log-softmax and gradient.
static void lighten(const snug_fit_situation *situation, size_t amount, snug_fit_load *load) {
    uint64_t left = 2 * situation->profile.largest_loss;
    (void)amount;
    if (situation->profile.loss_is_last) {
        if (left > 3 * piece_bytes) left = 3 * piece_bytes;
        load->logits = 0;
    }
    load->loss = left;
}

static void options(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, ",\"pieces\":%llu", (unsigned long long)pieces(situation));
}

static void tell(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    snug_text_append(out, "%llu pieces%s", (unsigned long long)pieces(situation),
                     situation->profile.loss_is_last ? ", with the last layer" : "");
}

static void code_with_layer(const snug_fit_situation *situation, snug_text *out) {
    unsigned long long count = pieces(situation);
    snug_text_append(out,
                     "# In place of logits = lm_head(x), F.cross_entropy(logits, targets), with\n"
                     "# x of two dimensions (samples, width):\n"
                     "from torch.utils.checkpoint import checkpoint\n"
                     "def piece(x, targets):\n"
                     "    logits = lm_head(x).float()\n"
                     "    return F.cross_entropy(logits, targets, reduction=\"sum\")\n"
                     "loss = sum(\n"
                     "    checkpoint(piece, a, b, use_reentrant=False)\n"
                     "    for a, b in zip(x.chunk(%llu), targets.chunk(%llu))\n"
                     ") / (targets != -100).sum()\n",
                     count, count);
}

static void code(const snug_fit_situation *situation, size_t amount, snug_text *out) {
    (void)amount;
    if (situation->profile.loss_is_last) {
        code_with_layer(situation, out);
        return;
    }
    snug_text_append(out,
                     "# In place of F.cross_entropy(logits, targets):\n"
                     "from torch.utils.checkpoint import checkpoint\n"
                     "def piece(logits, targets):\n"
                     "    return F.cross_entropy(logits.float(), targets, reduction=\"sum\")\n"
                     "loss = sum(\n"
                     "    checkpoint(piece, x, y, use_reentrant=False)\n"
                     "    for x, y in zip(logits.chunk(%llu), targets.chunk(%llu))\n"
                     ") / (targets != -100).sum()\n",
                     (unsigned long long)pieces(situation), (unsigned long long)pieces(situation));
}

const snug_fit_fix snug_fit_fix_loss_in_pieces = {
    .name = "loss-in-pieces",
    .help = "cross-entropy of a large vocabulary goes through the logits in pieces",
    .fidelity = SNUG_FIDELITY_ROUNDING,
    .why_not = why_not,
    .lighten = lighten,
    .options = options,
    .tell = tell,
    .code = code,
};

// Nothing that the text tells points anywhere, or what was asked for makes no sense.
#include <string.h>

#include "explain/causes/cause.h"

static bool grows_with_images(const snug_facts *facts) {
    return facts->use == SNUG_USE_IMAGES && facts->figures.requested.bytes < (uint64_t)1 << 40;
}

static bool is_absurd(const snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    // A server's buffers for a long context are that large without a mistake, and so is attention
    // over all of a picture's places, or a film's.
    if (!figures->requested.known || facts->use == SNUG_USE_SERVER || grows_with_images(facts))
        return false;
    if (facts->usable.known) return snug_ratio(figures->requested, facts->usable) > 2;
    return figures->requested.bytes > ((uint64_t)256 << 30);
}

// What there was would have been enough: neither batch nor model explains it.
static double judge_enough(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (facts->is_snapshot || facts->host || !figures->requested.known) return 0;
    if (snug_is_enough_free(facts)) {
        snug_speak_for(evidence,
                       "%s was free, enough for the %s asked for: a limit of the process's own "
                       "(set_per_process_memory_fraction) or of the driver (Windows ties the "
                       "card's memory to the page file, some drivers refuse blocks above 4 GiB), "
                       "or someone else held it a moment before.",
                       SNUG_SIZE(figures->free.bytes), SNUG_SIZE(figures->requested.bytes));
        double held = snug_ratio(figures->reserved, figures->capacity);
        if (held > 0.05 && held < 0.97)
            snug_speak_for(evidence,
                           "PyTorch held %.1f %% of the device: near a round share, that is such a "
                           "fraction.",
                           snug_percent(held));
        return snug_is_nobody_seen(facts) ? 0.6 : 0.45;
    }
    if (snug_is_little(facts)) {
        snug_speak_for(evidence,
                       "What was live and what was asked for are together %.0f %% of %s; who has "
                       "the rest, or what limit holds, the text does not tell.",
                       snug_percent(snug_ratio(facts->demand, facts->usable)),
                       SNUG_SIZE(facts->usable.bytes));
        return 0.5;
    }
    double one = snug_ratio(figures->requested, facts->usable);
    if (one <= 1 || grows_with_images(facts)) return 0;
    snug_speak_for(evidence,
                   "The one tensor of %s is larger than all of the %s there is: its shape is what "
                   "to look at.",
                   SNUG_SIZE(figures->requested.bytes), SNUG_SIZE(facts->usable.bytes));
    return snug_ratio(figures->allocated, facts->usable) > 0.5 ? 0.35 : 0.6;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    bool is_named = facts->shortage != SNUG_SHORTAGE_UNKNOWN;
    if (is_named && !(facts->shortage == SNUG_SHORTAGE_HOST && is_absurd(facts))) return 0.02;
    if (is_absurd(facts)) {
        if (facts->usable.known)
            snug_speak_for(evidence,
                           "One tensor of %s was asked for, %.0f times the %s there is: a mistake "
                           "in a shape, or attention over too long a sequence, not the batch.",
                           SNUG_SIZE(figures->requested.bytes),
                           snug_ratio(figures->requested, facts->usable),
                           SNUG_SIZE(facts->usable.bytes));
        else
            snug_speak_for(evidence,
                           "One tensor of %s was asked for, more than devices have: a mistake in a "
                           "shape, or attention over too long a sequence, not the batch.",
                           SNUG_SIZE(figures->requested.bytes));
        return facts->attention ? 0.5 : 0.75;
    }
    bool figureless = !figures->allocated.known && !figures->free.known && !figures->capacity.known;
    if (figureless && !facts->masked) {
        snug_speak_for(evidence, figures->requested.known
                                     ? "The text tells what was asked for but not what there was."
                                     : "The text tells no figures.");
        // Where in the program it was is something to go by.
        if (facts->phase != SNUG_PHASE_UNKNOWN) return 0.2;
        if (facts->tool_count > 0) return 0.25;
        return figures->requested.known ? 0.3 : 0.45;
    }
    double enough = judge_enough(facts, evidence);
    return enough > 0 ? enough : 0.02;
}

static void advise_shape(const snug_facts *facts, snug_advice *advice) {
    snug_advise(advice,
                "(N, 1) against (N) makes N x N values, as do all pairs of a batch and "
                "one-hot labels over a large vocabulary",
                "%s%s%sprint the shapes of the tensors that meet there",
                facts->user.file ? "At " : "Where it failed, ",
                facts->user.file ? facts->user.file : "", facts->user.file ? ": " : "");
    if (facts->host || facts->other_framework) return;
    snug_advise(advice,
                "attention's scores grow with the square of the length: half the length "
                "is a quarter of the memory",
                "Cut the sequence (or the image) shorter, or use "
                "torch.nn.functional.scaled_dot_product_attention");
}

// One tensor that no settings make room for.
static void advise_pieces(const snug_facts *facts, snug_advice *advice) {
    snug_advise(advice,
                snug_words(advice, "%s in one piece do not fit into %s, whatever else is freed",
                           SNUG_SIZE(facts->figures.requested.bytes),
                           SNUG_SIZE(facts->usable.bytes)),
                "Make that one tensor smaller, or work on it in pieces: print its shape where it "
                "is made");
    bool is_shared = facts->device && strcmp(facts->device, "HIP") == 0;
    if (is_shared)
        snug_advise(advice, "graphics in a processor have what the firmware and the kernel give",
                    "Give it more: the frame buffer's size in the BIOS, or amdgpu's gttsize");
}

// The device had room.
static void advise_limits(const snug_facts *facts, snug_advice *advice) {
    if (facts->windows || (facts->format && strcmp(facts->format, "async") == 0))
        snug_advise(advice,
                    "Windows promises the card's memory from RAM and page file, too: where these "
                    "are full, allocations fail beside a card with room",
                    "Enlarge the page file (system managed, or 32 GB and more), and close what "
                    "fills the RAM");
    if (!facts->other_framework)
        snug_advise(advice, "a limit of the process's own ends at a share of the device",
                    "Look for set_per_process_memory_fraction, a container's or MIG's share, and "
                    "ulimit -v");
    snug_advise_see_others(facts, "shows who held it a moment before, if someone did", advice);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    if (is_absurd(facts)) {
        advise_shape(facts, advice);
        return;
    }
    if (facts->host) {
        snug_advise(advice, "workers and pinned buffers copy what the data set holds",
                    "Lower the data loader's num_workers, and look at free -h while it runs");
        snug_advise_command(facts, advice);
        return;
    }
    if (snug_ratio(facts->figures.requested, facts->usable) > 1) {
        advise_pieces(facts, advice);
        return;
    }
    if (snug_is_enough_free(facts)) {
        advise_limits(facts, advice);
        return;
    }
    bool is_mac = facts->device && strcmp(facts->device, "MPS") == 0;
    if (!facts->other_framework && !snug_facts_is_inference(facts) && !is_mac)
        snug_advise(advice,
                    "the error then comes with figures, and the snapshot with the lines "
                    "that hold memory: snug explain s.pickle",
                    "Call torch.cuda.memory._record_memory_history() before training, and "
                    "torch.cuda.memory._dump_snapshot(\"s.pickle\") where it fails");
    snug_advise_see_others(facts, "shows whether another process holds the device", advice);
    if (facts->other_framework)
        snug_advise(advice, "what it keeps on the device grows with them",
                    "Give the program less at once: a smaller input, grid, scene or batch");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_unknown = {
    .name = "unknown",
    .help = "the figures do not point to one cause",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

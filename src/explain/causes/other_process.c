// Another process, a dead one or another program holds a part of the card.
#include <string.h>

#include "explain/causes/cause.h"

// Bytes that are not this process's, as far as told.
static snug_amount others(const snug_facts *facts) {
    if (facts->figures.other_process.known) return facts->figures.other_process;
    return snug_beyond_context(facts->elsewhere);
}

static void speak_of_container(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->own_by_number)
        snug_speak_against(evidence,
                           "Process %ld, with %s, is this process itself, seen from a container: "
                           "what PyTorch holds (%s) explains it.",
                           facts->pid, SNUG_SIZE(facts->figures.process.bytes),
                           SNUG_SIZE(facts->figures.reserved.bytes));
    else if (facts->processes > 0)
        snug_speak_for(evidence,
                       "The text lists %zu other process%s. A container hides whose they "
                       "are: nvidia-smi on the host tells.",
                       facts->processes, facts->processes == 1 ? "" : "es");
}

// More was free than was asked for, so it was not when it was asked for.
static bool was_taken_meanwhile(const snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    return figures->free.known && figures->requested.known &&
           figures->free.bytes > 2 * figures->requested.bytes + (64u << 20) &&
           !(figures->limit.known && figures->limit.bytes < figures->capacity.bytes);
}

// A trace shows what this process had once, and a card's size what it should be able to have.
static double judge_snapshot(const snug_facts *facts, snug_evidence *evidence) {
    if (!facts->usable.known || !facts->most_reserved.known) return 0.03;
    if (facts->most_reserved.bytes > facts->usable.bytes + (64u << 20)) {
        uint64_t taken = facts->most_reserved.bytes - facts->usable.bytes;
        double share = snug_ratio(snug_amount_of(taken), facts->most_reserved);
        snug_speak_for(evidence,
                       "Earlier in the trace this process held %s; when it failed it could have "
                       "%s (held and free): something else took %s or more meanwhile.",
                       SNUG_SIZE(facts->most_reserved.bytes), SNUG_SIZE(facts->usable.bytes),
                       SNUG_SIZE(taken));
        return snug_clamp(0.6 + 0.6 * share, 0, 0.94);
    }
    // Capacities in GiB that cards have; of each CUDA's context and the driver take up to 1.5 GiB.
    static const int cards[] = {2,  3,  4,  5,  6,  8,  10, 11, 12, 15,  16,  18,  20,  22,
                                24, 32, 40, 44, 48, 64, 80, 94, 96, 128, 141, 180, 192, 288};
    double have = (double)facts->usable.bytes / (1 << 30);
    double next = 0;
    for (size_t i = 0; i < sizeof cards / sizeof *cards && next == 0; i++)
        if (have <= cards[i]) next = cards[i];
    if (have < 2 || next == 0) return 0.03;
    double missing = next - have, most = 1.5 + 0.06 * next;
    if (missing <= most) {
        snug_speak_against(evidence,
                           "What this process could have, %s (held and free), is about a card of "
                           "%.0f GiB.",
                           SNUG_SIZE(facts->usable.bytes), next);
        return 0.04;
    }
    snug_speak_for(evidence,
                   "This process could have %s (held and free), which is no card's size: of the "
                   "next larger, %.0f GiB, another holds %.1f GiB, unless a limit was set.",
                   SNUG_SIZE(facts->usable.bytes), next, missing);
    return snug_clamp(0.45 + missing / next, 0, 0.8);
}

static void speak_of_cards(const snug_facts *facts, snug_evidence *evidence) {
    for (size_t i = 0; i < facts->card_count; i++)
        snug_speak_for(evidence, "nvidia-smi: GPU %d has %s of %s in use.", facts->cards[i].gpu,
                       SNUG_SIZE(facts->cards[i].used), SNUG_SIZE(facts->cards[i].total));
    if (facts->other_gpu >= 0 && facts->other_gpu_is_empty)
        snug_speak_for(evidence, "GPU %d is empty.", facts->other_gpu);
}

static bool is_any_card_full(const snug_facts *facts) {
    for (size_t i = 0; i < facts->card_count; i++)
        if (facts->cards[i].used * 2 > facts->cards[i].total) return true;
    return false;
}

// A server wants its share to be free at its start, before it has taken anything itself.
static double judge_share(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (!figures->free.known || !figures->capacity.known) return 0.4;
    uint64_t taken = figures->capacity.bytes - figures->free.bytes;
    if (taken < (uint64_t)3 << 29) {
        snug_speak_against(evidence,
                           "Only %s of the card's %s is taken, about what CUDA and a "
                           "desktop take.",
                           SNUG_SIZE(taken), SNUG_SIZE(figures->capacity.bytes));
        return 0.2;
    }
    snug_speak_for(evidence, "%s of the card's %s was taken before the server started.",
                   SNUG_SIZE(taken), SNUG_SIZE(figures->capacity.bytes));
    return snug_clamp(0.6 + snug_ratio(snug_amount_of(taken), figures->capacity), 0, 0.93);
}

// CUDA's own status, where PyTorch's allocator would have told figures.
static bool is_bare(const snug_facts *facts) {
    return !facts->is_snapshot && !facts->other_framework && facts->format &&
           strcmp(facts->format, "cuda") == 0 && !facts->figures.requested.known;
}

// JAX tells no more than what was asked for; Paddle what is free, and at the start no more.
static bool is_small(const snug_facts *facts) {
    const snug_amount *requested = &facts->figures.requested;
    if (!facts->format || !requested->known || facts->activations.known) return false;
    if (strcmp(facts->format, "jax") == 0)
        return requested->bytes < (uint64_t)512 << 20 && !facts->figures.free.known;
    return strcmp(facts->format, "paddle") == 0 && requested->bytes < (uint64_t)4 << 20 &&
           facts->figures.free.known && !facts->figures.allocated.known;
}

static double judge_bare(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->phase == SNUG_PHASE_EVALUATE || facts->iterations > 0) {
        snug_speak_against(evidence, "The run had had the device for itself until then.");
        return 0.1;
    }
    bool first =
        facts->phase == SNUG_PHASE_LOAD ||
        snug_facts_mention(facts, "_lazy_init|_cuda_init|set_device|.todevice|.to(device|"
                                  ".cuda()|manual_seed|torch.load|init_process_group|"
                                  "get_device_properties|mem_get_info|.to(\"cuda|.to('cuda");
    snug_speak_for(evidence,
                   "PyTorch's allocator tells figures; without them a call of CUDA itself found no "
                   "memory%s: others had filled the device before, as far as one can tell.",
                   first ? ", here one of the first" : "");
    // Models of images and of language fill a card by themselves.
    bool large = facts->use == SNUG_USE_IMAGES || facts->use == SNUG_USE_SERVER;
    return first && !large ? 0.55 : 0.3;
}

// The text does not tell what is free, or what there is.
static double judge_untold(const snug_facts *facts, snug_evidence *evidence) {
    if (snug_is_little(facts)) {
        snug_speak_for(evidence, "The text does not tell what is free: others may hold it.");
        return 0.35;
    }
    if (is_small(facts)) {
        snug_speak_for(
            evidence,
            "Only %s was asked for: the device was full before, by another process or by "
            "what this one had taken ahead.",
            SNUG_SIZE(facts->figures.requested.bytes));
        return 0.4;
    }
    return is_bare(facts) ? judge_bare(facts, evidence) : 0.05;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (facts->shortage == SNUG_SHORTAGE_SHARE) return judge_share(facts, evidence);
    if (facts->shortage != SNUG_SHORTAGE_UNKNOWN) return 0.05;
    if (!facts->is_snapshot) speak_of_cards(facts, evidence);
    if (facts->other_gpu_is_empty && !figures->requested.known && !facts->masked && !facts->host &&
        is_any_card_full(facts))
        return 0.55;
    if (facts->is_snapshot && !figures->capacity.known && !was_taken_meanwhile(facts))
        return judge_snapshot(facts, evidence);
    snug_amount other = others(facts);
    if (facts->host || facts->masked) return facts->masked ? 0.15 : 0;
    // What is not free is all this process's own.
    bool alone = figures->process.known && snug_ratio(other, figures->capacity) < 0.02;
    if (was_taken_meanwhile(facts) && alone) {
        snug_speak_against(evidence,
                           "All that is not free, %s, is this process's own; %s was free.",
                           SNUG_SIZE(figures->process.bytes), SNUG_SIZE(figures->free.bytes));
        return 0.15;
    }
    if (was_taken_meanwhile(facts)) {
        snug_speak_for(evidence,
                       "%s was free when the error was written, %.0f times what was asked for: "
                       "something else held it a moment before.",
                       SNUG_SIZE(figures->free.bytes),
                       (double)figures->free.bytes / (double)(figures->requested.bytes + 1));
        if (snug_is_nobody_seen(facts)) {
            snug_speak_against(evidence, "At most %s of the card's %s is anyone else's now.",
                               SNUG_SIZE(other.bytes), SNUG_SIZE(figures->capacity.bytes));
            return 0.3;
        }
        if (other.known && other.bytes > 0)
            snug_speak_for(evidence, "%s of the card still is in use beyond this process's.",
                           SNUG_SIZE(other.bytes));
        return 0.65;
    }
    speak_of_container(facts, evidence);
    if (!other.known) return judge_untold(facts, evidence);
    double share = snug_ratio(other, figures->capacity);
    if (share < 0.06) {
        snug_speak_against(evidence, "At most %s of the card's %s is anyone else's.",
                           SNUG_SIZE(other.bytes), SNUG_SIZE(figures->capacity.bytes));
        return 0.04;
    }
    snug_speak_for(evidence, "%s of the card's %s (%.0f %%) is in use by others%s.",
                   SNUG_SIZE(other.bytes), SNUG_SIZE(figures->capacity.bytes), snug_percent(share),
                   figures->other_process.known ? ""
                                                : ", after 600 MiB for CUDA's own in this process");
    uint64_t reach = facts->within_reach.known ? facts->within_reach.bytes : 0;
    bool enough = figures->requested.known &&
                  (other.bytes >= figures->requested.bytes ||
                   reach + other.bytes >= figures->requested.bytes + figures->requested.bytes / 8);
    if (enough)
        snug_speak_for(evidence, "Without them the %s asked for would have fitted.",
                       SNUG_SIZE(figures->requested.bytes));
    if (!figures->reserved.known)
        snug_speak_against(evidence, "The text does not tell what this process's pool holds, so a "
                                     "part of it may be its own.");
    return (enough ? 0.45 : 0.25) + 0.6 * share - (figures->reserved.known ? 0 : 0.15);
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    snug_amount other = others(facts);
    if (!other.known && facts->is_snapshot && facts->usable.known &&
        facts->most_reserved.bytes > facts->usable.bytes)
        other = snug_amount_of(facts->most_reserved.bytes - facts->usable.bytes);
    const char *gain = other.known && other.bytes > 0
                           ? snug_words(advice, "gives back up to %s", SNUG_SIZE(other.bytes))
                           : "gives back what they hold";
    if (facts->other_gpu >= 0 && facts->other_gpu_is_empty)
        snug_advise(advice, "nvidia-smi's table shows it empty",
                    "Use another card: CUDA_VISIBLE_DEVICES=%d", facts->other_gpu);
    snug_advise_see_others(facts, gain, advice);
    if (facts->other_gpu >= 0 && !facts->other_gpu_is_empty)
        snug_advise(advice, "the whole card for this run",
                    "Use another card: CUDA_VISIBLE_DEVICES=%d", facts->other_gpu);
    if (facts->phase == SNUG_PHASE_LOAD)
        snug_advise(advice, "a checkpoint otherwise returns to the card that it was saved from",
                    "torch.load(..., map_location=\"cpu\")");
    snug_advise_command(facts, advice);
}

const snug_cause snug_cause_other_process = {
    .name = "other-process",
    .help = "another process holds a part of the device",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

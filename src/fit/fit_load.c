// What a step loads the card with, at two moments: when most is kept for backward, and when the
// optimizer steps. The second is where the first has been lightened enough.
#include "fit/fit.h"

// Of what offload keeps for backward, that which stays on the card: small tensors, and those that
// belong to no part.
static const double stays = 0.1;

// What is kept for backward, and the loss: when that is computed, or later when most is there.
static uint64_t kept_bytes(const snug_fit_load *load) {
    double at_end = (double)load->at_end, kept = (double)load->kept;
    uint64_t logits = load->logits < load->loss ? load->logits : load->loss;
    if (load->on_host) {
        at_end = stays * (double)(load->at_end - load->inputs) + (double)load->inputs;
        kept = at_end + (double)load->again;
    }
    uint64_t begin = (uint64_t)(load->share * at_end) + load->loss,
             back = (uint64_t)(load->share * kept) + logits;
    return begin > back ? begin : back;
}

void snug_fit_load_begin(const snug_fit_situation *situation, snug_fit_load *out) {
    const snug_fit_profile *profile = &situation->profile;
    const uint64_t *kinds = situation->kinds;
    uint64_t allocated =
        situation->needed > situation->cached ? situation->needed - situation->cached : 1;
    uint64_t parameters = 0;
    for (size_t i = 0; i < profile->network_count; i++)
        parameters += profile->networks[i].parameters;
    *out = (snug_fit_load){
        .share = 1,
        .loss = snug_fit_loss_bytes(profile),
        .logits = profile->largest_loss,
        .weights = kinds[SNUG_KIND_WEIGHTS],
        .optimizer = kinds[SNUG_KIND_OPTIMIZER],
        .early_gradients = kinds[SNUG_KIND_GRADIENTS],
        .context = situation->context,
        .cached = (double)situation->cached / (double)allocated,
    };
    if (situation->frontier.count) {
        out->kept = situation->frontier.choices[0].kept;
        out->at_end = situation->frontier.choices[0].at_end;
    }
    // What was counted for parts, and what was seen: the parts may not all be loaded at the peak.
    uint64_t fixed = out->weights + out->optimizer + out->early_gradients;
    uint64_t room = allocated > fixed ? allocated - fixed : 0, wanted = kept_bytes(out);
    if (wanted > room) {
        out->share = (double)room / (double)wanted;
        out->loss = (uint64_t)((double)out->loss * out->share);
        out->logits = (uint64_t)((double)out->logits * out->share);
    }
    out->rest = room > wanted ? room - wanted : 0;
    // An optimizer that goes through all parameters at once works with a copy of them. A step is
    // not the peak where that was seen elsewhere.
    room += out->early_gradients;
    room = room > out->context ? room - out->context : 0;
    out->gradients = 2 * parameters < room ? 2 * parameters : room;
}

void snug_fit_load_make(const snug_fit_situation *situation, const size_t *amounts,
                        snug_fit_load *out) {
    snug_fit_load_begin(situation, out);
    for (size_t i = 0; snug_fit_fixes[i]; i++)
        if (amounts[i]) snug_fit_fixes[i]->lighten(situation, amounts[i], out);
}

uint64_t snug_fit_load_bytes(const snug_fit_load *load) {
    double state = (double)(load->weights + load->optimizer);
    double backward = (double)(kept_bytes(load) + load->early_gradients + load->rest);
    double step = (double)(load->gradients + load->context);
    return (uint64_t)(state + (backward > step ? backward : step));
}

snug_fidelity snug_fit_fidelity(const snug_fit_situation *situation, size_t fix) {
    const snug_fit_fix *self = snug_fit_fixes[fix];
    return self->fidelity_of ? self->fidelity_of(situation) : self->fidelity;
}

size_t snug_fit_most(const snug_fit_situation *situation, size_t fix) {
    const snug_fit_fix *self = snug_fit_fixes[fix];
    return self->most ? self->most(situation) : 1;
}

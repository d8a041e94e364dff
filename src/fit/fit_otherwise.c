// Where nothing fits: the smallest card that the leanest choice runs on, and the smallest changes
// of the program that would make it fit on this one.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/page.h"
#include "base/size.h"
#include "dryrun/words.h"
#include "fit/families.h"
#include "fit/fit.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

typedef struct otherwise {
    uint64_t needed;           // of a card, with the leanest choice, by replay; 0: unknown
    const snug_gpu_info *card; // the smallest with that; NULL: none
    int64_t batch, smaller;    // samples now; predicted to fit, 0: none
    bool one_by_one;           // the choice goes through the batch sample by sample
    const char *argument;      // of the program, that says the batch; NULL: none was found
    const char *network;       // the class of the largest
    const char *members[SNUG_FIT_MEMBERS];
    size_t member_count;
} otherwise;

// "--batch-size", "--per_device_train_batch_size=16": the word that is followed by |batch|.
static const char *find_argument(char *const *program, int64_t batch) {
    for (char *const *word = program; *word; word++) {
        const char *equals = strchr(*word, '='), *value = equals ? equals + 1 : word[1];
        if ((*word)[0] != '-' || !strstr(*word, "batch") || !value || !*value) continue;
        char *end;
        if (strtol(value, &end, 10) == (long)batch && *end == '\0') return *word;
    }
    return NULL;
}

static const snug_fit_network *largest_network(const snug_fit_profile *profile) {
    const snug_fit_network *found = NULL;
    for (size_t i = 0; i < profile->network_count; i++)
        if (!found || profile->networks[i].parameters > found->parameters)
            found = &profile->networks[i];
    return found;
}

// What goes with the batch is all but weights, their gradients, the optimizer and the context.
static void find_batch(const snug_fit *fit, otherwise *out) {
    const snug_fit_situation *situation = &fit->situation;
    snug_fit_load load;
    if (fit->least < 0 || out->batch < 2 || out->needed == 0) return;
    snug_fit_load_make(situation, fit->candidates[fit->least].amounts, &load);
    uint64_t fixed = load.weights + load.optimizer + load.early_gradients + load.context,
             room = snug_fit_room(situation);
    out->one_by_one = load.share > 0 && load.share * (double)out->batch < 1.5;
    if (out->one_by_one || fixed >= room || fixed >= out->needed) return;
    out->smaller =
        (int64_t)((double)out->batch * (double)(room - fixed) / (double)(out->needed - fixed));
    if (out->smaller >= out->batch) out->smaller = out->batch - 1;
}

static otherwise find_otherwise(const snug_fit *fit) {
    const snug_dry_run *run = fit->last;
    const snug_fit_network *network = largest_network(&fit->situation.profile);
    otherwise found = {0};
    if (run) found.needed = run->smallest;
    for (size_t i = 0; run && !found.card && i < run->card_count; i++)
        if (run->cards[i].verdict == SNUG_DRY_FITS) found.card = run->cards[i].gpu;
    if (!network) return found;
    // Where time may come first its length is no batch.
    found.batch = fit->situation.profile.sequences_first ? 0 : network->batch;
    found.argument = find_argument(fit->request.program, found.batch);
    find_batch(fit, &found);
    found.network = network->class_name;
    uint64_t element = network->element > 0 ? (uint64_t)network->element : 4;
    found.member_count =
        snug_fit_family_find(network->class_name, network->parameters / element, found.members);
    return found;
}

static void append_card(const snug_fit *fit, const otherwise *found, snug_text *out) {
    snug_text line = {0};
    if (found->needed == 0) return;
    snug_text_append(&line,
                     "With the leanest of these it needs %s of a card: ", SIZE(found->needed));
    if (found->card)
        snug_text_append(&line, "the smallest that it then fits on is %s, %s.", found->card->name,
                         SIZE(found->card->total_bytes));
    else
        snug_text_append(&line, "none in `snug cards` has that.");
    if (fit->request.gpus > 1) snug_text_append(&line, " Each of %d.", fit->request.gpus);
    snug_dry_wrap(out, 0, snug_text_view(&line));
    snug_text_clear(&line);
}

// Over how many batches of equal size gradients are added up.
static int64_t times_of(const otherwise *found) {
    return (found->batch + found->smaller - 1) / found->smaller;
}

static void append_batch(const otherwise *found, snug_text *out) {
    snug_text line = {0};
    if (found->smaller < 1) return;
    int64_t times = times_of(found);
    snug_text_append(&line,
                     "- A batch of up to about %" PRId64 " in place of %" PRId64
                     " is predicted to fit; gradients added up over %" PRId64 " batches of %" PRId64
                     " (--show-code) are those of the whole.",
                     found->smaller, found->batch, times, found->batch / times);
    if (found->argument) {
        int length = (int)strcspn(found->argument, "=");
        snug_text_append(&line,
                         " To see: --vary batch=1..%" PRId64 ", and %.*s%s{batch} among the "
                         "program's arguments.",
                         found->batch, length, found->argument,
                         found->argument[length] ? "=" : " ");
    }
    snug_dry_wrap(out, 2, snug_text_view(&line));
    snug_text_clear(&line);
}

static void append_members(const otherwise *found, snug_text *out) {
    snug_text line = {0};
    if (found->member_count == 0) return;
    snug_text_append(&line, "- Smaller networks of its family: ");
    for (size_t i = 0; i < found->member_count; i++)
        snug_text_append(&line, "%s%s", i ? ", " : "", found->members[i]);
    snug_text_append(&line, " (--vary model=%s", found->members[0]);
    for (size_t i = 1; i < found->member_count; i++)
        snug_text_append(&line, ",%s", found->members[i]);
    snug_text_append(&line, " finds the first that fits).");
    snug_dry_wrap(out, 2, snug_text_view(&line));
    snug_text_clear(&line);
}

void snug_fit_append_otherwise(const snug_fit *fit, snug_text *out) {
    otherwise found = find_otherwise(fit);
    append_card(fit, &found, out);
    snug_text_append(out, "\nOn this card it would fit with less of it:\n\n");
    append_batch(&found, out);
    append_members(&found, out);
    if (found.one_by_one)
        snug_dry_wrap(out, 2,
                      "- A smaller batch alone would not help: it went through in pieces of a "
                      "sample. A shorter or smaller input would.");
    else if (found.smaller < 1)
        snug_dry_wrap(out, 2,
                      found.batch > 1 ? "- Not with a smaller batch: weights, their gradients and "
                                        "the optimizer's state alone are too large. A smaller "
                                        "network, or an optimizer with less state."
                                      : "- A shorter or smaller input, or a smaller network.");
}

void snug_fit_append_otherwise_json(const snug_fit *fit, snug_text *out) {
    otherwise found = find_otherwise(fit);
    snug_text_append(out, ",\"otherwise\":{\"needed_bytes\":%" PRIu64 ",\"gpu\":", found.needed);
    if (found.card)
        snug_page_append_string(out, found.card->name);
    else
        snug_text_append(out, "null");
    if (found.batch > 0) snug_text_append(out, ",\"batch\":%" PRId64, found.batch);
    if (found.smaller > 0) snug_text_append(out, ",\"predicted_batch\":%" PRId64, found.smaller);
    snug_text_append(out, ",\"members\":[");
    for (size_t i = 0; i < found.member_count; i++) {
        snug_text_append(out, "%s", i ? "," : "");
        snug_page_append_string(out, found.members[i]);
    }
    snug_text_append(out, "]}");
}

// Adding gradients up in the program: what it would write for a smaller batch.
void snug_fit_append_accumulation(const snug_fit *fit, snug_text *out) {
    otherwise found = find_otherwise(fit);
    if (found.smaller < 1) return;
    int64_t times = times_of(&found);
    snug_text_append(out,
                     "# A batch of %" PRId64 ", gradients added up over %" PRId64
                     " of them, in place of the step:\n"
                     "loss = compute_loss(batch) / %" PRId64 "\n"
                     "loss.backward()\n"
                     "if (index + 1) %% %" PRId64 " == 0:\n"
                     "    optimizer.step()\n"
                     "    optimizer.zero_grad()\n"
                     "# Batch norm sees the smaller batches.\n",
                     found.batch / times, times, times, times);
}

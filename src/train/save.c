// A trainer's weights and statistics into a file.
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "io/safetensors.h"
#include "train/trainer.h"

enum { COPY_BYTES = 64 * 1024 };

static bool is_saved(const snug_slot *slot) {
    return slot->role == SNUG_ROLE_WEIGHT || slot->role == SNUG_ROLE_STATISTIC;
}

snug_status snug_trainer_write_slot(snug_trainer *trainer, const snug_slot *slot, snug_file *file) {
    unsigned char buffer[COPY_BYTES];
    for (size_t done = 0; done < slot->bytes; done += sizeof buffer) {
        size_t left = slot->bytes - done, part = left < sizeof buffer ? left : sizeof buffer;
        SNUG_TRY(snug_program_read_slot(trainer->program, slot, done, buffer, part));
        SNUG_TRY(snug_file_write(file, buffer, part));
    }
    return SNUG_OK;
}

static snug_status write_tensors(snug_trainer *trainer, snug_file *file) {
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    for (size_t i = 0; i < persistent->count; i++)
        if (is_saved(&persistent->slots[i]))
            SNUG_TRY(snug_trainer_write_slot(trainer, &persistent->slots[i], file));
    return SNUG_OK;
}

snug_status snug_trainer_save(snug_trainer *trainer, const char *path) {
    SNUG_REQUIRE(trainer && path, "a trainer and a path");
    SNUG_TRY(snug_trainer_check_restored(trainer));
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    char steps[32], scale[64], skipped[32], good[32];
    const snug_loss_scaler *scaler = &trainer->scaler;
    // The scaler's state comes last, where there is one.
    const char *metadata[] = {"format",
                              "pt",
                              "model",
                              snug_plan_model(trainer->plan),
                              "steps",
                              steps,
                              scaler->scale != 0 ? "loss_scale" : NULL,
                              scale,
                              "loss_scale_good_steps",
                              good,
                              "skipped_steps",
                              skipped,
                              NULL};
    snprintf(steps, sizeof steps, "%" PRId64, snug_trainer_steps(trainer));
    snprintf(scale, sizeof scale, "%.9g", scaler->scale);
    snprintf(good, sizeof good, "%" PRId64, scaler->good_steps);
    snprintf(skipped, sizeof skipped, "%" PRId64, scaler->skipped_steps);
    snug_safetensors_item *items = NULL;
    snug_file file;
    size_t count = 0;
    SNUG_TRY(SNUG_NEW(&items, persistent->count));
    for (size_t i = 0; i < persistent->count; i++) {
        const snug_slot *slot = &persistent->slots[i];
        if (is_saved(slot)) items[count++] = (snug_safetensors_item){slot->name, slot->type};
    }
    snug_status status = snug_safetensors_create(path, items, count, metadata, &file);
    snug_memory_free(items);
    SNUG_TRY(status);
    status = write_tensors(trainer, &file);
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

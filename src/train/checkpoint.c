// A trainer's state into a file and back.
#include "snug/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/pool.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "train/trainer.h"

#define VERSION "1"
#define OWN "snug:"
#define NOTE "note:"

enum { PIECE = 64 * 1024, COUNTERS = 9, KEY_LENGTH = 100 };

static const char checksum_name[] = OWN "crc32";

struct snug_checkpoint {
    snug_safetensors file;
};

// The trainer's counters as texts, exactly: floats with the digits that bring their bits back.
typedef struct counters {
    const char *list[2 * COUNTERS + 2];
    char texts[COUNTERS][40];
    int count;
} counters;

static void put_text(counters *self, const char *key) {
    self->list[2 * self->count] = key;
    self->list[2 * self->count + 1] = self->texts[self->count];
    self->count++;
}

static void put_whole(counters *self, const char *key, int64_t value) {
    snprintf(self->texts[self->count], sizeof self->texts[0], "%" PRId64, value);
    put_text(self, key);
}

static void put_real(counters *self, const char *key, double value) {
    snprintf(self->texts[self->count], sizeof self->texts[0], "%.17g", value);
    put_text(self, key);
}

static void list_counters(const snug_trainer *trainer, counters *out) {
    const snug_loss_scaler *scaler = &trainer->scaler;
    *out = (counters){.count = 0};
    put_whole(out, "steps", trainer->steps);
    put_whole(out, "seed", (int64_t)trainer->seed);
    put_whole(out, "lost_steps", trainer->lost_steps);
    put_real(out, "loss_scale", scaler->scale);
    put_real(out, "loss_scale_growth", scaler->growth);
    put_real(out, "loss_scale_backoff", scaler->backoff);
    put_whole(out, "loss_scale_interval", scaler->interval);
    put_whole(out, "loss_scale_good_steps", scaler->good_steps);
    put_whole(out, "skipped_steps", scaler->skipped_steps);
}

// Whether a slot outlives steps and changes in them.
static bool is_state(const snug_slot *slot) {
    return slot->role != SNUG_ROLE_CONSTANT;
}

static snug_status slot_key(const snug_slot *slot, snug_pool *pool, const char **out) {
    snug_space space = snug_role_space(slot->role);
    char *key = NULL;
    *out = slot->name;
    if (space == SNUG_SPACE_NETWORK) {
        if (strncmp(slot->name, OWN, sizeof OWN - 1) == 0)
            return snug_fail(SNUG_UNSUPPORTED,
                             "a checkpoint of a network with a tensor '%s': names that begin with "
                             "'" OWN "' are the checkpoint's own",
                             slot->name);
        return SNUG_OK;
    }
    SNUG_TRY(snug_pool_print(pool, &key, OWN "%s/%s",
                             space == SNUG_SPACE_OPTIMIZER ? "optimizer" : "gradient", slot->name));
    *out = key;
    return SNUG_OK;
}

// Between updates accumulators are zero, and need no room in the file.
static snug_status is_zero(snug_trainer *trainer, const snug_slot *slot, bool *out) {
    unsigned char piece[PIECE];
    *out = true;
    for (size_t done = 0; done < slot->bytes && *out; done += sizeof piece) {
        size_t left = slot->bytes - done, part = left < sizeof piece ? left : sizeof piece;
        SNUG_TRY(snug_program_read_slot(trainer->program, slot, done, piece, part));
        *out = piece[0] == 0 && memcmp(piece, piece + 1, part - 1) == 0;
    }
    return SNUG_OK;
}

// What a file will hold: items, the slots that they come from, and the metadata.
typedef struct listing {
    snug_pool pool;
    snug_safetensors_item *items;
    const snug_slot **slots;
    const char **metadata;
    size_t count;
} listing;

static void clear_listing(listing *self) {
    snug_memory_free(self->items);
    snug_memory_free(self->slots);
    snug_memory_free(self->metadata);
    snug_pool_clear(&self->pool);
}

static snug_status list_slots(snug_trainer *trainer, listing *out) {
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    SNUG_TRY(SNUG_NEW(&out->items, persistent->count + 1));
    SNUG_TRY(SNUG_NEW(&out->slots, persistent->count + 1));
    for (size_t i = 0; i < persistent->count; i++) {
        const snug_slot *slot = &persistent->slots[i];
        bool is_left_out = !is_state(slot);
        if (slot->role == SNUG_ROLE_GRADIENT) SNUG_TRY(is_zero(trainer, slot, &is_left_out));
        if (is_left_out) continue;
        out->slots[out->count] = slot;
        out->items[out->count].type = slot->type;
        SNUG_TRY(slot_key(slot, &out->pool, &out->items[out->count].name));
        out->count++;
    }
    out->items[out->count++] = (snug_safetensors_item){checksum_name, snug_type_scalar(SNUG_I64)};
    return SNUG_OK;
}

static snug_status list_metadata(const counters *own, const char *model, const char *const *notes,
                                 listing *out) {
    size_t count = 0, used = 0;
    while (notes && notes[count])
        count += 2;
    SNUG_TRY(SNUG_NEW(&out->metadata, 2 * COUNTERS + count + 8));
    const char *head[] = {"format", "pt", "snug_checkpoint", VERSION, "model", model};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        out->metadata[used++] = head[i];
    for (int i = 0; i < 2 * own->count; i++)
        out->metadata[used++] = own->list[i];
    for (size_t i = 0; i < count; i += 2) {
        char *key = NULL;
        if (strlen(notes[i]) > KEY_LENGTH)
            return snug_fail(SNUG_INVALID,
                             "the key '%.20s...' of a note: at most %d bytes expected", notes[i],
                             KEY_LENGTH);
        SNUG_TRY(snug_pool_print(&out->pool, &key, NOTE "%s", notes[i]));
        out->metadata[used++] = key;
        out->metadata[used++] = notes[i + 1];
    }
    return SNUG_OK;
}

// Of the first |bytes| bytes of a file.
static snug_status sum_file(int descriptor, const char *path, uint64_t bytes, int64_t *out) {
    unsigned char *piece = NULL;
    snug_status status = SNUG_NEW(&piece, PIECE);
    uLong sum = crc32(0, NULL, 0);
    for (uint64_t done = 0; status == SNUG_OK && done < bytes;) {
        size_t part = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
        ssize_t found = pread(descriptor, piece, part, (off_t)done);
        if (found <= 0)
            status = snug_fail(SNUG_IO, "cannot read %s: %s", path,
                               found < 0 ? strerror(errno) : "it became shorter");
        else
            sum = crc32(sum, piece, (uInt)found);
        done += found > 0 ? (uint64_t)found : 0;
    }
    snug_memory_free(piece);
    *out = (int64_t)sum;
    return status;
}

// What was written is read back, so that one function makes the sum and checks it.
static snug_status write_checksum(snug_file *file) {
    const char *written = file->temporary;
    if (!written) return snug_fail(SNUG_IO, "%s is no regular file", file->path);
    if (fflush(file->stream) != 0)
        return snug_fail(SNUG_IO, "cannot write %s: %s", file->path, strerror(errno));
    FILE *reader = fopen(written, "rbe");
    if (!reader) return snug_fail(SNUG_IO, "cannot read %s: %s", written, strerror(errno));
    int64_t sum = 0;
    long bytes = ftell(file->stream);
    snug_status status =
        bytes < 0 ? snug_fail(SNUG_IO, "cannot tell where %s ends: %s", written, strerror(errno))
                  : sum_file(fileno(reader), written, (uint64_t)bytes, &sum);
    fclose(reader);
    return status == SNUG_OK ? snug_file_write(file, &sum, sizeof sum) : status;
}

static snug_status write_file(snug_trainer *trainer, const listing *listed, const char *path) {
    snug_file file;
    SNUG_TRY(snug_safetensors_create(path, listed->items, listed->count, listed->metadata, &file));
    snug_status status = SNUG_OK;
    for (size_t i = 0; status == SNUG_OK && i + 1 < listed->count; i++)
        status = snug_trainer_write_slot(trainer, listed->slots[i], &file);
    if (status == SNUG_OK) status = write_checksum(&file);
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_status snug_checkpoint_write(snug_trainer *trainer, const char *path,
                                  const char *const *notes) {
    SNUG_REQUIRE(trainer && path, "a trainer and a path");
    SNUG_TRY(snug_trainer_check_restored(trainer));
    listing listed = {0};
    counters own;
    list_counters(trainer, &own);
    snug_status status = list_slots(trainer, &listed);
    if (status == SNUG_OK)
        status = list_metadata(&own, snug_plan_model(trainer->plan), notes, &listed);
    if (status == SNUG_OK) status = write_file(trainer, &listed, path);
    clear_listing(&listed);
    return status;
}

static snug_status check_sum(const snug_safetensors *file) {
    const char *version = snug_safetensors_metadata(file, "snug_checkpoint");
    const snug_safetensors_entry *entry = snug_safetensors_find(file, checksum_name);
    int64_t told = 0, found = 0;
    if (!version || !entry || entry->type.dtype != SNUG_I64 || entry->type.rank != 0)
        return snug_fail(SNUG_BAD_FILE, "%s is no checkpoint of snug's, or is damaged", file->path);
    if (strcmp(version, VERSION) != 0)
        return snug_fail(SNUG_UNSUPPORTED, "%s is a checkpoint of version %s; this snug reads %s",
                         file->path, version, VERSION);
    SNUG_TRY(snug_safetensors_read(file, entry, 0, &told, sizeof told));
    SNUG_TRY(sum_file(file->descriptor, file->path, entry->begin, &found));
    if (told == found) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "%s is damaged: its bytes have the checksum %08" PRIx64 ", not %08" PRIx64,
                     file->path, (uint64_t)found, (uint64_t)told);
}

snug_status snug_checkpoint_open(const char *path, snug_checkpoint **out) {
    SNUG_REQUIRE(out, "a place for the checkpoint");
    *out = NULL;
    SNUG_REQUIRE(path, "a path");
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->file.descriptor = -1;
    snug_status status = snug_safetensors_open(path, &(*out)->file);
    if (status == SNUG_OK) status = check_sum(&(*out)->file);
    if (status == SNUG_OK) return SNUG_OK;
    snug_checkpoint_close(*out);
    *out = NULL;
    return status;
}

void snug_checkpoint_close(snug_checkpoint *checkpoint) {
    if (!checkpoint) return;
    snug_safetensors_close(&checkpoint->file);
    snug_memory_free(checkpoint);
}

const char *snug_checkpoint_path(const snug_checkpoint *checkpoint) {
    return checkpoint ? checkpoint->file.path : NULL;
}

const char *snug_checkpoint_note(const snug_checkpoint *checkpoint, const char *key) {
    char whole[sizeof NOTE + KEY_LENGTH];
    if (!checkpoint || !key || strlen(key) > KEY_LENGTH) return NULL;
    snprintf(whole, sizeof whole, NOTE "%s", key);
    return snug_safetensors_metadata(&checkpoint->file, whole);
}

// The whole number, or the real one, that metadata have under |key|; 0 where they have none.
static int64_t whole_of(const snug_checkpoint *checkpoint, const char *key) {
    const char *text = snug_safetensors_metadata(&checkpoint->file, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static double real_of(const snug_checkpoint *checkpoint, const char *key) {
    const char *text = snug_safetensors_metadata(&checkpoint->file, key);
    return text ? strtod(text, NULL) : 0;
}

int64_t snug_checkpoint_steps(const snug_checkpoint *checkpoint) {
    return checkpoint ? whole_of(checkpoint, "steps") : 0;
}

static snug_status refuse_type(const snug_checkpoint *checkpoint,
                               const snug_safetensors_entry *entry, const snug_type *wanted) {
    char found[SNUG_TYPE_TEXT], expected[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID, "%s: '%s' is %s, and this plan's is %s", checkpoint->file.path,
                     entry->name, snug_type_print(&entry->type, found),
                     snug_type_print(wanted, expected));
}

// The file's tensor for |slot|. Accumulators that the file leaves out are zero: |*out| is NULL.
static snug_status find_entry(const snug_checkpoint *checkpoint, const snug_slot *slot,
                              snug_pool *pool, const snug_safetensors_entry **out) {
    const char *key = NULL;
    SNUG_TRY(slot_key(slot, pool, &key));
    const snug_safetensors_entry *entry = *out = snug_safetensors_find(&checkpoint->file, key);
    if (!entry && slot->role == SNUG_ROLE_GRADIENT) return SNUG_OK;
    if (!entry)
        return snug_fail(SNUG_INVALID, "%s has no tensor '%s', which this plan has",
                         checkpoint->file.path, key);
    bool fits = entry->type.dtype == slot->type.dtype && entry->type.rank == slot->type.rank;
    for (int i = 0; i < slot->type.rank && fits; i++)
        fits = entry->type.dims[i] == slot->type.dims[i];
    return fits ? SNUG_OK : refuse_type(checkpoint, entry, &slot->type);
}

// Where each of the plan's slots is in the file, and that nothing is left over. |entries| has a
// place for each slot.
static snug_status match(const snug_checkpoint *checkpoint, const snug_trainer *trainer,
                         const snug_safetensors_entry **entries) {
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    const snug_safetensors *file = &checkpoint->file;
    snug_pool pool = {0};
    bool *used = NULL;
    snug_status status = SNUG_NEW(&used, file->count + 1);
    for (size_t i = 0; status == SNUG_OK && i < persistent->count; i++) {
        if (!is_state(&persistent->slots[i])) continue;
        status = find_entry(checkpoint, &persistent->slots[i], &pool, &entries[i]);
        if (status == SNUG_OK && entries[i]) used[entries[i] - file->entries] = true;
    }
    for (size_t i = 0; status == SNUG_OK && i < file->count; i++)
        if (!used[i] && strcmp(file->entries[i].name, checksum_name) != 0)
            status = snug_fail(SNUG_INVALID, "%s has a tensor '%s', which this plan has not",
                               file->path, file->entries[i].name);
    snug_memory_free(used);
    snug_pool_clear(&pool);
    return status;
}

// |entry|: NULL for zeros.
static snug_status restore_slot(const snug_checkpoint *checkpoint, snug_trainer *trainer,
                                const snug_slot *slot, const snug_safetensors_entry *entry) {
    unsigned char piece[PIECE] = {0};
    for (size_t done = 0; done < slot->bytes; done += sizeof piece) {
        size_t left = slot->bytes - done, part = left < sizeof piece ? left : sizeof piece;
        if (entry) SNUG_TRY(snug_safetensors_read(&checkpoint->file, entry, done, piece, part));
        SNUG_TRY(snug_program_write_slot(trainer->program, slot, done, piece, part));
    }
    return SNUG_OK;
}

static void restore_counters(const snug_checkpoint *checkpoint, snug_trainer *trainer) {
    snug_loss_scaler *scaler = &trainer->scaler;
    trainer->steps = whole_of(checkpoint, "steps");
    trainer->seed = (uint64_t)whole_of(checkpoint, "seed");
    trainer->lost_steps = (int)whole_of(checkpoint, "lost_steps");
    scaler->skipped_steps = whole_of(checkpoint, "skipped_steps");
    double scale = real_of(checkpoint, "loss_scale");
    // A plan of another precision scales by its own rule from here on, or not at all.
    if (scale == 0 || scaler->scale == 0) return;
    scaler->scale = scale;
    scaler->growth = real_of(checkpoint, "loss_scale_growth");
    scaler->backoff = real_of(checkpoint, "loss_scale_backoff");
    scaler->interval = whole_of(checkpoint, "loss_scale_interval");
    scaler->good_steps = whole_of(checkpoint, "loss_scale_good_steps");
}

snug_status snug_checkpoint_restore(const snug_checkpoint *checkpoint, snug_trainer *trainer) {
    SNUG_REQUIRE(checkpoint && trainer, "a checkpoint and a trainer");
    SNUG_TRY(snug_trainer_check_restored(trainer));
    const snug_persistent *persistent = &trainer->plan->schedule.persistent;
    const snug_safetensors_entry **entries = NULL;
    SNUG_TRY(SNUG_NEW(&entries, persistent->count + 1));
    snug_status status = match(checkpoint, trainer, entries);
    for (size_t i = 0; status == SNUG_OK && i < persistent->count; i++)
        if (is_state(&persistent->slots[i]))
            status = restore_slot(checkpoint, trainer, &persistent->slots[i], entries[i]);
    if (status == SNUG_OK) restore_counters(checkpoint, trainer);
    snug_memory_free(entries);
    return status;
}

// Checkpoints: all that a trainer needs to go on bit for bit, in one file that is whole or not
// there. snug_train() writes and reads them by itself (snug_train_options.checkpoint_steps and
// .resume); a loop of one's own does so:
//
//     const char *notes[] = {"position", text, NULL}; // where in the data, and such
//     snug_checkpoint_add("run", steps_done, 2, trainer, notes); // now and then; 2 are kept
//
//     snug_checkpoint *kept; // after an interruption
//     snug_status status = snug_checkpoint_newest("run", tell, NULL, &kept);
//     if (status == SNUG_OK) status = snug_checkpoint_restore(kept, trainer);
//     const char *position = snug_checkpoint_note(kept, "position");
//     snug_checkpoint_close(kept);
//
// A checkpoint holds weights and running statistics under their names, so that other programs and
// snug_trainer_load() read them; the optimizer's state as "snug:optimizer/NAME", gradient
// accumulators that are not zero as "snug:gradient/NAME"; steps, seed (with the steps, the whole
// state of the random numbers) and the loss scaler as texts; the notes; and as the last tensor
// "snug:crc32", the CRC-32 of all bytes before it.
#ifndef SNUG_CHECKPOINT_H
#define SNUG_CHECKPOINT_H

#include "snug/api.h"
#include "snug/train.h"

SNUG_BEGIN

typedef struct snug_checkpoint snug_checkpoint;

// Writes |trainer|'s state and |notes| (keys and texts in turn, ends with NULL; NULL: none) as a
// safetensors file to |path|: into a temporary file beside it, which is synced and then takes the
// name, so that |path| is what it was before, or whole. SNUG_IO (a full disk: the message says so)
// leaves it as it was; SNUG_UNSUPPORTED for a network with a tensor whose name begins with "snug:".
// Takes as long as writing and reading so many bytes; host memory is a small constant. Keys of
// notes have at most 100 bytes.
SNUG_API snug_status snug_checkpoint_write(snug_trainer *trainer, const char *path,
                                           const char *const *notes);

// Opens |path| and reads it whole, to compare it with its checksum. SNUG_BAD_FILE for a file that
// was cut or changed, or is none; SNUG_NOT_FOUND, SNUG_IO.
SNUG_API snug_status snug_checkpoint_open(const char *path, snug_checkpoint **out);
SNUG_API void snug_checkpoint_close(snug_checkpoint *checkpoint); // NULL is allowed

// The text under |key| of the notes, or NULL; valid until the checkpoint is closed.
SNUG_API const char *snug_checkpoint_note(const snug_checkpoint *checkpoint, const char *key);
SNUG_API const char *snug_checkpoint_path(const snug_checkpoint *checkpoint);
// Optimizer updates done.
SNUG_API int64_t snug_checkpoint_steps(const snug_checkpoint *checkpoint);

// Makes |trainer| what the one was that was written: the same bits, seed and counters. Its plan may
// be of another budget or other fixes as long as it trains the same tensors: SNUG_INVALID names the
// first that is missing, too much or of another type, and leaves the trainer as it was. The next
// steps have the same bits where the plans differ in exact fixes alone.
SNUG_API snug_status snug_checkpoint_restore(const snug_checkpoint *checkpoint,
                                             snug_trainer *trainer);

// A series of checkpoints in |folder|, which is there: checkpoint-NUMBER.safetensors. Adds number
// |number| and then removes all but the newest |keep| (at least 1) up to it, and those of higher
// numbers, which a run that went on from an older one has left behind.
SNUG_API snug_status snug_checkpoint_add(const char *folder, int64_t number, int keep,
                                         snug_trainer *trainer, const char *const *notes);

// Opens the one of the highest number that is whole. |tell| (may be NULL) is given a sentence about
// each that is not. SNUG_NOT_FOUND where there is none, SNUG_BAD_FILE where none is whole.
SNUG_API snug_status snug_checkpoint_newest(const char *folder,
                                            void (*tell)(void *context, const char *text),
                                            void *context, snug_checkpoint **out);

SNUG_END

#endif

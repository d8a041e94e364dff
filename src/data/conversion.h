// Data sets in formats that are read once and kept as a safetensors file while they are open.
#ifndef SNUG_DATA_CONVERSION_H
#define SNUG_DATA_CONVERSION_H

#include "base/status.h"
#include "io/safetensors.h"

// Opens what |path|, a file of comma-separated numbers, holds: `input` (N, columns) and `target`
// (N), which is the column of that name, or the last one. Targets are whole numbers where all of
// them are and none is below 0. A first line of names is skipped. SNUG_BAD_FILE tells line and
// column; SNUG_IO; SNUG_NOMEM.
snug_status snug_data_open_csv(const char *path, snug_safetensors *out);

// The same of an .npz file of numpy's: each array by its name. float64 becomes float32, and whole
// numbers called `target` or `test_target` int64. SNUG_BAD_FILE, SNUG_IO, SNUG_NOMEM.
snug_status snug_data_open_npz(const char *path, snug_safetensors *out);

// The same of an .npy file with its targets in another one beside it, found by name: x.npy and
// y.npy, images_train.npy and labels_train.npy. SNUG_BAD_FILE where there is none.
snug_status snug_data_open_npy(const char *path, snug_safetensors *out);

// An unused path in the folder for temporary files; the caller frees it.
snug_status snug_data_temporary(char **out);
// Opens the file at |path|, which is the caller's, for reading and writing, and removes its name.
snug_status snug_data_open_unlinked(const char *path, int *out);
// Opens the safetensors file at |path|, which is the caller's, and removes its name.
snug_status snug_data_open_temporary(const char *path, snug_safetensors *out);

#endif

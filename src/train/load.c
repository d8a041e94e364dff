// Weights and statistics from a file into a trainer.
#include "base/memory.h"
#include "io/safetensors.h"
#include "snug/train.h"

static snug_status load_tensor(snug_trainer *trainer, const snug_safetensors *file,
                               const snug_tensor_info *info) {
    const snug_safetensors_entry *entry = snug_safetensors_find(file, info->name);
    if (!entry)
        return snug_fail(SNUG_BAD_FILE, "%s has no tensor '%s', which the network has", file->path,
                         info->name);
    bool fits = entry->type.dtype == SNUG_F32 && entry->type.rank == info->rank;
    for (int i = 0; i < info->rank && fits; i++)
        fits = entry->type.dims[i] == info->shape[i];
    char found[SNUG_TYPE_TEXT];
    if (!fits)
        return snug_fail(SNUG_BAD_FILE, "%s: '%s' is %s, which does not fit the network",
                         file->path, info->name, snug_type_print(&entry->type, found));
    unsigned char *values = NULL;
    SNUG_TRY(SNUG_NEW(&values, info->bytes));
    snug_status status = snug_safetensors_read(file, entry, 0, values, info->bytes);
    if (status == SNUG_OK) status = snug_trainer_write(trainer, info->name, values, info->bytes);
    snug_memory_free(values);
    return status;
}

snug_status snug_trainer_load(snug_trainer *trainer, const char *path) {
    SNUG_REQUIRE(trainer && path, "a trainer and a path");
    snug_safetensors file;
    SNUG_TRY(snug_safetensors_open(path, &file));
    snug_status status = SNUG_OK;
    snug_tensor_info info;
    for (size_t i = 0; status == SNUG_OK && snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++)
        if (info.is_weight || info.is_statistic) status = load_tensor(trainer, &file, &info);
    snug_safetensors_close(&file);
    return status;
}

// A .safetensors file with `input` (N, C, H, W) float32 or uint8 and `target` (N) or (N, H, W)
// int64, and optionally `test_input` and `test_target`.
#include <string.h>

#include "base/memory.h"
#include "data/dataset.h"
#include "io/safetensors.h"

typedef struct tensors_state {
    snug_safetensors file;
    const snug_safetensors_entry *input, *target;
    int64_t *row; // targets of one sample
} tensors_state;

static bool matches(const char *path) {
    static const char ending[] = ".safetensors";
    size_t length = strlen(path);
    return length >= sizeof ending - 1 && strcmp(path + length - (sizeof ending - 1), ending) == 0;
}

static int64_t targets_per_sample(const tensors_state *state) {
    return snug_type_elements(&state->target->type) / state->target->type.dims[0];
}

static snug_status check_types(const snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    const char *path = dataset->options.name;
    if (!state->input || !state->target)
        return snug_fail(SNUG_BAD_FILE,
                         "%s: tensors `input` and `target` expected, `%s` is "
                         "missing",
                         path, state->input ? "target" : "input");
    const snug_type *input = &state->input->type, *target = &state->target->type;
    char text[SNUG_TYPE_TEXT];
    if (input->rank != 4 || (input->dtype != SNUG_F32 && input->dtype != SNUG_U8) ||
        snug_type_elements(input) == 0)
        return snug_fail(SNUG_BAD_FILE,
                         "%s: `input` (N, C, H, W) of float32 or uint8 expected, found %s", path,
                         snug_type_print(input, text));
    bool pixels =
        target->rank == 3 && target->dims[1] == input->dims[2] && target->dims[2] == input->dims[3];
    if (target->dtype != SNUG_I64 || (target->rank != 1 && !pixels))
        return snug_fail(SNUG_BAD_FILE, "%s: `target` (N) or (N, H, W) of int64 expected, found %s",
                         path, snug_type_print(target, text));
    if (target->dims[0] != input->dims[0])
        return snug_fail(SNUG_BAD_FILE, "%s: %lld targets for %lld samples", path,
                         (long long)target->dims[0], (long long)input->dims[0]);
    return SNUG_OK;
}

// Reads every target once: they must be classes, and the highest tells how many there are.
static snug_status check_targets(snug_dataset *dataset) {
    tensors_state *state = dataset->state;
    int64_t count = targets_per_sample(state), highest = -1;
    SNUG_TRY(SNUG_NEW(&state->row, (size_t)count));
    for (int64_t i = 0; i < dataset->stored.samples; i++) {
        size_t bytes = (size_t)count * sizeof *state->row;
        SNUG_TRY(snug_safetensors_read(&state->file, state->target, (uint64_t)i * bytes, state->row,
                                       bytes));
        for (int64_t j = 0; j < count; j++) {
            if (state->row[j] < 0 || state->row[j] >= dataset->options.classes)
                return snug_fail(SNUG_BAD_FILE, "%s: target %lld of sample %lld, with %lld classes",
                                 dataset->options.name, (long long)state->row[j], (long long)i,
                                 (long long)dataset->options.classes);
            if (state->row[j] > highest) highest = state->row[j];
        }
    }
    dataset->stored.classes = highest + 1;
    return SNUG_OK;
}

static snug_status open_set(snug_dataset *dataset) {
    tensors_state *state = NULL;
    SNUG_TRY(SNUG_NEW(&state, 1));
    dataset->state = state;
    state->file.descriptor = -1;
    SNUG_TRY(snug_safetensors_open(dataset->options.name, &state->file));
    bool has_test = snug_safetensors_find(&state->file, "test_input") != NULL;
    bool test = has_test && dataset->options.split == SNUG_TEST;
    state->input = snug_safetensors_find(&state->file, test ? "test_input" : "input");
    state->target = snug_safetensors_find(&state->file, test ? "test_target" : "target");
    SNUG_TRY(check_types(dataset));
    const snug_type *input = &state->input->type;
    dataset->stored = (snug_stored){.samples = input->dims[0],
                                    .channels = input->dims[1],
                                    .height = input->dims[2],
                                    .width = input->dims[3],
                                    .is_float = input->dtype == SNUG_F32,
                                    .mean = 0.5,
                                    .deviation = 0.5,
                                    .per_pixel = state->target->type.rank == 3,
                                    .has_test = has_test};
    // Per-pixel targets are not padded with the image, so the size must be the network's.
    if (dataset->stored.per_pixel && dataset->options.height > 0 &&
        (dataset->options.height != input->dims[2] || dataset->options.width != input->dims[3]))
        return snug_fail(SNUG_INVALID, "%s: a class for every pixel of %lldx%lld, not of %lldx%lld",
                         dataset->options.name, (long long)input->dims[2],
                         (long long)input->dims[3], (long long)dataset->options.height,
                         (long long)dataset->options.width);
    return check_targets(dataset);
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *pixels,
                               int32_t *target) {
    tensors_state *state = dataset->state;
    size_t bytes = snug_type_bytes(&state->input->type) / (size_t)dataset->stored.samples;
    int64_t count = targets_per_sample(state);
    size_t target_bytes = (size_t)count * sizeof *state->row;
    SNUG_TRY(
        snug_safetensors_read(&state->file, state->input, (uint64_t)index * bytes, pixels, bytes));
    SNUG_TRY(snug_safetensors_read(&state->file, state->target, (uint64_t)index * target_bytes,
                                   state->row, target_bytes));
    for (int64_t i = 0; i < count; i++)
        target[i] = (int32_t)state->row[i];
    return SNUG_OK;
}

static void close_set(snug_dataset *dataset) {
    tensors_state *state = dataset->state;
    if (!state) return;
    snug_safetensors_close(&state->file);
    snug_memory_free(state->row);
    snug_memory_free(state);
}

const snug_data_format snug_data_format_tensors = {
    .name = "safetensors",
    .matches = matches,
    .open = open_set,
    .read = read_sample,
    .close = close_set,
};

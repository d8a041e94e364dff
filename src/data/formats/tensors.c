// A .safetensors file with `target` (N, ...) and the network's inputs (N, ...) by their names, or
// `input` where there is one, and optionally the same after `test_`. Images (N, C, H, W) with
// classes are made to fit as those of other sets are; all else is as the network takes it.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/conversion.h"
#include "data/dataset.h"
#include "data/element.h"
#include "io/safetensors.h"

typedef struct tensors_state {
    snug_safetensors file;
    const snug_safetensors_entry *inputs[SNUG_MAX_INPUTS], *target;
    void *row, *turned; // one sample's tensor as stored, and as wanted but row-major
} tensors_state;

enum { IGNORED = -100 }; // PyTorch's default for targets that count in no loss

// By ending, how a file becomes tensors.
static const struct {
    const char *ending;
    snug_status (*open)(const char *path, snug_safetensors *out);
} kinds[] = {{".safetensors", snug_safetensors_open},
             {".csv", snug_data_open_csv},
             {".npy", snug_data_open_npy},
             {".npz", snug_data_open_npz}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const char *path) {
    int kind = 0;
    for (size_t length = strlen(path); kind < KINDS; kind++) {
        size_t ending = strlen(kinds[kind].ending);
        if (length > ending && strcmp(path + length - ending, kinds[kind].ending) == 0) break;
    }
    return kind;
}

static bool matches(const char *path) {
    return kind_of(path) < KINDS;
}

static int64_t row_elements(const snug_safetensors_entry *entry) {
    assert(entry); // find_tensors() saw to it
    return snug_type_elements(&entry->type) / entry->type.dims[0];
}

static size_t row_bytes(const snug_safetensors_entry *entry) {
    return snug_type_bytes(&entry->type) / (size_t)entry->type.dims[0];
}

static const snug_safetensors_entry *find(const tensors_state *state, bool test, const char *name) {
    char full[SNUG_SAMPLE_NAME + 8];
    snprintf(full, sizeof full, "%s%s", test ? "test_" : "", name);
    return snug_safetensors_find(&state->file, full);
}

// Names of what the file holds, for a message.
static void append_names(const snug_safetensors *file, snug_text *out) {
    enum { MOST = 12 };
    for (size_t i = 0; i < file->count && i < MOST; i++)
        snug_text_append(out, "%s`%.100s`", i ? ", " : "", file->entries[i].name);
    if (file->count > MOST) snug_text_append(out, " ...");
}

static snug_status fail_missing(const snug_dataset *dataset, const char *expected,
                                const char *missing) {
    const tensors_state *state = dataset->state;
    snug_text names = {0};
    append_names(&state->file, &names);
    snug_status status =
        snug_fail(SNUG_BAD_FILE, "%s: tensors `%s` and `target` expected, `%s` is missing among %s",
                  dataset->options.name, expected, missing, snug_text_view(&names));
    snug_text_clear(&names);
    return status;
}

// What may be a network's input: tensors with as many rows as there are targets, `input` first.
static void list_inputs(tensors_state *state, bool test) {
    int count = 0;
    state->inputs[count] = find(state, test, "input");
    count += state->inputs[0] != NULL;
    for (size_t i = 0; i < state->file.count && count < SNUG_MAX_INPUTS; i++) {
        const snug_safetensors_entry *entry = &state->file.entries[i];
        bool is_other = entry == state->target || entry == state->inputs[0] ||
                        strncmp(entry->name, "test_", 5) == 0;
        if (!is_other && entry->type.rank > 0 && state->target->type.rank > 0 &&
            entry->type.dims[0] == state->target->type.dims[0])
            state->inputs[count++] = entry;
    }
}

// Each input by its own name; the only one may be called `input`.
static snug_status find_tensors(snug_dataset *dataset, bool test) {
    tensors_state *state = dataset->state;
    const snug_sample_type *wanted = &dataset->wanted;
    const char *expected = wanted->input_count > 0 ? wanted->inputs[0].name : "input";
    state->target = find(state, test, "target");
    if (!state->target) return fail_missing(dataset, expected, test ? "test_target" : "target");
    if (wanted->input_count == 0) list_inputs(state, test);
    for (int i = 0; i < wanted->input_count; i++) {
        const char *name = wanted->inputs[i].name;
        state->inputs[i] = find(state, test, name);
        if (!state->inputs[i] && wanted->input_count == 1)
            state->inputs[i] = find(state, test, "input");
        if (!state->inputs[i]) return fail_missing(dataset, expected, name);
    }
    return state->inputs[0] ? SNUG_OK : fail_missing(dataset, expected, expected);
}

static snug_status check_types(const snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    const char *path = dataset->options.name;
    assert(state->target);
    const snug_type *target = &state->target->type;
    char text[SNUG_TYPE_TEXT];
    if (target->rank < 1)
        return snug_fail(SNUG_BAD_FILE, "%s: `target` (N, ...) of numbers expected, found %s", path,
                         snug_type_print(target, text));
    for (int i = 0; i < SNUG_MAX_INPUTS && state->inputs[i]; i++) {
        const snug_type *input = &state->inputs[i]->type;
        if (input->rank < 1 || snug_type_elements(input) == 0)
            return snug_fail(SNUG_BAD_FILE, "%s: '%s' (N, ...) expected, found %s", path,
                             state->inputs[i]->name, snug_type_print(input, text));
        if (target->dims[0] != input->dims[0])
            return snug_fail(SNUG_BAD_FILE, "%s: %lld targets for %lld samples", path,
                             (long long)target->dims[0], (long long)input->dims[0]);
    }
    return SNUG_OK;
}

static snug_status refuse_class(const snug_dataset *dataset, int64_t sample, int64_t found) {
    char most[32] = "on";
    if (dataset->options.classes < INT32_MAX)
        snprintf(most, sizeof most, "to %lld", (long long)dataset->options.classes - 1);
    return snug_fail(SNUG_BAD_FILE,
                     "%s: target %lld of sample %lld: a class from 0 %s expected, or %d, which "
                     "leaves it out of the loss",
                     dataset->options.name, (long long)found, (long long)sample, most, IGNORED);
}

// Reads every class once: they must be classes, and the highest tells how many there are.
static snug_status check_classes(snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    int64_t count = row_elements(state->target), highest = -1;
    int64_t *row = state->turned;
    for (int64_t i = 0; i < dataset->stored.samples; i++) {
        size_t bytes = row_bytes(state->target);
        SNUG_TRY(snug_safetensors_read(&state->file, state->target, (uint64_t)i * bytes, state->row,
                                       bytes));
        snug_elements_convert(state->row, state->target->type.dtype, count, row, SNUG_I64);
        for (int64_t j = 0; j < count; j++) {
            if (row[j] == IGNORED) continue;
            if (row[j] < 0 || row[j] >= dataset->options.classes)
                return refuse_class(dataset, i, row[j]);
            if (row[j] > highest) highest = row[j];
        }
    }
    dataset->stored.classes = highest + 1;
    return SNUG_OK;
}

// Whether |stored| without its first dimension is the wanted sample: equal but for extents of 1
// where |squeezed|.
static bool has_shape(const snug_type *stored, const snug_sample_tensor *wanted, bool squeezed) {
    int at = 1, next = 0;
    while (at < stored->rank || next < wanted->rank) {
        if (at < stored->rank && next < wanted->rank && stored->dims[at] == wanted->dims[next])
            at++, next++;
        else if (squeezed && at < stored->rank && stored->dims[at] == 1)
            at++;
        else if (squeezed && next < wanted->rank && wanted->dims[next] == 1)
            next++;
        else
            return false;
    }
    return true;
}

// What cures a target that is not the one wanted, or "".
static const char *advise(const snug_safetensors_entry *entry, const snug_sample_tensor *wanted) {
    bool wants_classes = strcmp(wanted->type, "int32") == 0;
    if (strcmp(entry->name, "target") != 0 && strcmp(entry->name, "test_target") != 0) return "";
    if (wants_classes && snug_dtype_is_float(entry->type.dtype))
        return ": cross-entropy takes classes, `loss` mse or bce numbers";
    if (wants_classes && wanted->rank > 0)
        return ": `class_axis` says which dimension of the output has the classes, `output` names "
               "another output, `loss` another loss";
    return ": `output` names another output, `loss` another loss";
}

static snug_status check_tensor(const snug_dataset *dataset, const snug_safetensors_entry *entry,
                                const snug_sample_tensor *wanted, bool squeezed) {
    snug_dtype dtype;
    SNUG_TRY(snug_element_type(wanted->type, &dtype));
    if (snug_element_converts(entry->type.dtype, dtype) &&
        has_shape(&entry->type, wanted, squeezed))
        return SNUG_OK;
    char found[SNUG_TYPE_TEXT], expected[SNUG_TYPE_TEXT];
    int64_t dims[SNUG_MAX_RANK] = {entry->type.dims[0]};
    memcpy(dims + 1, wanted->dims, sizeof *dims * (size_t)wanted->rank);
    snug_type type = snug_type_make(dtype == SNUG_I32 && squeezed ? SNUG_I64 : dtype,
                                    SNUG_ROW_MAJOR, wanted->rank + 1, dims);
    return snug_fail(SNUG_INVALID, "%s: the network takes %s as `%s`, the file has %s%s",
                     dataset->options.name, snug_type_print(&type, expected), entry->name,
                     snug_type_print(&entry->type, found), advise(entry, wanted));
}

// What is wanted, tensor by tensor.
static snug_status check_wanted(const snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    const snug_sample_type *wanted = &dataset->wanted;
    for (int i = 0; i < wanted->input_count; i++)
        SNUG_TRY(check_tensor(dataset, state->inputs[i], &wanted->inputs[i], false));
    return check_tensor(dataset, state->target, &wanted->target, true);
}

static bool is_class_target(const snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    if (dataset->wanted.input_count > 0) return strcmp(dataset->wanted.target.type, "int32") == 0;
    return !snug_dtype_is_float(state->target->type.dtype);
}

// Images are those of float32 or uint8 with a class, or one for each pixel.
static bool holds_images(const tensors_state *state) {
    const snug_type *input = &state->inputs[0]->type, *target = &state->target->type;
    bool pixels =
        target->rank == 3 && target->dims[1] == input->dims[2] && target->dims[2] == input->dims[3];
    return input->rank == 4 && (input->dtype == SNUG_F32 || input->dtype == SNUG_U8) &&
           target->dtype == SNUG_I64 && (target->rank == 1 || pixels);
}

// What is told of a set that nobody wants a sample of yet.
static void list_stored(snug_dataset *dataset) {
    const tensors_state *state = dataset->state;
    snug_stored *stored = &dataset->stored;
    for (int i = 0; i < SNUG_MAX_INPUTS && state->inputs[i]; i++) {
        const snug_safetensors_entry *entry = state->inputs[i];
        snug_sample_tensor *listed = &stored->inputs[i];
        if (strlen(entry->name) >= sizeof listed->name) continue; // no input is called so
        snprintf(listed->name, sizeof listed->name, "%s", entry->name);
        listed->rank = entry->type.rank - 1;
        for (int j = 1; j < entry->type.rank; j++)
            listed->dims[j - 1] = entry->type.dims[j];
        stored->input_count = i + 1;
    }
    // Which of several is the first of a network's is not known.
    bool is_only = strcmp(stored->inputs[0].name, "input") == 0 || stored->input_count == 1;
    if (is_only) return;
    stored->rank = 0;
    stored->channels = stored->height = stored->width = 0;
}

static void fill_stored(snug_dataset *dataset, bool has_test) {
    const tensors_state *state = dataset->state;
    assert(state->inputs[0] && state->target);
    const snug_type *input = &state->inputs[0]->type, *target = &state->target->type;
    bool images = holds_images(state);
    bool described = dataset->wanted.input_count == 0;
    dataset->stored = (snug_stored){.samples = input->dims[0],
                                    .is_float = input->dtype == SNUG_F32,
                                    .mean = 0.5,
                                    .deviation = 0.5,
                                    .rank = input->rank - 1,
                                    .target_rank = target->rank - 1,
                                    .has_test = has_test,
                                    .as_wanted = !described && !(images && dataset->wants_image)};
    for (int i = 1; i < input->rank; i++)
        dataset->stored.dims[i - 1] = input->dims[i];
    for (int i = 1; i < target->rank; i++)
        dataset->stored.target_dims[i - 1] = target->dims[i];
    if (images) {
        dataset->stored.channels = input->dims[1];
        dataset->stored.height = input->dims[2];
        dataset->stored.width = input->dims[3];
        dataset->stored.per_pixel = target->rank == 3;
    }
    if (described) list_stored(dataset);
}

// Room for the largest row, in its own elements and in any other's.
static snug_status allocate_rows(tensors_state *state) {
    int64_t most = row_elements(state->target);
    for (int i = 0; i < SNUG_MAX_INPUTS && state->inputs[i]; i++)
        if (row_elements(state->inputs[i]) > most) most = row_elements(state->inputs[i]);
    SNUG_TRY(snug_memory_new((size_t)most, sizeof(int64_t), &state->row));
    return snug_memory_new((size_t)most, sizeof(int64_t), &state->turned);
}

static snug_status open_set(snug_dataset *dataset) {
    tensors_state *state = NULL;
    SNUG_TRY(SNUG_NEW(&state, 1));
    dataset->state = state;
    state->file.descriptor = -1;
    const char *path = dataset->options.name;
    SNUG_TRY(kinds[kind_of(path)].open(path, &state->file));
    bool has_test = snug_safetensors_find(&state->file, "test_target") != NULL;
    SNUG_TRY(find_tensors(dataset, has_test && dataset->options.split == SNUG_SPLIT_TEST));
    SNUG_TRY(check_types(dataset));
    SNUG_TRY(allocate_rows(state));
    fill_stored(dataset, has_test);
    const snug_stored *stored = &dataset->stored;
    // Per-pixel targets are not padded with the image, so the size must be the network's.
    if (!stored->as_wanted && stored->per_pixel && dataset->options.height > 0 &&
        (dataset->options.height != stored->height || dataset->options.width != stored->width))
        return snug_fail(SNUG_INVALID, "%s: a class for every pixel of %lldx%lld, not of %lldx%lld",
                         dataset->options.name, (long long)stored->height, (long long)stored->width,
                         (long long)dataset->options.height, (long long)dataset->options.width);
    if (stored->as_wanted) SNUG_TRY(check_wanted(dataset));
    return is_class_target(dataset) ? check_classes(dataset) : SNUG_OK;
}

static snug_status read_row(const tensors_state *state, const snug_safetensors_entry *entry,
                            int64_t index) {
    size_t bytes = row_bytes(entry);
    return snug_safetensors_read(&state->file, entry, (uint64_t)index * bytes, state->row, bytes);
}

static snug_status read_image(snug_dataset *dataset, int64_t index, void *pixels, int32_t *target) {
    const tensors_state *state = dataset->state;
    size_t bytes = row_bytes(state->inputs[0]);
    SNUG_TRY(snug_safetensors_read(&state->file, state->inputs[0], (uint64_t)index * bytes, pixels,
                                   bytes));
    SNUG_TRY(read_row(state, state->target, index));
    snug_elements_convert(state->row, SNUG_I64, row_elements(state->target), target, SNUG_I32);
    return SNUG_OK;
}

static snug_status read_tensor(const tensors_state *state, const snug_safetensors_entry *entry,
                               int64_t index, const snug_sample_tensor *wanted, void *to) {
    snug_dtype dtype;
    SNUG_TRY(snug_element_type(wanted->type, &dtype));
    SNUG_TRY(read_row(state, entry, index));
    void *row_major = wanted->channels_last ? state->turned : to;
    snug_elements_convert(state->row, entry->type.dtype, row_elements(entry), row_major, dtype);
    if (wanted->channels_last)
        snug_elements_channels_last(wanted, snug_dtype_bytes(dtype), row_major, to);
    return SNUG_OK;
}

static snug_status read_sample(snug_dataset *dataset, int64_t index, void *const *inputs,
                               void *target) {
    const tensors_state *state = dataset->state;
    for (int i = 0; i < dataset->wanted.input_count; i++)
        SNUG_TRY(
            read_tensor(state, state->inputs[i], index, &dataset->wanted.inputs[i], inputs[i]));
    return read_tensor(state, state->target, index, &dataset->wanted.target, target);
}

static void close_set(snug_dataset *dataset) {
    tensors_state *state = dataset->state;
    if (!state) return;
    snug_safetensors_close(&state->file);
    snug_memory_free(state->row);
    snug_memory_free(state->turned);
    snug_memory_free(state);
}

const snug_data_format snug_data_format_tensors = {
    .name = "safetensors",
    .matches = matches,
    .open = open_set,
    .read = read_image,
    .read_sample = read_sample,
    .close = close_set,
};

#include "cli/planning.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/fields.h"
#include "cli/stopping.h"
#include "snug/data.h"
#include "snug/gpu.h"

// The next size that networks which halve an image five times divide evenly.
static int64_t round_size(int64_t size) {
    return (size + 31) / 32 * 32;
}

static bool is_file(const char *model) {
    static const char ending[] = ".onnx";
    size_t length = strlen(model), suffix = sizeof ending - 1;
    return length > suffix && strcmp(model + length - suffix, ending) == 0;
}

// What the data can tell of an ONNX file's input: the extents that it leaves open.
static void suggest_input(const snug_dataset_info *info, snug_plan_request *request) {
    request->input_suggested = true;
    request->input_rank = info->rank;
    for (int i = 0; i < info->rank; i++)
        request->input_dims[i] = info->dims[i];
}

snug_status planning_fit_data(options *given) {
    if (!given->data) return SNUG_OK;
    snug_dataset_info *info = &given->data_info;
    snug_status status = snug_dataset_describe(given->data, info);
    if (status != SNUG_OK) return status;
    snug_plan_request *request = &given->request;
    if (is_file(request->model)) {
        if (!given->input_given && info->rank > 0) suggest_input(info, request);
        request->data_inputs = info->inputs;
        request->data_input_count = info->input_count;
        given->data_target.rank = info->target_rank;
        memcpy(given->data_target.dims, info->target_dims, sizeof given->data_target.dims);
        if (info->target_rank > 0) request->data_target = &given->data_target;
        return SNUG_OK;
    }
    // Made-up samples come in any size: the model's own.
    if (!given->input_given && info->height > 0) {
        request->channels = info->channels == 1 ? 3 : info->channels;
        request->height = round_size(info->height);
        request->width = round_size(info->width);
    }
    if (request->classes == 0) request->classes = info->classes; // 0: the model's own
    if (request->classes == 0 && request->loss != SNUG_LOSS_CROSS_ENTROPY && info->target_rank == 1)
        request->classes = info->target_dims[0]; // one output for each number
    return SNUG_OK;
}

static void take_run(const snug_run_info *info, options *given) {
    snug_plan_request *request = &given->request;
    request->model = info->model;
    request->width_multiplier = info->width_multiplier;
    request->separable = info->separable;
    request->classes = info->is_file ? 0 : info->classes;
    request->channels = info->channels;
    request->height = info->height;
    request->width = info->width;
    request->input_rank = info->input_rank;
    memcpy(request->input_dims, info->input_dims, sizeof request->input_dims);
    request->input_suggested = true;
    given->input_given = true; // the run tells
    request->output = info->output[0] ? info->output : NULL;
    request->loss = info->loss;
    request->class_axis = info->class_axis;
    request->evaluation = true;
    request->cost = SNUG_COST_SOURCE_MODEL; // there is nothing to choose between
    if (request->precision == SNUG_PRECISION_AUTO) request->precision = info->precision;
    if (request->allow < SNUG_FIDELITY_PRECISION) request->allow = SNUG_FIDELITY_PRECISION;
}

snug_status planning_open_run(options *given, snug_run_info *info, snug_device **device,
                              snug_plan **plan) {
    snug_status status = snug_run_describe(given->request.model, info);
    if (status == SNUG_OK) take_run(info, given);
    if (status == SNUG_OK) status = planning_fit_data(given);
    if (status == SNUG_OK) status = snug_device_open(given->device, given->threads, device);
    return status == SNUG_OK ? snug_plan_make(*device, &given->request, plan) : status;
}

// A line on a terminal that is drawn over, while images are looked at.
static bool on_files(void *context, int64_t done, int64_t total) {
    enum { BETWEEN = 50 };
    const options *given = context;
    if (done == 0) stopping_catch();
    if (done % BETWEEN == 0 && isatty(fileno(given->text))) {
        fprintf(given->text, "\rreading file %" PRId64 " of %" PRId64, done, total);
        fflush(given->text);
    }
    return !stopping_wanted(NULL);
}

// Names what is left out of the data because it cannot be read.
static void tell_skipped(const snug_dataset *data, snug_split split, const options *given) {
    enum { MOST = 10 };
    int64_t count = snug_dataset_skipped(data);
    // Training samples that are evaluated as well were told of before.
    if (split == SNUG_SPLIT_TEST && strcmp(snug_dataset_use(data), "training") == 0) count = 0;
    if (isatty(fileno(given->text))) fprintf(given->text, "\r%79s\r", "");
    if (count == 0) return;
    fprintf(given->text, "%" PRId64 " %s cannot be read and %s left out:\n", count,
            count == 1 ? "file" : "files", count == 1 ? "is" : "are");
    for (int64_t i = 0; i < count && i < MOST; i++)
        fprintf(given->text, "  %s\n", snug_dataset_skipped_file(data, i));
    if (count > MOST) fprintf(given->text, "  and %" PRId64 " more\n", count - MOST);
    fputc('\n', given->text);
}

snug_status planning_open_data(const snug_plan *plan, options *given, snug_split split,
                               snug_dataset **out) {
    snug_dataset_options wanted = {.name = given->data,
                                   .split = split,
                                   .sample = snug_plan_sample(plan),
                                   .validation_share = given->val_split,
                                   .seed = given->train.seed,
                                   .on_progress = on_files,
                                   .context = given};
    snug_status status = snug_dataset_open(&wanted, out);
    if (status == SNUG_OK) tell_skipped(*out, split, given);
    return status;
}

snug_status planning_open_device(const options *given, snug_device **out) {
    *out = NULL;
    if (!given->gpu) return snug_device_open(given->device, given->threads, out);
    const snug_gpu_info *gpu;
    snug_status status = snug_gpu_find(given->gpu, &gpu);
    return status == SNUG_OK ? snug_gpu_open(gpu, out) : status;
}

snug_status planning_make(snug_device *device, options *given, snug_plan **out) {
    snug_status status = snug_plan_make(device, &given->request, out);
    if (given->timing_shown) fprintf(stderr, "\r%20s\r", "");
    given->timing_shown = false;
    return status;
}

// Prints a plan's text with the options that it speaks of. False: no memory.
static bool print_text(const char *text, FILE *to) {
    size_t room = command_fields_room(text);
    char *shown = malloc(room);
    if (!shown) return false;
    command_fields(text, shown, room);
    fputs(shown, to);
    free(shown);
    return true;
}

int planning_print(const snug_plan *plan, const options *given) {
    char *text = NULL;
    bool json = given->json, done = true;
    snug_status status = json ? snug_plan_json(plan, &text) : snug_plan_text(plan, &text);
    if (status != SNUG_OK) return command_fail("plan", status);
    FILE *to = json ? stdout : given->text;
    if (json)
        fprintf(to, "%s\n", text);
    else
        done = print_text(text, to);
    fflush(to);
    snug_string_free(text);
    return done ? EXIT_DONE : EXIT_FAILED;
}

#include "cli/planning.h"

#include <string.h>

#include "cli/command.h"
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
        return SNUG_OK;
    }
    // Made-up samples come in any size: the model's own.
    if (!given->input_given && info->height > 0) {
        request->channels = info->channels == 1 ? 3 : info->channels;
        request->height = round_size(info->height);
        request->width = round_size(info->width);
    }
    if (request->classes == 0) request->classes = info->classes; // 0: the model's own
    if (request->classes == 0 && request->loss != SNUG_CROSS_ENTROPY && info->target_rank == 1)
        request->classes = info->target_dims[0]; // one output for each number
    return SNUG_OK;
}

snug_status planning_open_data(const snug_plan *plan, const options *given, snug_split split,
                               snug_dataset **out) {
    snug_dataset_options wanted = {.name = given->data,
                                   .split = split,
                                   .sample = snug_plan_sample(plan),
                                   .validation_share = given->val_split,
                                   .seed = given->train.seed};
    return snug_dataset_open(&wanted, out);
}

snug_status planning_open_device(const options *given, snug_device **out) {
    *out = NULL;
    if (!given->gpu) return snug_device_open(given->device, given->threads, out);
    const snug_gpu_info *gpu;
    snug_status status = snug_gpu_find(given->gpu, &gpu);
    return status == SNUG_OK ? snug_gpu_open(gpu, out) : status;
}

int planning_print(const snug_plan *plan, const options *given) {
    char *text = NULL;
    bool json = given->json;
    snug_status status = json ? snug_plan_json(plan, &text) : snug_plan_text(plan, &text);
    if (status != SNUG_OK) return command_fail("plan", status);
    FILE *to = json ? stdout : given->text;
    fprintf(to, json ? "%s\n" : "%s", text);
    fflush(to);
    snug_string_free(text);
    return EXIT_DONE;
}

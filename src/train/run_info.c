// What a run's plan.json says about its network.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "base/text.h"
#include "plan/file_model.h"
#include "snug/train.h"

static snug_status read_input(const char *path, const json_t *input, snug_run_info *out) {
    size_t rank = json_array_size(input);
    if (!json_is_array(input) || rank > SNUG_SAMPLE_RANK)
        return snug_fail(SNUG_BAD_FILE, "%s: the network's input is no list of extents", path);
    out->input_rank = (int)rank;
    for (size_t i = 0; i < rank; i++)
        out->input_dims[i] = json_integer_value(json_array_get(input, i));
    if (rank != 3) return SNUG_OK;
    out->channels = out->input_dims[0];
    out->height = out->input_dims[1];
    out->width = out->input_dims[2];
    return SNUG_OK;
}

static snug_status read_network(const char *path, json_t *plan, snug_run_info *out) {
    const char *model = NULL, *network = NULL, *precision = NULL;
    const char *loss = "cross-entropy", *output = "";
    json_int_t classes;
    json_t *input = NULL;
    int separable;
    bool is_plan = json_unpack(plan, "{s:s, s:{s:s, s:F, s:b, s:I, s:o, s?s, s?s, s?i}, s:{s:s}}",
                               "model", &network, "network", "model", &model, "width",
                               &out->width_multiplier, "separable", &separable, "classes", &classes,
                               "input", &input, "loss", &loss, "output", &output, "class_axis",
                               &out->class_axis, "chosen", "precision", &precision) == 0 ||
                   json_unpack(plan, "{s:s, s:{s:s, s:F, s:b, s:I, s:o, s?s, s:n, s?i}, s:{s:s}}",
                               "model", &network, "network", "model", &model, "width",
                               &out->width_multiplier, "separable", &separable, "classes", &classes,
                               "input", &input, "loss", &loss, "output", "class_axis",
                               &out->class_axis, "chosen", "precision", &precision) == 0;
    if (!is_plan || strlen(model) >= sizeof out->model || strlen(network) >= sizeof out->network ||
        strlen(output) >= sizeof out->output)
        return snug_fail(SNUG_BAD_FILE, "%s does not describe a network that was trained", path);
    snprintf(out->model, sizeof out->model, "%s", model);
    snprintf(out->network, sizeof out->network, "%s", network);
    snprintf(out->output, sizeof out->output, "%s", output);
    out->is_file = snug_file_model_matches(model);
    out->separable = separable;
    out->classes = classes;
    SNUG_TRY(read_input(path, input, out));
    if (snug_loss_parse(loss, &out->loss) != SNUG_OK)
        return snug_fail(SNUG_BAD_FILE, "%s: '%s' is no loss", path, loss);
    if (snug_precision_parse(precision, &out->precision) != SNUG_OK)
        return snug_fail(SNUG_BAD_FILE, "%s: '%s' is no precision", path, precision);
    return SNUG_OK;
}

static snug_status describe(const char *folder, snug_run_info *out) {
    snug_text path = {0};
    snug_text_append(&path, "%s/plan.json", folder);
    snug_status status = snug_text_status(&path);
    if (status == SNUG_OK) {
        json_error_t error;
        FILE *file = fopen(path.data, "rb");
        json_t *plan = file ? json_loadf(file, 0, &error) : NULL;
        if (!file)
            status = snug_fail(SNUG_NOT_FOUND,
                               "cannot read %s: a folder that `snug train` wrote is "
                               "expected",
                               path.data);
        else if (!plan)
            status = snug_fail(SNUG_BAD_FILE, "%s is not JSON: %s", path.data, error.text);
        else
            status = read_network(path.data, plan, out);
        json_decref(plan);
        if (file) fclose(file);
    }
    snug_text_clear(&path);
    return status;
}

snug_status snug_run_describe_sized(const char *folder, snug_run_info *out, size_t out_bytes) {
    SNUG_REQUIRE(folder && out, "a folder and a place for what it says");
    snug_run_info found = {0};
    snug_status status = describe(folder, &found);
    snug_sized_give(out, out_bytes, &found, sizeof found);
    return status;
}

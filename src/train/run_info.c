// What a run's plan.json says about its network.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "snug/train.h"

static snug_status read_network(const char *path, json_t *plan, snug_run_info *out) {
    const char *model = NULL, *network = NULL, *precision = NULL;
    json_int_t classes, input[3];
    int separable;
    bool is_plan =
        json_unpack(plan, "{s:s, s:{s:s, s:F, s:b, s:I, s:[I,I,I]}, s:{s:s}}", "model", &network,
                    "network", "model", &model, "width", &out->width_multiplier, "separable",
                    &separable, "classes", &classes, "input", &input[0], &input[1], &input[2],
                    "chosen", "precision", &precision) == 0 &&
        strlen(model) < sizeof out->model && strlen(network) < sizeof out->network;
    if (!is_plan)
        return snug_fail(SNUG_BAD_FILE, "%s does not describe a network that was trained", path);
    snprintf(out->model, sizeof out->model, "%s", model);
    snprintf(out->network, sizeof out->network, "%s", network);
    out->separable = separable;
    out->classes = classes;
    out->channels = input[0];
    out->height = input[1];
    out->width = input[2];
    if (snug_precision_parse(precision, &out->precision) != SNUG_OK)
        return snug_fail(SNUG_BAD_FILE, "%s: '%s' is no precision", path, precision);
    return SNUG_OK;
}

snug_status snug_run_describe(const char *folder, snug_run_info *out) {
    *out = (snug_run_info){0};
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

// snug eval: a saved network on a data set.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/planning.h"
#include "cli/stopping.h"
#include "snug/size.h"

static void report(const options *given, const snug_run_info *info, const char *use,
                   const snug_evaluate_result *result) {
    FILE *text = given->text;
    char peak[SNUG_SIZE_TEXT];
    char accuracy[32] = "null";
    fprintf(text, "%s: ", info->network);
    if (isfinite(result->accuracy)) {
        snprintf(accuracy, sizeof accuracy, "%.9g", result->accuracy);
        fprintf(text, "accuracy %.2f %%, ", 100 * result->accuracy);
    }
    fprintf(text, "loss %.4f on %" PRId64 " %s samples in %.1f s, %s of memory\n", result->loss,
            result->samples, use, result->seconds,
            snug_size_print(result->measured_peak_bytes, peak));
    if (given->json)
        printf("{\"event\":\"eval\",\"model\":\"%s\",\"samples\":%" PRId64
               ",\"loss\":%.9g,\"accuracy\":%s,\"planned_peak_bytes\":%zu,"
               "\"measured_peak_bytes\":%zu,\"seconds\":%.6g}\n",
               info->network, result->samples, result->loss, accuracy, result->planned_peak_bytes,
               result->measured_peak_bytes, result->seconds);
}

static snug_status evaluate(const snug_plan *plan, options *given, const char *folder,
                            snug_evaluate_result *result, const char **use) {
    char weights[4096];
    snug_dataset *test = NULL;
    snug_evaluate_options wanted = {.should_stop = stopping_wanted};
    stopping_catch();
    snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
    snug_status status = planning_open_data(plan, given, SNUG_SPLIT_TEST, &test);
    if (status == SNUG_OK) *use = snug_dataset_use(test);
    if (status == SNUG_OK) status = snug_evaluate(plan, weights, test, &wanted, result);
    snug_dataset_close(test);
    return status;
}

static int run(int argc, char **argv) {
    options given;
    snug_run_info info;
    snug_evaluate_result result = {0};
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    const char *use = "";
    if (!options_read(argc, argv, OPTIONS_PLANNING, &given)) return EXIT_USAGE;
    const char *folder = given.request.model;
    if (!given.data) {
        command_complain("eval", "which --data? `snug train --help` lists what is read");
        return EXIT_USAGE;
    }
    snug_status status = planning_open_run(&given, &info, &device, &plan);
    if (status == SNUG_OK) status = evaluate(plan, &given, folder, &result, &use);
    if (status == SNUG_OK) report(&given, &info, use, &result);
    int exit = command_fail(argv[0], status);
    snug_plan_free(plan);
    snug_device_close(device);
    return exit;
}

const snug_command snug_command_eval = {
    .name = "eval",
    .computes = true,
    .summary = "the accuracy of a trained network on a data set",
    .usage = "usage: snug eval RUN --data DATA [--memory 2GiB] [options]\n\n"
             "Evaluates the network that `snug train` saved in the folder RUN, inside the\n"
             "budget and in the precision it was trained in.\n\n"
             "  --data DATA           its test split: as for `snug train`\n"
             "  --val-split X         those that training held out (with its --seed)\n"
             "  --memory SIZE         the budget (default: what is free)\n"
             "  --batch-size N        the most samples at once (default 256)\n"
             "  --precision WHAT      another one: float32, bfloat16 or float16\n"
             "  --device NAME         cpu (default); `snug devices` lists them\n"
             "  --threads N           (default: all cores)\n"
             "  --json                JSON on standard output\n",
    .run = run,
};

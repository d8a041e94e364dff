// snug predict: what a saved network says to each sample of a data set.
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/planning.h"
#include "cli/stopping.h"
#include "snug/size.h"

enum { LINE_NUMBERS = 1000 }; // the most that a line tells

typedef struct printer {
    const snug_sample_tensor *answer;
    int64_t numbers; // of a sample's output
    bool has_classes, json;
} printer;

static void print_class(const printer *self, int64_t sample, const float *output) {
    int64_t best = 0;
    for (int64_t i = 1; i < self->numbers; i++)
        if (output[i] > output[best]) best = i;
    printf(self->json ? "{\"event\":\"prediction\",\"sample\":%" PRId64 ",\"class\":%" PRId64
                        ",\"value\":%.9g}\n"
                      : "%" PRId64 "\t%" PRId64 "\t%.6g\n",
           sample, best, (double)output[best]);
}

static void print_numbers(const printer *self, int64_t sample, const float *output) {
    printf(self->json ? "{\"event\":\"prediction\",\"sample\":%" PRId64 ",\"output\":["
                      : "%" PRId64,
           sample);
    for (int64_t i = 0; i < self->numbers; i++)
        printf(!self->json ? "\t%.6g" : i ? ",%.9g" : "%.9g", (double)output[i]);
    puts(self->json ? "]}" : "");
}

static void print_samples(void *context, int64_t first, int64_t samples, const float *outputs) {
    const printer *self = context;
    for (int64_t i = 0; i < samples; i++, outputs += self->numbers)
        (self->has_classes ? print_class : print_numbers)(self, first + i, outputs);
}

// A line a sample on standard output, or a file.
static snug_status predict(const snug_plan *plan, options *given, const snug_run_info *info,
                           const char *folder, snug_predict_result *result) {
    char weights[4096];
    snug_dataset *data = NULL;
    const snug_sample_tensor *answer = snug_plan_output(plan);
    bool is_number = info->loss == SNUG_LOSS_MSE;
    printer lines = {.answer = answer,
                     .numbers = (int64_t)(answer->bytes / sizeof(float)),
                     .has_classes = info->loss == SNUG_LOSS_CROSS_ENTROPY && answer->rank == 1,
                     .json = given->json};
    snug_predict_options wanted = {.prediction = given->logits || is_number
                                                     ? SNUG_PREDICTION_OUTPUT
                                                     : SNUG_PREDICTION_PROBABILITIES,
                                   .npy = given->out,
                                   .on_samples = given->out ? NULL : print_samples,
                                   .should_stop = stopping_wanted,
                                   .context = &lines};
    stopping_catch();
    snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
    snug_status status = planning_open_data(plan, given, SNUG_SPLIT_TEST, &data);
    if (status == SNUG_OK) status = snug_predict(plan, weights, data, &wanted, result);
    snug_dataset_close(data);
    return status;
}

static void report(const options *given, const snug_predict_result *result) {
    char peak[SNUG_SIZE_TEXT];
    if (!given->out) return;
    fprintf(given->text, "%" PRId64 " predictions in %.1f s, %s of memory: %s\n", result->samples,
            result->seconds, snug_size_print(result->measured_peak_bytes, peak), given->out);
    if (given->json)
        printf("{\"event\":\"predict\",\"samples\":%" PRId64
               ",\"planned_peak_bytes\":%zu,\"measured_peak_bytes\":%zu,\"seconds\":%.6g}\n",
               result->samples, result->planned_peak_bytes, result->measured_peak_bytes,
               result->seconds);
}

// Whether a sample's output is more than a line holds.
static bool is_too_much(const snug_plan *plan, const options *given) {
    size_t numbers = snug_plan_output(plan)->bytes / sizeof(float);
    if (given->out || numbers <= LINE_NUMBERS) return false;
    command_complain("predict", "%zu numbers for each sample: --out FILE.npy takes them", numbers);
    return true;
}

static int run(int argc, char **argv) {
    options given;
    snug_run_info info;
    snug_predict_result result = {0};
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    if (!options_read(argc, argv, OPTIONS_PREDICTING, &given)) return EXIT_USAGE;
    const char *folder = given.request.model;
    if (!given.data) {
        command_complain("predict", "which DATA? `snug train --help` lists what is read");
        return EXIT_USAGE;
    }
    if (!given.out) given.text = stderr; // standard output has the predictions
    snug_status status = planning_open_run(&given, &info, &device, &plan);
    int exit = EXIT_USAGE;
    if (status != SNUG_OK || !is_too_much(plan, &given)) {
        if (status == SNUG_OK) status = predict(plan, &given, &info, folder, &result);
        if (status == SNUG_OK) report(&given, &result);
        exit = command_fail(argv[0], status);
    }
    snug_plan_free(plan);
    snug_device_close(device);
    return exit;
}

const snug_command snug_command_predict = {
    .name = "predict",
    .computes = true,
    .summary = "what a trained network says to each sample of a data set",
    .usage = "usage: snug predict RUN DATA [--out FILE.npy] [options]\n\n"
             "What the network that `snug train` saved in the folder RUN says to each sample\n"
             "of DATA's test split (all of it, where it has none): a line with the sample's\n"
             "number, the class and its probability, between tabs; of other outputs than\n"
             "classes the numbers.\n\n"
             "  DATA                  as for `snug train`\n"
             "  --out FILE.npy        all outputs, as an array of numpy's instead\n"
             "  --logits              the network's output as it is, no probabilities\n"
             "  --val-split X         those that training held out (with its --seed)\n"
             "  --memory SIZE         the budget (default: what is free)\n"
             "  --batch-size N        the most samples at once (default 256)\n"
             "  --precision WHAT      another one: float32, bfloat16 or float16\n"
             "  --device NAME         cpu (default); `snug devices` lists them\n"
             "  --threads N           (default: all cores)\n"
             "  --json                a JSON object a line\n",
    .run = run,
};

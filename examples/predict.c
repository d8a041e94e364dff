// What a trained network says to a sample: the network that `snug train` saved in the folder RUN,
// asked about samples that the program makes.
//
//     predict RUN
#include <snug/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 3 };

// A plan for evaluation alone of the network that plan.json in the run's folder tells of.
static snug_status plan_of_run(snug_device *device, const snug_run_info *info, snug_plan **out) {
    snug_plan_request request = {.model = info->model,
                                 .width_multiplier = info->width_multiplier,
                                 .separable = info->separable,
                                 .classes = info->is_file ? 0 : info->classes,
                                 .channels = info->channels,
                                 .height = info->height,
                                 .width = info->width,
                                 .input_rank = info->input_rank,
                                 .input_suggested = true,
                                 .output = info->output[0] ? info->output : NULL,
                                 .loss = info->loss,
                                 .class_axis = info->class_axis,
                                 .precision = info->precision,
                                 .allow = SNUG_FIDELITY_PRECISION,
                                 .batch_size = SAMPLES,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .evaluation = true};
    memcpy(request.input_dims, info->input_dims, sizeof request.input_dims);
    return snug_plan_make(device, &request, out);
}

// The program's samples: here, every input is 0, 1 and 2 throughout.
static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    float *input = ((float **)context)[0], *end = ((float **)context)[1];
    (void)samples; // all of them at once: .most is SAMPLES
    for (float *at = input; at < end; at++)
        *at = (float)((at - input) * SAMPLES / (end - input));
    inputs[0] = input;
    *target = NULL; // nobody knows
    return SNUG_OK;
}

static snug_status predict(const snug_plan *plan, const char *weights) {
    const snug_sample_tensor *output = snug_plan_output(plan);
    size_t input_bytes = SAMPLES * snug_plan_sample(plan)->inputs[0].bytes;
    size_t bytes = SAMPLES * output->bytes, numbers = output->bytes / sizeof(float);
    float *input = malloc(input_bytes), *said = malloc(bytes);
    float *range[2] = {input, input + input_bytes / sizeof *input};
    snug_batch_source source = {.next = next_samples, .context = range, .most = SAMPLES};
    snug_trainer *trainer = NULL;
    snug_status status = input && said ? snug_trainer_new(plan, 0, &trainer) : SNUG_NOMEM;
    if (status == SNUG_OK) status = snug_trainer_load(trainer, weights);
    if (status == SNUG_OK)
        status = snug_trainer_predict(trainer, &source, SAMPLES, SNUG_PREDICTION_PROBABILITIES,
                                      said, bytes);
    for (size_t i = 0; i < SAMPLES && status == SNUG_OK; i++) {
        size_t best = 0;
        for (size_t j = 1; j < numbers; j++)
            if (said[i * numbers + j] > said[i * numbers + best]) best = j;
        printf("sample %zu: class %zu with probability %.4f\n", i, best,
               (double)said[i * numbers + best]);
    }
    snug_trainer_free(trainer);
    free(input);
    free(said);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: predict RUN\n");
        return 2;
    }
    char weights[4096];
    snug_run_info info;
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snprintf(weights, sizeof weights, "%s/weights.safetensors", argv[1]);
    snug_status status = snug_run_describe(argv[1], &info);
    if (status == SNUG_OK) status = snug_device_open("cpu", 0, &device);
    if (status == SNUG_OK) status = plan_of_run(device, &info, &plan);
    if (status == SNUG_OK) status = predict(plan, weights);
    if (status != SNUG_OK)
        fprintf(stderr, "predict: %s: %s\n", snug_status_name(status), snug_error_message());
    snug_plan_free(plan);
    snug_device_close(device);
    return status == SNUG_OK ? 0 : 1;
}

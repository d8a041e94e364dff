// 16 bits take less memory than 32, also where the processor has no fast arithmetic in them and
// values are converted to be computed with; and what is cast again is what was cast before.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "snug/train.h"
#include "support/test.h"

static const char folder[] = SNUG_SOURCE_DIR "/tests/onnx/training/";

typedef struct example {
    const char *model;
    int64_t batch;
} example;

static const example examples[] = {{"transformer-script-training.onnx", 256},
                                   {"mixer-dynamo-training.onnx", 64},
                                   {"conv-script-training.onnx", 64},
                                   {"unet-script-training.onnx", 64}};

static snug_plan *plan_of(snug_device *device, const example *of, snug_precision precision) {
    char path[512];
    snug_plan *plan;
    snprintf(path, sizeof path, "%s%s", folder, of->model);
    bool low = precision != SNUG_PRECISION_FLOAT32;
    snug_plan_request request = {.model = path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = of->batch,
                                 .micro_batch = of->batch,
                                 .allow = SNUG_FIDELITY_PRECISION,
                                 .precision = precision,
                                 .fixes = low ? "free-early,mixed-precision" : "free-early",
                                 .optimizer = {.momentum = 0.9}};
    if (snug_plan_make(device, &request, &plan) != SNUG_OK)
        fail_msg("%s: %s", of->model, snug_error_message());
    return plan;
}

// The peak with gradients freed early.
static size_t peak_of(const snug_plan *plan) {
    const snug_candidate *candidate;
    for (size_t i = 0; (candidate = snug_plan_candidate(plan, i)); i++)
        if (candidate->fixes[0] && strcmp(candidate->fixes[0], "free-early") == 0)
            return candidate->peak_bytes;
    fail_msg("no candidate with free-early");
    return 0;
}

static void test_memory(void **state) {
    (void)state;
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        snug_plan *full = plan_of(device, &examples[i], SNUG_PRECISION_FLOAT32),
                  *low = plan_of(device, &examples[i], SNUG_PRECISION_BFLOAT16);
        printf("  %-34s %9zu bytes in float32, %9zu in bfloat16\n", examples[i].model,
               peak_of(full), peak_of(low));
        if (peak_of(low) >= peak_of(full)) fail_msg("%s: 16 bits save nothing", examples[i].model);
        snug_plan_free(full);
        snug_plan_free(low);
    }
    snug_device_close(device);
}

static void keep_loss(void *context, const snug_step_event *event) {
    *(double *)context = event->loss;
}

// The loss after a few steps: a wrong cast would show in gradients.
static double train(snug_device *device, const example *of, snug_precision precision) {
    double loss = NAN;
    snug_dataset *data;
    snug_train_result result;
    snug_plan *plan = plan_of(device, of, precision);
    snug_dataset_options options = {
        .name = "synthetic", .sample = snug_plan_sample(plan), .samples = 4 * of->batch};
    snug_train_options wanted = {
        .epochs = 1, .learning_rate = 0.01, .on_step = keep_loss, .context = &loss};
    assert_int_equal(snug_dataset_open(&options, &data), SNUG_OK);
    if (snug_train(plan, data, NULL, &wanted, &result) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(result.measured_peak_bytes, result.planned_peak_bytes);
    snug_dataset_close(data);
    snug_plan_free(plan);
    return loss;
}

static void test_losses(void **state) {
    (void)state;
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        example small = {examples[i].model, 16};
        double full = train(device, &small, SNUG_PRECISION_FLOAT32),
               low = train(device, &small, SNUG_PRECISION_BFLOAT16);
        if (!(fabs(low - full) < 0.02 * fabs(full)))
            fail_msg("%s: loss %.6g, in float32 %.6g", small.model, low, full);
    }
    snug_device_close(device);
}

int main(void) {
    // Before oneDNN looks: no processor has fast bfloat16 with AVX2 alone.
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_losses)};
    return cmocka_run_group_tests_name("memory in 16 bits", tests, NULL, NULL);
}

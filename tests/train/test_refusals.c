// What the public entries refuse: enumerators that there are not, numbers that mean nothing, and
// what is missing. Each fails with SNUG_INVALID and a sentence, whatever the build.
#include <math.h>
#include <string.h>

#include "snug/data.h"
#include "snug/device.h"
#include "snug/explain.h"
#include "snug/gpu.h"
#include "snug/plan.h"
#include "snug/size.h"
#include "snug/train.h"
#include "support/test.h"

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        snug_status found = (call);                                                                \
        if (found != SNUG_INVALID || strlen(snug_error_message()) < 10)                            \
            fail_msg("%s: %s", #call, snug_status_name(found));                                    \
    } while (0)

static snug_device *device;

static int open_device(void **state) {
    (void)state;
    return snug_device_open("reference", 1, &device) == SNUG_OK ? 0 : -1;
}

static int close_device(void **state) {
    (void)state;
    snug_device_close(device);
    return 0;
}

static const snug_plan_request sound = {.model = "simple",
                                        .cost = SNUG_COST_SOURCE_MODEL,
                                        .batch_size = 2,
                                        .allow = SNUG_FIDELITY_EXACT,
                                        .optimizer = {.momentum = 0.9}};

#define REFUSED_WITH(field, wrong)                                                                 \
    do {                                                                                           \
        snug_plan_request request = sound;                                                         \
        snug_plan *made = (snug_plan *)&request;                                                   \
        request.field = (wrong);                                                                   \
        REFUSED(snug_plan_make(device, &request, &made));                                          \
        assert_null(made);                                                                         \
    } while (0)

static void test_requests(void **state) {
    (void)state;
    snug_plan *plan = NULL;
    REFUSED_WITH(model, NULL);
    REFUSED_WITH(precision, (snug_precision)99);
    REFUSED_WITH(precision, (snug_precision)-1);
    REFUSED_WITH(allow, (snug_fidelity)5);
    REFUSED_WITH(loss, (snug_loss)3);
    REFUSED_WITH(cost, (snug_cost_source)2);
    REFUSED_WITH(optimizer.kind, (snug_optimizer_kind)3);
    REFUSED_WITH(optimizer.momentum, NAN);
    REFUSED_WITH(optimizer.weight_decay, -1);
    REFUSED_WITH(label_smoothing, NAN);
    REFUSED_WITH(width_multiplier, INFINITY);
    REFUSED_WITH(classes, -1);
    REFUSED_WITH(height, -32);
    REFUSED_WITH(input_rank, SNUG_SAMPLE_RANK);
    REFUSED_WITH(input_rank, -1);
    REFUSED_WITH(batch_size, -1);
    REFUSED_WITH(micro_batch, -1);
    REFUSED(snug_plan_make(NULL, &sound, &plan));
    REFUSED(snug_plan_make(device, NULL, &plan));
    REFUSED(snug_plan_make(device, &sound, NULL));
}

static void test_names(void **state) {
    (void)state;
    snug_loss loss;
    snug_fidelity fidelity;
    snug_precision precision;
    size_t size;
    assert_string_equal(snug_fidelity_name((snug_fidelity)99), "unknown");
    assert_string_equal(snug_precision_name((snug_precision)-1), "unknown");
    assert_string_equal(snug_loss_name((snug_loss)99), "unknown");
    assert_string_equal(snug_status_name((snug_status)9999), "unknown status");
    REFUSED(snug_loss_parse(NULL, &loss));
    REFUSED(snug_fidelity_parse(NULL, &fidelity));
    REFUSED(snug_precision_parse(NULL, &precision));
    REFUSED(snug_size_parse(NULL, &size));
}

static void test_devices(void **state) {
    (void)state;
    snug_device *none;
    const snug_gpu_info *gpu;
    char *text;
    REFUSED(snug_device_open(NULL, 1, &none));
    REFUSED(snug_device_open("cpu", -1, &none));
    REFUSED(snug_device_open("cpu", 1, NULL));
    REFUSED(snug_gpu_open(NULL, &none));
    REFUSED(snug_gpu_find(NULL, &gpu));
    REFUSED(snug_gpu_standin_settings(NULL, &text));
}

static void test_data(void **state) {
    (void)state;
    snug_dataset *data = NULL;
    snug_dataset_info info;
    snug_sample_type sample = {
        .input_count = 1,
        .inputs = {{.name = "x", .type = "float32", .rank = 1, .dims = {3}, .bytes = 12}},
        .target = {.name = "target", .type = "int32", .bytes = 4},
        .classes = 2};
    snug_dataset_options options = {.name = "synthetic", .sample = &sample, .samples = 4};
    REFUSED(snug_dataset_open(NULL, &data));
    REFUSED(snug_dataset_open(&options, NULL));
    REFUSED(snug_dataset_describe(NULL, &info));
    for (int i = 0; i < 3; i++) {
        snug_dataset_options wrong = options;
        wrong.validation_share = i == 0 ? 1 : i == 1 ? -0.1 : NAN;
        REFUSED(snug_dataset_open(&wrong, &data));
    }
    for (int i = 0; i < 5; i++) {
        snug_dataset_options wrong = options;
        snug_sample_type other = sample;
        wrong.sample = &other;
        if (i == 0) wrong.name = NULL;
        if (i == 1) wrong.split = (snug_split)2;
        if (i == 2) other.input_count = SNUG_MAX_INPUTS + 1;
        if (i == 3) other.target.rank = SNUG_SAMPLE_RANK; // with the batch's dimension one too many
        if (i == 4) other.inputs[0].type = NULL;
        REFUSED(snug_dataset_open(&wrong, &data));
        assert_null(data);
    }
    assert_int_equal(snug_dataset_open(&options, &data), SNUG_OK);
    snug_loader *loader;
    snug_loader_options chunks = {.chunk_samples = 0};
    float row[3];
    int32_t target;
    void *const rows[] = {row};
    REFUSED(snug_loader_start(data, &chunks, &loader));
    REFUSED(snug_loader_start(NULL, &chunks, &loader));
    REFUSED(snug_dataset_read(data, -1, rows, &target));
    REFUSED(snug_dataset_read(data, 0, NULL, &target));
    snug_dataset_close(data);
}

static snug_status give(void *context, int64_t samples, const void **inputs, const void **target) {
    (void)context, (void)samples, (void)inputs, (void)target;
    return SNUG_INTERNAL;
}

static void test_trainers(void **state) {
    (void)state;
    snug_plan *plan;
    snug_trainer *trainer;
    double loss, accuracy;
    char *text;
    if (snug_plan_make(device, &sound, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    REFUSED(snug_plan_text(plan, NULL));
    REFUSED(snug_plan_text(NULL, &text));
    REFUSED(snug_plan_html_write(plan, NULL));
    assert_int_equal(snug_plan_minimum_bytes_at(plan, (snug_fidelity)99), SIZE_MAX);
    REFUSED(snug_trainer_new(NULL, 1, &trainer));
    REFUSED(snug_trainer_new(plan, 1, NULL));
    assert_int_equal(snug_trainer_new(plan, 1, &trainer), SNUG_OK);
    snug_batch_source none = {0}, source = {.next = give};
    REFUSED(snug_trainer_step(trainer, &none, 0.1, &loss));
    REFUSED(snug_trainer_step(trainer, NULL, 0.1, &loss));
    REFUSED(snug_trainer_step(trainer, &source, NAN, &loss));
    REFUSED(snug_trainer_step(trainer, &source, 0.1, NULL));
    REFUSED(snug_trainer_evaluate(trainer, &none, 2, &loss, &accuracy));
    REFUSED(snug_trainer_evaluate(trainer, &source, 0, &loss, &accuracy));
    REFUSED(snug_trainer_read(trainer, NULL, &loss, 8));
    REFUSED(snug_trainer_write(trainer, "fc.bias", NULL, 8));
    REFUSED(snug_trainer_load(trainer, NULL));
    REFUSED(snug_trainer_save(trainer, NULL));
    REFUSED(snug_trainer_tensor(trainer, 0, NULL));
    snug_train_options options = {.schedule = (snug_lr_schedule)7};
    snug_train_result result;
    snug_dataset *data;
    snug_dataset_options wanted = {.name = "synthetic", .sample = snug_plan_sample(plan)};
    assert_int_equal(snug_dataset_open(&wanted, &data), SNUG_OK);
    REFUSED(snug_train(plan, data, NULL, &options, &result));
    REFUSED(snug_train(plan, NULL, NULL, &options, &result));
    REFUSED(
        snug_evaluate(plan, NULL, data, &(snug_evaluate_options){0}, &(snug_evaluate_result){0}));
    snug_dataset_close(data);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
}

static void test_runs(void **state) {
    (void)state;
    snug_run_info info;
    snug_explanation *explanation;
    REFUSED(snug_run_describe(NULL, &info));
    REFUSED(snug_run_export(NULL, "x"));
    REFUSED(snug_run_export_onnx("x", NULL));
    REFUSED(snug_explain_file(NULL, &explanation));
    REFUSED(snug_explain_text(NULL, 3, "text", &explanation));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_names),
        cmocka_unit_test(test_devices),  cmocka_unit_test(test_data),
        cmocka_unit_test(test_trainers), cmocka_unit_test(test_runs),
    };
    return cmocka_run_group_tests_name("refusals", tests, open_device, close_device);
}

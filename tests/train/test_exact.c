// What is called exact changes no bit: losses and final weights of runs that are squeezed by
// fusing, freeing early and recomputing against a run with no fix at all, for every family of
// networks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "snug/train.h"
#include "support/test.h"

enum {
    SIDE = 32,
    IMAGE = 3 * SIDE * SIDE,
    BATCH = 4,
    STEPS = 20,
    CLASSES = 10,
    PIXELS = SIDE * SIDE
};

typedef struct feed {
    float input[BATCH * IMAGE];
    int32_t target[BATCH * PIXELS];
    int64_t next, targets; // of a sample
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    *input = self->input + self->next * IMAGE;
    *target = self->target + self->next * self->targets;
    self->next += samples;
    return SNUG_OK;
}

typedef struct outcome {
    double losses[STEPS];
    unsigned char *tensors; // weights, statistics and optimizer state, one after another
    size_t bytes;
    int64_t recomputed;
} outcome;

static int compare_infos(const void *a, const void *b) {
    return strcmp(((const snug_tensor_info *)a)->name, ((const snug_tensor_info *)b)->name);
}

// In the order of their names: plans differ in the order of tensors.
static void keep_tensors(snug_trainer *trainer, outcome *out) {
    enum { MOST = 4096 };
    static snug_tensor_info infos[MOST];
    size_t count = 0;
    while (count < MOST && snug_trainer_tensor(trainer, count, &infos[count]) == SNUG_OK)
        out->bytes += infos[count++].bytes;
    assert_true(count > 0 && count < MOST);
    qsort(infos, count, sizeof *infos, compare_infos);
    unsigned char *next = out->tensors = malloc(out->bytes);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(snug_trainer_read(trainer, infos[i].name, next, infos[i].bytes), SNUG_OK);
        next += infos[i].bytes;
    }
}

static outcome run(const snug_plan_request *request, size_t *minimum, size_t *unfixed) {
    static feed samples;
    outcome out = {0};
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    if (snug_plan_make(device, request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_plan_chosen(plan)->fidelity, SNUG_FIDELITY_EXACT);
    out.recomputed = snug_plan_chosen(plan)->recomputed_ops;
    *minimum = snug_plan_minimum_bytes(plan);
    *unfixed = snug_plan_unfixed_bytes(plan);
    assert_int_equal(snug_trainer_new(plan, 3, &trainer), SNUG_OK);
    samples.targets = snug_plan_is_per_pixel(plan) ? PIXELS : 1;
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < BATCH * IMAGE; i++)
            samples.input[i] =
                snug_random_uniform(snug_random_at(5, (uint64_t)i, (uint64_t)step).words[0]) - 0.5f;
        for (int i = 0; i < BATCH * samples.targets; i++)
            samples.target[i] =
                (int32_t)(snug_random_at(6, (uint64_t)i, (uint64_t)step).words[0] % CLASSES);
        samples.next = 0;
        snug_batch_source source = {.next = next_samples, .context = &samples, .most = BATCH};
        assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &out.losses[step]), SNUG_OK);
    }
    assert_int_equal(snug_trainer_measured_peak(trainer), snug_plan_chosen(plan)->peak_bytes);
    keep_tensors(trainer, &out);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    return out;
}

static void check_model(const char *model, double width) {
    snug_plan_request request = {.model = model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = CLASSES,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .width_multiplier = width,
                                 .batch_size = BATCH,
                                 .allow = SNUG_FIDELITY_EXACT,
                                 .optimizer = {.momentum = 0.9}};
    size_t minimum, unfixed, ignored[2];
    request.budget_bytes = (size_t)1 << 34;
    request.fixes = "";
    outcome plain = run(&request, &minimum, &unfixed);
    assert_int_equal(plain.recomputed, 0);
    request.fixes = "free-early,fuse,recompute";
    free(run(&request, &minimum, &unfixed).tensors);
    int64_t recomputed = 0;
    for (int part = 0; part < 3; part++) {
        request.budget_bytes = minimum + (unfixed - minimum) / 4 * (size_t)part;
        outcome squeezed = run(&request, &ignored[0], &ignored[1]);
        for (int i = 0; i < STEPS; i++)
            if (memcmp(&plain.losses[i], &squeezed.losses[i], sizeof(double)) != 0)
                fail_msg("%s, step %d: loss %.17g, unfixed %.17g", model, i, squeezed.losses[i],
                         plain.losses[i]);
        assert_int_equal(squeezed.bytes, plain.bytes);
        assert_memory_equal(squeezed.tensors, plain.tensors, plain.bytes);
        recomputed += squeezed.recomputed;
        free(squeezed.tensors);
    }
    if (recomputed == 0) fail_msg("%s: nothing was recomputed", model);
    free(plain.tensors);
}

#define TEST(function, model, width)                                                               \
    static void function(void **state) {                                                           \
        (void)state;                                                                               \
        check_model(model, width);                                                                 \
    }
TEST(test_simple, "simple", 1)
TEST(test_vgg, "vgg11", 0.25)
TEST(test_vgg_norm, "vgg11_bn", 0.25)
TEST(test_resnet, "resnet18", 0.25)
TEST(test_bottleneck, "resnet50", 0.25)
TEST(test_mobilenet_v2, "mobilenet_v2", 0.5)
TEST(test_mobilenet_v3, "mobilenet_v3_small", 0.5)
TEST(test_efficientnet, "efficientnet_b0", 0.5)
TEST(test_googlenet, "googlenet", 0.25)
TEST(test_unet, "unet", 0.125)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),       cmocka_unit_test(test_vgg),
        cmocka_unit_test(test_vgg_norm),     cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_bottleneck),   cmocka_unit_test(test_mobilenet_v2),
        cmocka_unit_test(test_mobilenet_v3), cmocka_unit_test(test_efficientnet),
        cmocka_unit_test(test_googlenet),    cmocka_unit_test(test_unet),
    };
    return cmocka_run_group_tests_name("exact", tests, NULL, NULL);
}

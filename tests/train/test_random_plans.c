// Random networks, budgets and options: a plan fits or says that it cannot; a run takes to the byte
// what was planned; a plan that is called exact gives the bits of the run without fixes; and batch
// norm's statistics are left alone where the budget can be met without touching them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "models/layers.h"
#include "plan/plan.h"
#include "snug/train.h"
#include "support/test.h"

enum { SIDE = 16, IMAGE = 3 * SIDE * SIDE, MOST_BATCH = 9, STEPS = 2, CLASSES = 10 };

static uint32_t draw(uint64_t seed, uint64_t counter, uint32_t below) {
    return snug_random_at(seed, counter, 0).words[0] % below;
}

static snug_tensor_id convolve(snug_layers *layers, uint64_t seed, uint64_t at, const char *name,
                               snug_tensor_id x) {
    static const snug_activation activations[] = {NULL, &snug_op_relu, &snug_op_silu,
                                                  &snug_op_relu6, &snug_op_hardswish};
    int64_t channels = snug_layers_channels(layers, x);
    int64_t kernel = draw(seed, at, 2) ? 3 : 1, out = 8 * (1 + draw(seed, at + 1, 4));
    int64_t groups = channels % 8 == 0 && draw(seed, at + 2, 3) == 0 ? 8 : 1;
    snug_conv_shape shape = {
        .out = out, .kernel = kernel, .stride = 1, .padding = kernel / 2, .groups = groups};
    snug_activation activation = activations[draw(seed, at + 3, 5)];
    if (draw(seed, at + 4, 3))
        return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.conv", name),
                                     snug_layers_name(layers, "%s.norm", name), x, shape,
                                     activation);
    x = snug_layers_conv(layers, snug_layers_name(layers, "%s.conv", name), x, shape, true);
    return snug_layers_activate(layers, activation, x);
}

// The seed is model->config.
static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    uint64_t seed = *(const uint64_t *)model->config;
    snug_layers layers = snug_layers_begin(graph, options, training);
    int blocks = 1 + (int)draw(seed, 0, 6);
    for (int i = 0; i < blocks; i++) {
        uint64_t at = 100 + 20 * (uint64_t)i;
        const char *name = snug_layers_name(&layers, "block%d", i);
        snug_tensor_id before = x;
        x = convolve(&layers, seed, at, name, x);
        uint32_t kind = draw(seed, at + 10, 6);
        if (kind == 0 && i < 3) x = snug_layers_max_pool(&layers, x, 2, 2, 0, false);
        if (kind == 1)
            x = snug_layers_squeeze(&layers, name, x, 8, &snug_op_relu, &snug_op_sigmoid);
        if (kind == 2) x = snug_layers_dropout(&layers, x, 0.3);
        if (kind == 3 && snug_layers_channels(&layers, x) == snug_layers_channels(&layers, before))
            x = snug_layers_add(&layers, x, before);
        if (kind == 4) x = snug_layers_stochastic_depth(&layers, x, 0.2);
    }
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 2));
    return snug_layers_linear(&layers, "fc", x, options->classes);
}

static bool has_batch_norm(uint64_t seed) {
    int blocks = 1 + (int)draw(seed, 0, 6);
    for (int i = 0; i < blocks; i++)
        if (draw(seed, 104 + 20 * (uint64_t)i, 3)) return true;
    return false;
}

static snug_model random_model(const uint64_t *seed) {
    return (snug_model){.name = "random",
                        .family = "random",
                        .summary = "",
                        .default_size = SIDE,
                        .minimum_size = SIDE,
                        .size_multiple = 1,
                        .default_classes = CLASSES,
                        .has_batch_norm = has_batch_norm(*seed),
                        .build = build,
                        .config = seed};
}

typedef struct feed {
    float input[MOST_BATCH * IMAGE];
    int32_t target[MOST_BATCH];
    int64_t next;
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    *input = self->input + self->next * IMAGE;
    *target = self->target + self->next;
    self->next += samples;
    return SNUG_OK;
}

typedef struct outcome {
    double losses[STEPS];
    float weights[8 * 32 * 4];
} outcome;

static void run(const snug_plan *plan, uint64_t seed, outcome *out) {
    static feed samples;
    snug_trainer *trainer;
    memset(out, 0, sizeof *out);
    assert_int_equal(snug_trainer_new(plan, seed, &trainer), SNUG_OK);
    for (int i = 0; i < MOST_BATCH * IMAGE; i++)
        samples.input[i] =
            snug_random_uniform(snug_random_at(seed, (uint64_t)i, 7).words[0]) - 0.5f;
    for (int i = 0; i < MOST_BATCH; i++)
        samples.target[i] = (int32_t)draw(seed, 5000 + (uint64_t)i, CLASSES);
    for (int step = 0; step < STEPS; step++) {
        samples.next = 0;
        snug_batch_source source = {.next = next_samples, .context = &samples, .most = MOST_BATCH};
        assert_int_equal(snug_trainer_step(trainer, &source, 0.05, &out->losses[step]), SNUG_OK);
    }
    assert_int_equal(snug_trainer_measured_peak(trainer), snug_plan_chosen(plan)->peak_bytes);
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++)
        if (strcmp(info.name, "block0.conv.weight") == 0 && info.bytes <= sizeof out->weights)
            assert_int_equal(snug_trainer_read(trainer, info.name, out->weights, info.bytes),
                             SNUG_OK);
    snug_trainer_free(trainer);
}

static snug_plan_request random_request(uint64_t seed) {
    static const char *const lists[] = {
        NULL, NULL, NULL, "free-early,recompute", "accumulate", "recompute,accumulate"};
    snug_plan_request request = {
        .cost = SNUG_COST_SOURCE_MODEL,
        .batch_size = 1 + draw(seed, 1, MOST_BATCH),
        .allow = (snug_fidelity)draw(seed, 2, 4),
        .prefer_speed = draw(seed, 3, 4) == 0,
        .fixes = lists[draw(seed, 4, 6)],
        .optimizer = snug_optimizer_defaults((snug_optimizer_kind)draw(seed, 5, 3))};
    request.optimizer.momentum = request.optimizer.kind == SNUG_OPTIMIZER_SGD ? 0.9 : 0;
    if (draw(seed, 6, 4) == 0)
        request.micro_batch = 1 + draw(seed, 7, (uint32_t)request.batch_size);
    return request;
}

typedef struct tally {
    int fitting, exact, refused, contradicting;
} tally;

// The bits of the run with every tensor kept and nothing split.
static void check_exact(snug_device *device, const snug_model *model, snug_plan_request request,
                        uint64_t seed, const outcome *squeezed) {
    snug_plan *plan;
    outcome plain;
    request.budget_bytes = (size_t)1 << 32;
    request.fixes = "";
    request.micro_batch = 0;
    assert_int_equal(snug_plan_make_of(device, &request, model, &plan), SNUG_OK);
    run(plan, seed, &plain);
    assert_memory_equal(&plain, squeezed, sizeof plain);
    snug_plan_free(plan);
}

static void check_budget(snug_device *device, const snug_model *model, snug_plan_request request,
                         uint64_t seed, tally *total) {
    snug_plan *plan;
    outcome found;
    snug_status status = snug_plan_make_of(device, &request, model, &plan);
    if (status == SNUG_NO_FIT) {
        assert_true(snug_plan_minimum_bytes(plan) > request.budget_bytes);
        total->refused++;
    } else {
        assert_int_equal(status, SNUG_OK);
        const snug_candidate *chosen = snug_plan_chosen(plan);
        assert_true(chosen->peak_bytes <= request.budget_bytes);
        assert_true(chosen->fidelity <= request.allow);
        assert_true(request.micro_batch == 0 || chosen->micro_batch == request.micro_batch);
        // The mildest that fits is taken.
        if (!request.prefer_speed && !request.micro_batch)
            for (int i = 0; i < (int)chosen->fidelity; i++)
                assert_true(snug_plan_minimum_bytes_at(plan, (snug_fidelity)i) >
                            request.budget_bytes);
        run(plan, seed, &found);
        total->fitting++;
        total->exact += chosen->fidelity == SNUG_FIDELITY_EXACT;
        if (chosen->fidelity == SNUG_FIDELITY_EXACT)
            check_exact(device, model, request, seed, &found);
    }
    snug_plan_free(plan);
}

static void test_random(void **state) {
    (void)state;
    snug_device *device;
    tally total = {0};
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (uint64_t seed = 0; seed < 20; seed++) {
        snug_model model = random_model(&seed);
        snug_plan_request request = random_request(seed);
        request.budget_bytes = 1;
        snug_plan *plan;
        snug_status status = snug_plan_make_of(device, &request, &model, &plan);
        if (status == SNUG_INVALID) {
            total.contradicting++;
            continue;
        }
        assert_int_equal(status, SNUG_NO_FIT);
        size_t minimum = snug_plan_minimum_bytes(plan), unfixed = snug_plan_unfixed_bytes(plan);
        snug_plan_free(plan);
        size_t budgets[] = {minimum - 1, minimum, minimum + (unfixed - minimum) / 3, unfixed};
        for (int i = 0; i < 4; i++) {
            request.budget_bytes = budgets[i];
            check_budget(device, &model, request, seed, &total);
        }
    }
    print_message("%d plans run, %d of them exact; %d refused, %d contradictions\n", total.fitting,
                  total.exact, total.refused, total.contradicting);
    assert_true(total.exact > 20 && total.fitting > total.exact && total.refused >= 12);
    snug_device_close(device);
}

// Every published network with batch norm, at budgets that recomputation meets.
static void test_statistics_are_left_alone(void **state) {
    (void)state;
    static const char *const models[] = {"mobilenet_v2",    "resnet18", "resnet50",
                                         "efficientnet_b0", "vgg11_bn", "unet"};
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        snug_plan_request request = {.model = models[i],
                                     .cost = SNUG_COST_SOURCE_MODEL,
                                     .batch_size = 32,
                                     .height = 64,
                                     .width = 64,
                                     .budget_bytes = 1,
                                     .allow = SNUG_FIDELITY_STATISTICS};
        snug_plan *plan;
        assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
        size_t exact = snug_plan_minimum_bytes_at(plan, SNUG_FIDELITY_EXACT);
        size_t statistics = snug_plan_minimum_bytes_at(plan, SNUG_FIDELITY_STATISTICS);
        size_t unfixed = snug_plan_unfixed_bytes(plan);
        snug_plan_free(plan);
        assert_true(statistics <= exact && exact < unfixed);
        size_t budgets[] = {exact, exact + (unfixed - exact) / 8, (exact + unfixed) / 2};
        for (int j = 0; j < 3; j++) {
            request.budget_bytes = budgets[j];
            assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
            assert_int_equal(snug_plan_chosen(plan)->fidelity, SNUG_FIDELITY_EXACT);
            snug_plan_free(plan);
        }
    }
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_statistics_are_left_alone),
    };
    return cmocka_run_group_tests_name("random plans", tests, NULL, NULL);
}

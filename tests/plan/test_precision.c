// The fixes that change numbers: what 16 bits and 8-bit state take to the byte, which plan is
// chosen, and what contradicts.
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "support/test.h"

static snug_device *open_device(void) {
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    return device;
}

static snug_plan *make(snug_device *device, const snug_plan_request *request) {
    snug_plan *plan;
    if (snug_plan_make(device, request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    return plan;
}

static bool has_fix(const snug_candidate *candidate, const char *name) {
    for (int i = 0; candidate->fixes[i]; i++)
        if (strcmp(candidate->fixes[i], name) == 0) return true;
    return false;
}

// The chosen plan of mobilenet_v2 at batch 256, 3x96x96, where |precision| alone is asked for.
static snug_candidate free_early(snug_device *device, snug_precision precision) {
    snug_plan_request request = {
        .model = "mobilenet_v2",
        .cost = SNUG_COST_SOURCE_MODEL,
        .batch_size = 256,
        .height = 96,
        .width = 96,
        .budget_bytes = (size_t)8 << 30,
        .precision = precision,
        .fixes = precision == SNUG_PRECISION_FLOAT32 ? "free-early" : "free-early,mixed-precision",
        .allow = SNUG_FIDELITY_STATISTICS};
    snug_plan *plan = make(device, &request);
    snug_candidate chosen = *snug_plan_chosen(plan);
    assert_string_equal(chosen.precision, snug_precision_name(precision));
    assert_int_equal(chosen.fidelity, precision == SNUG_PRECISION_FLOAT32
                                          ? SNUG_FIDELITY_EXACT
                                          : SNUG_FIDELITY_PRECISION);
    assert_int_equal(chosen.micro_batch, 256);
    snug_plan_free(plan);
    return chosen;
}

static void test_half_the_bytes(void **state) {
    (void)state;
    snug_device *device = open_device();
    snug_candidate whole = free_early(device, SNUG_PRECISION_FLOAT32);
    for (int i = SNUG_PRECISION_BFLOAT16; i <= SNUG_PRECISION_FLOAT16; i++) {
        snug_candidate half = free_early(device, (snug_precision)i);
        double activations = (double)half.memory.activations / (double)whole.memory.activations;
        double peak = (double)half.peak_bytes / (double)whole.peak_bytes;
        print_message("%s: activations %.4f of float32's, peak %.4f\n", half.precision, activations,
                      peak);
        assert_true(activations >= 0.5 && activations <= 0.52);
        assert_true(peak <= 0.6);
        assert_true(half.memory.weights == whole.memory.weights);
        assert_true(half.memory.optimizer == whole.memory.optimizer);
    }
    snug_device_close(device);
}

// At most 0.30 of the 32-bit state, small tensors included.
static void test_lean_state(void **state) {
    (void)state;
    static const char *const models[] = {"mobilenet_v2", "resnet18", "vgg11", "efficientnet_b0"};
    snug_device *device = open_device();
    for (size_t i = 0; i < 2 * sizeof models / sizeof *models; i++) {
        snug_plan_request request = {.model = models[i / 2],
                                     .cost = SNUG_COST_SOURCE_MODEL,
                                     .batch_size = 1,
                                     .budget_bytes = (size_t)8 << 30,
                                     .fixes = "free-early,lean-optimizer",
                                     .allow = SNUG_FIDELITY_PRECISION};
        request.optimizer = i % 2 ? (snug_optimizer){.kind = SNUG_OPTIMIZER_ADAMW}
                                  : (snug_optimizer){.momentum = 0.9};
        snug_plan *plan = make(device, &request);
        size_t full = 0, lean = 0;
        const snug_candidate *candidate;
        for (size_t j = 0; (candidate = snug_plan_candidate(plan, j)); j++)
            *(has_fix(candidate, "lean-optimizer") ? &lean : &full) = candidate->memory.optimizer;
        print_message("%s, %s: %.4f of the bytes\n", models[i / 2], i % 2 ? "AdamW" : "momentum",
                      (double)lean / (double)full);
        assert_true(lean > 0 && (double)lean <= 0.30 * (double)full);
        snug_plan_free(plan);
    }
    snug_device_close(device);
}

// The plan as text, which says |phrase| and fits a terminal.
static void check_text(const snug_plan *plan, const char *phrase) {
    char *text;
    assert_int_equal(snug_plan_text(plan, &text), SNUG_OK);
    if (!strstr(text, phrase)) fail_msg("'%s' is not in\n%s", phrase, text);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 80)
            fail_msg("over 80 columns: %.*s", (int)strcspn(line, "\n"), line);
    snug_string_free(text);
}

// What few samples do to the statistics is said, and what a single value does.
static void test_small_micro_batches(void **state) {
    (void)state;
    static const struct {
        int64_t micro, side;
        const char *says;
    } cases[] = {
        {16, 64, "statistics over micro-batches of 16 samples, not 32.\nThe exact"},
        {8, 64, "statistics over micro-batches of 8 samples, not 32.\nThe exact"},
        {7, 64, "of 7 samples, not 32.\nWARNING: statistics of under 8 samples are rough"},
        {1, 64, "of 1 sample, not 32.\nWARNING: statistics of under 8 samples are rough"},
        {1, 32, "of 1 sample, not 32.\nWARNING: where a map is 1x1"},
    };
    snug_device *device = open_device();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_plan_request request = {.model = "resnet18",
                                     .cost = SNUG_COST_SOURCE_MODEL,
                                     .batch_size = 32,
                                     .micro_batch = cases[i].micro,
                                     .height = cases[i].side,
                                     .width = cases[i].side,
                                     .budget_bytes = (size_t)8 << 30,
                                     .fixes = "free-early,accumulate",
                                     .allow = SNUG_FIDELITY_STATISTICS};
        snug_plan *plan = make(device, &request);
        check_text(plan, cases[i].says);
        snug_plan_free(plan);
    }
    snug_device_close(device);
}

// A budget that accumulation alone meets: the plan says that the statistics change; where that is
// not allowed it finds less precision, or names what would do.
static void test_statistics_are_named(void **state) {
    (void)state;
    snug_device *device = open_device();
    snug_plan *plan;
    snug_plan_request request = {.model = "mobilenet_v2",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = 64,
                                 .height = 96,
                                 .width = 96,
                                 .budget_bytes = 1,
                                 .allow = SNUG_FIDELITY_STATISTICS};
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
    size_t precision = snug_plan_minimum_bytes_at(plan, SNUG_FIDELITY_PRECISION);
    size_t exact = snug_plan_minimum_bytes_at(plan, SNUG_FIDELITY_EXACT);
    size_t statistics = snug_plan_minimum_bytes(plan);
    snug_plan_free(plan);
    assert_true(statistics < precision && precision < exact);

    request.budget_bytes = precision - 1;
    plan = make(device, &request);
    assert_int_equal(snug_plan_chosen(plan)->fidelity, SNUG_FIDELITY_STATISTICS);
    check_text(plan, "Batch norm takes its statistics over micro-batches of ");
    check_text(plan, "The exact alternative, the whole batch at once, needs ");
    snug_plan_free(plan);

    request.allow = SNUG_FIDELITY_PRECISION;
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
    char named[32];
    snprintf(named, sizeof named, "%zu bytes", precision);
    assert_non_null(strstr(snug_error_message(), named));
    snug_plan_free(plan);

    request.budget_bytes = precision;
    plan = make(device, &request);
    assert_int_equal(snug_plan_chosen(plan)->fidelity, SNUG_FIDELITY_PRECISION);
    snug_plan_free(plan);
    request.budget_bytes = exact;
    plan = make(device, &request);
    assert_int_equal(snug_plan_chosen(plan)->fidelity, SNUG_FIDELITY_EXACT);
    assert_string_equal(snug_plan_chosen(plan)->precision, "float32");
    snug_plan_free(plan);
    snug_device_close(device);
}

// Below what every other fix needs, another network; the milder of two that fit.
static void test_smaller_models(void **state) {
    (void)state;
    snug_device *device = open_device();
    snug_plan *plan;
    snug_plan_request request = {.model = "resnet18",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = 4,
                                 .height = 32,
                                 .width = 32,
                                 .budget_bytes = 1,
                                 .allow = SNUG_FIDELITY_MODEL};
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
    size_t others = snug_plan_minimum_bytes_at(plan, SNUG_FIDELITY_STATISTICS);
    size_t least = snug_plan_minimum_bytes(plan);
    snug_plan_free(plan);
    assert_true(least < others);
    int64_t before = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        request.budget_bytes = others - 1 - (size_t)i * (others - 1 - least) / 2;
        plan = make(device, &request);
        const snug_candidate *chosen = snug_plan_chosen(plan);
        assert_int_equal(chosen->fidelity, SNUG_FIDELITY_MODEL);
        assert_string_not_equal(snug_plan_model(plan), "resnet18");
        assert_string_equal(snug_plan_requested_model(plan), "resnet18");
        assert_string_equal(chosen->network, snug_plan_model(plan));
        assert_true(chosen->parameters > 0 && chosen->multiply_adds <= before);
        before = chosen->multiply_adds;
        check_text(plan, "ANOTHER NETWORK: ");
        snug_plan_free(plan);
    }
    snug_device_close(device);
}

static void test_contradictions(void **state) {
    (void)state;
    snug_device *device = open_device();
    static const struct {
        snug_plan_request request;
        const char *says;
    } cases[] = {
        {{.precision = SNUG_PRECISION_FLOAT16, .allow = SNUG_FIDELITY_EXACT}, "float16"},
        {{.precision = SNUG_PRECISION_BFLOAT16, .allow = SNUG_FIDELITY_ROUNDING}, "bfloat16"},
        {{.precision = SNUG_PRECISION_FLOAT16, .allow = SNUG_FIDELITY_MODEL, .fixes = "recompute"},
         "mixed-precision"},
        {{.precision = SNUG_PRECISION_FLOAT32,
          .allow = SNUG_FIDELITY_MODEL,
          .fixes = "mixed-precision"},
         "float32"},
        {{.allow = SNUG_FIDELITY_EXACT, .fixes = "lean-optimizer"}, "lean-optimizer"},
        {{.allow = SNUG_FIDELITY_STATISTICS, .fixes = "smaller-model"}, "smaller-model"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_plan *plan;
        snug_plan_request request = cases[i].request;
        request.model = "resnet18";
        request.cost = SNUG_COST_SOURCE_MODEL;
        request.batch_size = 2;
        request.height = request.width = 32;
        request.budget_bytes = (size_t)1 << 32;
        snug_status status = snug_plan_make(device, &request, &plan);
        if (status != SNUG_INVALID || !strstr(snug_error_message(), cases[i].says))
            fail_msg("case %d: status %d, '%s'", (int)i, (int)status,
                     status == SNUG_OK ? "" : snug_error_message());
        assert_null(plan);
    }
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_the_bytes),       cmocka_unit_test(test_lean_state),
        cmocka_unit_test(test_statistics_are_named), cmocka_unit_test(test_smaller_models),
        cmocka_unit_test(test_small_micro_batches),  cmocka_unit_test(test_contradictions),
    };
    return cmocka_run_group_tests_name("precision", tests, NULL, NULL);
}

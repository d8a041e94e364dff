// What tensors are called does not matter to a run: names that meet those of accumulators and of
// the optimizer's state, and names that differ behind their first five hundred bytes, train bit for
// bit like plain ones.
#include <stdio.h>

#include "onnx/builder.h"
#include "snug/train.h"

enum { BATCH = 6, WIDTH = 4, STEPS = 3, LONG = 700 };

static const float start[2][WIDTH] = {{0.5F, -1, 2, 0.25F}, {1, 0.75F, -0.5F, 3}};

// y = x * a + x * x * b
static void write_document(const char *a, const char *b, const char *path) {
    snug_onnx_writer *writer = builder_new(17);
    snug_type x = snug_type_matrix(SNUG_F32, 1, WIDTH), w = snug_type_vector(SNUG_F32, WIDTH);
    char inputs[2][LONG + 8];
    builder_input(writer, "x", &x, "n");
    builder_initializer(writer, a, &w, start[0]);
    builder_initializer(writer, b, &w, start[1]);
    snprintf(inputs[0], sizeof inputs[0], "x %s", a);
    snprintf(inputs[1], sizeof inputs[1], "xx %s", b);
    builder_node(writer, "Mul", "x x", "xx");
    builder_node(writer, "Mul", inputs[0], "p");
    builder_node(writer, "Mul", inputs[1], "q");
    builder_node(writer, "Add", "p q", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

static snug_status give(void *context, int64_t samples, const void **inputs, const void **target) {
    static float x[BATCH * WIDTH], numbers[BATCH * WIDTH];
    int64_t *next = context;
    for (int i = 0; i < BATCH * WIDTH; i++) {
        x[i] = (float)(i * 7 % 11) / 8 - 0.5F;
        numbers[i] = (float)(i * 5 % 13) / 4;
    }
    inputs[0] = x + *next * WIDTH;
    *target = numbers + *next * WIDTH;
    *next += samples;
    return SNUG_OK;
}

typedef struct outcome {
    double losses[STEPS];
    float weights[2][WIDTH];
} outcome;

static outcome train(const char *a, const char *b, snug_optimizer_kind kind, const char *freeze) {
    outcome out;
    char path[] = "/tmp/snug-names-XXXXXX.onnx";
    int descriptor = mkstemps(path, 5);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_document(a, b, path);
    snug_device *device;
    assert_int_equal(snug_device_open("reference", 1, &device), SNUG_OK);
    snug_plan_request request = {.model = path,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .loss = SNUG_LOSS_MSE,
                                 .batch_size = BATCH,
                                 .micro_batch = 4, // and an uneven one of 2
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .freeze = freeze,
                                 .optimizer = snug_optimizer_defaults(kind)};
    request.optimizer.momentum = 0.9;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    if (snug_plan_make(device, &request, &plan) != SNUG_OK ||
        snug_trainer_new(plan, 1, &trainer) != SNUG_OK)
        fail_msg("%.60s, %.60s: %s", a, b, snug_error_message());
    for (int i = 0; i < STEPS; i++) {
        int64_t next = 0;
        snug_batch_source source = {.next = give, .context = &next};
        assert_int_equal(snug_trainer_step(trainer, &source, 0.1, &out.losses[i]), SNUG_OK);
    }
    assert_int_equal(snug_trainer_read(trainer, a, out.weights[0], sizeof out.weights[0]), SNUG_OK);
    assert_int_equal(snug_trainer_read(trainer, b, out.weights[1], sizeof out.weights[1]), SNUG_OK);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    unlink(path);
    return out;
}

static void check(const char *a, const char *b, snug_optimizer_kind kind) {
    static char frozen[LONG + 8];
    for (int freezes = 0; freezes < 2; freezes++) {
        snprintf(frozen, sizeof frozen, "%s", b);
        outcome plain = train("left", "right", kind, freezes ? "right" : NULL);
        outcome found = train(a, b, kind, freezes ? frozen : NULL);
        assert_true(plain.losses[STEPS - 1] < plain.losses[0]);
        if (memcmp(&plain, &found, sizeof plain) != 0)
            fail_msg("%.60s, %.60s: last loss %.9g, %.9g as left and right", a, b,
                     found.losses[STEPS - 1], plain.losses[STEPS - 1]);
    }
}

static void test_suffixes(void **state) {
    (void)state;
    check("a", "a.grad", SNUG_OPTIMIZER_SGD);
    check("a", "a.momentum_buffer", SNUG_OPTIMIZER_SGD);
    check("a", "a.exp_avg", SNUG_OPTIMIZER_ADAM);
    check("a", "a.exp_avg_sq", SNUG_OPTIMIZER_ADAM);
}

static void test_long_names(void **state) {
    (void)state;
    char a[LONG], b[LONG];
    memset(a, 'n', sizeof a);
    memset(b, 'n', sizeof b);
    snprintf(a + 510, sizeof a - 510, "%s", "one");
    snprintf(b + 510, sizeof b - 510, "%s", "two");
    outcome plain = train("left", "right", SNUG_OPTIMIZER_SGD, NULL),
            found = train(a, b, SNUG_OPTIMIZER_SGD, NULL);
    assert_memory_equal(&plain, &found, sizeof plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suffixes),
                                       cmocka_unit_test(test_long_names)};
    return cmocka_run_group_tests_name("names of tensors", tests, NULL, NULL);
}

// Clipped gradients, their norm, and weights without decay, seen in what a step of plain SGD with a
// learning rate of 1 changes: the gradients themselves.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "snug/train.h"
#include "support/test.h"

enum { BATCH = 8, MOST = 64 };

// The changes of all weights in a step.
typedef struct changes {
    float *values[MOST], *before[MOST];
    size_t counts[MOST];
    char names[MOST][64];
    bool is_vector[MOST];
    int count;
    double norm;   // as the trainer told it
    size_t peak;   // planned
    bool measured; // and found
} changes;

static snug_status next(void *context, int64_t samples, const void **inputs, const void **target) {
    static float pixels[BATCH * 3 * 32 * 32];
    static int32_t classes[BATCH];
    int64_t *at = context;
    for (int64_t i = 0; i < samples; i++, ++*at) {
        for (int64_t j = 0; j < (int64_t)3 * 32 * 32; j++)
            pixels[i * 3 * 32 * 32 + j] = (float)sin(0.37 * (double)(*at * 1000 + j));
        classes[i] = (int32_t)(*at % 10);
    }
    inputs[0] = pixels;
    *target = classes;
    return SNUG_OK;
}

static void read_weights(snug_trainer *trainer, changes *out, float **to) {
    snug_tensor_info info;
    out->count = 0;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        if (!info.is_weight) continue;
        assert_true(out->count < MOST);
        to[out->count] = malloc(info.bytes);
        out->counts[out->count] = info.bytes / sizeof(float);
        out->is_vector[out->count] = info.rank == 1;
        strncpy(out->names[out->count], info.name, sizeof out->names[0] - 1);
        assert_int_equal(snug_trainer_read(trainer, info.name, to[out->count], info.bytes),
                         SNUG_OK);
        out->count++;
    }
}

static changes step(const snug_plan_request *request) {
    changes out = {.count = 0};
    float *after[MOST];
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    double loss;
    int64_t at = 0;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    if (snug_plan_make(device, request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(plan, 7, &trainer), SNUG_OK);
    snug_batch_source source = {.next = next, .context = &at, .most = BATCH};
    assert_true(isnan(snug_trainer_gradient_norm(trainer)));
    read_weights(trainer, &out, out.before);
    if (snug_trainer_step(trainer, &source, 1, &loss) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    read_weights(trainer, &out, after);
    for (int i = 0; i < out.count; i++) {
        out.values[i] = after[i];
        for (size_t j = 0; j < out.counts[i]; j++)
            out.values[i][j] = out.before[i][j] - after[i][j];
    }
    out.norm = snug_trainer_gradient_norm(trainer);
    out.peak = snug_trainer_planned_peak(trainer);
    out.measured = snug_trainer_measured_peak(trainer) == out.peak;
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    return out;
}

static void clear(changes *of) {
    for (int i = 0; i < of->count; i++) {
        free(of->values[i]);
        free(of->before[i]);
    }
}

static double norm_of(const changes *of) {
    double sum = 0;
    for (int i = 0; i < of->count; i++)
        for (size_t j = 0; j < of->counts[i]; j++)
            sum += (double)of->values[i][j] * of->values[i][j];
    return sqrt(sum);
}

static const struct {
    int64_t micro_batch;
    const char *fixes;
    bool is_half; // the loss is scaled
} forms[] = {{0, "free-early", false},
             {0, "", false},
             {3, "free-early,accumulate", false},
             {4, "free-early,accumulate,mixed-precision", true}};
enum { FORMS = sizeof forms / sizeof *forms };

static snug_plan_request request_of(int form) {
    const char *fixes = forms[form].fixes;
    return (snug_plan_request){.model = "simple",
                               .height = 32,
                               .width = 32,
                               .batch_size = BATCH,
                               .micro_batch = forms[form].micro_batch,
                               .precision = forms[form].is_half ? SNUG_PRECISION_FLOAT16
                                                                : SNUG_PRECISION_FLOAT32,
                               .fixes = fixes,
                               .require = *fixes ? fixes : NULL,
                               .cost = SNUG_COST_SOURCE_MODEL,
                               .allow = SNUG_FIDELITY_STATISTICS};
}

// Whatever the form of the step: the norm is that of the changes, and telling it changes none.
static void test_norm(void **state) {
    (void)state;
    for (int i = 0; i < FORMS; i++) {
        snug_plan_request request = request_of(i);
        changes plain = step(&request);
        assert_true(isnan(plain.norm));
        request.gradient_norm = true;
        changes told = step(&request);
        double norm = norm_of(&told);
        print_message("%s: norm %.7g, of the changes %.7g\n", forms[i].fixes, told.norm, norm);
        assert_true(fabs(told.norm - norm) < 1e-4 * norm);
        for (int j = 0; j < told.count; j++)
            assert_memory_equal(told.values[j], plain.values[j], told.counts[j] * sizeof(float));
        assert_true(told.measured && plain.measured);
        clear(&plain);
        clear(&told);
    }
}

static void test_clip_norm(void **state) {
    (void)state;
    for (int i = 0; i < FORMS; i++) {
        snug_plan_request request = request_of(i);
        changes plain = step(&request);
        double norm = norm_of(&plain);
        request.clip_norm = 2 * norm; // has no effect
        changes loose = step(&request);
        request.clip_norm = norm / 3;
        changes tight = step(&request);
        assert_true(fabs(loose.norm - norm) < 1e-4 * norm);
        assert_true(fabs(tight.norm - norm) < 1e-4 * norm);
        // torch.nn.utils.clip_grad_norm_()
        double times = request.clip_norm / (norm + 1e-6), largest = 0, off = 0;
        for (int j = 0; j < plain.count; j++)
            for (size_t k = 0; k < plain.counts[j]; k++) {
                largest = fmax(largest, fabs((double)plain.values[j][k]));
                off = fmax(off, fabs(times * plain.values[j][k] - tight.values[j][k]));
                off = fmax(off, fabs((double)plain.values[j][k] - loose.values[j][k]));
            }
        print_message("%s: off by %.3g of %.3g\n", forms[i].fixes, off, largest);
        assert_true(off < 1e-5 * largest);
        // All gradients at once: the plan knows.
        if (forms[i].micro_batch == 0 && *forms[i].fixes) assert_true(tight.peak > plain.peak);
        assert_true(tight.measured && loose.measured);
        clear(&plain);
        clear(&loose);
        clear(&tight);
    }
}

static void test_clip_value(void **state) {
    (void)state;
    for (int i = 0; i < FORMS; i++) {
        snug_plan_request request = request_of(i);
        changes plain = step(&request);
        request.clip_value = 1e-3;
        changes clipped = step(&request);
        int beyond = 0;
        for (int j = 0; j < plain.count; j++)
            for (size_t k = 0; k < plain.counts[j]; k++) {
                double value = plain.values[j][k];
                double wanted = fmax(fmin(value, request.clip_value), -request.clip_value);
                beyond += wanted != value;
                // Changes are differences of weights of around 1.
                assert_true(fabs(clipped.values[j][k] - wanted) < 2e-6);
            }
        assert_true(beyond > 0 && clipped.measured);
        if (forms[i].micro_batch == 0 && *forms[i].fixes)
            assert_int_equal(clipped.peak, plain.peak);
        clear(&plain);
        clear(&clipped);
    }
}

// Decay of 0.5 at a rate of 1 halves a weight beside its gradient, where it decays.
static void test_no_decay(void **state) {
    (void)state;
    static const char *const lists[] = {"norms,biases", "biases", "norms", "conv1"};
    snug_plan_request request = request_of(0);
    request.model = "resnet18";
    request.width_multiplier = 0.25;
    changes plain = step(&request);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        request.optimizer.weight_decay = 0.5;
        request.no_decay = lists[l];
        changes decayed = step(&request);
        int decays = 0;
        for (int j = 0; j < plain.count; j++) {
            // A residual network's vectors are its norms', but for the last layer's bias.
            bool is_bias = strcmp(plain.names[j], "fc.bias") == 0;
            bool is_norm = plain.is_vector[j] && !is_bias;
            bool left_out = (is_bias && strstr(lists[l], "biases")) ||
                            (is_norm && strstr(lists[l], "norms")) ||
                            (l == 3 && strncmp(plain.names[j], "conv1.", 6) == 0);
            decays += !left_out;
            for (size_t k = 0; k < plain.counts[j]; k++) {
                double wanted = plain.values[j][k];
                if (!left_out) wanted += 0.5 * plain.before[j][k];
                assert_true(fabs(decayed.values[j][k] - wanted) < 1e-5 * (1 + fabs(wanted)));
            }
        }
        assert_true(decays > 0 && decays < plain.count);
        clear(&decayed);
    }
    clear(&plain);
    snug_device *device;
    snug_plan *plan;
    request.no_decay = "norms,nothing.there";
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_INVALID);
    assert_non_null(strstr(snug_error_message(), "nothing.there"));
    request.no_decay = NULL;
    request.clip_norm = -1;
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_INVALID);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_clip_norm),
        cmocka_unit_test(test_clip_value),
        cmocka_unit_test(test_no_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

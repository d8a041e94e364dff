// What the operating system sees: for five networks at 3x64x64, batch 64, at six budgets from the
// named minimum to the unfixed need, three steps run, the measured peak equals the planned one and
// is at most the budget, and the process's maximum resident size is at most budget + 96 MiB. A byte
// under the minimum: status 3, the minimum named.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

static const size_t margin = 96u << 20;

typedef struct outcome {
    int status;
    size_t resident;          // bytes, at most
    size_t planned, measured; // of the "done" event
    size_t minimum, unfixed;  // of the "plan" event
} outcome;

static size_t member(const json_t *json, const char *key) {
    return (size_t)json_integer_value(json_object_get(json, key));
}

static void read_events(FILE *from, outcome *out) {
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, from) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        assert_non_null(json);
        const char *event = json_string_value(json_object_get(json, "event"));
        if (strcmp(event, "plan") == 0) {
            out->minimum = member(json, "minimum_bytes");
            out->unfixed = member(json, "unfixed_bytes");
        } else if (strcmp(event, "done") == 0) {
            out->planned = member(json, "planned_peak_bytes");
            out->measured = member(json, "measured_peak_bytes");
        }
        json_decref(json);
    }
    free(line);
}

// Runs `snug train MODEL` in a budget; the test split is small, so that steps are what counts.
static outcome run_snug(const char *model, size_t budget) {
    int ends[2];
    char memory[32];
    snprintf(memory, sizeof memory, "%zu", budget);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        if (!freopen("/dev/null", "w", stderr)) _exit(127);
        execl(SNUG_BUILD_DIR "/bin/snug", "snug", "train", model, "--data", "synthetic", "--cost",
              "model", "--input", "3x64x64", "--batch-size", "64", "--max-steps", "3", "--memory",
              memory, "--threads", "2", "--lr", "0.001", "--no-eval", "--no-out", "--json",
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    outcome out = {0};
    FILE *from = fdopen(ends[0], "r");
    read_events(from, &out);
    fclose(from);
    struct rusage usage;
    int status;
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    out.status = WEXITSTATUS(status);
    out.resident = (size_t)usage.ru_maxrss * 1024;
    return out;
}

static void check(const char *model) {
    outcome probe = run_snug(model, 1);
    assert_int_equal(probe.status, 3);
    assert_true(probe.minimum > 0 && probe.unfixed > probe.minimum);
    assert_int_equal(run_snug(model, probe.minimum - 1).status, 3);
    size_t worst = 0;
    for (size_t i = 0; i < 6; i++) {
        size_t budget = probe.minimum + (probe.unfixed - probe.minimum) / 5 * i;
        outcome found = run_snug(model, budget);
        if (found.status != 0) fail_msg("%s at %zu bytes: status %d", model, budget, found.status);
        assert_int_equal(found.measured, found.planned);
        assert_true(found.planned <= budget);
        if (found.resident > budget + margin)
            fail_msg("%s at %zu bytes: resident %zu bytes, %.1f MiB over the budget", model, budget,
                     found.resident, (double)(found.resident - budget) / (1 << 20));
        size_t beside = found.resident > found.planned ? found.resident - found.planned : 0;
        if (beside > worst) worst = beside;
    }
    print_message("  %-16s minimum %zu, unfixed %zu bytes; at most %.1f MiB beside the arena\n",
                  model, probe.minimum, probe.unfixed, (double)worst / (1 << 20));
}

static void test_resident(void **state) {
    (void)state;
    static const char *const models[] = {"simple", "mobilenet_v2", "efficientnet_b0", "resnet18",
                                         "vgg11"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check(models[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resident)};
    return cmocka_run_group_tests_name("resident size", tests, NULL, NULL);
}

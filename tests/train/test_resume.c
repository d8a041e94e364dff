// A run that is stopped every few steps and resumed ends with the bits of one that never was: the
// weights, statistics and optimizer state of its last checkpoint, and every line of its log. Also
// under other budgets, where the fixes are exact.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "snug/checkpoint.h"
#include "support/test.h"

enum { SIDE = 32, SAMPLES = 70, BATCH = 16, EPOCHS = 3, STEPS = 12 };

typedef struct world {
    char folder[64];
    snug_plan_request request;
    snug_train_options options;
    int64_t stop_after;   // calls of should_stop() in one part of the run; 0: never
    int64_t calls, parts; // so far
    int notices;
    snug_train_result result;
} world;

static bool should_stop(void *context) {
    world *self = context;
    self->calls++;
    return self->stop_after > 0 && self->calls > self->stop_after;
}

static void on_notice(void *context, const char *text) {
    world *self = context;
    self->notices++;
    print_message("  notice: %s\n", text);
}

static snug_status train_part(world *self, const char *name, size_t budget, bool resume) {
    char out[128];
    snug_device *device;
    snug_plan *plan;
    snug_dataset *data, *test;
    snprintf(out, sizeof out, "%s/%s", self->folder, name);
    self->options.out = out;
    self->options.resume = resume;
    self->options.should_stop = should_stop;
    self->options.on_notice = on_notice;
    self->options.context = self;
    self->request.budget_bytes = budget;
    self->calls = 0;
    self->parts++;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    if (snug_plan_make(device, &self->request, &plan) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    snug_dataset_options from = {
        .name = "synthetic", .samples = SAMPLES, .sample = snug_plan_sample(plan), .seed = 4};
    assert_int_equal(snug_dataset_open(&from, &data), SNUG_OK);
    from.samples = 20;
    assert_int_equal(snug_dataset_open(&from, &test), SNUG_OK);
    snug_status status = snug_train(plan, data, test, &self->options, &self->result);
    snug_dataset_close(data);
    snug_dataset_close(test);
    snug_plan_free(plan);
    snug_device_close(device);
    return status;
}

static void find_budgets(const world *self, size_t *least, size_t *unfixed) {
    snug_device *device;
    snug_plan *plan;
    snug_plan_request request = self->request;
    request.budget_bytes = (size_t)1 << 34;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    *least = snug_plan_minimum_bytes(plan);
    *unfixed = snug_plan_unfixed_bytes(plan); // not with scaled losses, which keep all gradients
    if (*unfixed < *least) *unfixed = 2 * *least;
    snug_plan_free(plan);
    snug_device_close(device);
}

static void compare_tensors(const world *self, const char *name) {
    char paths[2][128];
    snug_safetensors files[2];
    snprintf(paths[0], sizeof paths[0], "%s/whole/%s", self->folder, name);
    snprintf(paths[1], sizeof paths[1], "%s/parts/%s", self->folder, name);
    for (int i = 0; i < 2; i++)
        if (snug_safetensors_open(paths[i], &files[i]) != SNUG_OK)
            fail_msg("%s", snug_error_message());
    assert_int_equal(files[0].count, files[1].count);
    size_t compared = 0;
    for (size_t i = 0; i < files[0].count; i++) {
        const snug_safetensors_entry *one = &files[0].entries[i];
        if (strcmp(one->name, "snug:crc32") == 0) continue;
        const snug_safetensors_entry *other = snug_safetensors_find(&files[1], one->name);
        if (!other) fail_msg("%s has no '%s'", paths[1], one->name);
        size_t bytes = snug_type_bytes(&one->type);
        char *a = malloc(bytes + 1), *b = malloc(bytes + 1);
        assert_int_equal(snug_type_bytes(&other->type), bytes);
        assert_int_equal(snug_safetensors_read(&files[0], one, 0, a, bytes), SNUG_OK);
        assert_int_equal(snug_safetensors_read(&files[1], other, 0, b, bytes), SNUG_OK);
        if (memcmp(a, b, bytes) != 0) fail_msg("'%s' differs", one->name);
        free(a);
        free(b);
        compared++;
    }
    assert_true(compared > 2);
    snug_safetensors_close(&files[0]);
    snug_safetensors_close(&files[1]);
}

// Without what time makes of it.
static char *read_line(FILE *file, char *line, size_t room) {
    if (!fgets(line, (int)room, file)) return NULL;
    static const char *const of_time[] = {",\"samples_per_second\":", ",\"seconds\":"};
    for (int i = 0; i < 2; i++) {
        char *at = strstr(line, of_time[i]);
        if (!at) continue;
        const char *end = at + 1 + strcspn(at + 1, ",}");
        memmove(at, end, strlen(end) + 1);
    }
    // What the parts' plans have at their peak is theirs.
    char *peak = strstr(line, ",\"planned_peak_bytes\"");
    if (peak) *peak = '\0';
    return line;
}

static void compare_logs(const world *self) {
    char path[128], one[512], other[512];
    FILE *files[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s/log.jsonl", self->folder, i ? "parts" : "whole");
        files[i] = fopen(path, "r");
        assert_non_null(files[i]);
    }
    int lines = 0;
    while (read_line(files[0], one, sizeof one)) {
        assert_non_null(read_line(files[1], other, sizeof other));
        assert_string_equal(one, other);
        lines++;
    }
    assert_null(fgets(other, sizeof other, files[1]));
    assert_int_equal(lines, STEPS + EPOCHS + 1);
    fclose(files[0]);
    fclose(files[1]);
}

static void remove_world(const world *self) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", self->folder);
    assert_int_equal(system(command), 0); // NOLINT(bugprone-command-processor,cert-env33-c)
}

// One whole run, and one that is stopped after every |self->stop_after| pieces of samples.
static void check(world *self) {
    size_t least, unfixed;
    int64_t every = self->stop_after;
    snprintf(self->folder, sizeof self->folder, "/tmp/snug-resume-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->request.cost = SNUG_COST_SOURCE_MODEL;
    self->request.classes = 10;
    self->request.height = self->request.width = SIDE;
    self->request.batch_size = BATCH;
    self->options.epochs = EPOCHS;
    if (self->options.learning_rate == 0) self->options.learning_rate = 0.01;
    self->options.seed = 9;
    self->options.checkpoint_steps = 5;
    find_budgets(self, &least, &unfixed);
    self->stop_after = 0;
    if (train_part(self, "whole", unfixed, false) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(self->result.steps, STEPS);
    int64_t skipped = self->result.skipped_steps;
    self->stop_after = every;
    self->parts = 0;
    snug_status status = train_part(self, "parts", unfixed, false);
    int64_t steps = self->result.steps;
    for (int i = 0; status == SNUG_INTERRUPTED && self->parts < 100; i++) {
        // By turns the least that works, what needs no fix, and what lies between.
        size_t budget = i % 3 == 0 ? least : i % 3 == 1 ? unfixed : least + (unfixed - least) / 3;
        status = train_part(self, "parts", budget, true);
        assert_int_equal(self->result.resumed_steps, steps);
        steps = self->result.steps;
    }
    if (status != SNUG_OK) fail_msg("%s", snug_error_message());
    print_message("  %d parts, %d steps, %d skipped\n", (int)self->parts, (int)steps, (int)skipped);
    assert_true(self->parts > 2);
    assert_int_equal(self->result.skipped_steps, skipped);
    assert_int_equal(self->notices, 0);
    compare_tensors(self, "weights.safetensors");
    compare_tensors(self, "checkpoint-000012.safetensors");
    compare_logs(self);
    remove_world(self);
}

static void test_momentum(void **state) {
    (void)state;
    check(&(world){
        .stop_after = 3,
        .request = {.model = "simple", .width_multiplier = 0.5, .optimizer = {.momentum = 0.9}}});
}

static void test_norm_and_dropout(void **state) {
    (void)state;
    check(&(world){.stop_after = 5,
                   .request = {.model = "mobilenet_v2",
                               .width_multiplier = 0.25,
                               .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAMW)},
                   .options = {.learning_rate = 1e-3,
                               .schedule = SNUG_LR_SCHEDULE_COSINE,
                               .warmup_epochs = 1.5}});
}

// Four in a batch, the last of one sample: most stops lie within a batch.
static void test_micro_batches(void **state) {
    (void)state;
    check(&(world){.stop_after = 19,
                   .request = {.model = "resnet18",
                               .width_multiplier = 0.125,
                               .micro_batch = 5,
                               .allow = SNUG_FIDELITY_STATISTICS,
                               .fixes = "free-early,fuse,recompute,accumulate",
                               .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAM)},
                   .options = {.learning_rate = 1e-3}});
}

static void test_stochastic_depth_in_8_bits(void **state) {
    (void)state;
    check(&(world){.stop_after = 5,
                   .request = {.model = "efficientnet_b0",
                               .width_multiplier = 0.125,
                               .allow = SNUG_FIDELITY_PRECISION,
                               .fixes = "free-early,fuse,recompute,lean-optimizer",
                               .require = "lean-optimizer",
                               .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAM)},
                   .options = {.learning_rate = 1e-3}});
}

static void test_float16(void **state) {
    (void)state;
    check(&(world){.stop_after = 4,
                   .request = {.model = "resnet18",
                               .width_multiplier = 0.125,
                               .allow = SNUG_FIDELITY_PRECISION,
                               .precision = SNUG_PRECISION_FLOAT16,
                               .fixes = "free-early,fuse,recompute,mixed-precision",
                               .optimizer = {.momentum = 0.9, .nesterov = true}},
                   .options = {.learning_rate = 0.05}});
}

static void test_bfloat16_micro_batches(void **state) {
    (void)state;
    check(&(world){.stop_after = 9,
                   .request = {.model = "simple",
                               .micro_batch = 4,
                               .allow = SNUG_FIDELITY_STATISTICS,
                               .precision = SNUG_PRECISION_BFLOAT16,
                               .fixes = "free-early,fuse,recompute,accumulate,mixed-precision",
                               .optimizer = {.momentum = 0.9, .weight_decay = 1e-4}}});
}

// Runs that another plan, seed or rate would make others of.
static void test_other_runs(void **state) {
    (void)state;
    world self = {.request = {.model = "simple",
                              .width_multiplier = 0.25,
                              .cost = SNUG_COST_SOURCE_MODEL,
                              .classes = 10,
                              .height = SIDE,
                              .width = SIDE,
                              .batch_size = BATCH,
                              .allow = SNUG_FIDELITY_STATISTICS,
                              .optimizer = {.momentum = 0.9}},
                  .options = {.epochs = 1, .learning_rate = 0.1}};
    size_t budget = (size_t)1 << 30;
    snprintf(self.folder, sizeof self.folder, "/tmp/snug-resume-XXXXXX");
    assert_non_null(mkdtemp(self.folder));
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_NOT_FOUND);
    self.stop_after = 2;
    assert_int_equal(train_part(&self, "run", budget, false), SNUG_INTERRUPTED);
    assert_int_equal(train_part(&self, "run", budget, false), SNUG_INVALID);
    self.options.seed = 1;
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_INVALID);
    assert_non_null(strstr(snug_error_message(), "seed is 0, not 1"));
    self.options.seed = 0;
    self.options.learning_rate = 0.2;
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_INVALID);
    self.options.learning_rate = 0.1;
    self.request.optimizer.momentum = 0;
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_INVALID);
    self.request.optimizer.momentum = 0.9;
    self.request.batch_size = 8;
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_INVALID);
    self.request.batch_size = BATCH;
    assert_int_equal(self.notices, 0);
    // Another rounding is told, and goes on.
    self.request.micro_batch = 4;
    self.stop_after = 0;
    assert_int_equal(train_part(&self, "run", budget, true), SNUG_OK);
    assert_int_equal(self.notices, 2); // the size, and the fix
    assert_int_equal(self.result.resumed_steps, 2);
    assert_int_equal(self.result.steps, SAMPLES / BATCH);
    remove_world(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_momentum),      cmocka_unit_test(test_norm_and_dropout),
        cmocka_unit_test(test_micro_batches), cmocka_unit_test(test_stochastic_depth_in_8_bits),
        cmocka_unit_test(test_float16),       cmocka_unit_test(test_bfloat16_micro_batches),
        cmocka_unit_test(test_other_runs),
    };
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}

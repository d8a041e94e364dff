// Checkpoint files: what comes back is what was written; a bit that changed anywhere and an end
// that is missing are found out, and the file before is used; what cannot be written leaves what
// was.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snug/checkpoint.h"
#include "support/test.h"

enum { BATCH = 8, PIXELS = 3 * 32 * 32 };

typedef struct world {
    char folder[64];
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
} world;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    static float pixels[BATCH * PIXELS];
    static const int32_t classes[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};
    (void)context, (void)samples;
    for (int i = 0; i < BATCH * PIXELS; i++)
        pixels[i] = (float)(i * 7919 % 1000) / 1000 - 0.5f;
    *input = pixels;
    *target = classes;
    return SNUG_OK;
}

static void make_plan(world *self, snug_plan_request request) {
    request.model = "simple";
    request.width_multiplier = 0.0625;
    request.cost = SNUG_COST_SOURCE_MODEL;
    request.height = request.width = 32;
    request.batch_size = BATCH;
    request.budget_bytes = (size_t)1 << 30;
    request.allow = SNUG_FIDELITY_STATISTICS;
    if (snug_plan_make(self->device, &request, &self->plan) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(self->plan, 1, &self->trainer), SNUG_OK);
}

static void begin(world *self, snug_plan_request request) {
    snprintf(self->folder, sizeof self->folder, "/tmp/snug-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    assert_int_equal(snug_device_open("cpu", 1, &self->device), SNUG_OK);
    make_plan(self, request);
}

static void end(world *self) {
    char command[128];
    snug_trainer_free(self->trainer);
    snug_plan_free(self->plan);
    snug_device_close(self->device);
    snprintf(command, sizeof command, "rm -rf '%s'", self->folder);
    assert_int_equal(system(command), 0); // NOLINT(bugprone-command-processor,cert-env33-c)
}

static const snug_plan_request usual = {.classes = 10, .optimizer = {.momentum = 0.9}};

static void step(world *self) {
    double loss;
    snug_batch_source source = {.next = next_samples};
    assert_int_equal(snug_trainer_step(self->trainer, &source, 0.1, &loss), SNUG_OK);
}

static const char *path_in(const world *self, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    return path;
}

// All that is persistent, one tensor after another.
static unsigned char *state_of(snug_trainer *trainer, size_t *bytes) {
    snug_tensor_info info;
    unsigned char *state = NULL;
    *bytes = 0;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        state = realloc(state, *bytes + info.bytes);
        assert_int_equal(snug_trainer_read(trainer, info.name, state + *bytes, info.bytes),
                         SNUG_OK);
        *bytes += info.bytes;
    }
    return state;
}

static void test_brings_back(void **state) {
    (void)state;
    world self;
    begin(&self, (snug_plan_request){.classes = 10,
                                     .micro_batch = 4,
                                     .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAM)});
    const char *notes[] = {"position", "line 1\nline 2 \"\\ \x01", "empty", "", NULL};
    step(&self);
    step(&self);
    // Between steps accumulators are zero; a caller may fill one.
    float *gradient = calloc(1, 40);
    gradient[3] = 7;
    assert_int_equal(snug_trainer_write(self.trainer, "fc.bias.grad", gradient, 40), SNUG_OK);
    size_t bytes, other_bytes;
    unsigned char *before = state_of(self.trainer, &bytes);
    assert_int_equal(snug_checkpoint_write(self.trainer, path_in(&self, "one"), notes), SNUG_OK);
    snug_trainer *other;
    assert_int_equal(snug_trainer_new(self.plan, 77, &other), SNUG_OK);
    gradient[3] = 9;
    assert_int_equal(snug_trainer_write(other, "fc.weight", gradient, 40), SNUG_INVALID);
    snug_checkpoint *checkpoint;
    if (snug_checkpoint_open(path_in(&self, "one"), &checkpoint) != SNUG_OK)
        fail_msg("%s", snug_error_message());
    assert_int_equal(snug_checkpoint_steps(checkpoint), 2);
    assert_string_equal(snug_checkpoint_note(checkpoint, "position"), notes[1]);
    assert_string_equal(snug_checkpoint_note(checkpoint, "empty"), "");
    assert_null(snug_checkpoint_note(checkpoint, "seed")); // the checkpoint's own is no note
    assert_int_equal(snug_checkpoint_restore(checkpoint, other), SNUG_OK);
    snug_checkpoint_close(checkpoint);
    unsigned char *after = state_of(other, &other_bytes);
    assert_int_equal(bytes, other_bytes);
    assert_memory_equal(before, after, bytes);
    assert_int_equal(snug_trainer_steps(other), 2);
    // A file without the accumulator makes it zero.
    gradient[3] = 0;
    assert_int_equal(snug_trainer_write(self.trainer, "fc.bias.grad", gradient, 40), SNUG_OK);
    assert_int_equal(snug_checkpoint_write(self.trainer, path_in(&self, "one"), NULL), SNUG_OK);
    assert_int_equal(snug_checkpoint_open(path_in(&self, "one"), &checkpoint), SNUG_OK);
    assert_string_equal(snug_checkpoint_path(checkpoint), path_in(&self, "one"));
    assert_int_equal(snug_checkpoint_restore(checkpoint, other), SNUG_OK);
    snug_checkpoint_close(checkpoint);
    float found[10];
    assert_int_equal(snug_trainer_read(other, "fc.bias.grad", found, 40), SNUG_OK);
    assert_memory_equal(found, gradient, 40);
    // Weights alone are read of it as of any other file.
    assert_int_equal(snug_trainer_load(other, path_in(&self, "one")), SNUG_OK);
    free(gradient);
    free(before);
    free(after);
    snug_trainer_free(other);
    end(&self);
}

static void change_byte(const char *path, long at, unsigned char change) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ change, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static snug_status open_it(const char *path) {
    snug_checkpoint *checkpoint;
    snug_status status = snug_checkpoint_open(path, &checkpoint);
    assert_int_equal(status == SNUG_OK, checkpoint != NULL);
    snug_checkpoint_close(checkpoint);
    return status;
}

static void test_damage(void **state) {
    (void)state;
    world self;
    struct stat found;
    begin(&self, usual);
    step(&self);
    const char *path = path_in(&self, "one");
    assert_int_equal(snug_checkpoint_write(self.trainer, path, NULL), SNUG_OK);
    assert_int_equal(stat(path, &found), 0);
    long bytes = (long)found.st_size;
    assert_int_equal(open_it(path), SNUG_OK);
    for (long at = 0; at < bytes; at += at < 4000 ? 37 : 997) {
        change_byte(path, at, (unsigned char)(1 << at % 8));
        if (open_it(path) == SNUG_OK) fail_msg("a changed byte at %ld was not found out", at);
        change_byte(path, at, (unsigned char)(1 << at % 8));
    }
    for (long at = bytes - 8; at < bytes; at++) { // the checksum itself
        change_byte(path, at, 0x10);
        assert_int_equal(open_it(path), SNUG_BAD_FILE);
        change_byte(path, at, 0x10);
    }
    assert_int_equal(open_it(path), SNUG_OK);
    const long lengths[] = {bytes - 1, bytes - 8, bytes - 9, bytes / 2, 5000, 100, 8, 7, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        assert_int_equal(open_it(path), SNUG_BAD_FILE);
    }
    assert_int_equal(snug_trainer_save(self.trainer, path), SNUG_OK);
    assert_int_equal(open_it(path), SNUG_BAD_FILE); // weights, and no checkpoint
    assert_int_equal(open_it(path_in(&self, "none")), SNUG_NOT_FOUND);
    assert_int_equal(open_it(self.folder), SNUG_BAD_FILE);
    end(&self);
}

static void count_told(void *context, const char *text) {
    print_message("  told: %s\n", text);
    ++*(int *)context;
}

static bool is_there(const world *self, const char *name) {
    return access(path_in(self, name), F_OK) == 0;
}

static int64_t newest(const world *self, int *told) {
    snug_checkpoint *checkpoint;
    *told = 0;
    snug_status status = snug_checkpoint_newest(self->folder, count_told, told, &checkpoint);
    int64_t steps = status == SNUG_OK ? snug_checkpoint_steps(checkpoint) : -(int64_t)status;
    snug_checkpoint_close(checkpoint);
    return steps;
}

static void test_series(void **state) {
    (void)state;
    world self;
    int told;
    begin(&self, usual);
    assert_int_equal(newest(&self, &told), -SNUG_NOT_FOUND);
    // What others keep there is theirs.
    assert_int_equal(mkdir(path_in(&self, "checkpoint-900"), 0777), 0);
    fclose(fopen(path_in(&self, "checkpoint-best.safetensors"), "w"));
    for (int i = 1; i <= 3; i++) {
        step(&self);
        assert_int_equal(snug_checkpoint_add(self.folder, i, 2, self.trainer, NULL), SNUG_OK);
    }
    assert_false(is_there(&self, "checkpoint-000001.safetensors"));
    assert_true(is_there(&self, "checkpoint-000002.safetensors"));
    assert_true(is_there(&self, "checkpoint-000003.safetensors"));
    assert_int_equal(newest(&self, &told), 3);
    assert_int_equal(told, 0);
    change_byte(path_in(&self, "checkpoint-000003.safetensors"), 9000, 1);
    assert_int_equal(newest(&self, &told), 2);
    assert_int_equal(told, 1);
    assert_int_equal(truncate(path_in(&self, "checkpoint-000002.safetensors"), 9000), 0);
    assert_int_equal(newest(&self, &told), -SNUG_BAD_FILE);
    assert_int_equal(told, 2);
    // Going on after step 1: what was ahead is of the past.
    assert_int_equal(snug_checkpoint_add(self.folder, 1, 2, self.trainer, NULL), SNUG_OK);
    assert_false(is_there(&self, "checkpoint-000003.safetensors"));
    assert_int_equal(newest(&self, &told), 3);
    assert_int_equal(told, 0);
    assert_int_equal(snug_checkpoint_add(self.folder, 1000000, 1, self.trainer, NULL), SNUG_OK);
    assert_false(is_there(&self, "checkpoint-000001.safetensors"));
    assert_true(is_there(&self, "checkpoint-1000000.safetensors"));
    assert_true(is_there(&self, "checkpoint-900"));
    assert_true(is_there(&self, "checkpoint-best.safetensors"));
    end(&self);
}

// Plans of other tensors are refused, and leave the trainer as it was.
static void test_other_plans(void **state) {
    (void)state;
    world self;
    begin(&self, usual);
    step(&self);
    assert_int_equal(snug_checkpoint_write(self.trainer, path_in(&self, "one"), NULL), SNUG_OK);
    const snug_plan_request others[] = {
        {.classes = 11, .optimizer = {.momentum = 0.9}},
        {.classes = 10},
        {.classes = 10, .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAM)},
        {.classes = 10, .optimizer = {.momentum = 0.9}, .require = "lean-optimizer"},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        world other = {.device = self.device};
        snug_checkpoint *checkpoint;
        size_t bytes;
        make_plan(&other, others[i]);
        unsigned char *before = state_of(other.trainer, &bytes);
        assert_int_equal(snug_checkpoint_open(path_in(&self, "one"), &checkpoint), SNUG_OK);
        assert_int_equal(snug_checkpoint_restore(checkpoint, other.trainer), SNUG_INVALID);
        print_message("  %s\n", snug_error_message());
        unsigned char *after = state_of(other.trainer, &bytes);
        assert_memory_equal(before, after, bytes);
        free(before);
        free(after);
        snug_checkpoint_close(checkpoint);
        snug_trainer_free(other.trainer);
        snug_plan_free(other.plan);
    }
    end(&self);
}

// A file system without room for more, as a limit on the size of files makes it: at any byte.
static void test_no_room(void **state) {
    (void)state;
    world self;
    struct stat found;
    struct rlimit before;
    int told;
    begin(&self, usual);
    step(&self);
    assert_int_equal(snug_checkpoint_add(self.folder, 1, 1, self.trainer, NULL), SNUG_OK);
    assert_int_equal(stat(path_in(&self, "checkpoint-000001.safetensors"), &found), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    step(&self);
    for (int eighth = 0; eighth < 8; eighth++) {
        struct rlimit less = {.rlim_cur = (rlim_t)found.st_size * (rlim_t)eighth / 8,
                              .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
        snug_status status = snug_checkpoint_add(self.folder, 2, 1, self.trainer, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, SNUG_IO);
        assert_non_null(strstr(snug_error_message(), "cannot write"));
        assert_int_equal(newest(&self, &told), 1);
        assert_int_equal(told, 0);
    }
    assert_int_equal(snug_checkpoint_add(self.folder, 2, 1, self.trainer, NULL), SNUG_OK);
    assert_int_equal(newest(&self, &told), 2);
    assert_int_equal(snug_checkpoint_write(self.trainer, "/dev/full", NULL), SNUG_IO);
    assert_int_equal(snug_checkpoint_add("/nowhere", 1, 1, self.trainer, NULL), SNUG_IO);
    end(&self);
}

static void test_callers(void **state) {
    (void)state;
    world self;
    char key[200];
    const char *notes[] = {key, "text", NULL};
    snug_checkpoint *checkpoint;
    begin(&self, usual);
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    assert_int_equal(snug_checkpoint_write(NULL, "x", NULL), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_write(self.trainer, NULL, NULL), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_write(self.trainer, path_in(&self, "x"), notes), SNUG_INVALID);
    assert_false(is_there(&self, "x"));
    assert_int_equal(snug_checkpoint_open(NULL, &checkpoint), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_open("x", NULL), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_restore(NULL, self.trainer), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_newest(NULL, NULL, NULL, &checkpoint), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_add(self.folder, -1, 1, self.trainer, NULL), SNUG_INVALID);
    assert_int_equal(snug_checkpoint_add(self.folder, 1, 0, self.trainer, NULL), SNUG_INVALID);
    assert_null(snug_checkpoint_note(NULL, "x"));
    snug_checkpoint_close(NULL);
    assert_int_equal(snug_trainer_release(self.trainer), SNUG_OK);
    assert_int_equal(snug_checkpoint_write(self.trainer, path_in(&self, "x"), NULL), SNUG_INVALID);
    end(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brings_back), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_series),      cmocka_unit_test(test_other_plans),
        cmocka_unit_test(test_no_room),     cmocka_unit_test(test_callers),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}

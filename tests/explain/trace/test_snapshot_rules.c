// What traces of small made-up runs are judged to be: the cases that look alike and are not.
#include <stdarg.h>
#include <stdio.h>

#include "explain/explanation.h"
#include "explain/snapshot/literal_pickle.h"

enum { MOST = 900000, MOST_PIECES = 4096, MIB = 1 << 20 };

// A run: every tensor lies in a segment of its own.
typedef struct run {
    char trace[MOST], literal[MOST];
    size_t trace_length;
    struct {
        long long size;
        bool live, cached;
        char frames[400];
    } pieces[MOST_PIECES];
    int count;
} run;

static void add(char *text, size_t *length, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(text + *length, MOST - *length, format, arguments);
    va_end(arguments);
    assert_true(more >= 0 && *length + (size_t)more < MOST);
    *length += (size_t)more;
}

static long long address_of(int piece) {
    return (1LL << 40) + (long long)piece * (1LL << 33);
}

static int make(run *self, long long size, const char *frames) {
    int piece = self->count++;
    assert_true(self->count <= MOST_PIECES);
    self->pieces[piece].size = size;
    self->pieces[piece].live = true;
    snprintf(self->pieces[piece].frames, sizeof self->pieces[piece].frames, "%s", frames);
    const char *const actions[] = {"segment_alloc", "alloc"};
    for (int i = 0; i < 2; i++)
        add(self->trace, &self->trace_length,
            "{'action': '%s', 'addr': %lld, 'size': %lld, 'stream': 0, 'frames': [%s]}, ",
            actions[i], address_of(piece), size, frames);
    return piece;
}

// |cached|: the allocator keeps the segment.
static void drop(run *self, int piece, bool cached) {
    self->pieces[piece].live = false;
    self->pieces[piece].cached = cached;
    const char *const actions[] = {"free_requested", "free_completed", "segment_free"};
    for (int i = 0; i < 2 + !cached; i++)
        add(self->trace, &self->trace_length,
            "{'action': '%s', 'addr': %lld, 'size': %lld, 'stream': 0, 'frames': []}, ", actions[i],
            address_of(piece), self->pieces[piece].size);
}

static void run_out(run *self, long long size, long long free, const char *frames) {
    add(self->trace, &self->trace_length,
        "{'action': 'oom', 'device_free': %lld, 'size': %lld, 'stream': 0, 'frames': [%s]}, ", free,
        size, frames);
}

// The first cause has to be |cause|; gives the finding, which lives until the explanation is freed.
static const snug_finding *judge(run *self, const char *cause, snug_explanation **out) {
    size_t length = 0, count;
    add(self->literal, &length, "{'segments': [");
    for (int i = 0; i < self->count; i++) {
        if (!self->pieces[i].live && !self->pieces[i].cached) continue;
        add(self->literal, &length,
            "{'device': 0, 'address': %lld, 'total_size': %lld, 'stream': 0, 'segment_type': "
            "'large', 'blocks': [{'address': %lld, 'size': %lld, 'requested_size': %lld, 'state': "
            "'%s', 'frames': [%s]}]}, ",
            address_of(i), self->pieces[i].size, address_of(i), self->pieces[i].size,
            self->pieces[i].size, self->pieces[i].live ? "active_allocated" : "inactive",
            self->pieces[i].live ? self->pieces[i].frames : "");
    }
    add(self->literal, &length, "], 'device_traces': [[%s]]}", self->trace);
    if (explain_literal(self->literal, out) != SNUG_OK) fail_msg("%s", snug_error_message());
    const snug_finding *finding = snug_explanation_findings(*out, &count);
    assert_int_equal(count, 1);
    if (strcmp(finding->causes[0].name, cause) != 0)
        fail_msg("found %s (%s), expected %s", finding->causes[0].name, finding->causes[0].evidence,
                 cause);
    return finding;
}

static run *new_run(void) {
    run *self = calloc(1, sizeof *self);
    assert_non_null(self);
    return self;
}

static void end(run *self, snug_explanation *explanation) {
    snug_explanation_free(explanation);
    free(self);
}

// A frame list: layer |layer| of net.py, called by |function| at |line| of train.py.
static const char *forward(int layer, int line, const char *function, char *out) {
    snprintf(out, 400,
             "{'filename': 'net.py', 'line': %d, 'name': 'forward'}, {'filename': 'train.py', "
             "'line': %d, 'name': '%s'}",
             10 + layer, line, function);
    return out;
}

#define FORWARD(layer, line, function) forward(layer, line, function, (char[400]){0})
#define LOAD "{'filename': 'train.py', 'line': 3, 'name': 'build'}"
#define BACKWARD                                                                                   \
    "{'filename': 'torch/autograd/__init__.py', 'line': 9, 'name': 'backward'}, {'filename': "     \
    "'train.py', 'line': 21, 'name': 'step'}"

enum { LAYERS = 8 };

static void load(run *self, long long size) {
    for (int i = 0; i < LAYERS; i++) {
        make(self, size + i * 512, LOAD);
        make(self, 512, LOAD);
    }
}

// A step of training; everything goes back.
static void train(run *self, long long size) {
    int kept[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        kept[i] = make(self, size + i * 512, FORWARD(i, 20, "step"));
    for (int i = LAYERS; i-- > 0;) {
        drop(self, make(self, size + i * 512, BACKWARD), false);
        drop(self, kept[i], false);
    }
}

// The first step of a batch that is too large, and of one beside scattered free pieces.
static void test_batch_or_fragmentation(void **state) {
    (void)state;
    for (int scattered = 0; scattered < 2; scattered++) {
        run *self = new_run();
        load(self, 4 * MIB);
        for (int i = 0; i < LAYERS; i++) {
            make(self, 400LL * MIB, FORWARD(i, 20, "step"));
            if (scattered) drop(self, make(self, 200LL * MIB, FORWARD(i, 20, "step")), true);
        }
        run_out(self, 400LL * MIB, 10 * MIB, FORWARD(LAYERS, 20, "step"));
        snug_explanation *explanation;
        const snug_finding *finding =
            judge(self, scattered ? "fragmentation" : "batch", &explanation);
        assert_int_equal(finding->figures.allocated.bytes,
                         LAYERS * (404LL * MIB + 512) + 28LL * 512);
        if (scattered) assert_int_equal(finding->figures.largest_free.bytes, 200LL * MIB);
        end(self, explanation);
    }
}

// Weights that the user's own lines bring, with nothing else in the trace; failed, and on the way.
static void test_model_on_its_way(void **state) {
    (void)state;
    for (int failed = 0; failed < 2; failed++) {
        run *self = new_run();
        load(self, 900LL * MIB);
        if (failed) run_out(self, 900LL * MIB, 100 * MIB, LOAD);
        snug_explanation *explanation;
        judge(self, "model", &explanation);
        end(self, explanation);
    }
}

// After training, a loop under the same function evaluates and keeps what layers saved.
static void test_second_loop(void **state) {
    (void)state;
    run *self = new_run();
    load(self, 4 * MIB);
    for (int i = 0; i < 6; i++)
        train(self, 30LL * MIB);
    for (int i = 0; i < 9; i++)
        for (int layer = 0; layer < LAYERS; layer++)
            make(self, 30LL * MIB + layer * 512, FORWARD(layer, 40, "step"));
    run_out(self, 30LL * MIB, 10 * MIB, FORWARD(0, 40, "step"));
    snug_explanation *explanation;
    const snug_finding *finding = judge(self, "history", &explanation);
    assert_true(finding->causes[0].confidence > 0.6);
    end(self, explanation);
}

// One tensor an iteration that a cache keeps; and one that was kept for a while and given back,
// before a batch that is too large.
static void test_leak_or_not(void **state) {
    (void)state;
    for (int returned = 0; returned < 2; returned++) {
        run *self = new_run();
        int kept[10];
        load(self, 4 * MIB);
        for (int i = 0; i < 10; i++) {
            train(self, 20LL * MIB);
            kept[i] = make(self, 300LL * MIB,
                           "{'filename': 'cache.py', 'line': 5, 'name': 'put'}, {'filename': "
                           "'train.py', 'line': 25, 'name': 'step'}");
        }
        for (int i = 0; returned && i < 10; i++)
            drop(self, kept[i], false);
        for (int i = 0; i < LAYERS / 2; i++)
            make(self, (returned ? 800LL : 20LL) * MIB, FORWARD(i, 20, "step"));
        run_out(self, (returned ? 800LL : 20LL) * MIB, 5 * MIB, FORWARD(LAYERS / 2, 20, "step"));
        snug_explanation *explanation;
        judge(self, returned ? "late-batch" : "leak", &explanation);
        end(self, explanation);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_or_fragmentation),
        cmocka_unit_test(test_model_on_its_way),
        cmocka_unit_test(test_second_loop),
        cmocka_unit_test(test_leak_or_not),
    };
    return cmocka_run_group_tests_name("snapshot rules", tests, NULL, NULL);
}

// Small convolutions of every kind, on the CPU device against the operators' reference kernels: the
// forward pass and both gradients, of kernels 1 to 7, strides 1 to 3, 1 to 8 channels, dilated and
// in groups, of even and odd sizes. Libraries' generated code has crashed and hung on some of
// these, so they run in child processes with a time limit, and each tensor ends where no memory
// follows.
//
//     convolution_sweep [--every N] [--seconds S] [--match TEXT] [--type TYPE]
//
// --every N: one in N of the cases (by a hash, so that all kinds are met); --seconds S: what one
// case may take (default 20); --match TEXT: only cases whose name holds TEXT; --type TYPE: float32
// (default), bfloat16 or float16. The processor's instructions are restricted by oneDNN's own
// variable: ONEDNN_MAX_CPU_ISA=AVX2.
//
// Prints a line for each case that fails. Exit status: 0 all right, 1 not, 2 wrong usage.
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "device/device.h"
#include "ops/ops.h"
#include "ops/reference.h"

enum { THREADS = 2, TENSORS = 3, CACHED = 200, PAGE = 4096 };
// Multiply-adds of the slowest case: the reference kernels are plain.
static const double most_work = 2e6;
// Of the largest value: sums are in float32, results are rounded to their type.
static const double tolerance = 2e-5, low_tolerance = 2e-2;

typedef struct shape {
    int64_t kernel, stride, dilation, groups, channels, out, height, width;
} shape;

static const int64_t kernels[] = {1, 2, 3, 4, 5, 6, 7}, strides[] = {1, 2, 3},
                     dilations[] = {1, 2, 3}, channels[] = {1, 2, 3, 4, 5, 8},
                     widths[] = {1, 2, 3, 8, 16}, // of outputs: so many times the groups
    sizes[][2] = {{7, 7}, {8, 8}, {16, 17}, {33, 32}, {64, 64}, {65, 63}, {96, 128}};
enum { KINDS = 3 }; // of groups: one, two, one a channel

typedef struct direction {
    const snug_op *op;
    const char *name;
} direction;

static const direction directions[] = {
    {&snug_op_conv2d, "forward"},
    {&snug_op_conv2d_backward_input, "input's gradient"},
    {&snug_op_conv2d_backward_weight, "weights' gradient"},
};
enum { DIRECTIONS = 3 };

// What parent and child share.
typedef struct progress {
    volatile int64_t at; // the case that runs
    volatile double began;
    volatile int64_t done, failed;
} progress;

typedef struct settings {
    int64_t every;
    double seconds;
    const char *match;
    snug_dtype dtype;
} settings;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// --- Cases, by number

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof *(array)))

static int64_t take(int64_t *number, int64_t count) {
    int64_t digit = *number % count;
    *number /= count;
    return digit;
}

static int64_t case_count(void) {
    return DIRECTIONS * COUNT(kernels) * COUNT(strides) * COUNT(dilations) * COUNT(channels) *
           COUNT(widths) * COUNT(sizes) * KINDS;
}

// False where there is no such case, or another number stands for the same.
static bool case_at(int64_t number, shape *out, int *way) {
    *way = (int)take(&number, DIRECTIONS);
    *out = (shape){.kernel = kernels[take(&number, COUNT(kernels))],
                   .stride = strides[take(&number, COUNT(strides))],
                   .dilation = dilations[take(&number, COUNT(dilations))],
                   .channels = channels[take(&number, COUNT(channels))]};
    int64_t width = widths[take(&number, COUNT(widths))];
    const int64_t *size = sizes[take(&number, COUNT(sizes))];
    out->height = size[0];
    out->width = size[1];
    int64_t kind = take(&number, KINDS);
    out->groups = kind == 0 ? 1 : kind == 1 ? 2 : out->channels;
    out->out = width * out->groups;
    if (kind == 1 && (out->channels % 2 || out->channels == 2)) return false;
    if (kind == 2 && out->channels == 1) return false;
    if (out->kernel == 1 && out->dilation > 1) return false;
    double pixels = (double)(out->height * out->width) / (double)(out->stride * out->stride);
    double taps = (double)(out->kernel * out->kernel * out->channels / out->groups);
    return pixels * taps * (double)out->out <= most_work;
}

static void name_of(const shape *at, int way, char text[160]) {
    snprintf(text, 160,
             "%s, kernel %" PRId64 ", stride %" PRId64 ", dilation %" PRId64 ", groups %" PRId64
             ", %" PRId64 " to %" PRId64 " channels, %" PRId64 "x%" PRId64,
             directions[way].name, at->kernel, at->stride, at->dilation, at->groups, at->channels,
             at->out, at->height, at->width);
}

static bool is_wanted(const settings *wanted, int64_t number, shape *at, int *way) {
    char name[160];
    if (!case_at(number, at, way)) return false;
    name_of(at, *way, name);
    if (wanted->match && !strstr(name, wanted->match)) return false;
    return snug_random_at(1, (uint64_t)number, 0).words[0] % (uint64_t)wanted->every == 0;
}

// --- One case

// Memory whose end is followed by a page that nobody may touch; 64 bytes aligned.
typedef struct guarded {
    unsigned char *map, *data;
    size_t mapped;
} guarded;

static bool guarded_new(size_t bytes, guarded *out) {
    size_t rounded = (bytes + 63) & ~(size_t)63, pages = (rounded + PAGE - 1) / PAGE * PAGE;
    out->mapped = pages + PAGE;
    void *map = mmap(NULL, out->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return false;
    out->map = map;
    out->data = out->map + pages - rounded;
    return mprotect(out->map + pages, PAGE, PROT_NONE) == 0;
}

// From 0 to 1: sums that do not cancel show errors of places, not of rounding.
static void fill(const snug_view *view, uint64_t key) {
    for (int64_t i = 0; i < snug_type_elements(&view->type); i++) {
        uint32_t word = snug_random_at(key, (uint64_t)i, 0).words[0];
        snug_view_set(view, i, (double)snug_random_uniform(word));
    }
}

static double worst_difference(const snug_view *a, const snug_view *b) {
    double worst = 0, largest = 1e-30;
    for (int64_t i = 0; i < snug_type_elements(&a->type); i++) {
        double expected = snug_view_get(b, i), difference = fabs(snug_view_get(a, i) - expected);
        if (isnan(difference)) return INFINITY;
        if (difference > worst) worst = difference;
        if (fabs(expected) > largest) largest = fabs(expected);
    }
    return worst / largest;
}

// The types of the two inputs and the output of |way|, from the forward's three.
static void choose_types(int way, const snug_type all[TENSORS], snug_type chosen[TENSORS]) {
    static const int order[DIRECTIONS][TENSORS] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
    for (int i = 0; i < TENSORS; i++)
        chosen[i] = all[order[way][i]];
}

static snug_status describe(const shape *at, int way, snug_dtype dtype,
                            snug_conv2d_attributes *conv, snug_type types[TENSORS]) {
    enum { SAMPLES = 2 };
    int64_t pad = at->dilation * (at->kernel / 2);
    *conv = (snug_conv2d_attributes){.stride = {at->stride, at->stride},
                                     .padding = {pad, pad, pad, pad},
                                     .dilation = {at->dilation, at->dilation},
                                     .groups = at->groups,
                                     .input = {at->height, at->width},
                                     .kernel = {at->kernel, at->kernel}};
    snug_type all[TENSORS] = {snug_type_image(dtype, SAMPLES, at->channels, at->height, at->width),
                              snug_type_make(dtype, SNUG_ROW_MAJOR, 4,
                                             (const int64_t[]){at->out, at->channels / at->groups,
                                                               at->kernel, at->kernel})};
    snug_status status = snug_op_conv2d.infer(conv, all, 2, &all[2]);
    choose_types(way, all, types);
    return status;
}

// A case with its memory. |views|: two inputs, the device's result, the reference kernel's.
typedef struct trial {
    snug_signature signature;
    const snug_kernel *kernel;
    guarded memory[TENSORS + 1], workspace;
    snug_view views[TENSORS + 1];
} trial;

static snug_status compute(snug_device *device, trial *self) {
    snug_status status = device->device_class->prepare(device, &self->signature, &self->kernel);
    if (status != SNUG_OK) return status;
    for (int i = 0; i < TENSORS + 1; i++) {
        const snug_type *type = i < 2 ? &self->signature.inputs[i] : &self->signature.outputs[0];
        if (!guarded_new(snug_type_bytes(type), &self->memory[i])) return SNUG_NOMEM;
        self->views[i] = (snug_view){self->memory[i].data, *type};
        if (i < 2) fill(&self->views[i], (uint64_t)i);
    }
    if (!guarded_new(self->kernel->workspace_bytes, &self->workspace)) return SNUG_NOMEM;
    snug_run_state state = {.step = 1};
    snug_call call = {self->signature.attributes, self->views, 2, &self->views[2], 1,
                      self->workspace.data,       &state};
    status = device->device_class->run(device, self->kernel, &call);
    call.outputs = &self->views[TENSORS];
    return status == SNUG_OK ? self->signature.op->reference(&call) : status;
}

static bool run_case(snug_device *device, const shape *at, int way, snug_dtype dtype) {
    snug_conv2d_attributes conv;
    snug_type types[TENSORS];
    char name[160];
    if (describe(at, way, dtype, &conv, types) != SNUG_OK) return true; // no such convolution
    trial self = {.signature = {directions[way].op, &conv, 2, 1, types, &types[2], 3}};
    snug_status status = compute(device, &self);
    double difference = INFINITY;
    if (status == SNUG_OK) difference = worst_difference(&self.views[2], &self.views[TENSORS]);
    bool is_right = difference <= (dtype == SNUG_F32 ? tolerance : low_tolerance);
    name_of(at, way, name);
    if (status != SNUG_OK)
        printf("FAILED %s: %s\n", name, snug_error_message());
    else if (!is_right)
        printf("WRONG %s: differs by %.2g%s\n", name, difference,
               self.kernel->is_reference ? " with the reference kernel itself" : "");
    for (int i = 0; i < TENSORS + 1; i++)
        if (self.memory[i].map) munmap(self.memory[i].map, self.memory[i].mapped);
    if (self.workspace.map) munmap(self.workspace.map, self.workspace.mapped);
    return is_right;
}

// --- Processes

// Runs the cases from |shared->at| on, in this process.
static int run_cases(const settings *wanted, progress *shared) {
    snug_device *device;
    shape at;
    int way;
    if (snug_device_open("cpu", THREADS, &device) != SNUG_OK) return EXIT_FAILURE;
    for (; shared->at < case_count(); shared->at++) {
        if (!is_wanted(wanted, shared->at, &at, &way)) continue;
        shared->began = now();
        if (!run_case(device, &at, way, wanted->dtype)) shared->failed++;
        if (++shared->done % CACHED == 0) device->device_class->forget(device);
        fflush(stdout);
    }
    snug_device_close(device);
    return EXIT_SUCCESS;
}

// Waits until |child| ends or its case takes too long. Returns what it died of, or NULL.
static const char *watch(pid_t child, const settings *wanted, const progress *shared) {
    const struct timespec pause = {.tv_nsec = 20000000};
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        nanosleep(&pause, NULL);
        if (now() - shared->began < wanted->seconds) continue;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return "HUNG";
    }
    if (WIFSIGNALED(status)) return strsignal(WTERMSIG(status));
    return WEXITSTATUS(status) ? "FAILED" : NULL;
}

static int sweep(const settings *wanted, progress *shared) {
    while (shared->at < case_count()) {
        shared->began = now();
        pid_t child = fork();
        if (child < 0) return EXIT_FAILURE;
        if (child == 0) _exit(run_cases(wanted, shared));
        const char *end = watch(child, wanted, shared);
        if (!end) continue;
        shape at;
        int way;
        char name[160];
        if (!case_at(shared->at, &at, &way)) return EXIT_FAILURE; // not a case's fault
        name_of(&at, way, name);
        printf("%s: %s\n", end, name);
        fflush(stdout);
        shared->failed++;
        shared->done++;
        shared->at++;
    }
    printf("%" PRId64 " convolutions, %" PRId64 " not right\n", shared->done, shared->failed);
    return shared->done == 0 || shared->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool read_type(const char *text, snug_dtype *out) {
    static const snug_dtype known[] = {SNUG_F32, SNUG_BF16, SNUG_F16};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *out = known[i];
        if (strcmp(text, snug_dtype_name(*out)) == 0) return true;
    }
    return false;
}

static bool read_settings(int argc, char **argv, settings *out) {
    *out = (settings){.every = 1, .seconds = 20, .dtype = SNUG_F32};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool good = true;
        if (strcmp(argv[i], "--every") == 0)
            out->every = strtoll(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            out->seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--match") == 0)
            out->match = value;
        else
            good = strcmp(argv[i], "--type") == 0 && read_type(value, &out->dtype);
        if (!good) return false;
    }
    return out->every >= 1 && out->seconds > 0;
}

int main(int argc, char **argv) {
    settings wanted;
    if (!read_settings(argc, argv, &wanted)) {
        fputs("usage: convolution_sweep [--every N] [--seconds S] [--match TEXT] [--type TYPE]\n",
              stderr);
        return 2;
    }
    progress *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return EXIT_FAILURE;
    *shared = (progress){.began = now()};
    return sweep(&wanted, shared);
}

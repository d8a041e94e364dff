#include "plan/cost.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "plan/alike.h"
#include "plan/time_cache.h"

// A kernel is timed at no more samples than the first; at fewer, not below the second, when it is
// expected to take long, and down to one when very long, and its time is scaled: from some size on
// a sample costs the same.
enum { MOST_SAMPLES = 64, LEAST_SAMPLES = 8, TYPES = 64 };
static const double long_run = 0.05, very_long_run = 0.2, long_copy = 0.02; // seconds
// Bytes that push everything else out of a processor's caches; bytes that stay in one's own.
enum { CACHES = 40 << 20, SMALL = 128 << 10 };

struct snug_costs {
    snug_device *device;
    const snug_plan_request *request;
    size_t budget;
    bool is_measured;
    int64_t timed;        // kernels in this run
    unsigned char *arena; // of the kernels that are timed, kept from one to the next
    size_t arena_bytes;
    snug_time_cache cache;
    // What this plan has asked for: by key, and those that were timed by kind. Not what else the
    // cache has, so that the same plan predicts the same from it.
    snug_time_cache known;
    snug_timed_kernels alike;
};

// Makes room for |bytes|; for none, gives the arena back.
static snug_status reserve_arena(snug_costs *self, size_t bytes) {
    if (bytes > 0 && bytes <= self->arena_bytes) return SNUG_OK;
    if (self->arena)
        self->device->device_class->release(self->device, self->arena, self->arena_bytes);
    self->arena = NULL;
    self->arena_bytes = 0;
    if (bytes == 0) return SNUG_OK;
    void *arena;
    SNUG_TRY(self->device->device_class->allocate(self->device, bytes, &arena));
    self->arena = arena;
    self->arena_bytes = bytes;
    return SNUG_OK;
}

snug_status snug_costs_new(snug_device *device, const snug_plan_request *request, size_t budget,
                           snug_costs **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    snug_costs *self = *out;
    self->device = device;
    self->request = request;
    self->budget = budget;
    self->is_measured =
        request->cost == SNUG_COST_SOURCE_MEASURED && device->device_class->describe != NULL;
    if (!self->is_measured) return SNUG_OK;
    snug_text machine = {0};
    device->device_class->describe(device, &machine);
    snug_status status = snug_text_status(&machine);
    if (status == SNUG_OK) status = snug_time_cache_open(snug_text_view(&machine), &self->cache);
    snug_text_clear(&machine);
    if (status == SNUG_OK) return SNUG_OK;
    snug_costs_free(self);
    *out = NULL;
    return status;
}

void snug_costs_free(snug_costs *self) {
    if (!self) return;
    snug_time_cache_close(&self->cache);
    snug_time_cache_close(&self->known);
    snug_alike_clear(&self->alike);
    (void)reserve_arena(self, 0);
    snug_memory_free(self);
}

static double types_bytes(const snug_type *types, int count) {
    double bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (double)snug_type_bytes(&types[i]);
    return bytes;
}

// Whether a kernel computes in 16 bits rather than float32. Where the device does not, the data are
// written in float32 and read again.
static bool is_fast_in_16_bits(const snug_device *device, const snug_signature *signature) {
    snug_dtype dtype = signature->inputs[0].dtype;
    return signature->op->precision == SNUG_PRECISION_LOW &&
           ((dtype == SNUG_BF16 && device->fast_bfloat16) ||
            (dtype == SNUG_F16 && device->fast_float16));
}

static double converted_bytes(const snug_device *device, const snug_signature *signature) {
    double bytes = 0;
    if (signature->op->precision != SNUG_PRECISION_LOW || device->only_planned ||
        is_fast_in_16_bits(device, signature))
        return 0;
    for (int i = 0; i < signature->input_count + signature->output_count; i++) {
        const snug_type *type = i < signature->input_count
                                    ? &signature->inputs[i]
                                    : &signature->outputs[i - signature->input_count];
        if (type->dtype == SNUG_BF16 || type->dtype == SNUG_F16)
            bytes += 4 * (double)snug_type_bytes(type);
    }
    return bytes;
}

static double signature_bytes(const snug_signature *signature) {
    return types_bytes(signature->inputs, signature->input_count) +
           types_bytes(signature->outputs, signature->output_count);
}

static double arithmetic_seconds(const snug_device *device, const snug_signature *signature) {
    const snug_op *op = signature->op;
    double flops =
        op->flops ? op->flops(signature->attributes, signature->inputs, signature->outputs) : 0;
    return flops / (is_fast_in_16_bits(device, signature) ? device->low_flops_per_second
                                                          : device->flops_per_second);
}

static bool is_arithmetic(const snug_device *device, const snug_signature *signature) {
    return arithmetic_seconds(device, signature) >
           signature_bytes(signature) / device->bytes_per_second;
}

// The roofline: arithmetic or traffic, whichever takes longer.
static double modelled(const snug_device *device, const snug_signature *signature) {
    double bytes = signature_bytes(signature);
    double arithmetic = arithmetic_seconds(device, signature);
    double traffic = bytes / device->bytes_per_second;
    if (converted_bytes(device, signature) > 0)
        return arithmetic + (bytes + converted_bytes(device, signature)) / device->bytes_per_second;
    return arithmetic > traffic ? arithmetic : traffic;
}

// --- Measuring

// Ordinary numbers: zeros and denormals run at other speeds. Integers are classes or indices.
static void fill(void *data, const snug_type *type) {
    size_t count = (size_t)snug_type_elements(type);
    if (type->dtype == SNUG_BF16 || type->dtype == SNUG_F16) {
        uint16_t half = type->dtype == SNUG_BF16 ? 0x3F00 : 0x3800, *values = data; // 0.5
        for (size_t i = 0; i < count; i++)
            values[i] = (uint16_t)(half | ((i * 2654435761u >> 8 & 1) << 15) | (i & 0x7F));
        return;
    }
    if (type->dtype != SNUG_F32) {
        memset(data, 0, snug_type_bytes(type));
        return;
    }
    float *values = data;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((uint32_t)i * UINT32_C(2654435761) >> 8) * 0x1p-24f - 0.45f;
}

// The arena of one kernel: its tensors one after another. |place| counts when |base| is NULL.
static size_t lay_out(const snug_signature *signature, size_t workspace, unsigned char *base,
                      snug_view *views, snug_call *call) {
    size_t place = 0;
    int count = signature->input_count + signature->output_count;
    for (int i = 0; i < count; i++) {
        bool is_input = i < signature->input_count;
        const snug_type *type =
            is_input ? &signature->inputs[i] : &signature->outputs[i - signature->input_count];
        bool is_absent = is_input && i < 32 && !(signature->present >> i & 1);
        if (base) views[i] = is_absent ? (snug_view){0} : (snug_view){base + place, *type};
        if (!is_absent) place += snug_size_align(snug_type_bytes(type), SNUG_ARENA_ALIGNMENT);
    }
    if (base && workspace) call->workspace = base + place;
    return place + workspace;
}

// As plans mostly have it: the result takes the place of an input that may be overwritten.
static void run_in_place(const snug_signature *signature, snug_view *views) {
    snug_view *output = &views[signature->input_count];
    for (int i = 0; i < signature->input_count && i < 32; i++)
        if ((signature->op->overwrites >> i & 1) && views[i].data &&
            snug_type_bytes(&views[i].type) == snug_type_bytes(&output->type)) {
            output->data = views[i].data;
            return;
        }
}

// Writes over |bytes| of device memory, so that what a kernel reads comes from memory, as in a
// step, and not from the caches that its last run left full.
static snug_status cool(snug_device *device, unsigned char *memory, size_t bytes) {
    static const unsigned char zeros[1 << 16];
    for (size_t at = 0; at < bytes; at += sizeof zeros) {
        size_t length = bytes - at < sizeof zeros ? bytes - at : sizeof zeros;
        SNUG_TRY(device->device_class->write(device, memory + at, zeros, length));
    }
    return SNUG_OK;
}

static snug_status check_stop(const snug_costs *self) {
    const snug_plan_request *request = self->request;
    if (!request->should_stop || !request->should_stop(request->context)) return SNUG_OK;
    return snug_fail(SNUG_INTERRUPTED, "stopped while kernels were timed; the times are kept");
}

// The fastest of a few runs after one that generates code and touches the memory, which is one of
// them where it takes so long that neither matters.
static snug_status time_runs(const snug_costs *self, const snug_kernel *kernel,
                             const snug_call *call, unsigned char *spare, size_t spare_bytes,
                             double *out) {
    snug_device *device = self->device;
    enum { LEAST_RUNS = 2, MOST_RUNS = 50 };
    const double enough = 0.004; // seconds
    double begin = snug_clock_seconds();
    SNUG_TRY(check_stop(self));
    SNUG_TRY(device->device_class->run(device, kernel, call));
    *out = snug_clock_seconds() - begin;
    int first = *out > long_run; // the runs that count so far
    for (int run = first;
         run < MOST_RUNS && (run < LEAST_RUNS || snug_clock_seconds() < begin + enough); run++) {
        SNUG_TRY(check_stop(self));
        SNUG_TRY(cool(device, spare, spare_bytes));
        double start = snug_clock_seconds();
        SNUG_TRY(device->device_class->run(device, kernel, call));
        double seconds = snug_clock_seconds() - start;
        if (run == 0 || seconds < *out) *out = seconds;
    }
    return SNUG_OK;
}

// |was_run| tells whether the time is the kernel's own; it is modelled where no plan can run it.
static snug_status measure(snug_costs *self, const snug_signature *signature, double *out,
                           bool *was_run) {
    snug_device *device = self->device;
    const snug_kernel *kernel;
    SNUG_TRY(device->device_class->prepare(device, signature, &kernel));
    size_t bytes = lay_out(signature, kernel->workspace_bytes, NULL, NULL, NULL);
    *was_run = bytes <= self->budget;
    *out = modelled(device, signature);
    if (!*was_run) return SNUG_OK;
    if (self->request->on_timing) self->request->on_timing(self->request->context, ++self->timed);
    snug_run_state state = {.learning_rate = 1e-6};
    snug_call call = {.attributes = signature->attributes,
                      .input_count = signature->input_count,
                      .output_count = signature->output_count,
                      .state = &state};
    snug_view *views = NULL;
    // Small kernels find all they need in the caches, in a step too; very large ones find nothing
    // that matters.
    size_t spare = bytes < SMALL || bytes > 4 * (size_t)CACHES ? 0 : CACHES;
    if (spare > self->budget - bytes) spare = self->budget - bytes;
    int count = signature->input_count + signature->output_count;
    snug_status status;
    SNUG_TRY(SNUG_NEW(&views, (size_t)count));
    SNUG_TRY_GOTO(reserve_arena(self, bytes + spare), done);
    lay_out(signature, kernel->workspace_bytes, self->arena, views, &call);
    for (int i = 0; i < signature->input_count; i++)
        if (views[i].data) fill(views[i].data, &views[i].type);
    run_in_place(signature, views);
    call.inputs = views;
    call.outputs = views + signature->input_count;
    status = time_runs(self, kernel, &call, self->arena + bytes, spare, out);
done:
    snug_memory_free(views);
    return status;
}

// --- Finding

// Everything that a kernel's time depends on, as text.
static void print_key(const snug_signature *signature, snug_text *key) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = signature->attributes;
    char hexadecimal[2 * SNUG_ATTRIBUTE_BYTES + 1] = "";
    for (size_t i = 0; i < signature->op->attributes_size; i++) {
        hexadecimal[2 * i] = digits[bytes[i] >> 4];
        hexadecimal[2 * i + 1] = digits[bytes[i] & 15];
    }
    hexadecimal[2 * signature->op->attributes_size] = '\0';
    snug_text_append(key, "%s%s%s", signature->op->name, hexadecimal[0] ? " " : "", hexadecimal);
    char text[SNUG_TYPE_TEXT];
    for (int i = 0; i < signature->input_count; i++) {
        bool is_absent = i < 32 && !(signature->present >> i & 1);
        snug_text_append(key, " %s",
                         is_absent ? "-" : snug_type_print(&signature->inputs[i], text));
    }
    for (int i = 0; i < signature->output_count; i++)
        snug_text_append(key, " > %s", snug_type_print(&signature->outputs[i], text));
}

// From the cache, from a kernel that is alike, or else from running it.
static snug_status find_new(snug_costs *self, const snug_signature *signature, const char *key,
                            double *out) {
    const snug_device *device = self->device;
    double bytes = signature_bytes(signature), expected = modelled(device, signature);
    bool computes = is_arithmetic(device, signature);
    bool is_timed = snug_time_cache_find(&self->cache, key, out);
    uint64_t kind;
    SNUG_TRY(snug_alike_kind(signature, computes, bytes, &kind));
    if (!is_timed) {
        if (snug_alike_find(&self->alike, kind, computes, expected, out)) return SNUG_OK;
        SNUG_TRY(measure(self, signature, out, &is_timed));
        if (!is_timed) return SNUG_OK;
        SNUG_TRY(snug_time_cache_add(&self->cache, key, *out));
    }
    return snug_alike_keep(&self->alike, kind, expected, *out);
}

static snug_status find_measured(snug_costs *self, const snug_signature *signature, double *out) {
    snug_text key = {0};
    print_key(signature, &key);
    snug_status status = snug_text_status(&key);
    if (status == SNUG_OK && !snug_time_cache_find(&self->known, snug_text_view(&key), out)) {
        status = find_new(self, signature, snug_text_view(&key), out);
        if (status == SNUG_OK)
            status = snug_time_cache_add(&self->known, snug_text_view(&key), *out);
    }
    snug_text_clear(&key);
    return status;
}

// Whether a tensor may have the batch's dimension: weights and their like have not.
static bool may_have_samples(const snug_graph *graph, snug_tensor_id id) {
    snug_role role = graph->tensors[id]->role;
    return role == SNUG_ROLE_ACTIVATION || role == SNUG_ROLE_INPUT;
}

// Writes the batch's dimension of |signature|'s tensors from |samples| to |fewer|, in place. False
// when the operator does not take that.
static bool shrink(const snug_graph *graph, const snug_node *node, int64_t samples, int64_t fewer,
                   const snug_signature *signature, snug_type *types) {
    int count = signature->input_count + signature->output_count;
    for (int i = 0; i < count; i++) {
        snug_tensor_id id =
            i < node->input_count ? node->inputs[i] : node->outputs[i - node->input_count];
        if (id == SNUG_NO_TENSOR) continue;
        // Samples may be one with other dimensions: the rows of a sequence's matrix products.
        bool is_sampled = may_have_samples(graph, id) && types[i].rank > 0 && samples > 1 &&
                          types[i].dims[0] % samples == 0;
        if (is_sampled) types[i].dims[0] = types[i].dims[0] / samples * fewer;
    }
    snug_type outputs[SNUG_MAX_OUTPUTS] = {0};
    if (signature->op->infer(signature->attributes, types, signature->input_count, outputs) !=
        SNUG_OK)
        return false;
    for (int i = 0; i < signature->output_count; i++)
        if (!snug_type_equal(&outputs[i], &types[signature->input_count + i])) return false;
    return true;
}

double snug_costs_model(const snug_device *device, const snug_graph *graph, const snug_node *node) {
    // Inputs past these are of concatenations, which do no arithmetic; their output tells as much.
    snug_type types[TYPES];
    snug_node few = *node;
    if (few.input_count > TYPES - SNUG_MAX_OUTPUTS) few.input_count = TYPES - SNUG_MAX_OUTPUTS;
    snug_signature signature = snug_signature_of(graph, &few, types);
    return node->op->is_view ? 0 : modelled(device, &signature);
}

// Whether half the samples take half the time: all but a little of it is theirs, not the weights'.
static bool is_proportional(const snug_device *device, const snug_graph *graph,
                            const snug_node *node, const snug_signature *signature) {
    double fixed = 0;
    for (int i = 0; i < node->input_count; i++) {
        snug_tensor_id id = node->inputs[i];
        if (id != SNUG_NO_TENSOR && !may_have_samples(graph, id))
            fixed += (double)snug_type_bytes(&signature->inputs[i]);
    }
    for (int i = 0; i < signature->output_count; i++)
        if (!may_have_samples(graph, node->outputs[i]))
            fixed += (double)snug_type_bytes(&signature->outputs[i]);
    return fixed / device->bytes_per_second < modelled(device, signature) / 20;
}

// Whether half of |samples| would do. What moves data only costs the same for each byte of it once
// the caches are too small by far.
static bool is_long(const snug_device *device, const snug_signature *signature, int64_t samples) {
    double seconds = modelled(device, signature);
    if (!is_arithmetic(device, signature)) return seconds > long_copy;
    return seconds > (samples / 2 >= LEAST_SAMPLES ? long_run : very_long_run);
}

// Shrinks |signature|, of |types|, to as many of the |samples| as are worth timing. Returns how
// many these are.
static int64_t choose_samples(const snug_costs *self, const snug_graph *graph,
                              const snug_node *node, int64_t samples, snug_signature *signature,
                              snug_type *types) {
    int64_t chosen = samples;
    while (chosen > MOST_SAMPLES || (chosen > 1 && is_long(self->device, signature, chosen) &&
                                     is_proportional(self->device, graph, node, signature))) {
        int64_t fewer = chosen > MOST_SAMPLES ? MOST_SAMPLES : chosen / 2;
        if (!shrink(graph, node, chosen, fewer, signature, types)) {
            *signature = snug_signature_of(graph, node, types);
            return samples;
        }
        chosen = fewer;
    }
    return chosen;
}

// Whether a tensor of |node| has other types than |types|, its inputs' and then its outputs'.
static bool is_shrunk(const snug_graph *graph, const snug_node *node, const snug_type *types) {
    if (!snug_type_equal(snug_graph_type(graph, node->outputs[0]), &types[node->input_count]))
        return true;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != SNUG_NO_TENSOR &&
            !snug_type_equal(snug_graph_type(graph, node->inputs[i]), &types[i]))
            return true;
    return false;
}

snug_status snug_costs_find(snug_costs *self, const snug_graph *graph, const snug_node *node,
                            int64_t samples, double *out) {
    *out = 0;
    if (node->op->is_view) return SNUG_OK;
    size_t count = (size_t)node->input_count + (size_t)node->op->outputs;
    snug_type few[TYPES], *types = few;
    if (count > TYPES) SNUG_TRY(SNUG_NEW(&types, count));
    snug_signature signature = snug_signature_of(graph, node, types);
    snug_status status = SNUG_OK;
    if (!self->is_measured) {
        *out = modelled(self->device, &signature);
    } else {
        int64_t timed = choose_samples(self, graph, node, samples, &signature, types);
        status = find_measured(self, &signature, out);
        if (timed != samples && is_shrunk(graph, node, types))
            *out *= (double)samples / (double)timed;
    }
    if (types != few) snug_memory_free(types);
    return status;
}

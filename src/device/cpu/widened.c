// Workspace by form. Elements: a block in float32 for each 16-bit tensor, for each thread. Samples:
// [each tensor's piece | the inner kernel's].
#include "device/cpu/widened.h"

#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "device/cpu/convert.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { TENSORS = 12, BLOCK = 2048 }; // BLOCK: elements that stay in the first-level cache
// Of a piece of all tensors in float32: a part of them, so that what 16 bits save is not taken
// again to convert them, within bounds that keep kernels busy.
#define LEAST_PIECE_BYTES (64 << 10)
#define MOST_PIECE_BYTES (4 << 20)
enum { PIECES = 8 };

typedef enum form { BY_SAMPLE, WHOLE } form;

// What becomes of a tensor.
typedef struct place {
    snug_dtype dtype;
    bool present, is_sampled, is_converted;
    size_t offset;    // of its piece in the workspace, where it is converted
    int64_t elements; // of the whole
} place;

typedef struct widened {
    form form;
    bool sums;
    int inputs, outputs;
    place places[TENSORS];
    snug_cpu_kernel *inner[2]; // for a whole piece, and for the last, shorter one (may be NULL)
    int64_t samples, piece;    // rows in all, and of a piece
    size_t sum_offset;         // of a piece's part of a sum
    size_t inner_offset;       // of the inner kernels' workspace
} widened;

static void discard(snug_cpu_kernel *kernel) {
    widened *self = kernel->state;
    if (!self) return;
    snug_cpu_kernel_free(self->inner[0]);
    snug_cpu_kernel_free(self->inner[1]);
    snug_memory_free(self);
}

static snug_status finish(snug_cpu_kernel *kernel) {
    widened *self = kernel->state;
    for (int i = 0; i < 2; i++)
        if (self->inner[i]) SNUG_TRY(snug_cpu_kernel_finish(self->inner[i]));
    return SNUG_OK;
}

static const snug_type *type_of(const snug_signature *signature, int index) {
    return index < signature->input_count ? &signature->inputs[index]
                                          : &signature->outputs[index - signature->input_count];
}

static size_t room(int64_t elements) {
    return snug_size_align((size_t)elements * sizeof(float), SNUG_ARENA_ALIGNMENT);
}

// --- Element by element

typedef struct element_work {
    const widened *self;
    const snug_call *call;
} element_work;

static void run_block(const element_work *work, char *scratch, int64_t first, int64_t count) {
    const widened *self = work->self;
    snug_view views[TENSORS];
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        bool is_input = i < self->inputs;
        const place *at = &self->places[i];
        const snug_view *given =
            is_input ? &work->call->inputs[i] : &work->call->outputs[i - self->inputs];
        views[i] = (snug_view){.type = snug_type_vector(SNUG_F32, count)};
        if (!at->present) continue;
        char *data = (char *)given->data + (size_t)first * snug_dtype_bytes(at->dtype);
        views[i].data = at->is_converted ? scratch + at->offset : data;
        if (is_input && at->is_converted) snug_widen(data, at->dtype, count, views[i].data);
    }
    snug_call call = *work->call;
    call.inputs = views;
    call.outputs = views + self->inputs;
    // Element-wise kernels cannot fail once prepared.
    (void)self->inner[0]->run(self->inner[0], &call);
    for (int i = self->inputs; i < self->inputs + self->outputs; i++) {
        const place *at = &self->places[i];
        if (at->is_converted)
            snug_narrow(views[i].data, at->dtype, count,
                        (char *)work->call->outputs[i - self->inputs].data +
                            (size_t)first * snug_dtype_bytes(at->dtype));
    }
}

static void run_elements(const void *context, int part, int64_t begin, int64_t end) {
    const element_work *work = context;
    char *scratch = (char *)work->call->workspace + (size_t)part * work->self->inner_offset;
    for (; begin < end; begin += BLOCK)
        run_block(work, scratch, begin, end - begin < BLOCK ? end - begin : BLOCK);
}

static snug_status run_by_element(snug_cpu_kernel *kernel, const snug_call *call) {
    const widened *self = kernel->state;
    element_work work = {self, call};
    snug_parallel(kernel->threads, self->places[0].elements, 4 * (int64_t)BLOCK, run_elements,
                  &work);
    return SNUG_OK;
}

static bool is_elementwise(const snug_signature *signature) {
    bool found = signature->op->is_elementwise;
    const snug_type *first = &signature->inputs[0];
    for (int i = 0; i < signature->input_count + signature->output_count && found; i++) {
        const snug_type *type = type_of(signature, i);
        bool present = i >= signature->input_count || signature->present >> i & 1;
        found = !present || (snug_type_same_shape(first, type) && first->layout == type->layout);
    }
    return found;
}

static snug_status prepare_by_element(snug_cpu_kernel *kernel, widened *self) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_type types[TENSORS];
    size_t scratch = 0;
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        place *at = &self->places[i];
        types[i] = at->present ? snug_type_vector(SNUG_F32, BLOCK) : *type_of(signature, i);
        // What is updated in place has no way back here.
        bool mutated = i < self->inputs && (signature->op->mutates >> i & 1);
        if (at->is_converted && mutated) return SNUG_UNSUPPORTED;
        at->offset = scratch;
        if (at->is_converted) scratch += room(BLOCK);
    }
    snug_signature inner = *signature;
    inner.inputs = types;
    inner.outputs = types + self->inputs;
    SNUG_TRY(snug_cpu_kernel_new(&inner, 1, kernel->onednn, &self->inner[0]));
    if (self->inner[0]->cached.kernel.workspace_bytes > 0) return SNUG_UNSUPPORTED;
    self->inner_offset = scratch;
    kernel->cached.kernel.workspace_bytes = scratch * (size_t)kernel->threads;
    kernel->run = run_by_element;
    return SNUG_OK;
}

// --- Sample by sample

static void add_up(float *total, const float *part, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        total[i] += part[i];
}

// Where tensor |index| lies for the piece of |rows| rows from |first| on; inputs are converted.
static snug_view view_of(const snug_cpu_kernel *kernel, const widened *self, const snug_call *call,
                         int index, int64_t first, int64_t rows) {
    const place *at = &self->places[index];
    bool is_input = index < self->inputs;
    snug_view view = is_input ? call->inputs[index] : call->outputs[index - self->inputs];
    if (!at->present) return view;
    int64_t count = at->elements;
    char *data = view.data;
    if (at->is_sampled) {
        count = at->elements / self->samples * rows;
        data += (size_t)(at->elements / self->samples * first) * snug_dtype_bytes(at->dtype);
        view.type.dims[0] = rows;
    }
    view.data = data;
    if (!at->is_converted) return view;
    view.type.dtype = SNUG_F32;
    view.data = (char *)call->workspace + at->offset;
    if (is_input && (at->is_sampled || first == 0))
        snug_widen_all(kernel->threads, data, at->dtype, count, view.data);
    return view;
}

// A sum's piece: the first is the total so far, others are added to it.
static void place_sum(const widened *self, const snug_call *call, int64_t first, snug_view *view,
                      float **total) {
    *total = view->data;
    if (first > 0) view->data = (char *)call->workspace + self->sum_offset;
}

static void store(const snug_cpu_kernel *kernel, const widened *self, const snug_call *call,
                  int index, int64_t first, int64_t rows, const float *from) {
    const place *at = &self->places[index];
    bool is_last = first + rows == self->samples;
    if (!at->is_converted || (!at->is_sampled && !is_last)) return;
    int64_t row = at->elements / self->samples;
    size_t start = at->is_sampled ? (size_t)(row * first) : 0;
    snug_narrow_all(kernel->threads, from, at->dtype, at->is_sampled ? row * rows : at->elements,
                    (char *)call->outputs[index - self->inputs].data +
                        start * snug_dtype_bytes(at->dtype));
}

static snug_status run_piece(snug_cpu_kernel *kernel, const snug_call *call, int64_t first,
                             int64_t rows) {
    const widened *self = kernel->state;
    snug_cpu_kernel *inner = self->inner[rows < self->piece];
    snug_view views[TENSORS];
    float *total = NULL;
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        views[i] = view_of(kernel, self, call, i, first, rows);
        if (i == self->inputs && self->sums) place_sum(self, call, first, &views[i], &total);
    }
    snug_run_state state = call->state ? *call->state : (snug_run_state){0};
    state.first_sample += first;
    snug_call part = {.attributes = inner->cached.signature.attributes,
                      .inputs = views,
                      .input_count = self->inputs,
                      .outputs = views + self->inputs,
                      .output_count = self->outputs,
                      .workspace = (char *)call->workspace + self->inner_offset,
                      .state = &state};
    SNUG_TRY(inner->run(inner, &part));
    if (total && first > 0)
        add_up(total, views[self->inputs].data, self->places[self->inputs].elements);
    for (int i = self->inputs; i < self->inputs + self->outputs; i++)
        store(kernel, self, call, i, first, rows,
              total && i == self->inputs ? total : (const float *)views[i].data);
    return SNUG_OK;
}

static snug_status run_by_sample(snug_cpu_kernel *kernel, const snug_call *call) {
    const widened *self = kernel->state;
    for (int64_t first = 0; first < self->samples; first += self->piece) {
        int64_t left = self->samples - first;
        SNUG_TRY(run_piece(kernel, call, first, left < self->piece ? left : self->piece));
    }
    return SNUG_OK;
}

// Operators whose attributes hold the result's shape.
static void adapt_attributes(const snug_signature *signature, int64_t samples, int64_t rows,
                             void *attributes) {
    const snug_op *op = signature->op;
    if (op == &snug_op_sum_to || op == &snug_op_multiply_sum_to) {
        snug_sum_to_attributes *target = attributes;
        bool keeps_rows = target->rank == signature->inputs[0].rank && target->dims[0] == samples;
        if (keeps_rows) target->dims[0] = rows;
    } else if (op == &snug_op_broadcast_to) {
        snug_broadcast_to_attributes *target = attributes;
        if (target->rank > 0 && target->dims[0] == samples) target->dims[0] = rows;
    }
}

// The float32 kernel for |rows| rows. Outputs that have no rows are sums: SNUG_UNSUPPORTED where
// the operator does not add samples up.
static snug_status make_inner(snug_cpu_kernel *kernel, widened *self, int64_t rows,
                              snug_cpu_kernel **out) {
    const snug_signature *signature = &kernel->cached.signature;
    int64_t attributes[SNUG_ATTRIBUTE_BYTES / 8] = {0};
    if (signature->attributes)
        memcpy(attributes, signature->attributes, signature->op->attributes_size);
    snug_type types[TENSORS], results[SNUG_MAX_OUTPUTS] = {0};
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        types[i] = *type_of(signature, i);
        if (self->places[i].is_converted) types[i].dtype = SNUG_F32;
        if (self->places[i].is_sampled) types[i].dims[0] = rows;
    }
    if (self->form == BY_SAMPLE) adapt_attributes(signature, self->samples, rows, attributes);
    if (signature->op->infer(attributes, types, self->inputs, results) != SNUG_OK)
        return SNUG_UNSUPPORTED;
    for (int i = 0; i < self->outputs; i++)
        if (!snug_type_equal(&results[i], &types[self->inputs + i])) return SNUG_UNSUPPORTED;
    snug_signature inner = *signature;
    inner.attributes = attributes;
    inner.inputs = types;
    inner.outputs = types + self->inputs;
    return snug_cpu_kernel_new(&inner, kernel->threads, kernel->onednn, out);
}

static void lay_out(snug_cpu_kernel *kernel, widened *self) {
    size_t bytes = 0;
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        place *at = &self->places[i];
        if (!at->is_converted) continue;
        at->offset = bytes;
        bytes += room(at->is_sampled ? at->elements / self->samples * self->piece : at->elements);
    }
    self->sum_offset = bytes;
    if (self->sums && self->piece < self->samples)
        bytes += room(self->places[self->inputs].elements);
    self->inner_offset = bytes;
    size_t most = 0;
    for (int i = 0; i < 2; i++)
        if (self->inner[i] && self->inner[i]->cached.kernel.workspace_bytes > most)
            most = self->inner[i]->cached.kernel.workspace_bytes;
    kernel->cached.kernel.workspace_bytes = bytes + most;
}

static snug_rows rows_of(const snug_signature *signature) {
    const snug_op *op = signature->op;
    return op->rows_of ? op->rows_of(signature->attributes, signature->outputs) : op->rows;
}

// Which inputs have rows, and how many rows make a piece. An operand that broadcasts has them where
// its rank and extent are the result's.
static void divide(const snug_signature *signature, snug_rows how, widened *self) {
    const snug_type *rows_of = how.sums ? &signature->inputs[0] : &signature->outputs[0];
    self->samples = rows_of->rank > 0 ? rows_of->dims[0] : 0;
    if (self->samples < 1) return;
    size_t row = 0;
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        place *at = &self->places[i];
        const snug_type *type = type_of(signature, i);
        bool may = i < self->inputs ? how.inputs >> i & 1 : !how.sums;
        bool alike = i >= self->inputs || type->rank == rows_of->rank;
        at->is_sampled = at->present && may && alike && type->dims[0] == self->samples;
        if (at->is_sampled) row += (size_t)(at->elements / self->samples) * sizeof(float);
    }
    size_t bytes = row * (size_t)self->samples / PIECES;
    if (bytes < LEAST_PIECE_BYTES) bytes = LEAST_PIECE_BYTES;
    if (bytes > MOST_PIECE_BYTES) bytes = MOST_PIECE_BYTES;
    self->piece = row ? (int64_t)(bytes / row) : self->samples;
    if (self->piece < 1) self->piece = 1;
    if (self->piece > self->samples) self->piece = self->samples;
    // A sum in pieces needs room for a piece's part of it, which may be more than the pieces save.
    size_t saved = row * (size_t)(self->samples - self->piece);
    if (how.sums && room(self->places[self->inputs].elements) >= saved) self->piece = self->samples;
}

// Whether the result of an operator that sums has rows after all, along another dimension summed.
static bool has_rows(const snug_signature *signature, const widened *self) {
    int64_t attributes[SNUG_ATTRIBUTE_BYTES / 8] = {0};
    snug_type inputs[TENSORS], result = {0};
    if (self->piece == self->samples) return false;
    if (signature->attributes)
        memcpy(attributes, signature->attributes, signature->op->attributes_size);
    adapt_attributes(signature, self->samples, self->piece, attributes);
    for (int i = 0; i < self->inputs; i++) {
        inputs[i] = signature->inputs[i];
        if (self->places[i].is_sampled) inputs[i].dims[0] = self->piece;
    }
    return signature->op->infer(attributes, inputs, self->inputs, &result) == SNUG_OK &&
           result.rank > 0 && result.dims[0] == self->piece &&
           !snug_type_equal(&result, &signature->outputs[0]);
}

static snug_status prepare_by_sample(snug_cpu_kernel *kernel, widened *self) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_rows how = rows_of(signature);
    self->form = how.inputs ? BY_SAMPLE : WHOLE;
    self->samples = self->piece = 1;
    if (how.inputs) {
        divide(signature, how, self);
        if (how.sums) self->places[self->inputs].is_sampled = has_rows(signature, self);
        self->sums = how.sums && !self->places[self->inputs].is_sampled;
    }
    if (self->samples < 1) return SNUG_UNSUPPORTED;
    for (int i = 0; i < self->inputs; i++)
        if (self->places[i].is_converted && (signature->op->mutates >> i & 1))
            return SNUG_UNSUPPORTED;
    SNUG_TRY(make_inner(kernel, self, self->piece, &self->inner[0]));
    if (self->samples % self->piece)
        SNUG_TRY(make_inner(kernel, self, self->samples % self->piece, &self->inner[1]));
    lay_out(kernel, self);
    kernel->run = run_by_sample;
    return SNUG_OK;
}

static bool list_places(const snug_signature *signature, widened *self) {
    bool any = false;
    self->inputs = signature->input_count;
    self->outputs = signature->output_count;
    for (int i = 0; i < self->inputs + self->outputs; i++) {
        const snug_type *type = type_of(signature, i);
        bool present = i >= self->inputs || signature->present >> i & 1;
        self->places[i] = (place){.dtype = type->dtype,
                                  .present = present,
                                  .is_converted = present && snug_is_16_bit(type->dtype),
                                  .elements = snug_type_elements(type)};
        any = any || self->places[i].is_converted;
    }
    return any;
}

snug_status snug_widened_prepare(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    widened found = {0}, *self;
    if (signature->input_count + signature->output_count > TENSORS ||
        !list_places(signature, &found))
        return SNUG_UNSUPPORTED;
    SNUG_TRY(SNUG_NEW(&self, 1));
    *self = found;
    kernel->state = self;
    kernel->discard = discard;
    kernel->finish = finish;
    return is_elementwise(signature) ? prepare_by_element(kernel, self)
                                     : prepare_by_sample(kernel, self);
}

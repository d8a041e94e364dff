// Attention in float32, a block of scores at a time: products through oneDNN, what lies between
// them in own loops. A block is several samples, several heads of one, or some queries of one head,
// whatever fits into |block_elements|. Workspace: a block of scores, in the gradient two and what
// one adds to the gradients of keys and values, and oneDNN's scratchpad.
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "device/cpu/kernel.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/attention.h"

enum { block_elements = 1 << 17, grain_elements = 8192 };

typedef enum product {
    SCORES,     // q k^T
    MIXTURE,    // shares v
    SLOPES,     // dy v^T
    VALUE_BACK, // shares^T dy
    QUERY_BACK, // slopes k
    KEY_BACK,   // slopes^T q
    PRODUCTS
} product;

// Which are made: forward the first two, backward the others and the scores.
static bool is_made(bool is_backward, product which) {
    return which == SCORES || (which == MIXTURE) != is_backward;
}

typedef struct state {
    snug_attention_attributes attention;
    snug_attention_sizes sizes;
    bool is_backward;
    int64_t samples, heads, queries; // of a block; samples > 1 only with all heads, and so on
    int64_t rest;                    // queries of the last block of a head, 0: like the others
    snug_onednn_primitive *products[2][PRODUCTS]; // [1]: of the last block
    size_t scores_bytes,
        parts_bytes[2]; // parts: keys' and values'; 0 where a block has all queries
} state;

static void discard(snug_cpu_kernel *kernel) {
    state *self = kernel->state;
    for (int i = 0; self && i < 2; i++)
        for (int j = 0; j < PRODUCTS; j++)
            if (self->products[i][j]) snug_onednn_primitive_free(self->products[i][j]);
    snug_memory_free(self);
}

static snug_status finish(snug_cpu_kernel *kernel) {
    state *self = kernel->state;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < PRODUCTS; j++)
            if (self->products[i][j]) SNUG_TRY(snug_onednn_generate(self->products[i][j]));
    return SNUG_OK;
}

// The largest divisor of |count| up to |most|, at least 1.
static int64_t divisor(int64_t count, int64_t most) {
    int64_t found = most < count ? most : count;
    while (found > 1 && count % found)
        found--;
    return found > 1 ? found : 1;
}

static void choose_block(state *self) {
    const snug_attention_sizes *sizes = &self->sizes;
    int64_t head = sizes->queries * sizes->keys, most = block_elements;
    self->samples = self->heads = 1;
    self->queries = sizes->queries;
    if (head * sizes->heads <= most) {
        self->heads = sizes->heads;
        self->samples = divisor(sizes->batch, most / (head * sizes->heads));
    } else if (head <= most) {
        self->heads = divisor(sizes->heads, most / head);
    } else {
        self->queries = most / sizes->keys > 16 ? most / sizes->keys : 16;
        if (self->queries > sizes->queries) self->queries = sizes->queries;
        self->rest = sizes->queries % self->queries;
    }
}

// A matrix of each head of a block. |stride|: from row to row, from head to head, from sample to
// sample.
typedef struct matrices {
    int64_t rows, columns;
    int64_t stride[3];
} matrices;

// Of an operand with |positions| of |width|, |rows| of which are taken.
static matrices operand(const state *self, int64_t positions, int64_t width, int64_t rows) {
    int64_t heads = self->sizes.heads;
    bool first = self->attention.positions_first != 0;
    return (matrices){.rows = rows,
                      .columns = width,
                      .stride = {first ? heads * width : width, first ? width : positions * width,
                                 heads * positions * width}};
}

// Of a block of its own in the workspace.
static matrices block(const state *self, int64_t rows, int64_t columns) {
    return (matrices){.rows = rows,
                      .columns = columns,
                      .stride = {columns, rows * columns, self->heads * rows * columns}};
}

// The forms of a product have one rank. Heads and samples are one dimension where they lie evenly.
static snug_onednn_form form(const state *self, const matrices *from, bool is_transposed) {
    snug_onednn_form made = {.dtype = SNUG_F32};
    bool is_even = self->samples == 1 || !self->attention.positions_first;
    if (!is_even) {
        made.dims[made.rank] = self->samples;
        made.strides[made.rank++] = from->stride[2];
    }
    if (self->samples * self->heads > 1) {
        made.dims[made.rank] = is_even ? self->samples * self->heads : self->heads;
        made.strides[made.rank++] = from->stride[1];
    }
    int rows = made.rank + is_transposed, columns = made.rank + !is_transposed;
    made.dims[rows] = from->rows;
    made.strides[rows] = from->stride[0];
    made.dims[columns] = from->columns;
    made.strides[columns] = 1;
    made.rank += 2;
    return made;
}

static snug_status new_product(const snug_cpu_kernel *kernel, const state *self, const matrices *a,
                               bool transpose_a, const matrices *b, bool transpose_b,
                               const matrices *y, snug_onednn_primitive **out) {
    snug_onednn_form source = form(self, a, transpose_a), weights = form(self, b, transpose_b);
    snug_onednn_form destination = form(self, y, false), bias = {0};
    return snug_onednn_matmul_new(kernel->onednn, &source, &weights, &bias, &destination, out);
}

static snug_status new_products(const snug_cpu_kernel *kernel, state *self, int64_t queries,
                                snug_onednn_primitive **out) {
    const snug_attention_sizes *sizes = &self->sizes;
    bool whole = self->queries == sizes->queries;
    matrices q = operand(self, sizes->queries, sizes->width, queries);
    matrices k = operand(self, sizes->keys, sizes->width, sizes->keys);
    matrices v = operand(self, sizes->keys, sizes->value_width, sizes->keys);
    matrices y = operand(self, sizes->queries, sizes->value_width, queries);
    matrices scores = block(self, queries, sizes->keys);
    matrices key_part = block(self, sizes->keys, sizes->width);
    matrices value_part = block(self, sizes->keys, sizes->value_width);
    const struct {
        const matrices *a, *b, *y;
        bool transpose_a, transpose_b;
    } table[PRODUCTS] = {
        [SCORES] = {&q, &k, &scores, false, true},
        [MIXTURE] = {&scores, &v, &y, false, false},
        [SLOPES] = {&y, &v, &scores, false, true},
        [VALUE_BACK] = {&scores, &y, whole ? &v : &value_part, true, false},
        [QUERY_BACK] = {&scores, &k, &q, false, false},
        [KEY_BACK] = {&scores, &q, whole ? &k : &key_part, true, false},
    };
    for (int i = 0; i < PRODUCTS; i++)
        if (is_made(self->is_backward, (product)i))
            SNUG_TRY(new_product(kernel, self, table[i].a, table[i].transpose_a, table[i].b,
                                 table[i].transpose_b, table[i].y, &out[i]));
    return SNUG_OK;
}

static size_t scratchpad_bytes(const state *self) {
    size_t most = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < PRODUCTS; j++) {
            const snug_onednn_primitive *primitive = self->products[i][j];
            size_t bytes = primitive ? snug_onednn_bytes(primitive, SNUG_ONEDNN_SCRATCHPAD) : 0;
            if (bytes > most) most = bytes;
        }
    return most;
}

static size_t floats(int64_t count) {
    return snug_size_align((size_t)count * sizeof(float), 64);
}

// A block that is being worked on.
typedef struct work {
    const state *self;
    const snug_call *call;
    const float *mask; // or NULL
    int64_t mask_strides[SNUG_MAX_RANK];
    int64_t sample, head, query; // the first ones
    int64_t queries;
    snug_onednn_primitive *const *products;
    float *scores, *slopes, *parts[2];
    void *scratchpad;
} work;

// Where the operand |data| with so many positions begins.
static float *begin_of(const work *at, void *data, int64_t positions, int64_t width,
                       int64_t position) {
    matrices all = operand(at->self, positions, width, positions);
    return (float *)data + at->sample * all.stride[2] + at->head * all.stride[1] +
           position * all.stride[0];
}

static float *query_of(const work *at, void *data, int64_t width) {
    return begin_of(at, data, at->self->sizes.queries, width, at->query);
}

static float *key_of(const work *at, void *data, int64_t width) {
    return begin_of(at, data, at->self->sizes.keys, width, 0);
}

static snug_status multiply(const work *at, product which, void *a, void *b, void *y) {
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = a,
                                         [SNUG_ONEDNN_WEIGHTS] = b,
                                         [SNUG_ONEDNN_DESTINATION] = y,
                                         [SNUG_ONEDNN_SCRATCHPAD] = at->scratchpad};
    return snug_onednn_run(at->products[which], data);
}

// Row |row| of the block: which query it is.
typedef struct row_place {
    int64_t sample, head, query;
    int64_t number; // in (batch, heads, queries)
} row_place;

static row_place place_of(const work *at, int64_t row) {
    const snug_attention_sizes *sizes = &at->self->sizes;
    int64_t slab = row / at->queries;
    row_place place = {.sample = at->sample + slab / at->self->heads,
                       .head = at->head + slab % at->self->heads,
                       .query = at->query + row % at->queries};
    place.number = (place.sample * sizes->heads + place.head) * sizes->queries + place.query;
    return place;
}

static const float *mask_of(const work *at, const row_place *place) {
    if (!at->mask) return NULL;
    return at->mask + place->sample * at->mask_strides[0] + place->head * at->mask_strides[1] +
           place->query * at->mask_strides[2];
}

// 0 where exp's argument is below its range.
static inline float exp_below(float x) {
    return x < -87.0f ? 0 : snug_exp(x);
}

SNUG_MULTIARCH static void finish_scores(float *row, int64_t count, float scale, const float *mask,
                                         int64_t step) {
    if (!mask) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            row[i] *= scale;
    } else if (step) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            row[i] = row[i] * scale + mask[i];
    } else {
        float one = mask[0];
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            row[i] = row[i] * scale + one;
    }
}

// Scores become shares; returns what the gradient needs to make them again.
SNUG_MULTIARCH static float share_out(float *row, int64_t count) {
    float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
    for (int64_t i = 0; i < count; i++)
        highest = row[i] > highest ? row[i] : highest;
    bool is_hidden = highest == -INFINITY;
    float base = is_hidden ? 0 : highest;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
        row[i] = exp_below(row[i] - base);
        sum += row[i];
    }
    float inverse = is_hidden ? 0 : 1 / sum;
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        row[i] *= inverse;
    return is_hidden ? 0 : highest + logf(sum);
}

static void share_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *at = context;
    int64_t keys = at->self->sizes.keys;
    float *logs = at->call->outputs[1].data;
    for (int64_t row = begin; row < end; row++) {
        row_place place = place_of(at, row);
        float *scores = at->scores + row * keys;
        finish_scores(scores, keys, (float)at->self->attention.scale, mask_of(at, &place),
                      at->mask_strides[3]);
        logs[place.number] = share_out(scores, keys);
    }
}

SNUG_MULTIARCH static float dot(const float *a, const float *b, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

SNUG_MULTIARCH static void differentiate(float *shares, float *slopes, int64_t count, float log_sum,
                                         float mixed, float scale) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float share = exp_below(shares[i] - log_sum);
        shares[i] = share;
        slopes[i] = share * (slopes[i] - mixed) * scale;
    }
}

static void differentiate_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *at = context;
    const state *self = at->self;
    int64_t keys = self->sizes.keys, width = self->sizes.value_width;
    const float *logs = at->call->inputs[4].data;
    const float *y = at->call->inputs[3].data, *dy = at->call->inputs[5].data;
    matrices all = operand(self, self->sizes.queries, width, self->sizes.queries);
    for (int64_t row = begin; row < end; row++) {
        row_place place = place_of(at, row);
        int64_t from =
            place.sample * all.stride[2] + place.head * all.stride[1] + place.query * all.stride[0];
        float *scores = at->scores + row * keys, scale = (float)self->attention.scale;
        finish_scores(scores, keys, scale, mask_of(at, &place), at->mask_strides[3]);
        differentiate(scores, at->slopes + row * keys, keys, logs[place.number],
                      dot(y + from, dy + from, width), scale);
    }
}

static void each_row(const snug_cpu_kernel *kernel, const work *at, snug_range_work *rows) {
    int64_t count = at->self->samples * at->self->heads * at->queries;
    snug_parallel(kernel->threads, count, grain_elements / (at->self->sizes.keys + 1) + 1, rows,
                  at);
}

static snug_status run_forward_block(const snug_cpu_kernel *kernel, const work *at) {
    const snug_attention_sizes *sizes = &at->self->sizes;
    const snug_view *in = at->call->inputs;
    SNUG_TRY(multiply(at, SCORES, query_of(at, in[0].data, sizes->width),
                      key_of(at, in[1].data, sizes->width), at->scores));
    each_row(kernel, at, share_rows);
    return multiply(at, MIXTURE, at->scores, key_of(at, in[2].data, sizes->value_width),
                    query_of(at, at->call->outputs[0].data, sizes->value_width));
}

// Adds what a block of one head's queries gives to the gradient of keys or values.
static void add_part(const work *at, const float *from, float *to, int64_t width) {
    int64_t keys = at->self->sizes.keys;
    matrices all = operand(at->self, keys, width, keys);
    for (int64_t key = 0; key < keys; key++)
        for (int64_t i = 0; i < width; i++) {
            float *sum = to + key * all.stride[0] + i;
            *sum = (at->query ? *sum : 0) + from[key * width + i];
        }
}

static snug_status run_backward_block(const snug_cpu_kernel *kernel, const work *at) {
    const snug_attention_sizes *sizes = &at->self->sizes;
    const snug_view *in = at->call->inputs, *out = at->call->outputs;
    int64_t width = sizes->width, value_width = sizes->value_width;
    float *q = query_of(at, in[0].data, width), *k = key_of(at, in[1].data, width);
    float *dy = query_of(at, in[5].data, value_width);
    float *dk = key_of(at, out[1].data, width), *dv = key_of(at, out[2].data, value_width);
    bool whole = at->self->queries == sizes->queries;
    SNUG_TRY(multiply(at, SCORES, q, k, at->scores));
    SNUG_TRY(multiply(at, SLOPES, dy, key_of(at, in[2].data, value_width), at->slopes));
    each_row(kernel, at, differentiate_rows);
    SNUG_TRY(multiply(at, VALUE_BACK, at->scores, dy, whole ? dv : at->parts[1]));
    SNUG_TRY(multiply(at, QUERY_BACK, at->slopes, k, query_of(at, out[0].data, width)));
    SNUG_TRY(multiply(at, KEY_BACK, at->slopes, q, whole ? dk : at->parts[0]));
    if (whole) return SNUG_OK;
    add_part(at, at->parts[0], dk, width);
    add_part(at, at->parts[1], dv, value_width);
    return SNUG_OK;
}

static work begin_work(const state *self, const snug_call *call) {
    work at = {.self = self, .call = call};
    int mask = self->is_backward ? 6 : 3;
    char *memory = call->workspace;
    float **buffers[] = {&at.scores, &at.slopes, &at.parts[0], &at.parts[1]};
    const size_t sizes[] = {self->scores_bytes, self->is_backward ? self->scores_bytes : 0,
                            self->parts_bytes[0], self->parts_bytes[1]};
    for (int i = 0; i < 4; i++) {
        *buffers[i] = (float *)(void *)memory;
        memory += sizes[i];
    }
    at.scratchpad = memory;
    if (call->input_count <= mask || !call->inputs[mask].data) return at;
    at.mask = call->inputs[mask].data;
    snug_type_strides(&call->inputs[mask].type, at.mask_strides);
    for (int i = 0; i < 4; i++)
        if (call->inputs[mask].type.dims[i] == 1) at.mask_strides[i] = 0;
    return at;
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const state *self = kernel->state;
    const snug_attention_sizes *sizes = &self->sizes;
    work at = begin_work(self, call);
    for (at.sample = 0; at.sample < sizes->batch; at.sample += self->samples)
        for (at.head = 0; at.head < sizes->heads; at.head += self->heads)
            for (at.query = 0; at.query < sizes->queries; at.query += self->queries) {
                int64_t left = sizes->queries - at.query;
                at.queries = left < self->queries ? left : self->queries;
                at.products = self->products[at.queries < self->queries];
                SNUG_TRY(self->is_backward ? run_backward_block(kernel, &at)
                                           : run_forward_block(kernel, &at));
            }
    return SNUG_OK;
}

static bool fits(const snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    for (int i = 0; i < 3; i++)
        if (snug_type_elements(&signature->inputs[i]) == 0) return false;
    return snug_cpu_all_float(kernel);
}

static snug_status prepare_either(snug_cpu_kernel *kernel, bool is_backward) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_attention_attributes *attention = signature->attributes;
    if (!fits(kernel)) return SNUG_UNSUPPORTED;
    state *self = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    kernel->state = self;
    kernel->discard = discard;
    *self = (state){.attention = *attention,
                    .sizes = snug_attention_sizes_of(attention, signature->inputs),
                    .is_backward = is_backward};
    choose_block(self);
    SNUG_TRY(new_products(kernel, self, self->queries, self->products[0]));
    if (self->rest) SNUG_TRY(new_products(kernel, self, self->rest, self->products[1]));
    self->scores_bytes = floats(self->samples * self->heads * self->queries * self->sizes.keys);
    if (is_backward && self->queries < self->sizes.queries) {
        self->parts_bytes[0] = floats(self->sizes.keys * self->sizes.width);
        self->parts_bytes[1] = floats(self->sizes.keys * self->sizes.value_width);
    }
    kernel->finish = finish;
    kernel->run = run;
    kernel->cached.kernel.workspace_bytes = (is_backward ? 2 : 1) * self->scores_bytes +
                                            self->parts_bytes[0] + self->parts_bytes[1] +
                                            scratchpad_bytes(self);
    return SNUG_OK;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    return prepare_either(kernel, false);
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    return prepare_either(kernel, true);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_attention, prepare},
    {&snug_op_attention_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_attention = {entries};

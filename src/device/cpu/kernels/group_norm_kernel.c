// Group norm in float32, in both layouts. Work goes by bands: groups of a sample that lie together,
// all of them unless there are fewer samples than threads. A band is swept in tiles, rows of
// numbers whose coefficients are the same in every row: pixels of the band's channels where those
// are innermost, else stretches of one channel. Workspace: each thread's lines of coefficients and
// sums, and in the gradient every sample's sums for dgamma and dbeta.
#include <math.h>
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/columns.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { stretch = 256, fold_rows = 64 };

// What belongs to a column of a tile, and a sum for each.
enum { MEAN, INVERSE, GAMMA, BETA, PLAIN, WEIGHTED, SUM, OTHER_SUM, LINES };

typedef struct work {
    snug_group_norm_attributes norm;
    bool is_backward, is_last;                       // the layout
    int64_t samples, channels, pixels, bands, width; // width: channels of a band
    const float *x, *dy, *gamma, *beta;
    float *y, *means, *inverses; // y: dx in the backward
    double *sums;                // backward: (samples, 2, channels)
    char *parts;
} work;

// A thread's memory.
typedef struct part {
    float *line[LINES];
    double *totals[2];  // by channel of the band
    float *channels[6]; // MEAN to WEIGHTED, by channel of the band
} part;

static int64_t line_length(const work *self) {
    int64_t length = self->pixels < stretch ? self->pixels : stretch;
    return self->is_last ? self->width : length;
}

static size_t part_bytes(const work *self) {
    return LINES * snug_columns_bytes(line_length(self), sizeof(float)) +
           2 * snug_columns_bytes(self->width, sizeof(double)) +
           6 * snug_columns_bytes(self->width, sizeof(float));
}

static part part_of(const work *self, int index) {
    char *at = self->parts + (size_t)index * part_bytes(self);
    part made;
    for (int i = 0; i < LINES; i++, at += snug_columns_bytes(line_length(self), sizeof(float)))
        made.line[i] = (float *)(void *)at;
    for (int i = 0; i < 2; i++, at += snug_columns_bytes(self->width, sizeof(double)))
        made.totals[i] = (double *)(void *)at;
    for (int i = 0; i < 6; i++, at += snug_columns_bytes(self->width, sizeof(float)))
        made.channels[i] = (float *)(void *)at;
    return made;
}

typedef struct tile {
    int64_t from, rows, width, step; // elements of x
} tile;

typedef void tile_work(const work *self, const part *own, const tile *at);

SNUG_MULTIARCH static void add_values(const work *self, const part *own, const tile *at) {
    float *sum = own->line[SUM];
    for (int64_t row = 0; row < at->rows; row++) {
        const float *x = self->x + at->from + row * at->step;
#pragma omp simd
        for (int64_t i = 0; i < at->width; i++)
            sum[i] += x[i];
    }
}

SNUG_MULTIARCH static void add_squares(const work *self, const part *own, const tile *at) {
    float *sum = own->line[SUM];
    const float *mean = own->line[MEAN];
    for (int64_t row = 0; row < at->rows; row++) {
        const float *x = self->x + at->from + row * at->step;
#pragma omp simd
        for (int64_t i = 0; i < at->width; i++)
            sum[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
    }
}

static inline float linear(float y) {
    return y;
}
static inline float relu(float y) {
    return y < 0 ? 0 : y;
}
static inline float silu(float y) {
    return y * snug_sigmoid(y);
}
// As the activations by themselves have it, so that fusing changes no bit.
static inline float linear_back(float y, float dy) {
    (void)y;
    return dy;
}
static inline float relu_back(float y, float dy) {
    return y <= 0 ? 0 : dy;
}
static inline float silu_back(float y, float dy) {
    float sigmoid = snug_sigmoid(y);
    return dy * sigmoid * (1 + y * (1 - sigmoid));
}

// Of each activation: the forward sweep, and the two of the gradient.
#define SWEEPS(activation)                                                                         \
    SNUG_MULTIARCH static void write_##activation(const work *self, const part *own,               \
                                                  const tile *at) {                                \
        const float *mean = own->line[MEAN], *inverse = own->line[INVERSE];                        \
        const float *gamma = own->line[GAMMA], *beta = own->line[BETA];                            \
        for (int64_t row = 0; row < at->rows; row++) {                                             \
            const float *x = self->x + at->from + row * at->step;                                  \
            float *y = self->y + at->from + row * at->step;                                        \
            _Pragma("omp simd") for (int64_t i = 0; i < at->width; i++) y[i] =                     \
                activation((x[i] - mean[i]) * inverse[i] * gamma[i] + beta[i]);                    \
        }                                                                                          \
    }                                                                                              \
    SNUG_MULTIARCH static void add_##activation(const work *self, const part *own,                 \
                                                const tile *at) {                                  \
        float *sum = own->line[SUM], *other = own->line[OTHER_SUM];                                \
        const float *mean = own->line[MEAN], *inverse = own->line[INVERSE];                        \
        const float *gamma = own->line[GAMMA], *beta = own->line[BETA];                            \
        for (int64_t row = 0; row < at->rows; row++) {                                             \
            const float *x = self->x + at->from + row * at->step;                                  \
            const float *dy = self->dy + at->from + row * at->step;                                \
            _Pragma("omp simd") for (int64_t i = 0; i < at->width; i++) {                          \
                float normal = (x[i] - mean[i]) * inverse[i];                                      \
                float slope = activation##_back(normal * gamma[i] + beta[i], dy[i]);               \
                sum[i] += slope;                                                                   \
                other[i] += slope * normal;                                                        \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    SNUG_MULTIARCH static void back_##activation(const work *self, const part *own,                \
                                                 const tile *at) {                                 \
        const float *mean = own->line[MEAN], *inverse = own->line[INVERSE];                        \
        const float *gamma = own->line[GAMMA], *beta = own->line[BETA];                            \
        const float *plain = own->line[PLAIN], *weighted = own->line[WEIGHTED];                    \
        for (int64_t row = 0; row < at->rows; row++) {                                             \
            const float *x = self->x + at->from + row * at->step;                                  \
            const float *dy = self->dy + at->from + row * at->step;                                \
            float *dx = self->y + at->from + row * at->step;                                       \
            _Pragma("omp simd") for (int64_t i = 0; i < at->width; i++) {                          \
                float normal = (x[i] - mean[i]) * inverse[i];                                      \
                float slope = activation##_back(normal * gamma[i] + beta[i], dy[i]);               \
                dx[i] = inverse[i] * (gamma[i] * slope - plain[i] - normal * weighted[i]);         \
            }                                                                                      \
        }                                                                                          \
    }
SWEEPS(linear)
SWEEPS(relu)
SWEEPS(silu)

static const struct {
    tile_work *write, *add, *back;
} sweeps[] = {
    [SNUG_GROUP_NORM_LINEAR] = {write_linear, add_linear, back_linear},
    [SNUG_GROUP_NORM_RELU] = {write_relu, add_relu, back_relu},
    [SNUG_GROUP_NORM_SILU] = {write_silu, add_silu, back_silu},
};

// Puts the lines' sums of |columns| into the totals from |channel| on, one channel a column, or all
// of one channel.
static void fold(const work *self, const part *own, int64_t channel, int64_t columns) {
    for (int i = 0; i < 2; i++) {
        float *sum = own->line[SUM + i];
        for (int64_t j = 0; j < columns; j++)
            own->totals[i][self->is_last ? j : channel] += (double)sum[j];
        memset(sum, 0, (size_t)line_length(self) * sizeof *sum);
    }
}

// Sweeps |sample|'s band from channel |first| on, with the coefficients that the channels have.
static void sweep(const work *self, const part *own, int64_t sample, int64_t first,
                  tile_work *run) {
    int64_t width = line_length(self);
    if (self->is_last) {
        for (int i = 0; i < 6; i++)
            memcpy(own->line[i], own->channels[i], (size_t)width * sizeof(float));
        for (int64_t row = 0; row < self->pixels; row += fold_rows) {
            int64_t left = self->pixels - row;
            tile at = {.from = (sample * self->pixels + row) * self->channels + first,
                       .rows = left < fold_rows ? left : fold_rows,
                       .width = width,
                       .step = self->channels};
            run(self, own, &at);
            fold(self, own, 0, width);
        }
        return;
    }
    for (int64_t channel = 0; channel < self->width; channel++) {
        for (int i = 0; i < 6; i++)
            for (int64_t j = 0; j < width; j++)
                own->line[i][j] = own->channels[i][channel];
        int64_t from = (sample * self->channels + first + channel) * self->pixels;
        for (int64_t done = 0; done < self->pixels; done += fold_rows * width) {
            int64_t left = self->pixels - done, rows = left / width;
            if (rows > fold_rows) rows = fold_rows;
            tile full = {.from = from + done, .rows = rows, .width = width, .step = width};
            tile tail = {.from = from + done + rows * width, .rows = 1, .width = left % width};
            run(self, own, &full);
            if (rows * width + tail.width == left) run(self, own, &tail);
            fold(self, own, channel, width);
        }
    }
}

static void clear_totals(const work *self, const part *own) {
    for (int i = 0; i < 2; i++)
        memset(own->totals[i], 0, (size_t)self->width * sizeof(double));
}

// Each group's mean of the totals |which|, times |factors| of the channels where not NULL, goes to
// the coefficient |to| of its channels.
static void average(const work *self, const part *own, int which, const float *factors, int to) {
    int64_t size = self->channels / self->norm.groups;
    double count = (double)size * (double)self->pixels;
    for (int64_t from = 0; from < self->width; from += size) {
        double sum = 0;
        for (int64_t i = from; i < from + size; i++)
            sum += own->totals[which][i] * (factors ? (double)factors[i] : 1);
        for (int64_t i = from; i < from + size; i++)
            own->channels[to][i] = (float)(sum / count);
    }
}

static void find_statistics(const work *self, const part *own, int64_t sample, int64_t first) {
    int64_t size = self->channels / self->norm.groups;
    clear_totals(self, own);
    sweep(self, own, sample, first, add_values);
    average(self, own, 0, NULL, MEAN);
    clear_totals(self, own);
    sweep(self, own, sample, first, add_squares);
    average(self, own, 0, NULL, INVERSE);
    for (int64_t i = 0; i < self->width; i++) {
        double variance = (double)own->channels[INVERSE][i];
        own->channels[INVERSE][i] = (float)(1 / sqrt(variance + self->norm.eps));
    }
    for (int64_t i = 0; i < self->width; i += size) {
        int64_t group = sample * self->norm.groups + (first + i) / size;
        self->means[group] = own->channels[MEAN][i];
        self->inverses[group] = own->channels[INVERSE][i];
    }
}

static void read_statistics(const work *self, const part *own, int64_t sample, int64_t first) {
    int64_t size = self->channels / self->norm.groups;
    for (int64_t i = 0; i < self->width; i++) {
        int64_t group = sample * self->norm.groups + (first + i) / size;
        own->channels[MEAN][i] = self->means[group];
        own->channels[INVERSE][i] = self->inverses[group];
    }
}

static void differentiate(const work *self, const part *own, int64_t sample, int64_t first) {
    read_statistics(self, own, sample, first);
    clear_totals(self, own);
    sweep(self, own, sample, first, sweeps[self->norm.activation].add);
    for (int i = 0; i < 2; i++)
        memcpy(self->sums + (2 * sample + i) * self->channels + first, own->totals[i],
               (size_t)self->width * sizeof(double));
    average(self, own, 0, own->channels[GAMMA], PLAIN);
    average(self, own, 1, own->channels[GAMMA], WEIGHTED);
    sweep(self, own, sample, first, sweeps[self->norm.activation].back);
}

static void run_bands(const void *context, int index, int64_t begin, int64_t end) {
    const work *self = context;
    part own = part_of(self, index);
    memset(own.line[0], 0, part_bytes(self));
    for (int64_t band = begin; band < end; band++) {
        int64_t sample = band / self->bands, first = band % self->bands * self->width;
        memcpy(own.channels[GAMMA], self->gamma + first, (size_t)self->width * sizeof(float));
        memcpy(own.channels[BETA], self->beta + first, (size_t)self->width * sizeof(float));
        if (self->is_backward) {
            differentiate(self, &own, sample, first);
            continue;
        }
        find_statistics(self, &own, sample, first);
        sweep(self, &own, sample, first, sweeps[self->norm.activation].write);
    }
}

static work begin_work(const snug_cpu_kernel *kernel, bool is_backward) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_type *x = &signature->inputs[0];
    const snug_group_norm_attributes *norm = signature->attributes;
    work self = {.norm = *norm,
                 .is_backward = is_backward,
                 .samples = x->dims[0],
                 .channels = x->dims[1],
                 .pixels = 1,
                 .bands = 1};
    for (int i = 2; i < x->rank; i++)
        self.pixels *= x->dims[i];
    self.is_last = x->layout == SNUG_CHANNELS_LAST || self.pixels == 1;
    while (self.samples * self.bands < kernel->threads && self.bands < norm->groups)
        do
            self.bands++;
        while (norm->groups % self.bands);
    self.width = self.channels / self.bands;
    return self;
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = begin_work(kernel, false);
    self.x = call->inputs[0].data;
    self.gamma = call->inputs[1].data;
    self.beta = call->inputs[2].data;
    self.y = call->outputs[0].data;
    self.means = call->outputs[1].data;
    self.inverses = call->outputs[2].data;
    self.parts = call->workspace;
    snug_parallel(kernel->threads, self.samples * self.bands, 1, run_bands, &self);
    return SNUG_OK;
}

static size_t sums_bytes(const work *self) {
    return snug_columns_bytes(2 * self->samples * self->channels, sizeof(double));
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = begin_work(kernel, true);
    self.x = call->inputs[0].data;
    self.gamma = call->inputs[1].data;
    self.beta = call->inputs[2].data;
    self.means = call->inputs[3].data;
    self.inverses = call->inputs[4].data;
    self.dy = call->inputs[5].data;
    self.y = call->outputs[0].data;
    self.sums = call->workspace;
    self.parts = (char *)call->workspace + sums_bytes(&self);
    snug_parallel(kernel->threads, self.samples * self.bands, 1, run_bands, &self);
    for (int i = 0; i < 2; i++) {
        float *out = call->outputs[2 - i].data; // dbeta is the plain sum
        for (int64_t channel = 0; channel < self.channels; channel++) {
            double total = 0;
            for (int64_t sample = 0; sample < self.samples; sample++)
                total += self.sums[(2 * sample + i) * self.channels + channel];
            out[channel] = (float)total;
        }
    }
    return SNUG_OK;
}

static snug_status prepare_either(snug_cpu_kernel *kernel, bool is_backward) {
    if (!snug_cpu_all_float(kernel) || snug_type_elements(&kernel->cached.signature.inputs[0]) == 0)
        return SNUG_UNSUPPORTED;
    work self = begin_work(kernel, is_backward);
    kernel->run = is_backward ? run_backward : run;
    kernel->cached.kernel.workspace_bytes =
        (size_t)kernel->threads * part_bytes(&self) + (is_backward ? sums_bytes(&self) : 0);
    return SNUG_OK;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    return prepare_either(kernel, false);
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    return prepare_either(kernel, true);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_group_norm, prepare},
    {&snug_op_group_norm_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_group_norm = {entries};

// A tensor whose innermost dimension is the channel, as a matrix of rows (pixels) and columns
// (channels). Loops over it take lines: as many rows as make a good length for the vector unit, so
// that few channels cost no more than many; what belongs to a column is repeated along a line.
#ifndef SNUG_DEVICE_CPU_KERNELS_COLUMNS_H
#define SNUG_DEVICE_CPU_KERNELS_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "base/size.h"

typedef struct snug_columns {
    int64_t rows, columns;
    int64_t repeat; // rows in a line
    int64_t width;  // elements of a line: repeat * columns
    int64_t grain;  // rows that are worth waking a thread for, a multiple of |repeat|
} snug_columns;

static inline snug_columns snug_columns_of(int64_t rows, int64_t columns) {
    enum { wanted_width = 256, wanted_grain = 16384 };
    snug_columns self = {.rows = rows, .columns = columns, .repeat = 1};
    if (columns > 0 && columns < wanted_width) self.repeat = wanted_width / columns;
    if (self.repeat > rows) self.repeat = rows;
    self.width = self.repeat * columns;
    self.grain = self.repeat * (wanted_grain / (self.width > 0 ? self.width : 1) + 1);
    return self;
}

// Writes |value| of each column along a line.
static inline void snug_columns_repeat(const snug_columns *self, float *line) {
    for (int64_t i = self->columns; i < self->width; i++)
        line[i] = line[i - self->columns];
}

// Adds a line of sums to the columns' totals, in a fixed order.
static inline void snug_columns_fold(const snug_columns *self, const float *line, double *totals) {
    for (int64_t row = 0; row < self->repeat; row++)
        for (int64_t c = 0; c < self->columns; c++)
            totals[c] += (double)line[row * self->columns + c];
}

// Asks for four lines that come some way behind |x|. Sums over four lines at a time jump too often
// for the hardware to guess; with this they run at twice the rate from memory, and faster from the
// last-level cache. What lies past the tensor's end is asked for in vain, not read.
static inline void snug_columns_prefetch(const float *x, int64_t width) {
    enum { distance = 16, cache_line = 16 }; // in lines of the matrix; in elements
    uintptr_t at = (uintptr_t)x + (uintptr_t)(distance * width) * sizeof *x;
    for (int64_t i = 0; i < 4 * width; i += cache_line)
        __builtin_prefetch((const void *)(at + (uintptr_t)i * sizeof *x), 0, 2);
}

// Float sums are folded into double totals after this many lines, which keeps their error small.
enum { SNUG_COLUMNS_FOLD_LINES = 64 };

// Bytes of |count| elements of |size| in a workspace, padded so that what follows is aligned.
static inline size_t snug_columns_bytes(int64_t count, size_t size) {
    return snug_size_align((size_t)count * size, 64);
}

#endif

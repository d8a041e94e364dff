// Resizing as PIL does it (Resample.c): each side for itself, first the width, with 8 bits between
// the two, and weights of 22 bits.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "data/image.h"

enum { PRECISION = 22 };

// How one side of an image is made: new pixel i from old ones.
typedef struct side {
    int64_t count; // of new pixels
    int64_t most;  // of old ones that make one
    int64_t *first, *used;
    int32_t *weights; // |most| for each new pixel
} side;

// Weights of the new pixels from |begin| on, |count| of the |scaled| that |old| pixels become.
static snug_status make_side(int64_t old, int64_t scaled, int64_t begin, int64_t count, side *out) {
    double scale = (double)old / (double)scaled, width = scale > 1 ? scale : 1;
    *out = (side){.count = count, .most = 2 * (int64_t)ceil(width) + 1};
    SNUG_TRY(SNUG_NEW(&out->first, (size_t)count));
    SNUG_TRY(SNUG_NEW(&out->used, (size_t)count));
    SNUG_TRY(SNUG_NEW(&out->weights, (size_t)(count * out->most)));
    double *exact = NULL;
    SNUG_TRY(SNUG_NEW(&exact, (size_t)out->most));
    for (int64_t i = 0; i < count; i++) {
        double centre = ((double)(begin + i) + 0.5) * scale, sum = 0;
        int64_t first = (int64_t)fmax(centre - width + 0.5, 0);
        int64_t end = (int64_t)fmin(centre + width + 0.5, (double)old);
        for (int64_t j = first; j < end; j++) {
            double away = fabs(((double)j - centre + 0.5) * (1 / width));
            exact[j - first] = away < 1 ? 1 - away : 0;
            sum += exact[j - first];
        }
        for (int64_t j = 0; j < end - first; j++)
            out->weights[i * out->most + j] =
                (int32_t)(0.5 + exact[j] / sum * (double)(1 << PRECISION));
        out->first[i] = first;
        out->used[i] = end - first;
    }
    snug_memory_free(exact);
    return SNUG_OK;
}

static void free_side(side *self) {
    snug_memory_free(self->first);
    snug_memory_free(self->used);
    snug_memory_free(self->weights);
}

static uint8_t rounded(int32_t sum) {
    int32_t value = sum >> PRECISION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

// One row of |to| from one of |from|, of |channels| a pixel.
static void resize_row(const side *columns, int channels, const uint8_t *from, uint8_t *to) {
    for (int64_t i = 0; i < columns->count; i++) {
        const int32_t *weights = columns->weights + i * columns->most;
        const uint8_t *first = from + columns->first[i] * channels;
        for (int c = 0; c < channels; c++) {
            int32_t sum = 1 << (PRECISION - 1);
            for (int64_t j = 0; j < columns->used[i]; j++)
                sum += first[j * channels + c] * weights[j];
            *to++ = rounded(sum);
        }
    }
}

// Row |i| of the result, of |bytes|, from the rows |from|, which begin with the first that the
// result takes; |sums| has room for as many.
static void join_rows(const side *rows, int64_t i, int64_t bytes, const uint8_t *from,
                      int32_t *sums, uint8_t *to) {
    for (int64_t b = 0; b < bytes; b++)
        sums[b] = 1 << (PRECISION - 1);
    for (int64_t j = 0; j < rows->used[i]; j++) {
        int32_t weight = rows->weights[i * rows->most + j];
        const uint8_t *row = from + (rows->first[i] - rows->first[0] + j) * bytes;
        for (int64_t b = 0; b < bytes; b++)
            sums[b] += row[b] * weight;
    }
    for (int64_t b = 0; b < bytes; b++)
        to[b] = rounded(sums[b]);
}

// Where torchvision's CenterCrop() begins: a half goes to the even side, as Python rounds.
static int64_t crop_start(int64_t more) {
    return more / 2 + (more % 4 == 3);
}

snug_status snug_image_fit(const snug_image *image, int64_t height, int64_t width, uint8_t *out) {
    // The side that needs more becomes what is wanted, the other one as much or more.
    bool by_height = image->height * width <= image->width * height;
    int64_t tall = by_height ? height : image->height * width / image->width;
    int64_t wide = by_height ? image->width * height / image->height : width;
    int64_t bytes = width * image->channels;
    side rows = {0}, columns = {0};
    uint8_t *narrow = NULL;
    int32_t *sums = NULL;
    snug_status status;
    SNUG_TRY_GOTO(make_side(image->width, wide, crop_start(wide - width), width, &columns), done);
    SNUG_TRY_GOTO(make_side(image->height, tall, crop_start(tall - height), height, &rows), done);
    int64_t first = rows.first[0], taken = rows.first[height - 1] + rows.used[height - 1] - first;
    SNUG_TRY_GOTO(SNUG_NEW(&narrow, (size_t)(taken * bytes)), done);
    SNUG_TRY_GOTO(SNUG_NEW(&sums, (size_t)bytes), done);
    for (int64_t i = 0; i < taken; i++)
        resize_row(&columns, image->channels,
                   image->pixels + (first + i) * image->width * image->channels,
                   narrow + i * bytes);
    for (int64_t i = 0; i < height; i++)
        join_rows(&rows, i, bytes, narrow, sums, out + i * bytes);
done:
    snug_memory_free(sums);
    snug_memory_free(narrow);
    free_side(&rows);
    free_side(&columns);
    return status;
}

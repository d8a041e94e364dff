// Where the outputs of `resample` take their values from, by ONNX's definition of Resize: along one
// axis each output is a weighted sum of neighbouring inputs, those beyond the ends repeated.
#ifndef SNUG_OPS_RESAMPLE_H
#define SNUG_OPS_RESAMPLE_H

#include <math.h>

#include "ops/ops.h"

// The inputs of one output: |count| from |first| on, before they are clamped to the axis.
typedef struct snug_taps {
    int64_t first, count; // count 0: the output is the extrapolation value
    double ratio;         // how far the place lies behind the input left of it, in (0, 1]
    double total;         // of the weights as they come; they are divided by it
} snug_taps;

static inline double snug_resample_place(const snug_resample_attributes *form, int64_t input,
                                         int64_t index) {
    double extent = (double)input, scaled = form->scale * extent, at = (double)index;
    switch (form->coordinates) {
    case SNUG_RESAMPLE_ALIGN_CORNERS:
        return scaled == 1 ? 0 : at * (extent - 1) / (scaled - 1);
    case SNUG_RESAMPLE_ASYMMETRIC:
        return at / form->scale;
    case SNUG_RESAMPLE_CROP: {
        double crop = (form->roi[1] - form->roi[0]) * (extent - 1);
        return form->roi[0] * (extent - 1) + (scaled == 1 ? crop / 2 : at * crop / (scaled - 1));
    }
    case SNUG_RESAMPLE_PYTORCH_HALF_PIXEL:
        return scaled == 1 ? -0.5 : (at + 0.5) / form->scale - 0.5;
    case SNUG_RESAMPLE_HALF_PIXEL_SYMMETRIC:
        return extent / 2 * (1 - (double)form->length / scaled) + (at + 0.5) / form->scale - 0.5;
    default:
        return (at + 0.5) / form->scale - 0.5;
    }
}

// The scale that widens the window when a smaller result is smoothed.
static inline double snug_resample_narrowing(const snug_resample_attributes *form) {
    return form->antialias && form->scale < 1 ? form->scale : 1;
}

// Inputs left of the place that a window reaches, its own included; the window is twice that.
static inline double snug_resample_reach(const snug_resample_attributes *form) {
    double reach = form->mode == SNUG_RESAMPLE_CUBIC ? 2 : 1;
    return -(floor(-reach / snug_resample_narrowing(form)) + 1) + 1;
}

static inline double snug_resample_cubic(double x, double a) {
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Whether the nearest input is the right one of two; at a ratio of 1 the place is that input.
static inline bool snug_resample_rounds_up(const snug_resample_attributes *form, double ratio) {
    static const double limits[] = {[SNUG_RESAMPLE_PREFER_FLOOR] = 0.5,
                                    [SNUG_RESAMPLE_PREFER_CEIL] = 0.5,
                                    [SNUG_RESAMPLE_FLOOR] = 1,
                                    [SNUG_RESAMPLE_CEIL] = 0};
    if (ratio == 1) return true;
    bool up = form->rounding == SNUG_RESAMPLE_PREFER_CEIL;
    return up ? ratio >= limits[form->rounding] : ratio > limits[form->rounding];
}

// Weight of tap |tap|, before the division by the total.
static inline double snug_resample_raw(const snug_resample_attributes *form, const snug_taps *taps,
                                       int64_t input, int64_t tap) {
    int64_t index = taps->first + tap;
    if (form->exclude_outside && (index < 0 || index >= input)) return 0;
    if (form->mode == SNUG_RESAMPLE_NEAREST)
        return (tap == 1) == snug_resample_rounds_up(form, taps->ratio);
    int64_t before = taps->count / 2 - 1; // taps left of the input that the ratio counts from
    double distance = ((double)(tap - before) - taps->ratio) * snug_resample_narrowing(form);
    if (form->mode == SNUG_RESAMPLE_CUBIC) return snug_resample_cubic(distance, form->cubic);
    return fmax(0, 1 - fabs(distance));
}

// A place so far out that an integer would overflow is as good as one just beyond the end.
static inline double snug_resample_bound(double place, int64_t input, double reach) {
    double low = -2 * reach - 2, high = (double)input + 2 * reach + 2;
    return place > low ? (place < high ? place : high) : low;
}

static inline snug_taps snug_resample_taps(const snug_resample_attributes *form, int64_t input,
                                           int64_t index) {
    double place = snug_resample_place(form, input, index), reach = snug_resample_reach(form);
    if (form->coordinates == SNUG_RESAMPLE_CROP && (place < 0 || place > (double)(input - 1)))
        return (snug_taps){0};
    place = snug_resample_bound(place, input, reach);
    double left = floor(place);
    snug_taps taps = {.count = 2 * (int64_t)reach, .ratio = place == left ? 1 : place - left};
    taps.first = (int64_t)left - (int64_t)reach + (place == left ? 0 : 1);
    taps.total = 0;
    for (int64_t i = 0; i < taps.count; i++)
        taps.total += snug_resample_raw(form, &taps, input, i);
    bool divides = form->exclude_outside || form->antialias;
    if (!divides || taps.total == 0) taps.total = 1;
    return taps;
}

static inline double snug_resample_weight(const snug_resample_attributes *form,
                                          const snug_taps *taps, int64_t input, int64_t tap) {
    return snug_resample_raw(form, taps, input, tap) / taps->total;
}

static inline int64_t snug_resample_input(const snug_taps *taps, int64_t input, int64_t tap) {
    int64_t index = taps->first + tap;
    return index < 0 ? 0 : index >= input ? input - 1 : index;
}

#endif

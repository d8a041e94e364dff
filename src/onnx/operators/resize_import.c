// Resize and Upsample, one axis at a time.
#include <string.h>

#include "onnx/operators/emit.h"

// What is asked for along each axis of x.
typedef struct request {
    int rank;
    bool is_resized[SNUG_MAX_RANK];
    double scales[SNUG_MAX_RANK];
    int64_t sizes[SNUG_MAX_RANK];
    double roi[SNUG_MAX_RANK][2];
    snug_resample_attributes form; // what all axes share
} request;

typedef struct word {
    const char *name;
    int64_t value;
} word;

static const word modes[] = {
    {"nearest", SNUG_RESAMPLE_NEAREST},
    {"linear", SNUG_RESAMPLE_LINEAR},
    {"bilinear", SNUG_RESAMPLE_LINEAR},
    {"cubic", SNUG_RESAMPLE_CUBIC},
    {NULL, 0},
};
static const word roundings[] = {
    {"round_prefer_floor", SNUG_RESAMPLE_PREFER_FLOOR},
    {"round_prefer_ceil", SNUG_RESAMPLE_PREFER_CEIL},
    {"floor", SNUG_RESAMPLE_FLOOR},
    {"ceil", SNUG_RESAMPLE_CEIL},
    {NULL, 0},
};
static const word coordinates[] = {
    {"half_pixel", SNUG_RESAMPLE_HALF_PIXEL},
    {"half_pixel_symmetric", SNUG_RESAMPLE_HALF_PIXEL_SYMMETRIC},
    {"pytorch_half_pixel", SNUG_RESAMPLE_PYTORCH_HALF_PIXEL},
    {"align_corners", SNUG_RESAMPLE_ALIGN_CORNERS},
    {"asymmetric", SNUG_RESAMPLE_ASYMMETRIC},
    {"tf_crop_and_resize", SNUG_RESAMPLE_CROP},
    {NULL, 0},
};

static snug_status read_word(const snug_onnx_call *call, const char *attribute,
                             const char *fallback, const word *words, int64_t *out) {
    const char *found = snug_onnx_text(call, attribute, fallback);
    for (; words->name; words++)
        if (strcmp(found, words->name) == 0) {
            *out = words->value;
            return SNUG_OK;
        }
    return snug_fail(SNUG_UNSUPPORTED, "%s \"%.40s\"", attribute, found);
}

static snug_status read_form(const snug_onnx_call *call, snug_resample_attributes *form) {
    // Before opset 11 places were not shifted by half a pixel, and the nearest lay left of them.
    bool is_old = call->opset < 11;
    SNUG_TRY(read_word(call, "mode", "nearest", modes, &form->mode));
    SNUG_TRY(read_word(call, "nearest_mode", is_old ? "floor" : "round_prefer_floor", roundings,
                       &form->rounding));
    SNUG_TRY(read_word(call, "coordinate_transformation_mode", is_old ? "asymmetric" : "half_pixel",
                       coordinates, &form->coordinates));
    form->antialias =
        form->mode != SNUG_RESAMPLE_NEAREST && snug_onnx_integer(call, "antialias", 0);
    form->exclude_outside = snug_onnx_integer(call, "exclude_outside", 0) != 0;
    form->cubic = snug_onnx_real(call, "cubic_coeff_a", -0.75);
    form->extrapolation = snug_onnx_real(call, "extrapolation_value", 0);
    return SNUG_OK;
}

// The axes that are listed, or all of them.
static snug_status read_axes(const snug_onnx_call *call, int rank, int64_t axes[SNUG_MAX_RANK],
                             size_t *count) {
    SNUG_TRY(snug_onnx_integers(call, "axes", axes, SNUG_MAX_RANK, count));
    for (size_t i = 0; i < *count; i++)
        SNUG_TRY(snug_onnx_axis(axes[i], rank, &axes[i]));
    if (*count) return SNUG_OK;
    for (*count = 0; *count < (size_t)rank; (*count)++)
        axes[*count] = (int64_t)*count;
    return SNUG_OK;
}

static bool is_given(const snug_onnx_call *call, size_t index) {
    return snug_onnx_has(call, index) && snug_type_elements(&call->inputs[index].type) > 0;
}

static snug_status expect_count(const char *what, size_t found, size_t expected) {
    if (found == expected) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "%s: %zu numbers expected, found %zu", what, expected, found);
}

static snug_status set_scale(const snug_type *x, request *self, int64_t axis, double scale) {
    double size = floor((double)x->dims[axis] * scale);
    if (!(scale > 0) || !(size <= 1e12))
        return snug_fail(SNUG_BAD_FILE, "a scale above 0 expected, found %g", scale);
    self->scales[axis] = scale;
    self->sizes[axis] = (int64_t)size;
    return SNUG_OK;
}

// keep_aspect_ratio_policy: one scale for all listed axes, the smallest or the largest.
static snug_status keep_ratio(const snug_onnx_call *call, request *self, const int64_t *axes,
                              size_t count) {
    const char *policy = snug_onnx_text(call, "keep_aspect_ratio_policy", "stretch");
    if (strcmp(policy, "stretch") == 0) return SNUG_OK;
    bool largest = strcmp(policy, "not_smaller") == 0;
    double scale = self->scales[axes[0]];
    for (size_t i = 1; i < count; i++)
        scale = largest ? fmax(scale, self->scales[axes[i]]) : fmin(scale, self->scales[axes[i]]);
    for (size_t i = 0; i < count; i++) {
        self->scales[axes[i]] = scale;
        self->sizes[axes[i]] =
            (int64_t)floor(scale * (double)call->inputs[0].type.dims[axes[i]] + 0.5);
    }
    return SNUG_OK;
}

static snug_status read_sizes(const snug_onnx_call *call, size_t index, request *self,
                              const int64_t *axes, size_t count) {
    int64_t sizes[SNUG_MAX_RANK];
    size_t found;
    SNUG_TRY(snug_onnx_known_integers(call, index, sizes, SNUG_MAX_RANK, &found));
    SNUG_TRY(expect_count("sizes", found, count));
    for (size_t i = 0; i < count; i++) {
        int64_t extent = call->inputs[0].type.dims[axes[i]];
        if (sizes[i] < 1 || extent < 1)
            return snug_fail(SNUG_BAD_FILE, "a size of at least 1 expected, found %lld",
                             (long long)(extent < 1 ? extent : sizes[i]));
        self->sizes[axes[i]] = sizes[i];
        self->scales[axes[i]] = (double)sizes[i] / (double)extent;
    }
    return keep_ratio(call, self, axes, count);
}

static snug_status read_scales(const snug_onnx_call *call, size_t index, request *self,
                               const int64_t *axes, size_t count) {
    double scales[SNUG_MAX_RANK];
    size_t found;
    SNUG_TRY(snug_onnx_known_reals(call, index, scales, SNUG_MAX_RANK, &found));
    SNUG_TRY(expect_count("scales", found, count));
    for (size_t i = 0; i < count; i++)
        SNUG_TRY(set_scale(&call->inputs[0].type, self, axes[i], scales[i]));
    return SNUG_OK;
}

static snug_status read_roi(const snug_onnx_call *call, request *self, const int64_t *axes,
                            size_t count) {
    double roi[2 * SNUG_MAX_RANK];
    size_t found;
    if (self->form.coordinates != SNUG_RESAMPLE_CROP) return SNUG_OK;
    SNUG_TRY(snug_onnx_known_reals(call, 1, roi, 2 * SNUG_MAX_RANK, &found));
    SNUG_TRY(expect_count("roi", found, 2 * count));
    for (size_t i = 0; i < count; i++) {
        self->roi[axes[i]][0] = roi[i];
        self->roi[axes[i]][1] = roi[count + i];
    }
    return SNUG_OK;
}

static void start(const snug_onnx_call *call, request *self) {
    const snug_type *x = &call->inputs[0].type;
    *self = (request){.rank = x->rank};
    for (int i = 0; i < x->rank; i++) {
        self->scales[i] = 1;
        self->sizes[i] = x->dims[i];
        self->roi[i][1] = 1;
    }
}

// Whether the operator of images for bilinear up-sampling computes the same.
static bool is_bilinear(const snug_onnx_call *call, const request *self) {
    const snug_type *x = &call->inputs[0].type;
    const snug_resample_attributes *form = &self->form;
    bool fits = x->rank == 4 && x->dtype == SNUG_F32 && form->mode == SNUG_RESAMPLE_LINEAR &&
                !form->antialias && !form->exclude_outside && self->sizes[0] == x->dims[0] &&
                self->sizes[1] == x->dims[1] &&
                (form->coordinates == SNUG_RESAMPLE_HALF_PIXEL ||
                 form->coordinates == SNUG_RESAMPLE_ALIGN_CORNERS);
    for (int i = 2; i < 4 && fits; i++)
        fits =
            self->sizes[i] >= 2 && (double)self->sizes[i] == self->scales[i] * (double)x->dims[i];
    return fits;
}

static snug_tensor_id emit_axes(const snug_onnx_call *call, request *self) {
    snug_tensor_id x = snug_onnx_use(call, 0);
    for (int i = 0; i < self->rank; i++) {
        bool is_whole = self->roi[i][0] == 0 && self->roi[i][1] == 1;
        if (self->scales[i] == 1 && self->sizes[i] == call->inputs[0].type.dims[i] && is_whole)
            continue;
        self->form.axis = i;
        self->form.length = self->sizes[i];
        self->form.scale = self->scales[i];
        self->form.roi[0] = self->roi[i][0];
        self->form.roi[1] = self->roi[i][1];
        x = SNUG_EMIT(call->graph, &snug_op_resample, &self->form, x);
    }
    return x;
}

static void emit(const snug_onnx_call *call, request *self) {
    if (is_bilinear(call, self)) {
        snug_upsample2d_attributes up = {.output = {self->sizes[2], self->sizes[3]},
                                         .bilinear = 1,
                                         .align_corners =
                                             self->form.coordinates == SNUG_RESAMPLE_ALIGN_CORNERS};
        snug_onnx_set(call, 0,
                      SNUG_EMIT(call->graph, &snug_op_upsample2d, &up,
                                snug_onnx_use_as(call, 0, SNUG_CHANNELS_LAST)));
        return;
    }
    snug_tensor_id x = emit_axes(call, self);
    if (x == snug_onnx_use(call, 0))
        snug_onnx_pass(call, 0, 0);
    else
        snug_onnx_set(call, 0, x);
}

static snug_status translate(const snug_onnx_call *call) {
    request self;
    int64_t axes[SNUG_MAX_RANK];
    size_t count;
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    start(call, &self);
    SNUG_TRY(read_form(call, &self.form));
    SNUG_TRY(read_axes(call, self.rank, axes, &count));
    size_t scales = call->opset < 11 ? 1 : 2; // opset 10 has no roi
    if (is_given(call, 3))
        SNUG_TRY(read_sizes(call, 3, &self, axes, count));
    else if (is_given(call, scales))
        SNUG_TRY(read_scales(call, scales, &self, axes, count));
    else
        return snug_fail(SNUG_BAD_FILE, "scales or sizes expected");
    SNUG_TRY(read_roi(call, &self, axes, count));
    emit(call, &self);
    return SNUG_OK;
}

// Scales are an attribute before opset 9.
static snug_status translate_upsample(const snug_onnx_call *call) {
    request self;
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    start(call, &self);
    SNUG_TRY(read_word(call, "mode", "nearest", modes, &self.form.mode));
    self.form.rounding = SNUG_RESAMPLE_FLOOR;
    self.form.coordinates = SNUG_RESAMPLE_ASYMMETRIC;
    double scales[SNUG_MAX_RANK];
    size_t found;
    if (snug_onnx_has(call, 1))
        SNUG_TRY(snug_onnx_known_reals(call, 1, scales, SNUG_MAX_RANK, &found));
    else
        SNUG_TRY(snug_onnx_reals(call, "scales", scales, SNUG_MAX_RANK, &found));
    SNUG_TRY(expect_count("scales", found, (size_t)self.rank));
    for (int i = 0; i < self.rank; i++)
        SNUG_TRY(set_scale(&call->inputs[0].type, &self, i, scales[i]));
    emit(call, &self);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Resize", "", 1, 4, translate},
    {"Upsample", "", 1, 2, translate_upsample},
};
const snug_onnx_operators snug_onnx_operators_resize = {rows, sizeof rows / sizeof *rows};

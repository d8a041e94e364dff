#include "device/cpu/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "device/cpu/onednn_faults.h"

struct snug_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes; // the scratchpad is the user's
};

struct snug_onednn_primitive {
    snug_onednn *onednn;
    const int *ids; // by snug_onednn_argument: the library's number, or 0
    dnnl_primitive_desc_t descriptor;
    dnnl_primitive_t primitive;
    dnnl_memory_t memories[SNUG_ONEDNN_ARGUMENTS];
    dnnl_exec_arg_t arguments[SNUG_ONEDNN_ARGUMENTS]; // those that there are, |argument_count|
    int argument_count;
};

static const int convolution_ids[][SNUG_ONEDNN_ARGUMENTS] = {
    [SNUG_ONEDNN_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                             DNNL_ARG_SCRATCHPAD},
    [SNUG_ONEDNN_BACKWARD_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST,
                                   DNNL_ARG_SCRATCHPAD},
    [SNUG_ONEDNN_BACKWARD_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, 0, DNNL_ARG_DIFF_DST,
                                      DNNL_ARG_SCRATCHPAD},
};
static const int reorder_ids[SNUG_ONEDNN_ARGUMENTS] = {DNNL_ARG_FROM, 0, 0, DNNL_ARG_TO,
                                                       DNNL_ARG_SCRATCHPAD};

void snug_onednn_version(char text[32]) {
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, 32, "%d.%d.%d", version->major, version->minor, version->patch);
}

bool snug_onednn_is_fast(snug_dtype dtype) {
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    if (dtype == SNUG_BF16)
        return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
#if DNNL_VERSION_MAJOR >= 3
    if (dtype == SNUG_F16)
        return (isa & dnnl_cpu_isa_avx512_core_fp16) == dnnl_cpu_isa_avx512_core_fp16;
#endif
    return dtype == SNUG_F32;
}

static snug_status check(dnnl_status_t status, const char *what) {
    if (status == dnnl_success) return SNUG_OK;
    if (status == dnnl_unimplemented) return SNUG_UNSUPPORTED;
    if (status == dnnl_out_of_memory)
        return snug_fail(SNUG_NOMEM, "oneDNN: no memory for %s", what);
    return snug_fail(SNUG_DEVICE_FAILED, "oneDNN: %s failed with status %d", what, (int)status);
}

// The library's arrays are longer than three.
typedef struct geometry {
    dnnl_dims_t strides, dilates, begin, end;
} geometry;

static geometry geometry_of(const snug_onednn_convolution *conv) {
    geometry at = {0};
    for (int i = 0; i < 3; i++) {
        at.strides[i] = conv->strides[i];
        at.dilates[i] = conv->dilations[i] - 1;
        at.begin[i] = conv->padding_begin[i];
        at.end[i] = conv->padding_end[i];
    }
    return at;
}

static const char *implementation_of(const_dnnl_primitive_desc_t descriptor) {
    const char *name = NULL;
    dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &name);
    return name ? name : "";
}

// The part that differs: descriptions of memory are structs in 2.x and objects in 3.x, where
// primitive descriptors are made without an operation's descriptor in between.
#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t description;
typedef const_dnnl_memory_desc_t description_view;

static description_view view(const description *of) {
    return *of;
}

static void forget(description *of) {
    if (*of) dnnl_memory_desc_destroy(*of);
}

static dnnl_status_t describe_any(description *out, int rank, const dnnl_dims_t dims,
                                  dnnl_data_type_t type) {
    return dnnl_memory_desc_create_with_tag(out, rank, dims, type, dnnl_format_tag_any);
}

static dnnl_status_t describe_strided(description *out, int rank, const dnnl_dims_t dims,
                                      dnnl_data_type_t type, const dnnl_dims_t strides) {
    return dnnl_memory_desc_create_with_strides(out, rank, dims, type, strides);
}

static dnnl_status_t create_first(const snug_onednn *onednn, const description *tensors,
                                  const snug_onednn_convolution *conv, const geometry *at,
                                  dnnl_primitive_desc_t *out) {
    description_view source = view(&tensors[SNUG_ONEDNN_SOURCE]);
    description_view weights = view(&tensors[SNUG_ONEDNN_WEIGHTS]);
    description_view destination = view(&tensors[SNUG_ONEDNN_DESTINATION]);
    if (conv->direction == SNUG_ONEDNN_BACKWARD_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            out, onednn->engine, dnnl_convolution_direct, source, weights, destination, at->strides,
            at->dilates, at->begin, at->end, NULL, onednn->attributes);
    if (conv->direction == SNUG_ONEDNN_BACKWARD_WEIGHTS)
        return dnnl_convolution_backward_weights_primitive_desc_create(
            out, onednn->engine, dnnl_convolution_direct, source, weights, NULL, destination,
            at->strides, at->dilates, at->begin, at->end, NULL, onednn->attributes);
    return dnnl_convolution_forward_primitive_desc_create(
        out, onednn->engine, dnnl_forward_training, dnnl_convolution_direct, source, weights,
        view(&tensors[SNUG_ONEDNN_BIAS]), destination, at->strides, at->dilates, at->begin, at->end,
        onednn->attributes);
}

static dnnl_status_t create_convolution(const snug_onednn *onednn, const description *tensors,
                                        const snug_onednn_convolution *conv, const geometry *at,
                                        dnnl_primitive_desc_t *out) {
    dnnl_status_t status = create_first(onednn, tensors, conv, at, out);
    while (status == dnnl_success && snug_onednn_is_faulty(implementation_of(*out), conv))
        status = dnnl_primitive_desc_next_impl(*out);
    return status == dnnl_last_impl_reached ? dnnl_unimplemented : status;
}

static dnnl_status_t create_matmul(const snug_onednn *onednn, const description *tensors,
                                   dnnl_primitive_desc_t *out) {
    return dnnl_matmul_primitive_desc_create(
        out, onednn->engine, view(&tensors[SNUG_ONEDNN_SOURCE]),
        view(&tensors[SNUG_ONEDNN_WEIGHTS]), view(&tensors[SNUG_ONEDNN_BIAS]),
        view(&tensors[SNUG_ONEDNN_DESTINATION]), onednn->attributes);
}
#else
typedef dnnl_memory_desc_t description;
typedef const dnnl_memory_desc_t *description_view;

static description_view view(const description *of) {
    return of->ndims ? of : NULL;
}

static void forget(description *of) {
    (void)of;
}

static dnnl_status_t describe_any(description *out, int rank, const dnnl_dims_t dims,
                                  dnnl_data_type_t type) {
    return dnnl_memory_desc_init_by_tag(out, rank, dims, type, dnnl_format_tag_any);
}

static dnnl_status_t describe_strided(description *out, int rank, const dnnl_dims_t dims,
                                      dnnl_data_type_t type, const dnnl_dims_t strides) {
    return dnnl_memory_desc_init_by_strides(out, rank, dims, type, strides);
}

// The first of the library's implementations that is not at fault.
static dnnl_status_t create_without_faults(const snug_onednn *onednn,
                                           const_dnnl_op_desc_t operation,
                                           const snug_onednn_convolution *conv,
                                           dnnl_primitive_desc_t *out) {
    dnnl_primitive_desc_iterator_t iterator;
    dnnl_status_t status = dnnl_primitive_desc_iterator_create(
        &iterator, operation, onednn->attributes, onednn->engine, NULL);
    if (status != dnnl_success) return status;
    while (status == dnnl_success) {
        *out = dnnl_primitive_desc_iterator_fetch(iterator);
        if (!*out || !snug_onednn_is_faulty(implementation_of(*out), conv)) break;
        dnnl_primitive_desc_destroy(*out);
        *out = NULL;
        status = dnnl_primitive_desc_iterator_next(iterator);
    }
    dnnl_primitive_desc_iterator_destroy(iterator);
    if (status != dnnl_success && status != dnnl_iterator_ends) return status;
    return *out ? dnnl_success : dnnl_unimplemented;
}

static dnnl_status_t create_convolution(const snug_onednn *onednn, const description *tensors,
                                        const snug_onednn_convolution *conv, const geometry *at,
                                        dnnl_primitive_desc_t *out) {
    description_view source = view(&tensors[SNUG_ONEDNN_SOURCE]);
    description_view weights = view(&tensors[SNUG_ONEDNN_WEIGHTS]);
    description_view destination = view(&tensors[SNUG_ONEDNN_DESTINATION]);
    dnnl_convolution_desc_t operation;
    dnnl_status_t status;
    if (conv->direction == SNUG_ONEDNN_BACKWARD_DATA)
        status = dnnl_dilated_convolution_backward_data_desc_init(
            &operation, dnnl_convolution_direct, source, weights, destination, at->strides,
            at->dilates, at->begin, at->end);
    else if (conv->direction == SNUG_ONEDNN_BACKWARD_WEIGHTS)
        status = dnnl_dilated_convolution_backward_weights_desc_init(
            &operation, dnnl_convolution_direct, source, weights, NULL, destination, at->strides,
            at->dilates, at->begin, at->end);
    else
        status = dnnl_dilated_convolution_forward_desc_init(
            &operation, dnnl_forward_training, dnnl_convolution_direct, source, weights,
            view(&tensors[SNUG_ONEDNN_BIAS]), destination, at->strides, at->dilates, at->begin,
            at->end);
    if (status != dnnl_success) return status;
    return create_without_faults(onednn, &operation, conv, out);
}

static dnnl_status_t create_matmul(const snug_onednn *onednn, const description *tensors,
                                   dnnl_primitive_desc_t *out) {
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(
        &operation, view(&tensors[SNUG_ONEDNN_SOURCE]), view(&tensors[SNUG_ONEDNN_WEIGHTS]),
        view(&tensors[SNUG_ONEDNN_BIAS]), view(&tensors[SNUG_ONEDNN_DESTINATION]));
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(out, &operation, onednn->attributes, onednn->engine, NULL);
}
#endif

snug_status snug_onednn_open(snug_onednn **out) {
    *out = NULL;
    snug_onednn *self;
    snug_status status;
    SNUG_TRY(SNUG_NEW(&self, 1));
    SNUG_TRY_GOTO(check(dnnl_engine_create(&self->engine, dnnl_cpu, 0), "an engine"), failed);
    SNUG_TRY_GOTO(check(dnnl_stream_create(&self->stream, self->engine, dnnl_stream_default_flags),
                        "a stream"),
                  failed);
    SNUG_TRY_GOTO(check(dnnl_primitive_attr_create(&self->attributes), "attributes"), failed);
    SNUG_TRY_GOTO(
        check(dnnl_primitive_attr_set_scratchpad_mode(self->attributes, dnnl_scratchpad_mode_user),
              "a scratchpad mode"),
        failed);
    *out = self;
    return SNUG_OK;
failed:
    snug_onednn_close(self);
    return status;
}

void snug_onednn_close(snug_onednn *onednn) {
    if (!onednn) return;
    if (onednn->attributes) dnnl_primitive_attr_destroy(onednn->attributes);
    if (onednn->stream) dnnl_stream_destroy(onednn->stream);
    if (onednn->engine) dnnl_engine_destroy(onednn->engine);
    snug_memory_free(onednn);
}

snug_onednn_form snug_onednn_form_of(const snug_type *type) {
    snug_onednn_form form = {.dtype = type->dtype, .rank = type->rank};
    for (int i = 0; i < type->rank; i++)
        form.dims[i] = type->dims[i];
    snug_type_strides(type, form.strides);
    return form;
}

static dnnl_data_type_t data_type(snug_dtype dtype) {
    switch (dtype) {
    case SNUG_F32:
        return dnnl_f32;
    case SNUG_BF16:
        return dnnl_bf16;
    case SNUG_F16:
        return dnnl_f16;
    default:
        return dnnl_data_type_undef;
    }
}

// A form of rank 0 gives a description that views as NULL; |out| is zeroed.
static snug_status describe(const snug_onednn_form *form, description *out) {
    dnnl_data_type_t type = data_type(form->dtype);
    if (form->rank == 0) return SNUG_OK;
    if (type == dnnl_data_type_undef) return SNUG_UNSUPPORTED;
    dnnl_dims_t dims = {0}, strides = {0}; // longer than the form's
    memcpy(dims, form->dims, sizeof form->dims);
    memcpy(strides, form->strides, sizeof form->strides);
    return check(form->is_any ? describe_any(out, form->rank, dims, type)
                              : describe_strided(out, form->rank, dims, type, strides),
                 "a description");
}

static snug_status new_primitive(snug_onednn *onednn, const int *ids, snug_onednn_primitive **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->onednn = onednn;
    (*out)->ids = ids;
    return SNUG_OK;
}

void snug_onednn_primitive_free(snug_onednn_primitive *primitive) {
    if (!primitive) return;
    for (int i = 0; i < SNUG_ONEDNN_ARGUMENTS; i++)
        if (primitive->memories[i]) dnnl_memory_destroy(primitive->memories[i]);
    if (primitive->primitive) dnnl_primitive_destroy(primitive->primitive);
    if (primitive->descriptor) dnnl_primitive_desc_destroy(primitive->descriptor);
    snug_memory_free(primitive);
}

// What the library refuses to make has another kernel.
static snug_status check_creation(dnnl_status_t status, const char *what) {
    return status == dnnl_invalid_arguments ? SNUG_UNSUPPORTED : check(status, what);
}

// The library's plain loops, and products of single images, are slow in 16 bits.
static bool is_fast(const snug_onednn_primitive *primitive, snug_dtype dtype) {
    const char *name = snug_onednn_implementation(primitive);
    return dtype == SNUG_F32 || strstr(name, "avx512") || strstr(name, "amx");
}

// Makes a primitive of |forms| (by argument, the scratchpad left out); a matrix product when |conv|
// is NULL.
static snug_status create(snug_onednn *onednn, const snug_onednn_form *const *forms,
                          const snug_onednn_convolution *conv, snug_onednn_primitive **out) {
    *out = NULL;
    if (!snug_onednn_is_fast(forms[SNUG_ONEDNN_SOURCE]->dtype)) return SNUG_UNSUPPORTED;
    description tensors[SNUG_ONEDNN_SCRATCHPAD] = {0};
    snug_onednn_primitive *self = NULL;
    snug_status status = SNUG_OK;
    for (int i = 0; i < SNUG_ONEDNN_SCRATCHPAD && status == SNUG_OK; i++)
        status = describe(forms[i], &tensors[i]);
    int direction = conv ? (int)conv->direction : SNUG_ONEDNN_FORWARD;
    if (status == SNUG_OK) status = new_primitive(onednn, convolution_ids[direction], &self);
    if (status == SNUG_OK && conv) {
        geometry at = geometry_of(conv);
        status = check_creation(create_convolution(onednn, tensors, conv, &at, &self->descriptor),
                                "a convolution");
    } else if (status == SNUG_OK) {
        status =
            check_creation(create_matmul(onednn, tensors, &self->descriptor), "a matrix product");
    }
    if (status == SNUG_OK && !is_fast(self, forms[SNUG_ONEDNN_SOURCE]->dtype))
        status = SNUG_UNSUPPORTED;
    for (int i = 0; i < SNUG_ONEDNN_SCRATCHPAD; i++)
        forget(&tensors[i]);
    if (status != SNUG_OK) {
        snug_onednn_primitive_free(self);
        return status;
    }
    *out = self;
    return SNUG_OK;
}

snug_status snug_onednn_convolution_new(snug_onednn *onednn,
                                        const snug_onednn_convolution *convolution,
                                        snug_onednn_primitive **out) {
    const snug_onednn_form *forms[] = {&convolution->source, &convolution->weights,
                                       &convolution->bias, &convolution->destination};
    return create(onednn, forms, convolution, out);
}

snug_status snug_onednn_matmul_new(snug_onednn *onednn, const snug_onednn_form *source,
                                   const snug_onednn_form *weights, const snug_onednn_form *bias,
                                   const snug_onednn_form *destination,
                                   snug_onednn_primitive **out) {
    const snug_onednn_form *forms[] = {source, weights, bias, destination};
    return create(onednn, forms, NULL, out);
}

// The description of |argument|, or NULL.
static description_view argument_of(const snug_onednn_primitive *primitive,
                                    snug_onednn_argument argument) {
    int id = primitive->ids[argument];
    if (!id) return NULL;
    return dnnl_primitive_desc_query_md(primitive->descriptor, dnnl_query_exec_arg_md, id);
}

snug_status snug_onednn_reorder_new(snug_onednn *onednn, const snug_onednn_primitive *primitive,
                                    snug_onednn_argument argument, const snug_onednn_form *plain,
                                    bool to_plain, snug_onednn_primitive **out) {
    *out = NULL;
    description described = {0};
    snug_onednn_primitive *self = NULL;
    snug_status status = describe(plain, &described);
    if (status == SNUG_OK) status = new_primitive(onednn, reorder_ids, &self);
    if (status == SNUG_OK) {
        description_view other = argument_of(primitive, argument), own = view(&described);
        status = check(dnnl_reorder_primitive_desc_create(&self->descriptor, to_plain ? other : own,
                                                          onednn->engine, to_plain ? own : other,
                                                          onednn->engine, onednn->attributes),
                       "a reorder");
    }
    forget(&described);
    if (status != SNUG_OK) {
        snug_onednn_primitive_free(self);
        return status;
    }
    *out = self;
    return SNUG_OK;
}

size_t snug_onednn_bytes(const snug_onednn_primitive *primitive, snug_onednn_argument argument) {
    description_view described = argument_of(primitive, argument);
    return described ? dnnl_memory_desc_get_size(described) : 0;
}

bool snug_onednn_takes(const snug_onednn_primitive *primitive, snug_onednn_argument argument,
                       const snug_onednn_form *form) {
    description described = {0};
    bool equal = describe(form, &described) == SNUG_OK &&
                 dnnl_memory_desc_equal(view(&described), argument_of(primitive, argument));
    forget(&described);
    return equal;
}

bool snug_onednn_alike(const snug_onednn_primitive *a, const snug_onednn_primitive *b,
                       snug_onednn_argument argument) {
    return dnnl_memory_desc_equal(argument_of(a, argument), argument_of(b, argument));
}

const char *snug_onednn_implementation(const snug_onednn_primitive *primitive) {
    return implementation_of(primitive->descriptor);
}

snug_status snug_onednn_generate(snug_onednn_primitive *primitive) {
    SNUG_TRY(check(dnnl_primitive_create(&primitive->primitive, primitive->descriptor), "code"));
    for (int i = 0; i < SNUG_ONEDNN_ARGUMENTS; i++) {
        if (snug_onednn_bytes(primitive, i) == 0) continue;
        SNUG_TRY(check(dnnl_memory_create(&primitive->memories[i], argument_of(primitive, i),
                                          primitive->onednn->engine, DNNL_MEMORY_NONE),
                       "a memory object"));
        primitive->arguments[primitive->argument_count++] =
            (dnnl_exec_arg_t){primitive->ids[i], primitive->memories[i]};
    }
    return SNUG_OK;
}

snug_status snug_onednn_run(snug_onednn_primitive *primitive,
                            void *const data[SNUG_ONEDNN_ARGUMENTS]) {
    for (int i = 0; i < SNUG_ONEDNN_ARGUMENTS; i++)
        if (primitive->memories[i])
            SNUG_TRY(check(dnnl_memory_set_data_handle(primitive->memories[i], data[i]),
                           "setting an address"));
    SNUG_TRY(check(dnnl_primitive_execute(primitive->primitive, primitive->onednn->stream,
                                          primitive->argument_count, primitive->arguments),
                   "a run"));
    return check(dnnl_stream_wait(primitive->onednn->stream), "a run");
}

// The CPU device beyond its arithmetic: kernels are shared by signature, running them takes no host
// memory of snug's, and every allocation that fails is reported and leaves nothing behind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device/device.h"
#include "device/shapes.h"
#include "snug/status.h"

enum { MAX_TENSORS = 16, NEVER = -1 };

// The linker passes all calls that snug's own objects make to the C library's allocator through
// these (see tests/CMakeLists.txt).
static int allocations, failing = NEVER;

extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *memory, size_t size);
extern void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);

static bool must_fail(void) {
    return allocations++ == failing;
}

void *__wrap_calloc(size_t count, size_t size) {
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return must_fail() ? NULL : __real_realloc(memory, size);
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

static const void *attributes_of(const snug_sample *sample) {
    static const uint64_t zero[SNUG_ATTRIBUTE_BYTES / 8];
    return sample->attributes ? sample->attributes : (const void *)zero;
}

// |types| receives inputs and outputs.
static snug_signature signature_of(const snug_test_shape *shape, snug_type *types) {
    const snug_op *op = snug_op_find(shape->op);
    const snug_sample *sample = &shape->sample;
    assert_non_null(op);
    memset(types, 0, MAX_TENSORS * sizeof *types);
    memcpy(types, sample->inputs, (size_t)sample->input_count * sizeof *types);
    snug_type *outputs = types + sample->input_count;
    assert_int_equal(op->infer(attributes_of(sample), types, sample->input_count, outputs), 0);
    return (snug_signature){.op = op,
                            .attributes = attributes_of(sample),
                            .input_count = sample->input_count,
                            .output_count = op->outputs,
                            .inputs = types,
                            .outputs = outputs,
                            .present = (UINT32_C(1) << sample->input_count) - 1};
}

static void check_no_allocation(snug_device *device, const snug_test_shape *shape) {
    const snug_device_class *class = device->device_class;
    snug_type types[MAX_TENSORS];
    snug_signature signature = signature_of(shape, types);
    const snug_kernel *kernel;
    assert_int_equal(class->prepare(device, &signature, &kernel), SNUG_OK);
    assert_int_equal(class->finish(device, kernel), SNUG_OK);
    int count = signature.input_count + signature.output_count;
    size_t offsets[MAX_TENSORS], bytes = 0;
    for (int i = 0; i < count; i++) {
        offsets[i] = bytes;
        bytes += (snug_type_bytes(&types[i]) + 63) & ~(size_t)63;
    }
    void *block;
    assert_int_equal(class->allocate(device, bytes + kernel->workspace_bytes, &block), SNUG_OK);
    snug_view views[MAX_TENSORS];
    for (int i = 0; i < count; i++)
        views[i] = (snug_view){(char *)block + offsets[i], types[i]};
    snug_run_state state = {.step = 1};
    snug_call call = {signature.attributes,
                      views,
                      signature.input_count,
                      views + signature.input_count,
                      signature.output_count,
                      (char *)block + bytes,
                      &state};
    int before = allocations;
    for (int i = 0; i < 2; i++)
        assert_int_equal(class->run(device, kernel, &call), SNUG_OK);
    if (allocations != before) fail_msg("%s (%s) allocates", shape->op, shape->sample.name);
    class->release(device, block, bytes + kernel->workspace_bytes);
}

static void running_allocates_nothing(void **unused) {
    (void)unused;
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof snug_test_shapes / sizeof *snug_test_shapes; i++)
        check_no_allocation(device, &snug_test_shapes[i]);
    snug_device_close(device);
}

// Opens, prepares and finishes with the |failing|-th allocation failing.
static snug_status try_out(const snug_test_shape *shape) {
    snug_device *device;
    const snug_kernel *kernel;
    snug_type types[MAX_TENSORS];
    snug_signature signature = signature_of(shape, types);
    SNUG_TRY(snug_device_open("cpu", 1, &device));
    snug_status status = device->device_class->prepare(device, &signature, &kernel);
    if (status == SNUG_OK) status = device->device_class->finish(device, kernel);
    snug_device_close(device);
    return status;
}

static void failing_allocations_are_reported(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof snug_test_shapes / sizeof *snug_test_shapes; i++) {
        snug_status status = SNUG_NOMEM;
        for (int n = 0; status != SNUG_OK; n++) {
            assert_true(n < 100);
            allocations = 0;
            failing = n;
            status = try_out(&snug_test_shapes[i]);
            failing = NEVER;
            assert_true(status == SNUG_OK || status == SNUG_NOMEM);
        }
    }
}

static void kernels_are_shared_by_signature(void **unused) {
    (void)unused;
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    enum { count = sizeof snug_test_shapes / sizeof *snug_test_shapes };
    const snug_kernel *kernels[count], *again;
    snug_type types[MAX_TENSORS];
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < count; i++) {
            snug_signature signature = signature_of(&snug_test_shapes[i], types);
            assert_int_equal(device->device_class->prepare(device, &signature, &again), SNUG_OK);
            if (round == 0) kernels[i] = again;
            assert_ptr_equal(kernels[i], again);
            for (size_t j = 0; j < i && round == 0; j++)
                assert_ptr_not_equal(kernels[j], again);
        }
    snug_device_close(device);
}

static void memory_is_counted(void **unused) {
    (void)unused;
    snug_device *device;
    void *first, *second;
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    const snug_device_class *class = device->device_class;
    assert_true(class->free_bytes(device) > 1 << 20);
    assert_int_equal(class->allocate(device, 1000, &first), SNUG_OK);
    assert_int_equal(class->allocate(device, 500, &second), SNUG_OK);
    assert_int_equal((uintptr_t)first % SNUG_ARENA_ALIGNMENT, 0);
    assert_int_equal(device->allocated_bytes, 1500);
    class->release(device, first, 1000);
    assert_int_equal(device->allocated_bytes, 500);
    assert_int_equal(device->allocated_peak, 1500);
    assert_int_equal(class->allocate(device, SIZE_MAX / 2, &first), SNUG_NOMEM);
    assert_null(first);
    class->release(device, second, 500);
    assert_int_equal(device->allocated_bytes, 0);
    snug_device_close(device);
}

static void unknown_devices_are_refused(void **unused) {
    (void)unused;
    snug_device *device;
    assert_int_equal(snug_device_open("gpu", 1, &device), SNUG_NOT_FOUND);
    assert_null(device);
    assert_non_null(strstr(snug_error_message(), "cpu"));
    assert_int_equal(snug_device_open("cpu", -1, &device), SNUG_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_allocates_nothing),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(kernels_are_shared_by_signature),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(unknown_devices_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

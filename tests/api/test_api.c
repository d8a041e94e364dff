// The library's face: versions, structs of programs that are older or newer, and the small
// functions that tell facts.
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snug/device.h"
#include "snug/explain.h"
#include "snug/near.h"
#include "snug/plan.h"
#include "snug/size.h"
#include "snug/train.h"
#include "snug/version.h"
#include "support/test.h"

static const snug_plan_request request = {.model = "simple",
                                          .cost = SNUG_COST_SOURCE_MODEL,
                                          .batch_size = 4,
                                          .allow = SNUG_FIDELITY_STATISTICS};

static void test_version(void **state) {
    (void)state;
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", SNUG_VERSION_MAJOR, SNUG_VERSION_MINOR,
             SNUG_VERSION_PATCH);
    assert_string_equal(text, SNUG_VERSION);
    assert_string_equal(snug_version(), SNUG_VERSION);
    assert_int_equal(snug_version_number(), SNUG_VERSION_NUMBER);
    assert_true(SNUG_VERSION_OF(0, 9, 999) < SNUG_VERSION_OF(1, 0, 0));
}

// What a program of a later version has at the end of its request.
typedef struct later_request {
    snug_plan_request known;
    int64_t unknown;
} later_request;

static void test_requests_of_other_versions(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    later_request later = {.known = request};
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    assert_int_equal(snug_plan_make_sized(device, &later.known, sizeof later, &plan), SNUG_OK);
    assert_int_equal(snug_plan_batch_size(plan), 4);
    snug_plan_free(plan);
    later.unknown = 1;
    assert_int_equal(snug_plan_make_sized(device, &later.known, sizeof later, &plan),
                     SNUG_UNSUPPORTED);
    assert_null(plan);
    assert_non_null(strstr(snug_error_message(), "newer"));

    // An older program's request ends before |evaluation|; what lies behind it is not the
    // library's.
    snug_plan_request older = request;
    older.evaluation = true;
    older.on_timing = NULL;
    size_t bytes = offsetof(snug_plan_request, evaluation);
    assert_int_equal(snug_plan_make_sized(device, &older, bytes, &plan), SNUG_OK);
    assert_true(snug_plan_chosen(plan)->step_seconds > 0);
    assert_true(snug_plan_chosen(plan)->memory.gradients > 0);
    snug_plan_free(plan);
    snug_device_close(device);
}

// An older program's place for results is smaller, a newer one's larger.
static void test_results_of_other_versions(void **state) {
    (void)state;
    union {
        snug_model_info info;
        unsigned char bytes[sizeof(snug_model_info) + 16];
    } place;
    memset(&place, 0xa5, sizeof place);
    size_t older = offsetof(snug_model_info, parameters);
    assert_int_equal(snug_model_describe_sized(0, &place.info, older), SNUG_OK);
    assert_non_null(place.info.name);
    for (size_t i = older; i < sizeof place; i++)
        assert_int_equal(place.bytes[i], 0xa5);
    assert_int_equal(snug_model_describe_sized(0, &place.info, sizeof place), SNUG_OK);
    assert_true(place.info.parameters > 0);
    for (size_t i = sizeof(snug_model_info); i < sizeof place; i++)
        assert_int_equal(place.bytes[i], 0);
}

static void test_device_facts(void **state) {
    (void)state;
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_string_equal(snug_device_name(device), "cpu");
    assert_int_equal(snug_device_threads(device), 2);
    assert_true(snug_device_free_bytes(device) > 0);
    assert_int_equal(snug_device_allocated_bytes(device), 0);
    snug_plan *plan;
    snug_trainer *trainer;
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 1, &trainer), SNUG_OK);
    size_t arena = snug_plan_chosen(plan)->peak_bytes;
    assert_int_equal(snug_device_allocated_bytes(device), arena);
    snug_trainer_free(trainer);
    assert_int_equal(snug_device_allocated_bytes(device), 0);
    assert_int_equal(snug_device_allocated_peak(device), arena);
    char *graph;
    assert_int_equal(snug_plan_graph(plan, &graph), SNUG_OK);
    assert_non_null(strstr(graph, "sgd_update"));
    snug_string_free(graph);
    snug_plan_free(plan);
    assert_true(snug_device_is_fast(device, SNUG_PRECISION_FLOAT32));
    snug_device_close(device);
    int devices = 0;
    for (bool is_cpu = false; snug_device_name_at(devices); devices++)
        is_cpu = is_cpu || strcmp(snug_device_name_at(devices), "cpu") == 0;
    assert_true(devices >= 2);
}

static void test_largest_batch(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    snug_plan_request small = request;
    small.batch_size = 4096;
    small.budget_bytes = (size_t)2 << 20;
    small.fixes = "";
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    assert_int_equal(snug_plan_make(device, &small, &plan), SNUG_NO_FIT);
    int64_t batch = snug_plan_largest_batch(plan);
    snug_plan_free(plan);
    small.batch_size = batch + 1;
    assert_int_equal(snug_plan_make(device, &small, &plan), SNUG_NO_FIT);
    snug_plan_free(plan);
    if (batch > 0) {
        small.batch_size = batch;
        assert_int_equal(snug_plan_make(device, &small, &plan), SNUG_OK);
        snug_plan_free(plan);
    }
    snug_device_close(device);
}

static void test_texts(void **state) {
    (void)state;
    char text[SNUG_SIZE_TEXT];
    static const char *const names[] = {"resnet18", "vgg11", NULL};
    assert_string_equal(snug_size_print(512, text), "512 B");
    assert_string_equal(snug_size_print((uint64_t)3 << 19, text), "1.50 MiB");
    assert_string_equal(snug_near_match("resnte18", names), "resnet18");
    assert_null(snug_near_match("transformer", names));
    assert_false(snug_run_exists("/no/such/folder"));
}

static void test_findings(void **state) {
    (void)state;
    static const char message[] =
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
        "capacity of 8.00 GiB of which 1.00 GiB is free. Process 7 has 7.00 GiB memory in use. Of "
        "the allocated memory 6.00 GiB is allocated by PyTorch, and 100.00 MiB is reserved by "
        "PyTorch but unallocated.\n";
    char path[] = "/tmp/snug_api_XXXXXX";
    snug_explanation *explanation;
    assert_int_equal(snug_explain_text(message, strlen(message), "log", &explanation), SNUG_OK);
    const snug_finding *finding = snug_explanation_finding(explanation, 0);
    assert_true(finding->figures.capacity.bytes == (uint64_t)8 << 30);
    assert_non_null(snug_finding_cause(finding, 0)->name);
    assert_non_null(snug_finding_fix(finding, 0)->fix);
    assert_null(snug_finding_cause(finding, finding->cause_count));
    assert_null(snug_finding_refuted(finding, finding->refuted_count));
    assert_null(snug_finding_fix(finding, finding->fix_count));
    assert_null(snug_explanation_finding(explanation, 1));
    int file = mkstemp(path);
    assert_true(file >= 0 && close(file) == 0);
    assert_int_equal(snug_explanation_html_write(explanation, path), SNUG_OK);
    FILE *page = fopen(path, "r");
    char head[16] = "";
    assert_true(page && fread(head, 1, sizeof head - 1, page) > 0);
    assert_memory_equal(head, "<!doctype html", 14);
    fclose(page);
    unlink(path);
    snug_explanation_free(explanation);
    snug_explain_options options = {.what_if = true};
    assert_int_equal(snug_explain_file_with("/no/such/file", &options, &explanation),
                     SNUG_BAD_FILE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_requests_of_other_versions),
        cmocka_unit_test(test_results_of_other_versions),
        cmocka_unit_test(test_device_facts),
        cmocka_unit_test(test_largest_batch),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Each host allocation of an import and of a plan from an ONNX file fails once: an error comes
// back, nothing leaks (AddressSanitizer's leak check in the debug build), nothing crashes.
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "onnx/import.h"
#include "snug/plan.h"
#include "support/failing_allocations.h"

static const char folder[] = SNUG_SOURCE_DIR "/tests/onnx/training";

static snug_status import(const void *path) {
    snug_onnx_document *document = NULL;
    snug_graph *graph = NULL;
    snug_onnx_built built = {0};
    char *advice = NULL;
    snug_onnx_options options = {.batch = 3, .training = true};
    snug_status status = snug_onnx_open(path, &document);
    if (status == SNUG_OK) status = snug_onnx_advise(document, &advice);
    if (status == SNUG_OK) status = snug_graph_new(&graph);
    if (status == SNUG_OK) status = snug_onnx_build(document, &options, graph, &built);
    snug_onnx_built_clear(&built);
    snug_graph_free(graph);
    snug_memory_free(advice);
    snug_onnx_close(document);
    return status;
}

static snug_status plan(const void *path) {
    snug_device *device = NULL;
    snug_plan *planned = NULL;
    char *text = NULL;
    snug_plan_request request = {.model = path,
                                 .fixes = "free-early",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = 4,
                                 .freeze = "*.bias",
                                 .random_init = true};
    snug_status status = snug_device_open("cpu", 1, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &planned);
    if (status == SNUG_OK) status = snug_plan_text(planned, &text);
    snug_string_free(text);
    snug_plan_free(planned);
    snug_device_close(device);
    return status;
}

// Every |stride|th allocation fails once.
static void check(snug_status (*run)(const void *path), const char *name, long stride) {
    char path[512];
    snug_status last;
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    long count = fail_each_allocation(run, path, stride, SNUG_DEVICE_FAILED, &last);
    if (last != SNUG_OK) fail_msg("%s: %s", name, snug_error_message());
    assert_true(count > 100);
    print_message("%s: %ld allocations\n", name, count);
}

static void test_import(void **state) {
    (void)state;
    static const char *const names[] = {"conv-script-evaluation",      "conv-dynamo-training",
                                        "mixer-dynamo-evaluation",     "tabular-dynamo-training",
                                        "transformer-script-training", "unet-script-training"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check(import, names[i], 1);
}

static void test_plan(void **state) {
    (void)state;
    check(plan, "tabular-dynamo-training", 7);
    check(plan, "conv-script-evaluation", 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_import), cmocka_unit_test(test_plan)};
    return cmocka_run_group_tests_name("failed allocations of imports", tests, NULL, NULL);
}

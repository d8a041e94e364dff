// Networks with shared weights, trained and exported: the state_dict has PyTorch's every key
// (tools/onnx_shared_cases.py stored them), and names of one weight have one value.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "snug/train.h"
#include "support/run_folder.h"
#include "support/test.h"

static const char folder[] = SNUG_SOURCE_DIR "/tests/onnx/shared";

// Names that PyTorch's network has for one parameter, by network.
static const char *const twins[][3] = {
    {"tied", "encoder.embed.weight", "head.weight"},
    {"tied", "decoder.norm.weight", "encoder.norm.weight"},
    {"blocks", "blocks.0.0.weight", "blocks.1.0.weight"},
};
enum { TWINS = sizeof twins / sizeof *twins };

// The older exporter's file of "tied" does not tell that there is a second embedding: its module is
// gone with the node that it had.
static const char untold[] = "decoder.embed.weight";

static void train(const char *model, const char *out) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_dataset *data = NULL;
    snug_train_result result;
    snug_plan_request request = {
        .model = model, .cost = SNUG_COST_SOURCE_MODEL, .batch_size = 4, .class_axis = -1};
    if (strstr(model, "blocks")) request.class_axis = 0;
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    snug_dataset_options options = {
        .name = "synthetic", .sample = snug_plan_sample(plan), .samples = 8};
    if (snug_dataset_open(&options, &data) != SNUG_OK) fail_msg("%s", snug_error_message());
    snug_train_options wanted = {.epochs = 1, .learning_rate = 0.1, .out = out, .overwrite = true};
    if (snug_train(plan, data, NULL, &wanted, &result) != SNUG_OK)
        fail_msg("%s: %s", model, snug_error_message());
    snug_dataset_close(data);
    snug_plan_free(plan);
    snug_device_close(device);
}

static void check_keys(const snug_safetensors *exported, const char *network, bool is_script) {
    char path[512], key[256];
    snprintf(path, sizeof path, "%s/%s.txt", folder, network);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t count = 0;
    while (fgets(key, sizeof key, file)) {
        key[strcspn(key, "\n")] = '\0';
        if (is_script && strcmp(key, untold) == 0) continue;
        if (!snug_safetensors_find(exported, key)) fail_msg("%s: '%s' is missing", network, key);
        count++;
    }
    fclose(file);
    assert_int_equal(exported->count, count);
}

static void check_twins(const snug_safetensors *exported, const char *network) {
    for (int i = 0; i < TWINS; i++) {
        float values[2][256];
        if (strcmp(twins[i][0], network) != 0) continue;
        for (int j = 0; j < 2; j++) {
            const snug_safetensors_entry *entry = snug_safetensors_find(exported, twins[i][1 + j]);
            assert_non_null(entry);
            size_t bytes = snug_type_bytes(&entry->type);
            assert_true(bytes <= sizeof values[j]);
            memset(values[j], 0, sizeof values[j]);
            assert_int_equal(snug_safetensors_read(exported, entry, 0, values[j], bytes), SNUG_OK);
        }
        assert_memory_equal(values[0], values[1], sizeof values[0]);
        assert_true(values[0][0] != 0);
    }
}

static int is_model(const struct dirent *entry) {
    return strstr(entry->d_name, ".onnx") != NULL;
}

static void test_exports(void **state) {
    (void)state;
    struct dirent **entries;
    int count = scandir(folder, &entries, is_model, alphasort);
    assert_int_equal(count, 6);
    for (int i = 0; i < count; i++) {
        char model[512], run[] = "/tmp/snug-shared-XXXXXX", out[64], network[32] = "";
        const char *name = entries[i]->d_name;
        snug_safetensors exported;
        assert_non_null(mkdtemp(run));
        snprintf(model, sizeof model, "%s/%s", folder, name);
        snprintf(out, sizeof out, "%s/out.safetensors", run);
        snprintf(network, sizeof network, "%.*s", (int)strcspn(name, "-"), name);
        train(model, run);
        if (snug_run_export(run, out) != SNUG_OK) fail_msg("%s", snug_error_message());
        assert_int_equal(snug_safetensors_open(out, &exported), SNUG_OK);
        check_keys(&exported, network, strstr(name, "script") != NULL);
        check_twins(&exported, network);
        snug_safetensors_close(&exported);
        remove_run(run);
        free(entries[i]);
    }
    free(entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exports)};
    return cmocka_run_group_tests_name("names of shared weights", tests, NULL, NULL);
}

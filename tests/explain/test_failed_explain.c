// Each host allocation of an explanation fails once, of a text's and of a snapshot's with its trace
// replayed: an error comes back, nothing leaks, nothing crashes.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snug/explain.h"
#include "support/failing_allocations.h"

typedef struct explained {
    const char *bytes;
    size_t length;
    bool what_if;
} explained;

static snug_status explain(const void *context) {
    const explained *of = context;
    snug_explanation *explanation = NULL;
    snug_explain_options options = {.what_if = of->what_if};
    char *text = NULL, *json = NULL, *page = NULL;
    snug_status status =
        snug_explain_text_with(of->bytes, of->length, "file", &options, &explanation);
    if (status == SNUG_OK) status = snug_explanation_text(explanation, &text);
    if (status == SNUG_OK) status = snug_explanation_json(explanation, &json);
    if (status == SNUG_OK) status = snug_explanation_html(explanation, &page);
    snug_explanation_text_free(text);
    snug_explanation_text_free(json);
    snug_explanation_text_free(page);
    snug_explanation_free(explanation);
    return status;
}

// The number of allocations.
static long check(const char *bytes, size_t length, bool what_if) {
    explained of = {bytes, length, what_if};
    snug_status last;
    long count = fail_each_allocation(explain, &of, 1, SNUG_NOMEM, &last);
    if (last != SNUG_OK && last != SNUG_BAD_FILE) fail_msg("%s", snug_error_message());
    return count;
}

static void test_text(void **state) {
    (void)state;
    const char *text =
        "batch_size=64 PYTORCH_CUDA_ALLOC_CONF=max_split_size_mb:128\n"
        "Traceback (most recent call last):\n"
        "  File \"train.py\", line 42, in main\n    total += loss\n"
        "RuntimeError: CUDA out of memory. Tried to allocate 2.81 GiB (GPU 0; 23.69 GiB total "
        "capacity; 16.12 GiB already allocated; 374.94 MiB free; 19.00 GiB reserved in total by "
        "PyTorch)\nRuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED\n";
    long count = check(text, strlen(text), false);
    print_message("%ld allocations\n", count);
    assert_true(count > 20);
}

// The snapshots of the fuzzer's corpus, which are small.
static void test_snapshots(void **state) {
    (void)state;
    const char *folder = SNUG_SOURCE_DIR "/tests/fuzz/corpus/snapshot";
    DIR *directory = opendir(folder);
    long most = 0;
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        static char bytes[1 << 16];
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!file) continue;
        // The corpus leaves the pickle's first bytes out.
        bytes[0] = '\x80';
        bytes[1] = 4;
        size_t length = 2 + fread(bytes + 2, 1, sizeof bytes - 2, file);
        fclose(file);
        long count = check(bytes, length, true);
        if (count > most) most = count;
    }
    closedir(directory);
    print_message("up to %ld allocations\n", most);
    assert_true(most > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_snapshots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

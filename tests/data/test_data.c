// Data sets and the loader: every sample once, the same in any chunks; files that are not right.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "snug/data.h"
#include "support/test.h"

enum { SAMPLES = 37, CLASSES = 10 };

static snug_dataset *open_synthetic(uint64_t seed, snug_split split) {
    snug_dataset_options options = {.name = "synthetic",
                                    .split = split,
                                    .channels = 3,
                                    .height = 8,
                                    .width = 8,
                                    .classes = CLASSES,
                                    .seed = seed,
                                    .samples = SAMPLES};
    snug_dataset *dataset;
    assert_int_equal(snug_dataset_open(&options, &dataset), SNUG_OK);
    assert_int_equal(snug_dataset_sample(dataset)->inputs[0].bytes, 3 * 8 * 8 * sizeof(float));
    return dataset;
}

// The first pixel tells samples apart. Reads an epoch in chunks of |chunk|.
static void read_epoch(snug_loader *loader, int64_t chunk, float first[SAMPLES]) {
    for (int64_t done = 0; done < SAMPLES; done += chunk) {
        int64_t part = SAMPLES - done < chunk ? SAMPLES - done : chunk;
        const void *inputs[SNUG_MAX_INPUTS], *targets;
        assert_int_equal(snug_loader_next(loader, part, inputs, &targets), SNUG_OK);
        const float *input = inputs[0];
        const int32_t *target = targets;
        for (int64_t i = 0; i < part; i++) {
            assert_in_range(target[i], 0, CLASSES - 1);
            first[done + i] = input[i * 3 * 8 * 8];
        }
    }
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// What is held out and what is left are the training samples, each once, whatever opens them.
static void test_validation_share(void **state) {
    (void)state;
    float all[SAMPLES], found[SAMPLES], pixels[3 * 8 * 8];
    int32_t target;
    snug_dataset *whole = open_synthetic(1, SNUG_SPLIT_TRAIN);
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal(snug_dataset_read(whole, i, (void *[]){pixels}, &target), SNUG_OK);
        all[i] = pixels[0];
    }
    snug_dataset_close(whole);
    int64_t done = 0;
    for (int split = 0; split < 2; split++) {
        snug_dataset_options options = {.name = "synthetic",
                                        .split = split ? SNUG_SPLIT_TEST : SNUG_SPLIT_TRAIN,
                                        .validation_share = 0.2,
                                        .channels = 3,
                                        .height = 8,
                                        .width = 8,
                                        .classes = CLASSES,
                                        .seed = 1,
                                        .samples = SAMPLES};
        snug_dataset *part;
        assert_int_equal(snug_dataset_open(&options, &part), SNUG_OK);
        assert_int_equal(snug_dataset_samples(part), split ? 7 : 30);
        assert_string_equal(snug_dataset_use(part), split ? "validation" : "training");
        for (int64_t i = 0; i < snug_dataset_samples(part); i++) {
            assert_int_equal(snug_dataset_read(part, i, (void *[]){pixels}, &target), SNUG_OK);
            found[done++] = pixels[0];
        }
        assert_int_equal(snug_dataset_read(part, split ? 7 : 30, (void *[]){pixels}, &target),
                         SNUG_INVALID);
        snug_dataset_close(part);
    }
    qsort(all, SAMPLES, sizeof *all, compare);
    qsort(found, SAMPLES, sizeof *found, compare);
    assert_memory_equal(all, found, sizeof all);
}

static void test_loader(void **state) {
    (void)state;
    float plain[SAMPLES], epochs[3][2][SAMPLES], pixels[3 * 8 * 8];
    static const int64_t chunks[] = {1, 5, 37};
    for (int i = 0; i < 3; i++) {
        snug_dataset *dataset = open_synthetic(1, SNUG_SPLIT_TRAIN);
        int32_t target;
        for (int j = 0; j < SAMPLES; j++) {
            assert_int_equal(snug_dataset_read(dataset, j, (void *[]){pixels}, &target), SNUG_OK);
            plain[j] = pixels[0];
        }
        snug_loader_options options = {.seed = 4, .shuffle = true, .chunk_samples = 37};
        snug_loader *loader;
        assert_int_equal(snug_loader_start(dataset, &options, &loader), SNUG_OK);
        for (int epoch = 0; epoch < 2; epoch++)
            read_epoch(loader, chunks[i], epochs[i][epoch]);
        snug_loader_stop(loader);
        snug_dataset_close(dataset);
        // The same order whatever the chunks, another one each epoch.
        assert_memory_equal(epochs[i], epochs[0], sizeof epochs[0]);
        assert_memory_not_equal(epochs[i][0], epochs[i][1], sizeof plain);
    }
    // Each sample once.
    qsort(plain, SAMPLES, sizeof *plain, compare);
    qsort(epochs[0][0], SAMPLES, sizeof *plain, compare);
    assert_memory_equal(plain, epochs[0][0], sizeof plain);
}

static void test_loader_stops_early(void **state) {
    (void)state;
    snug_dataset *dataset = open_synthetic(1, SNUG_SPLIT_TRAIN);
    snug_loader_options options = {.chunk_samples = 4};
    for (int i = 0; i < 50; i++) {
        snug_loader *loader;
        const void *input[SNUG_MAX_INPUTS], *target;
        assert_int_equal(snug_loader_start(dataset, &options, &loader), SNUG_OK);
        for (int j = 0; j < i % 3; j++)
            assert_int_equal(snug_loader_next(loader, 4, input, &target), SNUG_OK);
        assert_int_equal(snug_loader_next(loader, 5, input, &target), SNUG_INVALID);
        snug_loader_stop(loader);
    }
    snug_dataset_close(dataset);
}

static void test_fashion_mnist(void **state) {
    (void)state;
    snug_dataset_info info;
    if (snug_dataset_describe("fashion-mnist", &info) == SNUG_NOT_FOUND) {
        print_message("dataset-fashion-mnist is not installed\n");
        skip();
    }
    assert_int_equal(info.samples, 60000);
    assert_int_equal(info.height, 28);
    assert_int_equal(info.classes, 10);
    assert_true(info.has_test);
    snug_dataset_options options = {.name = "fashion-mnist",
                                    .split = SNUG_SPLIT_TEST,
                                    .channels = 3,
                                    .height = 32,
                                    .width = 32,
                                    .classes = 10};
    snug_dataset *dataset;
    assert_int_equal(snug_dataset_open(&options, &dataset), SNUG_OK);
    assert_int_equal(snug_dataset_samples(dataset), 10000);
    static float input[32 * 32 * 3];
    int counts[10] = {0};
    for (int64_t i = 0; i < 10000; i++) {
        int32_t target;
        assert_int_equal(snug_dataset_read(dataset, i, (void *[]){input}, &target), SNUG_OK);
        counts[target]++;
        // Padding is a black pixel; the channels repeat.
        assert_true(input[0] == (float)(-0.2860 / 0.3530));
        assert_true(input[3 * 500] == input[3 * 500 + 2]);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(counts[i], 1000);
    snug_dataset_close(dataset);
}

// Writes a data set of two 1x2x2 samples; |classes|: of the targets.
static void write_set(const char *path, int64_t class, int64_t targets) {
    uint8_t pixels[8] = {0, 255, 51, 102, 1, 2, 3, 4};
    int64_t values[3] = {1, class, 0};
    snug_safetensors_item items[] = {
        {"input", snug_type_make(SNUG_U8, SNUG_ROW_MAJOR, 4, (const int64_t[]){2, 1, 2, 2})},
        {"target", snug_type_vector(SNUG_I64, targets)},
    };
    snug_file file;
    assert_int_equal(snug_safetensors_create(path, items, 2, NULL, &file), SNUG_OK);
    assert_int_equal(snug_file_write(&file, pixels, sizeof pixels), SNUG_OK);
    assert_int_equal(snug_file_write(&file, values, (size_t)targets * sizeof *values), SNUG_OK);
    assert_int_equal(snug_file_commit(&file), SNUG_OK);
}

static snug_status open_set(const char *path, int64_t classes, snug_dataset **out) {
    snug_dataset_options options = {
        .name = path, .channels = 3, .height = 4, .width = 4, .classes = classes};
    return snug_dataset_open(&options, out);
}

static void test_safetensors(void **state) {
    (void)state;
    char path[] = "/tmp/snug-data-XXXXXX.safetensors";
    int descriptor = mkstemps(path, 12);
    assert_true(descriptor >= 0);
    close(descriptor);
    snug_dataset *dataset;
    write_set(path, 2, 2);
    assert_int_equal(open_set(path, 3, &dataset), SNUG_OK);
    float input[4 * 4 * 3];
    int32_t target;
    assert_int_equal(snug_dataset_read(dataset, 0, (void *[]){input}, &target), SNUG_OK);
    assert_int_equal(target, 1);
    assert_true(input[0] == -1.0f);                        // padding
    assert_true(input[(1 * 4 + 2) * 3] > 0.999f);          // 255, in the middle
    assert_true(input[(2 * 4 + 1) * 3 + 2] + 0.6f < 1e-6); // 51 is 0.2, scaled to -0.6
    snug_dataset_close(dataset);
    assert_int_equal(open_set(path, 2, &dataset), SNUG_BAD_FILE); // class 2 of 2
    assert_non_null(strstr(snug_error_message(), "target 2 of sample 1"));
    write_set(path, 1, 3);
    assert_int_equal(open_set(path, 3, &dataset), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "3 targets for 2 samples"));
    write_set(path, 1, 2);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(open_set(path, 3, &dataset), SNUG_BAD_FILE);
    assert_null(dataset);
    unlink(path);
}

// Headers that lie: none may crash or be believed.
static void test_hostile_headers(void **state) {
    (void)state;
    static const char *const headers[] = {
        "",
        "[",
        "[]",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,99999999]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":\"x\",\"data_offsets\":[0,4]}}",
    };
    char path[] = "/tmp/snug-hostile-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        uint64_t length = strlen(headers[i]);
        FILE *file = fopen(path, "wb");
        fwrite(&length, sizeof length, 1, file);
        fwrite(headers[i], 1, length, file);
        fwrite("12345678", 1, 8, file);
        fclose(file);
        snug_safetensors found;
        if (snug_safetensors_open(path, &found) != SNUG_BAD_FILE)
            fail_msg("header %zu was taken: %s", i, headers[i]);
    }
    close(descriptor);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validation_share),   cmocka_unit_test(test_loader),
        cmocka_unit_test(test_loader_stops_early), cmocka_unit_test(test_fashion_mnist),
        cmocka_unit_test(test_safetensors),        cmocka_unit_test(test_hostile_headers),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}

// Data of numpy's and of comma-separated numbers, as numpy 2.4 and people write them; and files
// that are damaged, each told by name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snug/data.h"
#include "support/test.h"

enum { ROWS = 10, COLUMNS = 3 };

static const char folder[] = SNUG_SOURCE_DIR "/tests/data/", written[] = "/tmp/snug-conversion.csv";

static void write_text(const char *path, const char *text, size_t length) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

// Element |j| of sample |i| is i + j / 8, its class i % 3.
static void check(const char *path) {
    snug_dataset *data;
    snug_dataset_info info;
    snug_sample_type sample = {.input_count = 1,
                               .inputs = {{.name = "x",
                                           .type = "float32",
                                           .rank = 1,
                                           .dims = {COLUMNS},
                                           .bytes = COLUMNS * sizeof(float)}},
                               .target = {.name = "target", .type = "int32", .bytes = 4},
                               .classes = 3};
    if (snug_dataset_describe(path, &info) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(info.samples, ROWS);
    assert_int_equal(info.classes, 3);
    assert_true(info.rank == 1 && info.dims[0] == COLUMNS);
    snug_dataset_options options = {.name = path, .sample = &sample};
    if (snug_dataset_open(&options, &data) != SNUG_OK) fail_msg("%s", snug_error_message());
    for (int64_t i = 0; i < ROWS; i++) {
        float values[COLUMNS];
        int32_t class = -1;
        assert_int_equal(snug_dataset_read(data, i, (void *[]){values}, &class), SNUG_OK);
        assert_int_equal(class, i % 3);
        for (int j = 0; j < COLUMNS; j++)
            assert_true(values[j] == (float)i + (float)j / 8);
    }
    snug_dataset_close(data);
}

static void test_numpy(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%sstored.npz", folder);
    check(path);
    snprintf(path, sizeof path, "%sdeflated.npz", folder);
    check(path);
}

// An .npy file of |type|, by numpy's description of the format.
static void write_npy(const char *path, const char *type, const char *shape, const void *elements,
                      size_t bytes) {
    char header[119];
    FILE *file = fopen(path, "wb");
    int used = snprintf(header, sizeof header,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    memset(header + used, ' ', sizeof header - (size_t)used);
    header[117] = '\n';
    fwrite("\x93NUMPY\1\0\x76\0", 1, 10, file);
    fwrite(header, 1, 118, file);
    fwrite(elements, 1, bytes, file);
    fclose(file);
}

// Pairs of files by their names, with and without test samples.
static void test_npy(void **state) {
    (void)state;
    static const char *const names[][2] = {{"x.npy", "y.npy"},
                                           {"my-X_all.npy", "my-Y_all.npy"},
                                           {"images_train.npy", "labels_train.npy"}};
    double x[ROWS][COLUMNS];
    uint8_t y[ROWS];
    char at[] = "/tmp/snug-npy-XXXXXX", paths[2][64];
    assert_non_null(mkdtemp(at));
    for (int i = 0; i < ROWS; i++) {
        y[i] = (uint8_t)(i % 3);
        for (int j = 0; j < COLUMNS; j++)
            x[i][j] = i + j / 8.0;
    }
    for (size_t n = 0; n < 3; n++) {
        for (int i = 0; i < 2; i++)
            snprintf(paths[i], sizeof paths[i], "%s/%s", at, names[n][i]);
        write_npy(paths[0], "<f8", "10, 3", x, sizeof x);
        snug_dataset_info info;
        assert_int_equal(snug_dataset_describe(paths[0], &info), SNUG_BAD_FILE);
        assert_non_null(strstr(snug_error_message(), "where are its targets?"));
        write_npy(paths[1], "|u1", "10,", y, sizeof y);
        check(paths[0]);
        assert_int_equal(snug_dataset_describe(paths[0], &info), SNUG_OK);
        assert_false(info.has_test);
    }
    char test[64];
    snug_dataset_info info;
    snprintf(test, sizeof test, "%s/images_val.npy", at);
    write_npy(test, "<f8", "10, 3", x, sizeof x);
    snprintf(test, sizeof test, "%s/labels_val.npy", at);
    write_npy(test, "|u1", "10,", y, sizeof y);
    assert_int_equal(snug_dataset_describe(paths[0], &info), SNUG_OK);
    assert_true(info.has_test);
    assert_int_equal(truncate(paths[0], 140), 0);
    assert_int_equal(snug_dataset_describe(paths[0], &info), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "images_train.npy ends too early"));
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", at);
    assert_int_equal(system(command), 0);
}

// With and without names, the target anywhere, other separators, Windows' line ends, a gap at the
// end.
static void test_csv(void **state) {
    (void)state;
    static const struct {
        const char *names, *row, *end;
    } forms[] = {{"", "%g,%g,%g,%d", "\n"},
                 {"a,b,c,target\n", "%g, %g, %g, %d", "\r\n"},
                 {"\"a\";\"b\";\"c\";\"d\"\n", "%g;%g;%g;\"%d\"", "\n\n"},
                 {"a\tb\tc\td\n", "%g\t%g\t%g\t%d", "\n"}};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        char text[4096];
        int used = sprintf(text, "%s", forms[f].names);
        for (int i = 0; i < ROWS; i++) {
            used += sprintf(text + used, forms[f].row, i + 0.0, i + 0.125, i + 0.25, i % 3);
            used += sprintf(text + used, "%s", forms[f].end);
        }
        write_text(written, text, (size_t)used);
        check(written);
    }
    char text[4096];
    int used = sprintf(text, "target,a,b,c\n");
    for (int i = 0; i < ROWS; i++)
        used += sprintf(text + used, "%d,%g,%g,%g\n", i % 3, i + 0.0, i + 0.125, i + 0.25);
    write_text(written, text, (size_t)used);
    check(written);
}

static void refuse(const char *path, const char *why) {
    snug_dataset_info info;
    if (snug_dataset_describe(path, &info) != SNUG_BAD_FILE) fail_msg("%s: taken", path);
    if (!strstr(snug_error_message(), why)) fail_msg("%s", snug_error_message());
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", "is empty"},
        {"a,b\n", "no rows"},
        {"1\n2\n", "one column"},
        {"1,2\n3,x\n", "line 2, column 2: a number expected, found 'x'"},
        {"1,2\n3\n", "line 2 has 1 columns, others 2"},
        {"1,2\n,4\n", "line 2, column 1: a number expected"},
        {"1,2\nnan,4\n", "line 2, column 1: a number expected"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(written, texts[i][0], strlen(texts[i][0]));
        refuse(written, texts[i][1]);
    }
    char path[512];
    snprintf(path, sizeof path, "%sfortran.npz", folder);
    refuse(path, "numpy.ascontiguousarray()");
    snprintf(path, sizeof path, "%stexts.npz", folder);
    refuse(path, "'input' has elements '<U1'");
}

// Every beginning of an archive, and every byte of it changed: no crash, and a reason.
static void test_damaged(void **state) {
    (void)state;
    static const char *const names[] = {"stored.npz", "deflated.npz"};
    static const char damaged[] = "/tmp/snug-conversion.npz";
    for (size_t f = 0; f < 2; f++) {
        char path[512], whole[8192];
        snug_dataset_info info;
        snprintf(path, sizeof path, "%s%s", folder, names[f]);
        FILE *file = fopen(path, "rb");
        size_t length = fread(whole, 1, sizeof whole, file);
        fclose(file);
        for (size_t i = 0; i < length; i += 3) {
            write_text(damaged, whole, i);
            assert_int_equal(snug_dataset_describe(damaged, &info), SNUG_BAD_FILE);
            whole[i] = (char)~whole[i];
            write_text(damaged, whole, length);
            if (snug_dataset_describe(damaged, &info) != SNUG_OK)
                assert_true(strlen(snug_error_message()) > 10);
            whole[i] = (char)~whole[i];
        }
    }
    unlink(damaged);
    unlink(written);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numpy), cmocka_unit_test(test_npy),
                                       cmocka_unit_test(test_csv), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests_name("data of numpy's, and tables", tests, NULL, NULL);
}

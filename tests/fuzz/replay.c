// Runs a fuzz target on every file of the folders given: the corpus as an ordinary test. Each file
// is also tried truncated at every length, and with each byte changed, up to a bound.
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { MOST_VARIANTS = 64 };

// Exactly |size| bytes, so that reading beyond them is noticed.
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size) {
    run(data, size);
    size_t step = size / MOST_VARIANTS + 1;
    for (size_t i = 0; i < size; i += step) {
        run(data, i);
        uint8_t before = data[i];
        data[i] = (uint8_t)(before ^ (1U << i % 8));
        run(data, size);
        data[i] = before;
    }
}

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 1;
    static uint8_t data[1 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run_variants(data, size);
    return 0;
}

static int files;

static int visit(const char *path, const struct stat *found, int type, struct FTW *where) {
    (void)found, (void)where;
    if (type != FTW_F) return 0;
    files++;
    return run_file(path);
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++)
        if (nftw(arguments[i], visit, 16, FTW_PHYS) != 0) {
            fprintf(stderr, "%s cannot be read\n", arguments[i]);
            return 1;
        }
    printf("%d files\n", files);
    return files == 0;
}

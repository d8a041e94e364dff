// onnx-conformance DIR... [--device cpu|reference] [--unsupported LIST]
//
// Runs cases of ONNX's backend test suite: folders with model.onnx and test_data_set_N/ with
// input_K.pb and output_K.pb, or folders of such folders. Prints PASS, FAIL name: why, or
// UNSUPPORTED name: operator for each, then "N passed, N failed, N unsupported". Exit status 1 when
// a case fails, or one that LIST calls unsupported (a name and a reason a line) passes.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "onnx/case.h"

typedef struct totals {
    size_t passed, failed, unsupported;
    char *list; // text of the list of unsupported cases, or NULL
} totals;

// Whether |name| is the first word of a line of |list|.
static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *line = list; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        bool is_word = line[length] == ' ' || line[length] == '\n' || line[length] == '\0';
        if (strncmp(line, name, length) == 0 && is_word) return true;
    }
    return false;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = NULL;
    size_t length = 0, capacity = 0;
    for (;;) {
        if (capacity - length < 4096) {
            capacity = 2 * capacity + 8192;
            char *grown = realloc(text, capacity);
            if (!grown) break;
            text = grown;
        }
        size_t part = fread(text + length, 1, capacity - length - 1, file);
        if (part == 0) break;
        length += part;
    }
    if (text) text[length] = '\0';
    fclose(file);
    return text;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void run_one(const char *path, snug_device *device, totals *sum) {
    char why[1024] = "";
    const char *name = name_of(path);
    case_result result = case_run(path, device, why, sizeof why);
    bool listed = is_listed(sum->list, name);
    if (result == CASE_PASS && listed) {
        result = CASE_FAIL;
        snprintf(why, sizeof why, "passes, but is listed as unsupported");
    }
    sum->passed += result == CASE_PASS;
    sum->failed += result == CASE_FAIL;
    sum->unsupported += result == CASE_UNSUPPORTED;
    static const char *const words[] = {"PASS", "FAIL", "UNSUPPORTED"};
    printf("%s %s%s%s\n", words[result], name, why[0] ? ": " : "", why);
    fflush(stdout);
}

static int skip_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

// A case, or a folder of cases in the order of their names.
static bool run_folder(const char *path, snug_device *device, totals *sum) {
    char file[4096];
    struct stat found;
    snprintf(file, sizeof file, "%s/model.onnx", path);
    if (stat(file, &found) == 0) {
        run_one(path, device, sum);
        return true;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, skip_hidden, alphasort);
    if (count < 0) {
        fprintf(stderr, "onnx-conformance: %s cannot be read\n", path);
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%s/model.onnx", path, entries[i]->d_name);
        if (stat(file, &found) == 0) {
            file[strlen(file) - strlen("/model.onnx")] = '\0';
            run_one(file, device, sum);
        }
        free(entries[i]);
    }
    free(entries);
    return true;
}

static int usage(void) {
    fprintf(stderr, "usage: onnx-conformance DIR... [--device cpu|reference] [--unsupported "
                    "LIST]\n");
    return 2;
}

int main(int count, char **arguments) {
    const char *device_name = "cpu", *list = NULL, *folders[256];
    int folder_count = 0;
    totals sum = {0};
    for (int i = 1; i < count; i++) {
        bool is_option = arguments[i][0] == '-';
        if (is_option && i + 1 == count) return usage();
        if (strcmp(arguments[i], "--device") == 0)
            device_name = arguments[++i];
        else if (strcmp(arguments[i], "--unsupported") == 0)
            list = arguments[++i];
        else if (is_option || folder_count == 256)
            return usage();
        else
            folders[folder_count++] = arguments[i];
    }
    if (folder_count == 0) return usage();
    if (list && !(sum.list = read_file(list))) {
        fprintf(stderr, "onnx-conformance: %s cannot be read\n", list);
        return 2;
    }
    snug_device *device;
    if (snug_device_open(device_name, 1, &device) != SNUG_OK) {
        fprintf(stderr, "onnx-conformance: %s\n", snug_error_message());
        free(sum.list);
        return 2;
    }
    bool all_read = true;
    for (int i = 0; i < folder_count; i++)
        all_read = run_folder(folders[i], device, &sum) && all_read;
    printf("%zu passed, %zu failed, %zu unsupported\n", sum.passed, sum.failed, sum.unsupported);
    snug_device_close(device);
    free(sum.list);
    return sum.failed || !all_read ? 1 : 0;
}

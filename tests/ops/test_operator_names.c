// What is known of an operator is told by its descriptor (graph/op.h). No other source asks for one
// by its name: a table by names is what nobody thinks of who adds an operator. (Python's words are
// PyTorch's.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fts.h>

#include <cmocka.h>

#include "graph/op.h"

// Words that are no names of operators where they stand, and what they are there.
static const struct {
    const char *file, *word, *is;
} words[] = {
    {"src/onnx/export_graph.c", "linear", "a value of an attribute in ONNX's format"},
    {"src/onnx/export_graph.c", "floor", "likewise"},
    {"src/fixes/accumulate_fix.c", "accumulate", "the fix"},
    {"src/plan/request.c", "accumulate", "likewise"},
    {"src/cli/commands/train_command.c", "equal", "a report's"},
    {"src/explain/script_words.c", "softmax", "in a user's program"},
    {"src/explain/script_words.c", "attention", "likewise"},
    {"src/explain/trace/frames.c", "cross_entropy", "PyTorch's function"},
    {"src/fit/fit_profile.c", "batch_norm", "a field of a profile"},
};

// Folders that know operators by name: the operators, and those of ONNX.
static bool is_exempt(const char *file) {
    static const char *const folders[] = {"src/ops/", "src/onnx/operators/", NULL};
    for (const char *const *folder = folders; *folder; folder++)
        if (strncmp(file, *folder, strlen(*folder)) == 0) return true;
    return false;
}

static bool is_word(const char *file, const char *name) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].file, file) == 0 && strcmp(words[i].word, name) == 0) return true;
    return false;
}

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = 0, room = 1 << 20;
    char *text = malloc(room);
    assert_non_null(text);
    length = fread(text, 1, room - 1, file);
    fclose(file);
    text[length] = '\0';
    return text;
}

static int look_at(const char *path, const char *file) {
    char *text = read_text(path), quoted[80];
    int found = 0;
    for (const snug_op_file *const *ops = snug_op_files; *ops; ops++)
        for (const snug_op *const *op = (*ops)->ops; *op; op++) {
            snprintf(quoted, sizeof quoted, "\"%s\"", (*op)->name);
            if (!strstr(text, quoted) || is_word(file, (*op)->name)) continue;
            print_message("%s has %s\n", file, quoted);
            found++;
        }
    free(text);
    return found;
}

static void only_operators_know_their_names(void **unused) {
    (void)unused;
    static char source[] = SNUG_SOURCE_DIR "/src", bench[] = SNUG_SOURCE_DIR "/bench";
    char *const roots[] = {source, bench, NULL};
    FTS *files = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(files);
    int found = 0, seen = 0;
    for (FTSENT *entry; (entry = fts_read(files));) {
        const char *file = entry->fts_path + strlen(SNUG_SOURCE_DIR "/"),
                   *end = strrchr(entry->fts_name, '.');
        if (entry->fts_info != FTS_F || !end || is_exempt(file)) continue;
        if (strcmp(end, ".c") != 0 && strcmp(end, ".h") != 0) continue;
        found += look_at(entry->fts_path, file);
        seen++;
    }
    fts_close(files);
    assert_true(seen > 500);
    assert_int_equal(found, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_operators_know_their_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

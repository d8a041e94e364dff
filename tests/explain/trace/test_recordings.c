// Recordings of real PyTorch (tests/explain/recordings/matrix.py), each of a program that was
// written to run out of memory for one cause: that is the first to be told, and what the program's
// own objects held are the bytes of its kind.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "snug/explain.h"
#include "support/test.h"

#define FOLDER SNUG_SOURCE_DIR "/tests/explain/recordings/stored/"

enum { FILE_NAME, CAUSE, WEIGHTS, GRADIENTS, OPTIMIZER, FIELDS };

// The bytes of |kind| as the JSON object tells them.
static unsigned long long bytes_of(const char *json, const char *kind) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", kind);
    const char *kinds = strstr(json, "\"kinds");
    const char *found = kinds ? strstr(kinds, key) : NULL;
    assert_non_null(found);
    return strtoull(found + strlen(key), NULL, 10);
}

static void check_kinds(char *const *fields, const snug_explanation *explanation) {
    static const char *const kinds[FIELDS] = {
        [WEIGHTS] = "weights", [GRADIENTS] = "gradients", [OPTIMIZER] = "optimizer"};
    char *json;
    assert_int_equal(snug_explanation_json(explanation, &json), SNUG_OK);
    for (int i = WEIGHTS; i <= OPTIMIZER; i++) {
        if (!isdigit((unsigned char)*fields[i])) continue;
        unsigned long long expected = strtoull(fields[i], NULL, 10);
        unsigned long long found = bytes_of(json, kinds[i]);
        // Traces have bytes as they were asked for, or rounded up to 512 a tensor.
        unsigned long long off = found > expected ? found - expected : expected - found;
        if (off > 16384 && off > expected / 500)
            fail_msg("%s: %s are %llu bytes, expected %llu", fields[FILE_NAME], kinds[i], found,
                     expected);
    }
    snug_explanation_text_free(json);
}

// What nothing is kept of must not be told to be kept.
static void check_blame(const char *file, const char *cause, const snug_finding *finding) {
    bool keeps = strcmp(cause, "history") == 0 || strcmp(cause, "leak") == 0;
    for (size_t i = 0; i < finding->cause_count && !keeps; i++) {
        const snug_cause_found *found = &finding->causes[i];
        bool blames = strcmp(found->name, "history") == 0 || strcmp(found->name, "leak") == 0;
        if (blames && found->confidence > 0.5)
            fail_msg("%s keeps nothing: %s %.2f", file, found->name, found->confidence);
    }
}

static void check_line(char *line) {
    char *fields[FIELDS], *rest = line, path[512];
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&rest, "\t\n");
        assert_non_null(fields[i]);
    }
    snprintf(path, sizeof path, FOLDER "%s", fields[FILE_NAME]);
    snug_explanation *explanation;
    if (snug_explain_file(path, &explanation) != SNUG_OK)
        fail_msg("%s: %s", fields[FILE_NAME], snug_error_message());
    size_t count;
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    assert_int_equal(count, 1);
    const snug_cause_found *first = &finding->causes[0];
    bool little =
        strstr(fields[FILE_NAME], "-none.pickle") || strstr(fields[FILE_NAME], "untraced");
    check_blame(fields[FILE_NAME], fields[CAUSE], finding);
    if (little)
        assert_true(first->confidence <= 0.53 && strstr(finding->detail, "How sure this is"));
    else if (strcmp(fields[CAUSE], "none") == 0)
        assert_true(strcmp(first->name, "fragmentation") != 0 || first->confidence <= 0.5);
    else if (strcmp(fields[CAUSE], first->name) != 0 || first->confidence < 0.5)
        fail_msg("%s: found %s %.2f (%s)", fields[FILE_NAME], first->name, first->confidence,
                 first->evidence);
    check_kinds(fields, explanation);
    snug_explanation_free(explanation);
}

static void test_recordings(void **state) {
    (void)state;
    FILE *stream = fopen(FOLDER "expected.tsv", "r");
    assert_non_null(stream);
    char line[512];
    int lines = 0;
    for (; fgets(line, sizeof line, stream); lines++)
        check_line(line);
    fclose(stream);
    assert_true(lines >= 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recordings)};
    return cmocka_run_group_tests_name("recordings", tests, NULL, NULL);
}

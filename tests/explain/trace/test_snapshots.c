// Snapshots of each cause, made by tools/make_snapshots.py (none is recorded: no GPU was at hand):
// the cause, the figures to the byte, and what the report has to name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "snug/explain.h"
#include "support/test.h"

#define FOLDER SNUG_SOURCE_DIR "/tests/explain/snapshots/"

static void check_figure(const char *file, const char *name, snug_amount found, uint64_t expected) {
    if (!found.known || found.bytes != expected)
        fail_msg("%s: %s is %llu, expected %llu", file, name, (unsigned long long)found.bytes,
                 (unsigned long long)expected);
}

// One line of expected.tsv: file, cause, requested, free, allocated, reserved, words.
static void check_line(char *line) {
    char *fields[7], *rest = line;
    for (int i = 0; i < 7; i++)
        fields[i] = strsep(&rest, "\t\n");
    assert_non_null(fields[6]);
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s", fields[0]);
    snug_explanation *explanation;
    if (snug_explain_file(path, &explanation) != SNUG_OK)
        fail_msg("%s: %s", fields[0], snug_error_message());
    size_t count;
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    assert_int_equal(count, 1);
    assert_string_equal(finding->kind, "snapshot");
    check_figure(fields[0], "requested", finding->figures.requested, strtoull(fields[2], NULL, 10));
    check_figure(fields[0], "free", finding->figures.free, strtoull(fields[3], NULL, 10));
    check_figure(fields[0], "allocated", finding->figures.allocated, strtoull(fields[4], NULL, 10));
    check_figure(fields[0], "reserved", finding->figures.reserved, strtoull(fields[5], NULL, 10));
    if (strcmp(finding->causes[0].name, fields[1]) != 0)
        fail_msg("%s: the cause found is %s", fields[0], finding->causes[0].name);
    assert_true(finding->causes[0].confidence > 0.5 && finding->causes[0].confidence <= 1);
    assert_true(*finding->causes[0].evidence && finding->fix_count > 0);
    char *text;
    assert_int_equal(snug_explanation_text(explanation, &text), SNUG_OK);
    // Lines are broken; the words may go over an end.
    for (char *at = text; *at; at++)
        if (*at == '\n') {
            size_t spaces = strspn(at + 1, " ");
            *at = ' ';
            memmove(at + 1, at + 1 + spaces, strlen(at + 1 + spaces) + 1);
        }
    if (!strstr(text, fields[6])) fail_msg("%s: '%s' is not named", fields[0], fields[6]);
    snug_explanation_text_free(text);
    snug_explanation_free(explanation);
}

static void test_causes(void **state) {
    (void)state;
    FILE *stream = fopen(FOLDER "expected.tsv", "r");
    assert_non_null(stream);
    char line[512];
    int lines = 0;
    for (; fgets(line, sizeof line, stream); lines++)
        check_line(line);
    fclose(stream);
    assert_int_equal(lines, 11);
}

// Cut short anywhere, a snapshot is refused with the place where it ends, and nothing else happens.
static void test_cut_short(void **state) {
    (void)state;
    static char bytes[1 << 16];
    FILE *stream = fopen(FOLDER "not-freed.pickle", "rb");
    assert_non_null(stream);
    size_t length = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    for (size_t cut = 2; cut < length; cut += 1 + cut / 100) {
        snug_explanation *explanation = NULL;
        char *copy = malloc(cut);
        memcpy(copy, bytes, cut); // of exactly this size, for AddressSanitizer
        snug_status status = snug_explain_text(copy, cut, "cut", &explanation);
        free(copy);
        assert_int_equal(status, SNUG_BAD_FILE);
        assert_true(strlen(snug_error_message()) > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests_name("snapshots", tests, NULL, NULL);
}

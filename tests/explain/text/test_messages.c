// Messages: texts made from the formats' grammar, dressed as people paste them, give the figures
// that were put in; so do the real ones in ../shared/oom-messages, where that is at hand. What is
// no out-of-memory error, or no text, is refused with words.
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "explain/explanation.h"
#include "explain/text/message.h"
#include "explain/text/message_corpus.h"
#include "support/test.h"

enum { FIGURES = sizeof(snug_figures) / sizeof(snug_amount), SEEDS = 3 };

static bool is_close(uint64_t found, uint64_t wanted) {
    uint64_t apart = found > wanted ? found - wanted : wanted - found;
    return apart <= wanted / 100 || apart <= 1;
}

static const char *const figure_names[] = {
#define NAME(field, key, words) #field,
    SNUG_FIGURE_LIST(NAME)
#undef NAME
};

// |all|: what was put in has to be found; else what is found has to have been put in.
static void compare_figures(const snug_finding *finding, const corpus_text *wanted, bool all,
                            const char *text) {
    const snug_amount *found = (const snug_amount *)&finding->figures;
    const snug_amount *put = (const snug_amount *)&wanted->figures;
    for (int i = 0; i < FIGURES; i++) {
        bool missing = all && put[i].known && !found[i].known;
        bool wrong = put[i].known && found[i].known && !found[i].derived &&
                     !is_close(found[i].bytes, put[i].bytes);
        if (missing || wrong)
            fail_msg("%s: %s is %" PRIu64 ", found %" PRIu64 " (%d) in\n%s", wanted->format,
                     figure_names[i], put[i].bytes, found[i].bytes, found[i].known, text);
    }
}

static void check(const char *text, const corpus_text *wanted) {
    snug_explanation *explanation = NULL;
    size_t count;
    if (snug_explain_text(text, strlen(text), "corpus", &explanation) != SNUG_OK)
        fail_msg("%s in\n%s", snug_error_message(), text);
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    if (count != 1) fail_msg("%zu errors in\n%s", count, text);
    if (strcmp(finding->format, wanted->format) != 0)
        fail_msg("%s taken for %s in\n%s", wanted->format, finding->format, text);
    if (finding->gpu != wanted->gpu)
        fail_msg("GPU %d taken for %d in\n%s", wanted->gpu, finding->gpu, text);
    compare_figures(finding, wanted, true, text);
    assert_true(finding->cause_count > 0 && finding->fix_count > 0);
    if (wanted->masked) {
        assert_non_null(finding->masked);
        assert_string_equal(finding->masked, wanted->masked);
        assert_string_equal(finding->causes[0].name, "hidden");
    }
    snug_explanation_free(explanation);
}

// ---- How people paste ----------------------------------------------------------------------

static char dressed[65536];
static size_t dressed_length;

static void put(const char *text, size_t length) {
    assert_true(dressed_length + length < sizeof dressed);
    memcpy(dressed + dressed_length, text, length);
    dressed_length += length;
    dressed[dressed_length] = '\0';
}

static void begin(void) {
    dressed_length = 0;
    put("", 0);
}

// Wrapped at spaces within |width| columns, |prefix| before each line.
static void dress_wrapped(const char *text, const char *prefix, size_t width) {
    size_t column = 0;
    begin();
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column > 0 && column + 1 + length > width) {
            put("\n", 1);
            column = 0;
        }
        if (column == 0) put(prefix, strlen(prefix));
        if (column > 0) put(" ", 1);
        put(text, length);
        column += length + 1;
        if (text[length] == '\n') {
            put("\n", 1);
            column = 0;
        }
        text += length;
        text += *text != '\0';
    }
    put("\n", 1);
}

// Broken at any character, as terminals do.
static void dress_broken(const char *text, size_t width) {
    begin();
    for (size_t column = 0; *text; text++, column++) {
        if (*text == '\n') column = 0;
        if (column == width) {
            put("\n", 1);
            column = 0;
        }
        put(text, 1);
    }
    put("\n", 1);
}

// As a string of a notebook's JSON, with the terminal's colours.
static void dress_notebook(const char *text) {
    begin();
    put("{\"cells\": [{\"outputs\": [{\"traceback\": [\n\"\\u001b[0;31m", 53 - 5);
    for (; *text; text++) {
        if (*text == '\n')
            put("\\n", 2);
        else if (*text == '"' || *text == '\\')
            put("\\", 1), put(text, 1);
        else
            put(text, 1);
        if (*text == ':') put("\\u001b[0m", 9);
    }
    const char *end = "\"\n]}]}]}\n";
    put(end, strlen(end));
}

static void dress_entities(const char *text) {
    begin();
    for (; *text; text++) {
        if (*text == '>')
            put("&gt;", 4);
        else if (*text == '"')
            put("&quot;", 6);
        else
            put(text, 1);
    }
}

static void test_corpus(void **state) {
    (void)state;
    static const char *const prefixes[] = {"",
                                           "# ",
                                           "// ",
                                           "> ",
                                           "* ",
                                           "    ",
                                           "> > ",
                                           " * ",
                                           "|  ",
                                           "2024-06-22 15:13:25,079 - root - ERROR - ",
                                           "[rank3]: ",
                                           "ERROR:root:",
                                           "trainer-1  | "};
    int texts = 0;
    for (int i = 0; i < CORPUS_ENTRIES; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            corpus_text made;
            corpus_make(i, seed, &made);
            check(made.text, &made);
            for (size_t j = 0; j < sizeof prefixes / sizeof prefixes[0]; j++) {
                dress_wrapped(made.text, prefixes[j], 80 - strlen(prefixes[j]));
                check(dressed, &made);
            }
            dress_wrapped(made.text, "", 30);
            check(dressed, &made);
            dress_broken(made.text, 80);
            check(dressed, &made);
            dress_notebook(made.text);
            check(dressed, &made);
            dress_entities(made.text);
            check(dressed, &made);
            texts++;
        }
    print_message("%d texts, each in %zu dresses\n", texts,
                  sizeof prefixes / sizeof prefixes[0] + 5);
    assert_true(texts >= 60);
}

// However it is cut: what is found was put in.
static void test_cut(void **state) {
    (void)state;
    for (int i = 0; i < CORPUS_ENTRIES; i++) {
        corpus_text made;
        corpus_make(i, 7, &made);
        size_t least = made.last_is_number ? made.length : 0;
        for (size_t length = 1; length < made.length; length++) {
            snug_explanation *explanation = NULL;
            size_t count;
            if (least && made.text[length - 1] >= '0' && made.text[length - 1] <= '9') continue;
            if (snug_explain_text(made.text, length, "cut", &explanation) != SNUG_OK) continue;
            const snug_finding *finding = snug_explanation_findings(explanation, &count);
            assert_int_equal(count, 1);
            compare_figures(finding, &made, false, made.text);
            snug_explanation_free(explanation);
        }
        // Its beginning left out, as in "... already allocated; 3.4 GiB free".
        for (size_t start = 1; start < made.length; start++) {
            snug_explanation *explanation = NULL;
            size_t count;
            if (made.text[start - 1] != ' ') continue;
            if (snug_explain_text(made.text + start, made.length - start, "cut", &explanation) !=
                SNUG_OK)
                continue;
            const snug_finding *finding = snug_explanation_findings(explanation, &count);
            compare_figures(finding, &made, false, made.text + start);
            snug_explanation_free(explanation);
        }
    }
}

// Several errors of one file, with other lines between, in their order.
static void test_several(void **state) {
    (void)state;
    static char file[300000];
    size_t length = 0, count;
    static corpus_text made[20];
    for (int i = 0; i < 20; i++) {
        corpus_make(i, 11, &made[i]);
        length += (size_t)snprintf(file + length, sizeof file - length, "%s\n", made[i].text);
        for (int j = 0; j < 40; j++)
            length += (size_t)snprintf(file + length, sizeof file - length,
                                       "epoch %d step %d loss 0.%d\n", i, j, 100 + j);
    }
    snug_explanation *explanation = NULL;
    assert_int_equal(snug_explain_text(file, length, "several", &explanation), SNUG_OK);
    const snug_finding *findings = snug_explanation_findings(explanation, &count);
    assert_int_equal(count, 20);
    for (int i = 0; i < 20; i++) {
        assert_string_equal(findings[i].format, made[i].format);
        assert_int_equal(findings[i].line, 41 * i + 1);
        compare_figures(&findings[i], &made[i], true, made[i].text);
    }
    snug_explanation_free(explanation);
}

// No format's beginning is left out for want of room.
static void test_anchors(void **state) {
    (void)state;
    size_t count[256] = {0};
    for (const snug_format *const *format = snug_formats; *format; format++)
        for (const snug_anchor *anchor = (*format)->anchors; anchor->text; anchor++)
            if (++count[(unsigned char)anchor->text[0]] > SNUG_MAX_ANCHORS)
                fail_msg("too many beginnings with %c", anchor->text[0]);
}

static void refuse(const char *bytes, size_t length, const char *words) {
    snug_explanation *explanation = NULL;
    assert_int_equal(snug_explain_text(bytes, length, "a.txt", &explanation), SNUG_BAD_FILE);
    assert_null(explanation);
    if (!strstr(snug_error_message(), words)) fail_msg("%s", snug_error_message());
}

static void test_refused(void **state) {
    (void)state;
    static const char zeros[4096];
    refuse("", 0, "is empty");
    refuse("\n", 1, "no out-of-memory error");
    refuse("all went well\n", 14, "no out-of-memory error");
    refuse(zeros, sizeof zeros, "binary");
    refuse("\x7f"
           "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0",
           20, "binary");
    const char *other = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n"
                        "RuntimeError: mat1 and mat2 shapes cannot be multiplied\n";
    refuse(other, strlen(other), "mat1 and mat2");
    const char *source = "try:\n    step()\nexcept torch.cuda.OutOfMemoryError:\n    pass\n";
    refuse(source, strlen(source), "no out-of-memory error");
    snug_explanation *explanation = NULL;
    assert_int_equal(snug_explain_file("/", &explanation), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "directory"));
    assert_int_equal(snug_explain_file("/no/such/file", &explanation), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "/no/such/file"));
    snug_explain_options options = {.what_if = true};
    const char *text = "CUDA out of memory. Tried to allocate 1.00 GiB";
    assert_int_equal(snug_explain_text_with(text, strlen(text), "a.txt", &options, &explanation),
                     SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "snapshot"));
}

// ---- Real ones -----------------------------------------------------------------------------

static void check_real(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    json_t *wanted = json_load_file(path, 0, NULL);
    assert_non_null(wanted);
    snprintf(path + strlen(path) - 5, 6, ".txt");
    snug_explanation *explanation = NULL;
    size_t count;
    if (snug_explain_file(path, &explanation) != SNUG_OK)
        fail_msg("%s: %s", path, snug_error_message());
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    assert_int_equal(count, 1);
    const snug_amount *found = (const snug_amount *)&finding->figures;
    for (int i = 0; i < FIGURES; i++) {
        json_t *value = json_object_get(wanted, figure_names[i]);
        if (!value) continue;
        uint64_t bytes = (uint64_t)json_integer_value(value);
        if (!found[i].known || !is_close(found[i].bytes, bytes))
            fail_msg("%s: %s is %" PRIu64 ", found %" PRIu64, path, figure_names[i], bytes,
                     found[i].bytes);
    }
    json_t *gpu = json_object_get(wanted, "gpu"), *pid = json_object_get(wanted, "pid");
    if (gpu) assert_int_equal(finding->gpu, json_integer_value(gpu));
    if (pid) assert_int_equal(finding->pid, json_integer_value(pid));
    print_message("%-36s %-14s %.2f\n", name, finding->causes[0].name,
                  finding->causes[0].confidence);
    json_decref(wanted);
    snug_explanation_free(explanation);
}

static void test_real(void **state) {
    (void)state;
    const char *folder = SNUG_SOURCE_DIR "/../shared/oom-messages";
    DIR *directory = opendir(folder);
    if (!directory) {
        print_message("skipped: no %s\n", folder);
        skip();
        return;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
        check_real(folder, entry->d_name);
        count++;
    }
    closedir(directory);
    assert_true(count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_several), cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

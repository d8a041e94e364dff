// Texts of every tool: who speaks is recognised, with the cause and a first fix in its own terms;
// what is no out-of-memory error, or a warning that says so itself, is not taken for one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/advice/advice.h"
#include "explain/explanation.h"
#include "explain/text/program_texts.h"
#include "explain/text/tool_texts.h"
#include "support/test.h"

// Lines of at most 80 columns, counted in characters.
static void check_width(const char *report) {
    size_t column = 0;
    for (const char *at = report; *at; at++) {
        column = *at == '\n' ? 0 : column + (((unsigned char)*at & 0xC0) != 0x80);
        if (column > 80) fail_msg("a line of more than 80 columns in\n%s", report);
    }
}

static bool has_fix(const snug_finding *finding, const char *words) {
    for (size_t i = 0; i < finding->fix_count; i++)
        if (strstr(finding->fixes[i].fix, words)) return true;
    return false;
}

// NULL, or what is wrong.
static const char *judge(const tool_text *wanted, const snug_finding *finding, size_t count) {
    if (count != 1) return "another number of errors";
    if (wanted->format && strcmp(finding->format, wanted->format) != 0) return "another format";
    if (strcmp(finding->causes[0].name, wanted->cause) != 0) return "another cause";
    if (finding->fix_count == 0) return "no fix";
    if (wanted->fix && !strstr(finding->fixes[0].fix, wanted->fix)) return "another first fix";
    if (wanted->never && has_fix(finding, wanted->never)) return "a misleading fix";
    return NULL;
}

static int count_wrong(const tool_text *texts, size_t texts_count) {
    int wrong = 0;
    for (size_t i = 0; i < texts_count; i++) {
        const tool_text *wanted = &texts[i];
        snug_explanation *explanation = NULL;
        char *report = NULL;
        size_t count = 0;
        if (snug_explain_text(wanted->text, strlen(wanted->text), "text", &explanation) !=
            SNUG_OK) {
            print_error("%s: %s\n", wanted->name, snug_error_message());
            wrong++;
            continue;
        }
        const snug_finding *findings = snug_explanation_findings(explanation, &count);
        assert_int_equal(snug_explanation_text(explanation, &report), SNUG_OK);
        check_width(report);
        const char *fault = judge(wanted, &findings[0], count);
        if (fault) print_error("%s: %s\n%s\n", wanted->name, fault, report);
        wrong += fault != NULL;
        snug_explanation_text_free(report);
        snug_explanation_free(explanation);
    }
    return wrong;
}

static void test_texts(void **state) {
    (void)state;
    int wrong = count_wrong(tool_texts, TOOL_TEXTS) + count_wrong(program_texts, PROGRAM_TEXTS);
    print_message("%d texts, %d wrong\n", (int)TOOL_TEXTS + (int)PROGRAM_TEXTS, wrong);
    assert_int_equal(wrong, 0);
}

static void check_no_failure(const char *text) {
    snug_explanation *explanation = NULL;
    if (snug_explain_text(text, strlen(text), "text", &explanation) != SNUG_BAD_FILE)
        fail_msg("taken for an out-of-memory error: %s", text);
}

static void test_no_failures(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof no_failures / sizeof no_failures[0]; i++)
        check_no_failure(no_failures[i]);
    for (size_t i = 0; i < LOOKALIKES; i++)
        check_no_failure(lookalikes[i]);
}

// Eight ranks are one explanation, which says what differs; what launchers put before a line is not
// in what is quoted.
static void test_ranks(void **state) {
    (void)state;
    static char text[16384];
    size_t length = 0, count;
    for (int i = 0; i < 8; i++)
        length += (size_t)snprintf(
            text + length, sizeof text - length,
            "[rank%d]: Traceback (most recent call last):\n"
            "[rank%d]:   File \"/home/me/train.py\", line 40, in main\n"
            "[rank%d]:     loss.backward()\n"
            "[rank%d]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.%d GiB. GPU "
            "%d has a total capacity of 79.11 GiB of which %d.88 MiB is free. Including "
            "non-PyTorch memory, this process has 78.90 GiB memory in use. Of the allocated memory "
            "77.10 GiB is allocated by PyTorch, and 300.12 MiB is reserved by PyTorch but "
            "unallocated.\n",
            i, i, i, i, 10 + i, i, 20 + i);
    snug_explanation *explanation = NULL;
    assert_int_equal(snug_explain_text(text, length, "text", &explanation), SNUG_OK);
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    assert_int_equal(count, 1);
    assert_non_null(finding->ranks);
    assert_non_null(strstr(finding->ranks, "GPU 7"));
    assert_non_null(strstr(finding->ranks, "asked for 1.10 GiB to 1.17 GiB"));
    assert_string_equal(finding->user_code, "loss.backward()");
    snug_explanation_free(explanation);
}

// Of processes that the text numbers one is this one, where none is called so.
static void test_own_process(void **state) {
    (void)state;
    static const struct {
        const char *processes, *allocated, *unallocated;
        int64_t others; // bytes in GiB / 100; -1: unknown
    } cases[] = {
        {"Process 7 has 78.75 GiB memory in use. ", "67.81 GiB", "8.04 GiB", 0},
        {"Process 7 has 78.75 GiB memory in use. ", "10.00 GiB", "1.00 GiB", 0},
        {"Process 7 has 30.00 GiB memory in use. Process 8 has 48.00 GiB memory in use. ",
         "45.00 GiB", "1.00 GiB", 3000},
        {"Process 7 has 70.00 GiB memory in use. Process 8 has 8.00 GiB memory in use. ",
         "7.00 GiB", "200.00 MiB", 7000},
        {"Process 7 has 70.00 GiB memory in use. Including non-PyTorch memory, this process has "
         "8.00 GiB memory in use. ",
         "7.00 GiB", "200.00 MiB", 7000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        size_t count;
        snprintf(text, sizeof text,
                 "CUDA out of memory. Tried to allocate 848.00 MiB. GPU 0 has a total capacity of "
                 "79.11 GiB of which 356.88 MiB is free. %sOf the allocated memory %s is allocated "
                 "by PyTorch, and %s is reserved by PyTorch but unallocated.",
                 cases[i].processes, cases[i].allocated, cases[i].unallocated);
        snug_explanation *explanation = NULL;
        assert_int_equal(snug_explain_text(text, strlen(text), "text", &explanation), SNUG_OK);
        const snug_finding *finding = snug_explanation_findings(explanation, &count);
        double gib = (double)finding->figures.other_process.bytes / 0x1p30 * 100;
        if (cases[i].others == 0) assert_true(gib < 10);
        if (cases[i].others > 0)
            assert_in_range((uint64_t)(gib + 0.5), cases[i].others - 1, cases[i].others + 1);
        bool told = strcmp(finding->causes[0].name, "other-process") == 0;
        assert_int_equal(told, cases[i].others > 0);
        snug_explanation_free(explanation);
    }
}

// The tables: every row says what it is against, what to do, what that gives and who tells so;
// words are as they stand in squeezed text, and no tool knows those of none.
static void test_tables(void **state) {
    (void)state;
    int rows = 0;
    for (const snug_tool *const *tool = snug_tools; *tool; tool++) {
        assert_true(*(*tool)->words != '\0');
        for (const char *at = (*tool)->words; *at; at++)
            if (*at == ' ' || (*at >= 'A' && *at <= 'Z') || (at[0] == '|' && at[1] == '|'))
                fail_msg("%s: words '%s'", (*tool)->name, (*tool)->words);
        for (const snug_lever *lever = (*tool)->levers; lever->fix; lever++) {
            assert_true(lever->why && *lever->why && lever->source && *lever->source);
            for (const char *at = lever->causes; *at; at += strspn(at, " ")) {
                size_t length = strcspn(at, " ");
                bool known = false;
                for (const snug_cause *const *cause = snug_causes; *cause; cause++)
                    known |= strlen((*cause)->name) == length &&
                             strncmp((*cause)->name, at, length) == 0;
                if (!known) fail_msg("%s: a row against '%s'", (*tool)->name, lever->causes);
                at += length;
            }
            rows++;
        }
    }
    print_message("%d rows\n", rows);
    assert_true(rows > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),  cmocka_unit_test(test_no_failures),
        cmocka_unit_test(test_ranks),  cmocka_unit_test(test_own_process),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

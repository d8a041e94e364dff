// Forms of snapshots that PyTorch wrote over time, and what is told of each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "explain/snapshot/literal_pickle.h"

static const snug_finding *find(const char *literal, snug_explanation **out) {
    size_t count;
    if (explain_literal(literal, out) != SNUG_OK) fail_msg("%s", snug_error_message());
    const snug_finding *finding = snug_explanation_findings(*out, &count);
    assert_int_equal(count, 1);
    assert_true(finding->cause_count > 0 && finding->fix_count > 0);
    return finding;
}

static void check_text(const snug_explanation *explanation, const char *words) {
    char *text;
    assert_int_equal(snug_explanation_text(explanation, &text), SNUG_OK);
    if (!strstr(text, words)) fail_msg("'%s' is not in:\n%s", words, text);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        assert_true(strcspn(line, "\n") <= 80);
    snug_explanation_text_free(text);
}

// 2023's first: no addresses of blocks, a history in place of frames; and today's.
static void test_old_and_new_names(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{'segments': [{'device': 0, 'address': 4194304, 'total_size': 20971520, 'stream': 0, "
        "'segment_type': 'large', 'allocated_size': 8388608, 'active_size': 8388608, 'blocks': ["
        "{'size': 8388608, 'state': 'active_allocated', 'history': [{'addr': 0, 'real_size': "
        "8388600, 'frames': [{'filename': 'net.py', 'line': 7, 'name': 'make'}]}]},"
        "{'size': 12582912, 'state': 'inactive'}]}]}",
        "{'segments': [{'device': 0, 'address': 4194304, 'total_size': 20971520, 'stream': 0, "
        "'segment_type': 'large', 'segment_pool_id': (0, 0), 'is_expandable': 0, 'frames': [], "
        "'blocks': [{'address': 4194304, 'size': 8388608, 'requested_size': 8388600, 'state': "
        "'active_allocated', 'frames': [{'filename': 'net.py', 'line': 7, 'name': 'make', "
        "'fx_node_op': 'x'}]}, {'address': 12582912, 'size': 12582912, 'requested_size': 0, "
        "'state': 'inactive', 'frames': []}]}], 'device_traces': [[]], 'host_segments': [], "
        "'host_traces': [], 'a_later_one': {'x': [1, 2]}}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snug_explanation *explanation;
        const snug_finding *finding = find(forms[i], &explanation);
        assert_int_equal(finding->figures.allocated.bytes, 8388608);
        assert_int_equal(finding->figures.reserved.bytes, 20971520);
        assert_false(finding->figures.requested.known);
        check_text(explanation, "net.py:7 make");
        snug_explanation_free(explanation);
    }
}

// Both names of memory that another stream still uses; no request can have it.
static void test_pending(void **state) {
    (void)state;
    static const char *const names[] = {"active_pending_free", "active_awaiting_free"};
    for (size_t i = 0; i < 2; i++) {
        char literal[1024];
        snprintf(literal, sizeof literal,
                 "{'segments': [{'device': 0, 'address': 4194304, 'total_size': 20971520, "
                 "'stream': 7, 'segment_type': 'large', 'blocks': [{'address': 4194304, 'size': "
                 "8388608, 'state': '%s'}, {'address': 12582912, 'size': 12582912, 'state': "
                 "'inactive'}]}], 'device_traces': []}",
                 names[i]);
        snug_explanation *explanation;
        const snug_finding *finding = find(literal, &explanation);
        assert_int_equal(finding->figures.largest_free.bytes, 12582912);
        snug_explanation_free(explanation);
    }
}

// Of several devices the one that failed is explained.
static void test_devices(void **state) {
    (void)state;
    snug_explanation *explanation;
    const snug_finding *finding =
        find("{'segments': [{'device': 0, 'address': 2097152, 'total_size': 1073741824, 'stream': "
             "0, 'segment_type': 'large', 'blocks': [{'address': 2097152, 'size': 1073741824, "
             "'state': 'active_allocated', 'frames': []}]}, {'device': 1, 'address': 2097152, "
             "'total_size': 4194304, 'stream': 0, 'segment_type': 'large', 'blocks': [{'address': "
             "2097152, 'size': 4194304, 'state': 'active_allocated', 'frames': []}]}], "
             "'device_traces': [[], [{'action': 'segment_alloc', 'addr': 2097152, 'size': 4194304, "
             "'stream': 0, 'frames': []}, {'action': 'alloc', 'addr': 2097152, 'size': 4194304, "
             "'stream': 0, 'frames': []}, {'action': 'oom', 'device_free': 1048576, 'size': "
             "8388608, 'stream': 0, 'frames': []}]]}",
             &explanation);
    assert_int_equal(finding->gpu, 1);
    assert_int_equal(finding->figures.requested.bytes, 8388608);
    assert_int_equal(finding->figures.free.bytes, 1048576);
    assert_int_equal(finding->figures.allocated.bytes, 4194304);
    snug_explanation_free(explanation);
}

// PyTorch writes 2^64 - 1 where it does not know a line, and an address for a line of C++.
static void test_unknown_lines(void **state) {
    (void)state;
    snug_explanation *explanation;
    find(
        "{'segments': [{'device': 0, 'address': 4194304, 'total_size': 8388608, 'stream': 0, "
        "'segment_type': 'large', 'blocks': [{'address': 4194304, 'size': 8388608, 'state': "
        "'active_allocated', 'frames': [{'filename': '?\?', 'line': 18446744073709551615, 'name': "
        "'at::empty'}, {'filename': 'libtorch.so', 'line': 107817241, 'name': '?\?'}, {'filename': "
        "'net.py', 'line': 7, 'name': 'make'}]}]}]}",
        &explanation);
    check_text(explanation, "net.py:7 make");
    snug_explanation_free(explanation);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *literal, *words;
    } cases[] = {
        {"{'segments': 5}", "segments"},
        {"{'segments': [{'device': 0}]}", "a list of segments"},
        {"{'segments': [], 'device_traces': [[{'action': 'alloc', 'addr': 1, 'size': 'x'}]]}",
         "device_traces[0][0].size"},
        {"{'segments': [], 'device_traces': [[]]}", "nothing"},
        {"[1, 2]", "snapshot"},
        {"{'a': 1}", "segments"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_explanation *explanation;
        assert_int_equal(explain_literal(cases[i].literal, &explanation), SNUG_BAD_FILE);
        if (!strstr(snug_error_message(), cases[i].words))
            fail_msg("'%s' is not in '%s'", cases[i].words, snug_error_message());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_and_new_names), cmocka_unit_test(test_pending),
        cmocka_unit_test(test_devices),           cmocka_unit_test(test_unknown_lines),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("snapshot reader", tests, NULL, NULL);
}

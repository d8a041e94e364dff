// The plan's page: the data in it against the plan and against sums made here from the graph, its
// form, and how strange names enter it. tests/cli/test_html.sh looks at it in a browser.
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/plan.h"
#include "plan/plan_page.h"
#include "support/test.h"

static size_t count_text(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static json_t *read_data(const char *page) {
    static const char opening[] = "<script type=\"application/json\" id=\"data\">";
    const char *from = strstr(page, opening);
    assert_non_null(from);
    from += strlen(opening);
    json_error_t error;
    json_t *data = json_loadb(from, (size_t)(strstr(from, "</script>") - from), 0, &error);
    if (!data) fail_msg("%s", error.text);
    return data;
}

static size_t number(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    return value ? (size_t)json_integer_value(value) : 0;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

// Bytes of temporary memory in use at each node, from the graph: a group of tensors that share
// memory is needed from its first maker or the start to its last reader. The caller frees the sums.
static size_t *sum_from_graph(const snug_pass *pass) {
    const snug_graph *graph = pass->built.graph;
    size_t groups = pass->lifetimes.storage_count, nodes = graph->node_count;
    size_t *in_use = calloc(nodes, sizeof *in_use), *bytes = calloc(groups, sizeof *bytes);
    bool *needed = calloc(groups * nodes, sizeof *needed);
    for (size_t t = 0; t < graph->tensor_count; t++) {
        const snug_tensor *tensor = graph->tensors[t];
        int32_t group = pass->lifetimes.storage_of[t];
        if (group < 0) continue;
        size_t from = tensor->producer == SNUG_NO_NODE ? 0 : (size_t)tensor->producer, to = from;
        for (size_t n = 0; n < nodes; n++)
            for (int i = 0; i < graph->nodes[n]->input_count; i++)
                if (graph->nodes[n]->inputs[i] == (snug_tensor_id)t && n > to) to = n;
        if (tensor->is_result) to = nodes - 1;
        for (size_t n = from; n <= to; n++)
            needed[(size_t)group * nodes + n] = true;
        if (snug_type_bytes(&tensor->type) > bytes[group])
            bytes[group] = snug_type_bytes(&tensor->type);
    }
    for (size_t n = 0; n < nodes; n++) {
        in_use[n] = pass->workspace_bytes[n];
        for (size_t g = 0; g < groups; g++)
            if (needed[g * nodes + n]) in_use[n] += bytes[g];
    }
    free(needed);
    free(bytes);
    return in_use;
}

static bool is_live(const json_t *storage, size_t node) {
    return number(storage, "first") <= node && node < number(storage, "end");
}

// The page's bytes in use at |node|, by kind where |memory| (an object) is given.
static size_t sum_from_page(const json_t *pass, size_t node, json_t *memory) {
    size_t sum = number(json_array_get(json_object_get(pass, "nodes"), node), "workspace"), i;
    if (memory) json_object_set_new(memory, "workspace", json_integer((json_int_t)sum));
    json_t *storage;
    json_array_foreach(json_object_get(pass, "storages"), i, storage) {
        if (!is_live(storage, node)) continue;
        const char *kind = text_of(storage, "kind");
        sum += number(storage, "bytes");
        if (memory)
            json_object_set_new(
                memory, kind,
                json_integer((json_int_t)(number(memory, kind) + number(storage, "bytes"))));
    }
    return sum;
}

static void check_no_overlaps(const json_t *pass) {
    json_t *storages = json_object_get(pass, "storages"), *a, *b;
    size_t i, j;
    json_array_foreach(storages, i, a) {
        assert_true(number(a, "offset") + number(a, "bytes") <= number(pass, "bytes"));
        assert_true(json_array_size(json_object_get(a, "tensors")) > 0);
        json_array_foreach(storages, j, b) {
            if (j <= i || number(a, "first") >= number(b, "end") ||
                number(b, "first") >= number(a, "end"))
                continue;
            assert_true(number(a, "offset") + number(a, "bytes") <= number(b, "offset") ||
                        number(b, "offset") + number(b, "bytes") <= number(a, "offset"));
        }
    }
}

static size_t check_pass(const json_t *shown, const snug_pass *pass, size_t *peak) {
    size_t nodes = pass->built.graph->node_count, most = 0;
    assert_int_equal(json_array_size(json_object_get(shown, "nodes")), nodes);
    size_t *expected = sum_from_graph(pass);
    for (size_t n = 0; n < nodes; n++) {
        json_t *node = json_array_get(json_object_get(shown, "nodes"), n);
        assert_string_equal(text_of(node, "op"), pass->built.graph->nodes[n]->op->name);
        assert_string_equal(text_of(node, "scope"), pass->built.graph->nodes[n]->scope);
        assert_int_equal(sum_from_page(shown, n, NULL), expected[n]);
        if (expected[n] <= most) continue;
        most = expected[n];
        *peak = n;
    }
    free(expected);
    assert_int_equal(number(shown, "in_use"), most);
    check_no_overlaps(shown);
    return most;
}

static const snug_pass *pass_called(const snug_plan *plan, const char *name) {
    const snug_schedule *schedule = &plan->schedule;
    for (size_t i = 0; i < schedule->stage_count; i++)
        if (strcmp(schedule->stages[i].name, name) == 0) return &schedule->stages[i].pass;
    fail_msg("no pass is called %s", name);
    return NULL;
}

// The largest pass and the persistent tensors make the plan's peak, kind by kind.
static void check_peak(const json_t *data, const snug_plan *plan) {
    const snug_candidate *chosen = snug_plan_chosen(plan);
    json_t *persistent = json_object_get(data, "persistent"), *largest = NULL, *pass, *slot;
    size_t i, peak = 0, most = 0, kept = 0;
    json_array_foreach(json_object_get(data, "passes"), i, pass) {
        size_t where = 0,
               in_use = check_pass(pass, pass_called(plan, text_of(pass, "name")), &where);
        if (largest && number(pass, "bytes") <= number(largest, "bytes")) continue;
        largest = pass;
        peak = where;
        most = in_use;
    }
    assert_int_equal(number(persistent, "bytes") + number(largest, "bytes"), chosen->peak_bytes);
    json_t *memory = json_object();
    sum_from_page(largest, peak, memory);
    json_array_foreach(json_object_get(persistent, "slots"), i, slot) {
        const char *kind = text_of(slot, "kind");
        kept += number(slot, "bytes");
        assert_true(number(slot, "offset") + number(slot, "bytes") <= number(persistent, "bytes"));
        json_object_set_new(
            memory, kind, json_integer((json_int_t)(number(memory, kind) + number(slot, "bytes"))));
    }
    assert_int_equal(most + kept + chosen->memory.packing_gap, chosen->peak_bytes);
    const char *key;
    json_t *value;
    json_t *expected =
        json_object_get(json_object_get(json_object_get(data, "plan"), "chosen"), "memory");
    json_object_foreach(expected, key, value) {
        if (strcmp(key, "packing_gap") != 0)
            assert_int_equal(number(memory, key), json_integer_value(value));
    }
    json_decref(memory);
}

static void check_form(const char *page) {
    static const char *const outside[] = {" src=", "href=", "@import", "url(", "https:", "{{"};
    assert_int_equal(strncmp(page, "<!doctype html>\n", 16), 0);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        if (strstr(page, outside[i])) fail_msg("the page holds '%s'", outside[i]);
    // One address, that of SVG's namespace, which nothing is fetched from.
    assert_int_equal(count_text(page, "http:"), count_text(page, "'http://www.w3.org/2000/svg'"));
    static const char *const pairs[][2] = {{"<script", "</script>"}, {"<section", "</section>"},
                                           {"<div", "</div>"},       {"<style>", "</style>"},
                                           {"<p", "</p>"},           {"<h2", "</h2>"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_true(count_text(page, pairs[i][0]) > 0 &&
                    count_text(page, pairs[i][0]) == count_text(page, pairs[i][1]));
    assert_string_equal(page + strlen(page) - 8, "</html>\n");
}

static void check_plan(const snug_plan_request *request, size_t passes, size_t most_bytes) {
    snug_device *device;
    snug_plan *plan;
    char *page, *text;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_plan_make(device, request, &plan);
    assert_non_null(plan);
    assert_int_equal(snug_plan_html(plan, &page), SNUG_OK);
    check_form(page);
    assert_true(strlen(page) < most_bytes);
    json_t *data = read_data(page);
    assert_int_equal(snug_plan_json(plan, &text), SNUG_OK);
    json_t *json = json_loads(text, 0, NULL);
    assert_true(json_equal(json, json_object_get(data, "plan")));
    assert_int_equal(json_array_size(json_object_get(data, "passes")), passes);
    if (passes) check_peak(data, plan);
    json_decref(json);
    json_decref(data);
    snug_string_free(text);
    snug_string_free(page);
    snug_plan_free(plan);
    snug_device_close(device);
}

static void the_data_is_the_plan(void **state) {
    (void)state;
    snug_plan_request request = {.model = "mobilenet_v2",
                                 .channels = 3,
                                 .height = 32,
                                 .width = 32,
                                 .batch_size = 10,
                                 .budget_bytes = (size_t)1 << 30,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .optimizer = {.kind = SNUG_OPTIMIZER_SGD, .momentum = 0.9}};
    check_plan(&request, 2, (size_t)1 << 20); // step, evaluate
    request.micro_batch = 4;
    check_plan(&request, 4, (size_t)1 << 20); // step, tail, update, evaluate
    request.cost =
        SNUG_COST_SOURCE_MODEL; // kernels of 16 bits are slow to measure under sanitizers
    request.precision = SNUG_PRECISION_FLOAT16;
    check_plan(&request, 5, (size_t)1 << 20); // step, tail, inspect, update, evaluate
    request.budget_bytes = 1000;
    check_plan(&request, 0, 100000);
}

static void resnet50_stays_below_a_megabyte(void **state) {
    (void)state;
    snug_plan_request request = {.model = "resnet50",
                                 .batch_size = 256,
                                 .budget_bytes = (size_t)6 << 30,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .optimizer = {.kind = SNUG_OPTIMIZER_SGD, .momentum = 0.9}};
    check_plan(&request, 2, 1000000);
}

static void names_cannot_leave_their_place(void **state) {
    (void)state;
    static const char evil[] =
        "</script><b a='\"'>&\\ \x01\n\xc3\xa9 \xff\xc0\xaf \xed\xa0\x80 end";
    snug_text text = {0};
    snug_page_append_string(&text, evil);
    assert_int_equal(snug_text_status(&text), SNUG_OK);
    assert_null(strpbrk(text.data, "<>&\n"));
    json_t *string = json_loads(text.data, JSON_DECODE_ANY, NULL);
    assert_non_null(string);
    assert_string_equal(
        json_string_value(string),
        "</script><b a='\"'>&\\ \x01\n\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd end");
    json_decref(string);
    snug_text_clear(&text);
    snug_page_append_html(&text, "<a href='x'>\"&");
    assert_string_equal(text.data, "&#60;a href=&#39;x&#39;&#62;&#34;&#38;");
    snug_text_clear(&text);
}

static void a_page_is_written_whole_or_not_at_all(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    snug_plan_request request = {
        .model = "simple", .batch_size = 4, .allow = SNUG_FIDELITY_STATISTICS};
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_plan_html_write(plan, "/nowhere/at/all.html"), SNUG_IO);
    assert_non_null(strstr(snug_error_message(), "/nowhere/at/all.html"));
    char path[64];
    snprintf(path, sizeof path, "test_html.%ld.html", (long)getpid());
    assert_int_equal(snug_plan_html_write(plan, path), SNUG_OK);
    char *page;
    assert_int_equal(snug_plan_html(plan, &page), SNUG_OK);
    FILE *file = fopen(path, "rb");
    char *read = calloc(1, strlen(page) + 2);
    assert_int_equal(fread(read, 1, strlen(page) + 1, file), strlen(page));
    assert_string_equal(read, page);
    fclose(file);
    unlink(path);
    free(read);
    snug_string_free(page);
    snug_plan_free(plan);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_is_the_plan),
        cmocka_unit_test(resnet50_stays_below_a_megabyte),
        cmocka_unit_test(names_cannot_leave_their_place),
        cmocka_unit_test(a_page_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

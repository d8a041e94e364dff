// The pickle reader: values of each protocol, and what a hostile file may try.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "io/pickle.h"
#include "support/test.h"

// A consumer that counts what it is handed.
typedef struct tally {
    size_t texts, tuples, lists, dicts, items;
    char last_text[64];
} tally;

static snug_status take_text(void *context, const char *bytes, size_t length,
                             snug_pickle_value *text) {
    tally *self = context;
    self->texts++;
    size_t kept = length < sizeof self->last_text - 1 ? length : sizeof self->last_text - 1;
    memcpy(self->last_text, bytes, kept);
    self->last_text[kept] = '\0';
    text->bits = self->texts;
    return SNUG_OK;
}

static snug_status take_tuple(void *context, const snug_pickle_value *items, size_t count,
                              snug_pickle_value *tuple) {
    (void)items;
    (void)tuple;
    ((tally *)context)->tuples++;
    ((tally *)context)->items += count;
    return SNUG_OK;
}

static snug_status take_list(void *context, const snug_pickle_value *items, size_t count,
                             snug_pickle_value *list) {
    (void)items;
    (void)list;
    ((tally *)context)->lists++;
    ((tally *)context)->items += count;
    return SNUG_OK;
}

static snug_status take_dict(void *context, const snug_pickle_value *items, size_t count,
                             snug_pickle_value *dict) {
    (void)items;
    (void)dict;
    ((tally *)context)->dicts++;
    ((tally *)context)->items += 2 * count;
    return SNUG_OK;
}

static size_t no_length(void *context, const snug_pickle_value *list) {
    (void)context;
    (void)list;
    return 0;
}

static const char *no_name(void *context, const snug_pickle_value *key) {
    (void)context;
    (void)key;
    return "key";
}

static snug_status read_bytes(const char *bytes, size_t length, tally *out,
                              snug_pickle_value *value) {
    *out = (tally){0};
    snug_pickle_consumer consumer = {.context = out,
                                     .text = take_text,
                                     .tuple = take_tuple,
                                     .list = take_list,
                                     .dict = take_dict,
                                     .length = no_length,
                                     .name = no_name};
    char *copy = malloc(length ? length : 1); // of exactly this size, for AddressSanitizer
    memcpy(copy, bytes, length);
    snug_status status = snug_pickle_read(copy, length, &consumer, value);
    free(copy);
    return status;
}

#define READ(text, out, value) read_bytes(text, sizeof(text) - 1, out, value)

static void test_protocols(void **state) {
    (void)state;
    // {"a": [1, -2, 2.5, None, True, (3, "b")]}, as pickle.dumps() writes it.
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
#define CASE(text) {text, sizeof(text) - 1}
        CASE("\x80\x02}q\x00X\x01\x00\x00\x00"
             "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00N\x88K\x03X\x01\x00"
             "\x00\x00"
             "bq\x03\x86q\x04"
             "es."),
        CASE("\x80\x03}q\x00X\x01\x00\x00\x00"
             "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00N\x88K\x03X\x01\x00"
             "\x00\x00"
             "bq\x03\x86q\x04"
             "es."),
        CASE("\x80\x04\x95&\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01"
             "a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00N\x88K\x03\x8c\x01"
             "b\x94\x86\x94"
             "es."),
        CASE("\x80\x05\x95&\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01"
             "a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00N\x88K\x03\x8c\x01"
             "b\x94\x86\x94"
             "es."),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tally found;
        snug_pickle_value value;
        if (read_bytes(cases[i].bytes, cases[i].length, &found, &value) != SNUG_OK)
            fail_msg("protocol %zu: %s", i + 2, snug_error_message());
        assert_int_equal(value.type, SNUG_PICKLE_DICT);
        assert_int_equal(found.texts, 2);
        assert_int_equal(found.tuples, 1);
        assert_int_equal(found.items, 2 + 6 + 2);
        assert_string_equal(found.last_text, "b");
        assert_true(snug_pickle_matches(cases[i].bytes, cases[i].length));
        // Cut anywhere, it is refused.
        for (size_t cut = 0; cut < cases[i].length; cut++)
            assert_int_equal(read_bytes(cases[i].bytes, cut, &found, &value), SNUG_BAD_FILE);
    }
}

// What would run code is refused by its name, before anything is done.
static void test_nothing_runs(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *name;
    } cases[] = {
#define CASE(text, name) {text, sizeof(text) - 1, name}
        CASE("\x80\x02"
             "cos\nsystem\nX\x04\x00\x00\x00"
             "true\x85R.",
             "os.system"),
        CASE("\x80\x04\x8c\x02os\x8c\x06system\x93.", "STACK_GLOBAL"),
        CASE("\x80\x02K\x01K\x02R.", "REDUCE"),
        CASE("\x80\x02K\x01K\x02\x81.", "NEWOBJ"),
        CASE("\x80\x04K\x01K\x02}\x92.", "NEWOBJ_EX"),
        CASE("\x80\x02K\x01}b.", "BUILD"),
        CASE("\x80\x02(K\x01o.", "OBJ"),
        CASE("\x80\x02(ios\nsystem\n.", "INST"),
        CASE("\x80\x02Pid\n.", "PERSID"),
        CASE("\x80\x02K\x01Q.", "BINPERSID"),
        CASE("\x80\x02\x82\x01.", "EXT1"),
        CASE("\x80\x05\x97.", "NEXT_BUFFER"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tally found;
        snug_pickle_value value;
        assert_int_equal(read_bytes(cases[i].bytes, cases[i].length, &found, &value),
                         SNUG_BAD_FILE);
        if (!strstr(snug_error_message(), cases[i].name))
            fail_msg("'%s' is not named: %s", cases[i].name, snug_error_message());
    }
}

static long peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024;
}

// Counts beyond the file, a memo of four billion places, nesting without end.
static void test_bounded(void **state) {
    (void)state;
    tally found;
    snug_pickle_value value;
    long before = peak_bytes();
    assert_int_equal(READ("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
                          "a.",
                          &found, &value),
                     SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02X\xff\xff\xff\xff"
                          "a.",
                          &found, &value),
                     SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02\x8b\xff\xff\xff\x7f"
                          "a.",
                          &found, &value),
                     SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02]r\xff\xff\xff\xff.", &found, &value), SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02j\x05\x00\x00\x00.", &found, &value), SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02s.", &found, &value), SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02"
                          "e.",
                          &found, &value),
                     SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x02.", &found, &value), SNUG_BAD_FILE);
    assert_int_equal(READ("\x80\x06N.", &found, &value), SNUG_BAD_FILE);
    assert_int_equal(READ("", &found, &value), SNUG_BAD_FILE);
    enum { DEEP = 1 << 20 };
    char *deep = malloc(DEEP);
    memset(deep, ']', DEEP);
    memcpy(deep, "\x80\x02", 2);
    memset(deep + DEEP / 2, 'a', DEEP / 2 - 1); // APPEND: each list into the one around it
    deep[DEEP - 1] = '.';
    assert_int_equal(read_bytes(deep, DEEP, &found, &value), SNUG_BAD_FILE);
    memset(deep + 2, '(', DEEP - 3); // marks
    assert_int_equal(read_bytes(deep, DEEP, &found, &value), SNUG_BAD_FILE);
    free(deep);
    long grown = peak_bytes() - before;
    print_message("%ld KiB more\n", grown / 1024);
    assert_true(grown < 64 << 20);
}

// Each list holds the one before twice: 2^40 leaves in a file of bytes.
static void test_shared_containers(void **state) {
    (void)state;
    char bytes[512] = "\x80\x02]q\x00";
    size_t length = 5;
    for (int i = 1; i <= 40; i++) {
        const char more[] = {']', 'q', (char)i, '(', 'h', (char)(i - 1), 'h', (char)(i - 1), 'e'};
        memcpy(bytes + length, more, sizeof more);
        length += sizeof more;
    }
    bytes[length++] = '.';
    tally found;
    snug_pickle_value value;
    snug_status status = read_bytes(bytes, length, &found, &value);
    assert_true(status == SNUG_OK || status == SNUG_BAD_FILE);
    assert_true(found.items <= 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_nothing_runs),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_shared_containers),
    };
    return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}

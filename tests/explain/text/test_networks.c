// The networks that explanations advise `snug train` for are those that it has.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "explain/text/context.h"
#include "snug/plan.h"

static void test_networks(void **state) {
    (void)state;
    int total = snug_model_total();
    for (int i = 0; i < total; i++) {
        snug_model_info info;
        assert_int_equal(snug_model_describe(i, &info), SNUG_OK);
        assert_non_null(snug_log_networks[i]);
        assert_string_equal(snug_log_networks[i], info.name);
    }
    assert_null(snug_log_networks[total]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Where nothing fits: members of a family, and the batch that would.
#include <string.h>

#include "base/memory.h"
#include "fit/families.h"
#include "fit/fit.h"
#include "support/test.h"

#define MIB ((uint64_t)1 << 20)

static void test_families(void **state) {
    (void)state;
    const char *names[SNUG_FIT_MEMBERS];
    assert_int_equal(snug_fit_family_find("torchvision.models.resnet.ResNet", 25557032, names), 2);
    assert_string_equal(names[0], "resnet34");
    assert_string_equal(names[1], "resnet18");
    // With a head of its own a network is still none of its smaller ones.
    assert_int_equal(snug_fit_family_find("timm.models.resnet.ResNet", 23528522, names), 1);
    assert_string_equal(names[0], "resnet18");
    assert_int_equal(snug_fit_family_find("transformers.models.gpt2.modeling_gpt2.GPT2LMHeadModel",
                                          1557611200, names),
                     SNUG_FIT_MEMBERS);
    assert_string_equal(names[0], "gpt2-large");
    assert_int_equal(snug_fit_family_find("torchvision.models.resnet.ResNet", 11689512, names), 0);
    assert_int_equal(snug_fit_family_find("mine.ResNet", 60000000, names), 0);
    assert_int_equal(snug_fit_family_find("ResNet", 60000000, names), 0);
    assert_int_equal(snug_fit_family_find("", 60000000, names), 0);
}

// A program whose batch of 64 needs |needed|, of which 1,000 MiB do not go with the batch.
static char *report(uint64_t needed, uint64_t room, bool json) {
    static snug_fit_part parts[] = {{.name = "N", .class_name = "N", .parent = -1}};
    static snug_fit_network network = {.name = "N",
                                       .class_name = "torchvision.models.resnet.ResNet",
                                       .batch = 64,
                                       .element = 4,
                                       .parameters = 4 * 44549160,
                                       .count = 1};
    char name[] = "train", option[] = "--batch_size=64", *program[] = {name, option, NULL};
    snug_dry_run last = {.smallest = needed};
    snug_fit fit = {.request = snug_fit_defaults(), .candidate_count = 1, .chosen = -1};
    snug_text text = {0};
    fit.request.program = program;
    fit.outcome = SNUG_DRY_RUN_OUTCOME_NO_FIT;
    fit.last = &last;
    fit.situation = (snug_fit_situation){
        .request = &fit.request, .total = room, .needed = needed, .context = 500 * MIB};
    fit.situation.kinds[SNUG_KIND_WEIGHTS] = 500 * MIB;
    fit.situation.profile = (snug_fit_profile){.parts = parts,
                                               .part_count = 1,
                                               .networks = &network,
                                               .network_count = 1,
                                               .lean_optimizer = ""};
    if (json)
        snug_fit_append_otherwise_json(&fit, &text);
    else
        snug_fit_append_otherwise(&fit, &text);
    if (!json) snug_fit_append_accumulation(&fit, &text);
    assert_int_equal(snug_text_status(&text), SNUG_OK);
    return text.data;
}

static void test_batch(void **state) {
    (void)state;
    // 100 MiB a sample: of 64 * 100 + 1000 a card of 4200 MiB holds 32.
    char *text = report(7400 * MIB, 4200 * MIB, false);
    assert_non_null(strstr(text, "batch of up to about 32 in place of 64"));
    assert_non_null(strstr(text, "--batch_size={batch}"));
    assert_non_null(strstr(text, "% 2 == 0"));
    assert_non_null(strstr(text, "resnet50, resnet34, resnet18"));
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        assert_true(end - line <= 80);
    snug_memory_free(text);
    text = report(7400 * MIB, 4200 * MIB, true);
    assert_non_null(strstr(text, "\"predicted_batch\":32"));
    assert_non_null(strstr(text, "\"needed_bytes\":7759462400"));
    snug_memory_free(text);
    // Weights and context alone are too large.
    text = report(7400 * MIB, 900 * MIB, false);
    assert_null(strstr(text, "is predicted to fit"));
    assert_non_null(strstr(text, "Not with a smaller batch"));
    snug_memory_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

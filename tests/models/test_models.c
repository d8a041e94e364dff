// Every network against torchvision's published numbers of parameters and multiply-adds, and every
// network in training and evaluation form.
#include <math.h>
#include <string.h>

#include "graph/verify.h"
#include "models/model.h"
#include "snug/plan.h"
#include "support/test.h"

// Parameters, and 10^9 multiply-adds as torchvision's tables give them (three decimals); 0: not
// published (efficientnet_b1's is for another size).
static const struct {
    const char *name;
    int64_t parameters;
    double multiply_adds;
} published[] = {
    {"simple", 165642, 0},
    {"mobilenet_v2", 3504872, 0.301},
    {"mobilenet_v3_small", 2542856, 0.057},
    {"mobilenet_v3_large", 5483032, 0.217},
    {"efficientnet_b0", 5288548, 0.386},
    {"efficientnet_b1", 7794184, 0.687},
    {"efficientnet_b2", 9109994, 1.088},
    {"efficientnet_b3", 12233232, 1.827},
    {"efficientnet_b4", 19341616, 4.394},
    {"efficientnet_b5", 30389784, 10.266},
    {"efficientnet_b6", 43040704, 19.068},
    {"efficientnet_b7", 66347960, 37.746},
    {"resnet18", 11689512, 1.814},
    {"resnet34", 21797672, 3.664},
    {"resnet50", 25557032, 4.089},
    {"resnet101", 44549160, 7.801},
    {"resnet152", 60192808, 11.514},
    {"vgg11", 132863336, 7.609},
    {"vgg13", 133047848, 11.308},
    {"vgg16", 138357544, 15.47},
    {"vgg19", 143667240, 19.632},
    {"vgg11_bn", 132868840, 7.609},
    {"vgg13_bn", 133053736, 11.308},
    {"vgg16_bn", 138365992, 15.47},
    {"vgg19_bn", 143678248, 19.632},
    {"googlenet", 6624904, 1.498},
    {"unet", 17263042, 0},
};
enum { PUBLISHED = sizeof published / sizeof published[0] };

static void test_counts(void **state) {
    (void)state;
    assert_int_equal(snug_model_total(), PUBLISHED);
    for (int i = 0; i < PUBLISHED; i++) {
        snug_model_info info;
        assert_int_equal(snug_model_describe(i, &info), SNUG_OK);
        int row = 0;
        while (row < PUBLISHED && strcmp(published[row].name, info.name) != 0)
            row++;
        if (row == PUBLISHED) fail_msg("%s is not in the table", info.name);
        assert_int_equal(info.parameters, published[row].parameters);
        double billions = (double)info.multiply_adds / 1e9;
        if (published[row].multiply_adds > 0 &&
            fabs(billions - published[row].multiply_adds) > 0.0011)
            fail_msg("%s: %.4f G multiply-adds, published %.3f", info.name, billions,
                     published[row].multiply_adds);
    }
    snug_model_info none;
    assert_int_equal(snug_model_describe(PUBLISHED, &none), SNUG_NOT_FOUND);
}

static void test_both_forms(void **state) {
    (void)state;
    for (int i = 0; i < PUBLISHED; i++)
        for (int training = 0; training < 2; training++) {
            const snug_model *model;
            snug_model_options options = {
                .height = 48, .width = 32, .channels = 1, .classes = 7, .drop = true};
            options.width_multiplier = 0.5;
            snug_graph *graph;
            snug_model_ends ends;
            assert_int_equal(snug_model_find(published[i].name, &model), SNUG_OK);
            assert_int_equal(snug_model_resolve(model, &options), SNUG_OK);
            assert_int_equal(snug_graph_new(&graph), SNUG_OK);
            if (snug_model_build(model, &options, 3, training, graph, &ends) != SNUG_OK ||
                snug_graph_verify(graph) != SNUG_OK)
                fail_msg("%s: %s", model->name, snug_error_message());
            const snug_type *type = snug_graph_type(graph, ends.logits);
            assert_int_equal(type->dims[0], 3);
            assert_int_equal(type->dims[1], 7);
            assert_int_equal(type->rank, model->per_pixel ? 4 : 2);
            bool has_norm = false;
            for (size_t j = 0; j < graph->tensor_count; j++)
                has_norm = has_norm || graph->tensors[j]->role == SNUG_ROLE_STATISTIC;
            assert_int_equal(has_norm, model->has_batch_norm);
            snug_graph_free(graph);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_both_forms),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}

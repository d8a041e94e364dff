// What learns of a file that does not tell parameters from buffers, and what the plan says of it: a
// buffer that x is multiplied by, spectral norm's vectors, a batch norm in evaluation form.
#include "onnx/builder.h"
#include "snug/train.h"

enum { WIDTH = 4 };

static const char path[] = "/tmp/snug-buffers.onnx";
static const float values[WIDTH * WIDTH] = {1, 2, -1, 3, 0, 1, 2, -2, 1, 1, 0, 1, 2, -1, 1, 1};

static void add(snug_onnx_writer *writer, const char *name, int rank) {
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, rank, (int64_t[]){WIDTH, WIDTH});
    builder_initializer(writer, name, &type, values);
}

// y = norm(x mix) (fc / (u fc v)), with "weight_v" of a weight norm beside it.
static void write_model(void) {
    snug_onnx_writer *writer = builder_new(17);
    static const char *const vectors[] = {"bn.weight",      "bn.bias",     "bn.running_mean",
                                          "bn.running_var", "fc.weight_u", "fc.weight_v"};
    snug_type x = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, (int64_t[]){1, WIDTH});
    builder_input(writer, "x", &x, "n");
    add(writer, "mix", 2);
    add(writer, "fc.weight_orig", 2);
    add(writer, "other.weight_v", 2); // a weight norm's: no "other.weight_orig"
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        add(writer, vectors[i], 1);
    builder_node(writer, "MatMul", "x mix", "mixed");
    builder_node(writer, "BatchNormalization",
                 "mixed bn.weight bn.bias bn.running_mean bn.running_var", "normed");
    builder_node(writer, "MatMul", "fc.weight_orig fc.weight_v", "by_v");
    builder_node(writer, "MatMul", "fc.weight_u by_v", "sigma");
    builder_node(writer, "Div", "fc.weight_orig sigma", "weight");
    builder_node(writer, "MatMul", "normed weight", "h");
    builder_node(writer, "MatMul", "h other.weight_v", "y");
    builder_output(writer, "y");
    assert_int_equal(snug_onnx_writer_write(writer, path, NULL, NULL), SNUG_OK);
    snug_onnx_writer_free(writer);
}

static char *plan_text(snug_device *device, const char *freeze, snug_plan **plan) {
    char *text = NULL;
    snug_plan_request request = {
        .model = path, .cost = SNUG_COST_SOURCE_MODEL, .batch_size = 8, .freeze = freeze};
    if (snug_plan_make(device, &request, plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_plan_text(*plan, &text), SNUG_OK);
    for (char *at = text; *at; at++) // the text is wrapped
        if (*at == '\n') *at = ' ';
    return text;
}

static bool learns(snug_trainer *trainer, const char *name) {
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++)
        if (strcmp(info.name, name) == 0) return info.is_weight;
    return false;
}

static void test_notes(void **state) {
    (void)state;
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    write_model();
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    char *text = plan_text(device, NULL, &plan);
    if (!strstr(text, "no layer of PyTorch's own has them: mix. ")) fail_msg("%s", text);
    if (!strstr(text, "`freeze=NAME`")) fail_msg("%s", text);
    if (!strstr(text, "spectral norms, 2 of them, stay")) fail_msg("%s", text);
    if (!strstr(text, "1 of the file's 1 batch norms is in evaluation form")) fail_msg("%s", text);
    assert_int_equal(snug_trainer_new(plan, 0, &trainer), SNUG_OK);
    assert_true(learns(trainer, "fc.weight_orig") && learns(trainer, "other.weight_v"));
    assert_false(learns(trainer, "fc.weight_u") || learns(trainer, "fc.weight_v"));
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_string_free(text);

    text = plan_text(device, "mix", &plan);
    assert_null(strstr(text, "no layer of PyTorch's own"));
    snug_plan_free(plan);
    snug_string_free(text);
    snug_device_close(device);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_notes)};
    return cmocka_run_group_tests_name("what learns, and may be a buffer", tests, NULL, NULL);
}

// Every public function that takes an object or a text, asked about NULL: a refusal or nothing,
// never a crash (snug/api.h).
#include <math.h>
#include <string.h>

#include "snug/checkpoint.h"
#include "snug/dry_run.h"
#include "snug/explain.h"
#include "snug/fit.h"
#include "snug/gpu.h"
#include "snug/near.h"
#include "snug/size.h"
#include "snug/train.h"
#include "support/test.h"

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        assert_int_equal(call, SNUG_INVALID);                                                      \
        assert_true(*snug_error_message());                                                        \
    } while (0)

static void test_closing(void **state) {
    (void)state;
    snug_device_close(NULL);
    snug_plan_free(NULL);
    snug_trainer_free(NULL);
    snug_dataset_close(NULL);
    snug_loader_stop(NULL);
    snug_checkpoint_close(NULL);
    snug_explanation_free(NULL);
    snug_explanation_text_free(NULL);
    snug_dry_run_free(NULL);
    snug_dry_run_text_free(NULL);
    snug_fit_free(NULL);
    snug_watch_free(NULL);
    snug_string_free(NULL);
    snug_trainer_keep_going(NULL, true);
}

static void test_facts(void **state) {
    (void)state;
    int64_t all = 1, learning = 1;
    assert_null(snug_device_name(NULL));
    assert_int_equal(snug_device_threads(NULL), 0);
    assert_int_equal(snug_device_free_bytes(NULL), 0);
    assert_int_equal(snug_device_allocated_bytes(NULL), 0);
    assert_int_equal(snug_device_allocated_peak(NULL), 0);
    assert_false(snug_device_is_fast(NULL, SNUG_PRECISION_FLOAT32));
    assert_null(snug_plan_model(NULL));
    assert_null(snug_plan_requested_model(NULL));
    assert_int_equal(snug_plan_batch_size(NULL), 0);
    assert_int_equal(snug_plan_budget_bytes(NULL), 0);
    assert_int_equal(snug_plan_minimum_bytes(NULL), 0);
    assert_int_equal(snug_plan_minimum_bytes_at(NULL, SNUG_FIDELITY_EXACT), 0);
    assert_int_equal(snug_plan_largest_batch(NULL), 0);
    assert_int_equal(snug_plan_unfixed_bytes(NULL), 0);
    assert_null(snug_plan_candidate(NULL, 0));
    assert_null(snug_plan_chosen(NULL));
    assert_null(snug_plan_sample(NULL));
    assert_null(snug_plan_output(NULL));
    assert_false(snug_plan_is_per_pixel(NULL));
    assert_false(snug_plan_has_accuracy(NULL));
    snug_plan_parameters(NULL, &all, &learning);
    assert_true(all == 0 && learning == 0);
    snug_plan_parameters(NULL, NULL, NULL);
    assert_true(snug_trainer_loss_scale(NULL) == 0);
    assert_true(isnan(snug_trainer_gradient_norm(NULL)));
    assert_int_equal(snug_trainer_skipped_steps(NULL), 0);
    assert_int_equal(snug_trainer_steps(NULL), 0);
    assert_int_equal(snug_trainer_planned_peak(NULL), 0);
    assert_int_equal(snug_trainer_measured_peak(NULL), 0);
    assert_int_equal(snug_trainer_reserved_bytes(NULL), 0);
    assert_int_equal(snug_trainer_used_bytes(NULL), 0);
    assert_int_equal(snug_dataset_samples(NULL), 0);
    assert_int_equal(snug_dataset_skipped(NULL), 0);
    assert_null(snug_dataset_skipped_file(NULL, 0));
    assert_null(snug_dataset_use(NULL));
    assert_null(snug_dataset_sample(NULL));
    assert_null(snug_checkpoint_note(NULL, "x"));
    assert_null(snug_checkpoint_path(NULL));
    assert_int_equal(snug_checkpoint_steps(NULL), 0);
    assert_null(snug_explanation_finding(NULL, 0));
    assert_null(snug_finding_cause(NULL, 0));
    assert_null(snug_finding_refuted(NULL, 0));
    assert_null(snug_finding_fix(NULL, 0));
    assert_int_equal(snug_dry_run_outcome_of(NULL), SNUG_DRY_RUN_OUTCOME_FAILED);
    assert_int_equal(snug_fit_outcome_of(NULL), SNUG_DRY_RUN_OUTCOME_FAILED);
    assert_false(snug_fit_fits(NULL));
    assert_false(snug_fit_keeps_promise(NULL));
    assert_int_equal(snug_watch_exit(NULL), 0);
    assert_false(snug_watch_interrupted(NULL));
    assert_int_equal(snug_gpu_usable_bytes(NULL), 0);
    assert_int_equal(snug_gpu_detail(NULL).cores, 0);
    assert_null(snug_near_match(NULL, NULL));
    assert_false(snug_run_exists(NULL));
}

static void test_refusals(void **state) {
    (void)state;
    char *text = NULL;
    double number;
    snug_run_info run;
    snug_checkpoint *checkpoint;
    const snug_gpu_info *gpu;
    snug_device *device;
    snug_explanation *explanation;
    snug_trainer *trainer;
    snug_loader *loader;
    snug_dry_run *dry;
    snug_fit *fit;
    snug_watch *watch;
    size_t bytes;
    REFUSED(snug_size_parse(NULL, &bytes));
    REFUSED(snug_gpu_find(NULL, &gpu));
    REFUSED(snug_gpu_open(NULL, &device));
    REFUSED(snug_gpu_standin_settings(NULL, &text));
    REFUSED(snug_device_open(NULL, 1, &device));
    REFUSED(snug_device_open("cpu", 1, NULL));
    REFUSED(snug_plan_text(NULL, &text));
    REFUSED(snug_plan_json(NULL, &text));
    REFUSED(snug_plan_graph(NULL, &text));
    REFUSED(snug_plan_html(NULL, &text));
    REFUSED(snug_plan_html_write(NULL, "/tmp/x"));
    REFUSED(snug_model_describe(0, NULL));
    REFUSED(snug_trainer_new(NULL, 0, &trainer));
    REFUSED(snug_trainer_step(NULL, NULL, 0, &number));
    REFUSED(snug_trainer_evaluate(NULL, NULL, 1, &number, &number));
    REFUSED(snug_trainer_predict(NULL, NULL, 1, SNUG_PREDICTION_OUTPUT, &number, 8));
    REFUSED(snug_trainer_set_loss_scale(NULL, 1));
    REFUSED(snug_trainer_release(NULL));
    REFUSED(snug_trainer_restore(NULL));
    REFUSED(snug_trainer_read(NULL, "x", &number, 8));
    REFUSED(snug_trainer_write(NULL, "x", &number, 8));
    REFUSED(snug_trainer_load(NULL, "x"));
    REFUSED(snug_trainer_save(NULL, "x"));
    REFUSED(snug_trainer_check(NULL));
    REFUSED(snug_dataset_read(NULL, 0, NULL, NULL));
    REFUSED(snug_loader_start(NULL, NULL, &loader));
    REFUSED(snug_loader_next(NULL, 1, NULL, NULL));
    REFUSED(snug_run_describe(NULL, &run));
    REFUSED(snug_run_export(NULL, "x"));
    REFUSED(snug_run_export_onnx(NULL, "x"));
    REFUSED(snug_checkpoint_write(NULL, "x", NULL));
    REFUSED(snug_checkpoint_open(NULL, &checkpoint));
    REFUSED(snug_checkpoint_restore(NULL, NULL));
    REFUSED(snug_checkpoint_add(NULL, 1, 1, NULL, NULL));
    REFUSED(snug_checkpoint_newest(NULL, NULL, NULL, &checkpoint));
    REFUSED(snug_explain_text(NULL, 3, "x", &explanation));
    REFUSED(snug_explain_file(NULL, &explanation));
    REFUSED(snug_explanation_text(NULL, &text));
    REFUSED(snug_explanation_json(NULL, &text));
    REFUSED(snug_explanation_html(NULL, &text));
    REFUSED(snug_explanation_html_write(NULL, "x"));
    REFUSED(snug_dry_run_start(NULL, &dry));
    REFUSED(snug_dry_run_text(NULL, &text));
    REFUSED(snug_dry_run_json(NULL, &text));
    REFUSED(snug_dry_run_html(NULL, &text));
    REFUSED(snug_dry_run_html_write(NULL, "x"));
    REFUSED(snug_dry_run_recording_write(NULL, "x"));
    REFUSED(snug_fit_start(NULL, &fit));
    REFUSED(snug_fit_text(NULL, &text));
    REFUSED(snug_fit_json(NULL, &text));
    REFUSED(snug_fit_code(NULL, &text));
    REFUSED(snug_fit_line(NULL, &text));
    REFUSED(snug_fit_write(NULL, "x"));
    REFUSED(snug_watch_start(NULL, NULL, &watch));
    REFUSED(snug_watch_text(NULL, &text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

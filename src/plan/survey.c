#include "plan/survey.h"

#include "ops/ops.h"
#include "plan/losses.h"
#include "plan/selection.h"

enum { SAMPLES = 2 };

// The shape of the data's targets tells which dimension has the classes.
static snug_status take_axis(snug_plan *plan, const snug_sample_tensor *target) {
    snug_training *training = &plan->training;
    snug_training_graph built;
    if (!target || training->class_axis != 0 || training->loss != SNUG_LOSS_CROSS_ENTROPY)
        return SNUG_OK;
    SNUG_TRY(snug_training_graph_build(training, SNUG_PASS_EVALUATE, SAMPLES, 1, &built));
    int told = snug_loss_told_axis(&built, target), found = snug_loss_class_axis(training, &built);
    int last = snug_graph_type(built.graph, built.logits)->rank - 1;
    if (told != 0 && (told < 0 ? last : told) != found) training->class_axis = told;
    snug_graph_free(built.graph);
    return SNUG_OK;
}

static snug_status look_at_evaluation(snug_plan *plan) {
    snug_training_graph built;
    SNUG_TRY(snug_training_graph_build(&plan->training, SNUG_PASS_EVALUATE, SAMPLES, 1, &built));
    plan->output = *snug_graph_type(built.graph, built.logits);
    plan->output.dims[0] = 1;
    snug_training_count(built.graph, &plan->weights, &plan->learning);
    if (plan->training.loss == SNUG_LOSS_CROSS_ENTROPY)
        plan->class_axis = snug_loss_class_axis(&plan->training, &built);
    plan->squashed = snug_loss_squashed(&plan->training, &built);
    snug_status status = snug_training_sample(&plan->training, &built, &plan->sample);
    if (status == SNUG_OK) snug_training_answer(&built, &plan->answer);
    snug_graph_free(built.graph);
    return status;
}

static snug_status look_at_training(snug_plan *plan) {
    snug_training_graph built;
    SNUG_TRY(snug_training_graph_build(&plan->training, SNUG_PASS_MICRO, SAMPLES, SAMPLES, &built));
    snug_training_count(built.graph, &plan->weights, &plan->learning);
    for (size_t i = 0; i < built.graph->node_count; i++) {
        const snug_op *op = built.graph->nodes[i]->op;
        bool is_batch_norm = op == &snug_op_batch_norm || op == &snug_op_batch_norm_over;
        plan->has_batch_norm = plan->has_batch_norm || is_batch_norm;
        plan->can_fuse = plan->can_fuse || is_batch_norm || op == &snug_op_group_norm;
    }
    snug_graph_free(built.graph);
    return SNUG_OK;
}

snug_status snug_survey(snug_plan *plan, const snug_plan_request *request) {
    plan->training.activations = SNUG_F32;
    SNUG_TRY(take_axis(plan, request->data_target));
    SNUG_TRY(look_at_evaluation(plan));
    return request->evaluation ? SNUG_OK : look_at_training(plan);
}

snug_status snug_survey_frozen(snug_plan *plan, snug_costs *costs, const snug_spec *chosen) {
    if (!(plan->training.train || plan->training.freeze) || chosen->evaluation) return SNUG_OK;
    snug_training all = plan->training;
    all.train = all.freeze = NULL;
    snug_spec spec = *chosen;
    if (snug_spec_follows_budget(&spec)) spec.recompute = false; // what it is when none is needed
    snug_schedule schedule;
    SNUG_TRY(snug_schedule_make(plan->device, costs, &all, plan->batch_size, &spec, &schedule));
    if (schedule.peak_bytes > plan->schedule.peak_bytes)
        plan->frozen_bytes = schedule.peak_bytes - plan->schedule.peak_bytes;
    snug_schedule_clear(&schedule);
    return SNUG_OK;
}

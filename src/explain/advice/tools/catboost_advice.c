// CatBoost, which takes a share of the card at its start and the rest by the data's size.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown other-process",
     .fix = "Lower border_count (32 in place of 128) and max_ctr_complexity (1), or depth",
     .why = "histograms and combinations of categories grow with them",
     .source = "catboost.ai/docs: FAQ, How to overcome the Out of memory error"},
    {.causes = "batch model unknown other-process",
     .fix = "Lower gpu_ram_part (0.95 unless set), and choose a card that is free: devices=\"1\"",
     .why = "the share is taken of the whole card, whatever others hold",
     .source = "catboost.ai/docs: Processing unit settings"},
    {.causes = "batch model unknown",
     .fix = "Keep the data in the host: gpu_cat_features_storage=\"CpuPinnedMemory\"",
     .why = "categorical features leave the card",
     .source = "catboost.ai/docs: FAQ, How to overcome the Out of memory error"},
    {.causes = "batch model unknown",
     .fix = "Train on fewer rows or features, or with task_type=\"CPU\"",
     .why = "quantised data lies on the card as a whole",
     .source = "catboost.ai/docs: FAQ, How to overcome the Out of memory error"},
    {0},
};

const snug_tool snug_tool_catboost = {
    .name = "CatBoost",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "catboost",
    .levers = levers,
};

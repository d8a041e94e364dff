// fairseq, whose batches are counted in tokens.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .fix = "Lower --max-tokens and raise --update-freq by the same factor",
     .why = "the same batch in smaller parts; long sentences fill fewer of it",
     .source = "fairseq.readthedocs.io: Command-line Tools"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Take --fp16",
     .why = "16-bit weights and activations",
     .source = "fairseq.readthedocs.io: Command-line Tools"},
    {.causes = "late-batch",
     .fix = "Lower --max-source-positions and --max-target-positions, with "
            "--skip-invalid-size-inputs-valid-test",
     .why = "the longest samples are left out",
     .source = "fairseq.readthedocs.io: Command-line Tools"},
    {0},
};

const snug_tool snug_tool_fairseq = {
    .name = "fairseq",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "fairseq",
    .levers = levers,
};

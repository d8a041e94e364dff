// AlphaFold and what is made from it: memory grows with the length of the sequence.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch other-process",
     .fix = "Set TF_FORCE_UNIFIED_MEMORY=1 and XLA_PYTHON_CLIENT_MEM_FRACTION=4.0",
     .why = "what the card cannot hold goes to the host",
     .source = "github.com/google-deepmind/alphafold: docker/run_docker.py"},
    {.causes = "batch late-batch unknown",
     .fix = "Give it a shorter sequence, fewer recycles or a smaller max_msa",
     .why = "attention grows with the square of the length",
     .source = "github.com/sokrypton/ColabFold: README"},
    {0},
};

const snug_tool snug_tool_alphafold = {
    .name = "AlphaFold",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_INFERENCE,
    .words = "alphafold|colabfold|af_profile|afprofile",
    .levers = levers,
};

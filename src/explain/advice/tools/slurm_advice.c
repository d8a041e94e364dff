// Slurm, whose jobs have a limit on memory.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .fix = "Ask for more: #SBATCH --mem=64G (or --mem-per-cpu), and see what it took "
            "with seff JOB",
     .why = "the job was killed at its own limit, however much the machine has",
     .source = "slurm.schedmd.com: sbatch"},
    {0},
};

const snug_tool snug_tool_slurm = {
    .name = "Slurm",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "slurmstepd|sbatch|srun:",
    .levers = levers,
};

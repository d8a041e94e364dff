// /dev/shm is too small for what a data loader's workers, or NCCL, pass through it.
#include "explain/causes/cause.h"

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    if (facts->shortage != SNUG_SHORTAGE_SHARED) return 0;
    snug_speak_for(evidence,
                   "A write to shared memory (/dev/shm) found no room: the system answers "
                   "with a bus error. Containers have 64 MiB of it unless told otherwise.");
    return 0.92;
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    (void)facts;
    snug_advise(advice, "workers pass every batch through it",
                "Give the container more: docker run --shm-size=8g, or --ipc=host (compose: "
                "shm_size; Kubernetes: an emptyDir of medium Memory at /dev/shm)");
    snug_advise(advice, "fewer batches wait in it; none with 0",
                "Lower the DataLoader's num_workers, to 0 where nothing else can be changed");
    snug_advise(advice,
                "without a container it is half of the memory, and others' files may fill it",
                "See df -h /dev/shm; mount -o remount,size=16G /dev/shm as root");
}

const snug_cause snug_cause_shared_memory = {
    .name = "shared-memory",
    .help = "/dev/shm is too small for what the data loader's workers pass through it",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

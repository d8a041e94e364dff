// The machine's own memory ran out, not the GPU's: a refused allocation, a killed process, Windows'
// commit limit, pinned memory.
#include "explain/causes/cause.h"

static double judge_refused(const snug_facts *facts, snug_evidence *evidence) {
    const snug_figures *figures = &facts->figures;
    if (figures->requested.known && figures->free.known)
        snug_speak_for(evidence, "%s of the host's memory was wanted, and %s was free.",
                       SNUG_SIZE(figures->requested.bytes), SNUG_SIZE(figures->free.bytes));
    else if (figures->requested.known)
        snug_speak_for(evidence, "The host refused an allocation of %s.",
                       SNUG_SIZE(figures->requested.bytes));
    else
        snug_speak_for(evidence, "The host refused an allocation.");
    return figures->requested.bytes > (uint64_t)256 << 30 && !figures->free.known ? 0.45 : 0.85;
}

static double judge(const snug_facts *facts, snug_evidence *evidence) {
    switch (facts->shortage) {
    case SNUG_SHORTAGE_HOST:
        return judge_refused(facts, evidence);
    case SNUG_SHORTAGE_KILLED:
        if (facts->figures.process.known)
            snug_speak_for(evidence, "The kernel killed the process, which held %s of the host.",
                           SNUG_SIZE(facts->figures.process.bytes));
        else
            snug_speak_for(evidence,
                           "The process was killed by signal 9, as the kernel does, and "
                           "limits of containers and batch jobs do, where the host's "
                           "memory is full. A full GPU raises an error and kills nothing.");
        if (facts->host_used.known)
            snug_speak_for(evidence, "The log said last that %s of the host's were in use.",
                           SNUG_SIZE(facts->host_used.bytes));
        return facts->figures.process.known ? 0.93 : 0.8;
    case SNUG_SHORTAGE_COMMIT:
        snug_speak_for(evidence, "Windows promises no more memory than RAM and page file have "
                                 "together, and that was reached.");
        return 0.92;
    case SNUG_SHORTAGE_PINNED:
        snug_speak_for(evidence, "It failed while pinning memory of the host, which CUDA does and "
                                 "reports as its own out of memory.");
        return 0.8;
    default:
        return 0;
    }
}

static void advise_commit(snug_advice *advice) {
    snug_advise(advice, "the limit is memory and page file together",
                "Enlarge the page file: System, Advanced system settings, Performance, Advanced, "
                "Virtual memory: system managed, or 32 GB and more on a drive with room; restart");
    snug_advise(advice, "each process loads CUDA's libraries, which are promised gigabytes",
                "Start fewer processes: num_workers=0 or few in the DataLoader");
    snug_advise(advice, "each holds a part of what Windows promises", "Close other programs");
}

static void advise_pinned(snug_advice *advice) {
    snug_advise(advice, "pages are not pinned then", "Set pin_memory=False in the DataLoader");
    snug_advise(advice, "each batch that waits is pinned",
                "Lower num_workers and prefetch_factor, or the batch");
    snug_advise(advice, "a limit on locked memory, or a full GPU, gives the same error",
                "Look at free -h, ulimit -l and nvidia-smi while it runs");
}

static void advise_check(const snug_facts *facts, snug_advice *advice) {
    if (facts->shortage != SNUG_SHORTAGE_KILLED || facts->figures.process.known) return;
    snug_advise(advice, "tells whether it was the memory, and how much the process had",
                "Look at free -h while it runs, and at dmesg -T | grep -i \"killed process\" after "
                "it");
}

// What a program that reads data and computes can do.
static void advise_program(const snug_facts *facts, snug_advice *advice) {
    const snug_amount *asked = &facts->figures.requested;
    bool large = facts->shortage == SNUG_SHORTAGE_HOST && asked->bytes >= (uint64_t)1 << 30;
    if (large)
        snug_advise(advice,
                    snug_words(advice,
                               "%s were asked for in one piece: its shape is what to look at",
                               SNUG_SIZE(asked->bytes)),
                    "Make what is worked on at once smaller: a smaller batch, image or part of the "
                    "data, or a type of fewer bits");
    if (facts->windows && facts->shortage == SNUG_SHORTAGE_HOST) advise_commit(advice);
    if (snug_facts_mention(facts, "dataloader|num_workers|workers"))
        snug_advise(advice,
                    "each worker has its own copy of what the data set holds in Python, and "
                    "batches that wait",
                    "Lower the DataLoader's num_workers, to 0 to see whether it is them");
    snug_advise(advice, "a container's or a batch job's limit counts, not the machine's",
                "Give the program more memory (or swap), or let it hold less at once: data read as "
                "it is needed (memory maps, chunks, a stream), no results in lists");
    if (facts->shortage == SNUG_SHORTAGE_HOST && !large)
        snug_advise(advice, "what is computed grows with them",
                    "Make the batch, or what is worked on at once, smaller");
}

static void advise(const snug_facts *facts, snug_advice *advice) {
    if (facts->shortage == SNUG_SHORTAGE_COMMIT) {
        advise_commit(advice);
        return;
    }
    if (facts->shortage == SNUG_SHORTAGE_PINNED) {
        advise_pinned(advice);
        return;
    }
    bool loads = facts->phase == SNUG_PHASE_LOAD ||
                 snug_facts_mention(facts, "loadingcheckpointshards|load_state_dict|torch.load|"
                                           "from_pretrained|loadingmodel|safetensors");
    if (loads)
        snug_advise(advice, "one copy of the weights in 16 bits, in place of two in 32",
                    "Load with low_cpu_mem_usage=True and 16-bit weights, or torch.load(..., "
                    "mmap=True)");
    bool commits = facts->windows && facts->shortage == SNUG_SHORTAGE_HOST;
    if (commits && (facts->use == SNUG_USE_SERVER || loads)) advise_commit(advice);
    if (facts->use != SNUG_USE_SERVER && !loads)
        advise_program(facts, advice);
    else
        snug_advise(advice, "a container's or a batch job's limit counts, not the machine's",
                    "Give it more memory, or swap");
    advise_check(facts, advice);
}

const snug_cause snug_cause_host_memory = {
    .name = "host-memory",
    .help = "the machine's own memory ran out, not the GPU's",
    .knows_shortage = true,
    .judge = judge,
    .advise = advise,
};

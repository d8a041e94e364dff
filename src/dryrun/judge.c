// How an attempt ended: by what its processes wrote, and by its exit status.
#include <string.h>
#include <sys/wait.h>

#include "dryrun/dry_run_result.h"

const char *const snug_dry_cannot_keys[] = {
#define SNUG_DRY_CANNOT_KEY(symbol, key) key,
    SNUG_DRY_CANNOT_LIST(SNUG_DRY_CANNOT_KEY)
#undef SNUG_DRY_CANNOT_KEY
};

static bool ended_by_us(const snug_dry_process *process) {
    return strcmp(process->ended, "steps") == 0 || strcmp(process->ended, "time") == 0;
}

// The process whose error ended the program: the first rank's of those that have one, and one that
// ran out of memory before one that heard of it.
static const snug_dry_process *find_failed(const snug_dry_records *records) {
    const snug_dry_process *found = NULL;
    for (size_t i = 0; i < records->process_count; i++) {
        const snug_dry_process *process = &records->processes[i];
        if (!process->error_type) continue;
        bool ran_out = process->error_is_oom && process->failure_count > 0;
        if (!found || (ran_out && !(found->error_is_oom && found->failure_count > 0)))
            found = process;
    }
    return found;
}

static bool lacks_name(const char *text) {
    static const char *const beginnings[] = {"undefined symbol: cu", "undefined symbol: nv",
                                             "undefined symbol: nccl", "undefined symbol: Nv",
                                             "undefined symbol: __cuda"};
    for (size_t i = 0; text && i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (strstr(text, beginnings[i])) return true;
    return text && strstr(text, "version `lib") && strstr(text, "' not found");
}

// A process that ran out of memory and did nothing with a card from then on.
static bool gave_up(const snug_dry_process *process) {
    if (process->failure_count == 0 || ended_by_us(process)) return false;
    const snug_dry_failure *last = &process->failures[process->failure_count - 1];
    size_t device = (size_t)last->device;
    return device < process->recorded_count && last->served >= process->recorded[device];
}

static snug_dry_cannot told_cannot(const snug_dry_process *process) {
    static const struct {
        const char *word;
        snug_dry_cannot cannot;
    } words[] = {{"cpu", SNUG_DRY_CPU_BUILD},
                 {"rocm", SNUG_DRY_ROCM_BUILD},
                 {"xpu", SNUG_DRY_XPU_BUILD},
                 {"major", SNUG_DRY_OTHER_MAJOR}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(process->cannot, words[i].word) == 0) return words[i].cannot;
    return SNUG_DRY_CAN;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Whether |program| is a Python that is told to leave the environment or its own site aside.
static bool is_isolated(char *const *program) {
    if (strncmp(last_part(program[0]), "python", 6) != 0) return false;
    for (int i = 1; program[i] && program[i][0] == '-'; i++) {
        const char *option = program[i];
        if (option[1] == '-') continue;
        if (strpbrk(option, "mc")) break; // what follows is the program's own
        if (strpbrk(option, "IES")) return true;
        if (strcmp(option, "-X") == 0 || strcmp(option, "-W") == 0) i += program[i + 1] != NULL;
    }
    return false;
}

// A program that used no card: why not.
static snug_dry_cannot find_reason(const snug_dry_records *records, char *const *program) {
    bool torch = false, others = false;
    for (size_t i = 0; i < records->process_count; i++) {
        torch |= *records->processes[i].torch != '\0';
        others |= records->processes[i].other_count > 0;
    }
    if (records->hooks == 0) return is_isolated(program) ? SNUG_DRY_ISOLATED : SNUG_DRY_NO_PYTHON;
    if (others) return SNUG_DRY_OTHER_FRAMEWORK;
    return torch ? SNUG_DRY_NO_CARD : SNUG_DRY_NO_TORCH;
}

static bool ended_well(const snug_dry_attempt *attempt) {
    const snug_dry_records *records = &attempt->records;
    if (WIFEXITED(attempt->end.status) && WEXITSTATUS(attempt->end.status) == 0) return true;
    if (attempt->end.timed_out && records->place_count > 0) return true;
    // Who started a process that we end may call that a failure (a notebook's kernel, a launcher).
    for (size_t i = 0; i < records->process_count; i++)
        if (ended_by_us(&records->processes[i])) return true;
    return false;
}

static void judge_failure(const snug_dry_process *failed, snug_dry_judgement *out) {
    out->failed = failed;
    out->outcome = SNUG_DRY_RUN_OUTCOME_FAILED;
    if (!failed) return;
    bool ran_out = failed->error_is_oom;
    if (!ran_out && failed->failure_count > 0) {
        // Another error, in the step in which it ran out of memory: that is what it comes from.
        const snug_dry_failure *last = &failed->failures[failed->failure_count - 1];
        ran_out = last->step > failed->steps;
    }
    if (ran_out) out->outcome = SNUG_DRY_RUN_OUTCOME_NO_FIT;
    if (!ran_out && (lacks_name(failed->error_message) || lacks_name(failed->import_failure))) {
        out->outcome = SNUG_DRY_RUN_OUTCOME_CANNOT;
        out->cannot = SNUG_DRY_MISSING_NAME;
    }
}

static void judge_good_end(const snug_dry_attempt *attempt, char *const *program,
                           snug_dry_judgement *out) {
    const snug_dry_records *records = &attempt->records;
    if (records->place_count == 0) {
        out->outcome = SNUG_DRY_RUN_OUTCOME_CANNOT;
        out->cannot = find_reason(records, program);
        return;
    }
    for (size_t i = 0; i < records->process_count; i++) {
        const snug_dry_process *process = &records->processes[i];
        out->handled += process->failure_count;
        if (!gave_up(process)) continue;
        out->failed = process;
        out->outcome = SNUG_DRY_RUN_OUTCOME_NO_FIT;
    }
}

void snug_dry_judge(const snug_dry_attempt *attempt, char *const *program,
                    snug_dry_judgement *out) {
    const snug_dry_records *records = &attempt->records;
    *out = (snug_dry_judgement){.outcome = SNUG_DRY_RUN_OUTCOME_FITS};
    for (size_t i = 0; i < records->process_count && out->cannot == SNUG_DRY_CAN; i++) {
        out->cannot = told_cannot(&records->processes[i]);
        out->failed = &records->processes[i];
    }
    if (out->cannot != SNUG_DRY_CAN) {
        out->outcome = SNUG_DRY_RUN_OUTCOME_CANNOT;
        return;
    }
    out->failed = NULL;
    const snug_dry_process *failed = find_failed(records);
    if (attempt->end.interrupted)
        out->outcome = SNUG_DRY_RUN_OUTCOME_INTERRUPTED;
    else if (failed ? !(WIFEXITED(attempt->end.status) && WEXITSTATUS(attempt->end.status) == 0)
                    : !ended_well(attempt))
        judge_failure(failed, out);
    else
        judge_good_end(attempt, program, out);
}

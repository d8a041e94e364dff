// `snug run`: a program on a real card, with the hook and maybe fixes, and what came of it.
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "dryrun/launch.h"
#include "dryrun/records.h"
#include "dryrun/setup.h"
#include "io/file.h"
#include "io/json.h"
#include "snug/explain.h"
#include "snug/fit.h"

#define SIZE(bytes) snug_size_print((size_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

struct snug_watch {
    snug_pool pool;
    char *fixes, *allocator; // the list of the file; NULL: none
    uint64_t expected;       // reserved bytes at the dry run's peak; 0: unknown
    snug_dry_setup setup;
    snug_launch_end end;
    snug_dry_records records;
    uint64_t reserved, allocated; // peaks of the process and card that reserved most
    snug_explanation *explanation;
};

// ---- The file

// The text of the member "fixes" as it stands in the file: the hook reads the same.
static snug_status copy_list(const char *bytes, snug_watch *watch) {
    const char *start = strstr(bytes, "\"fixes\":");
    const char *end = strrchr(bytes, ']');
    if (!start || !end) return snug_fail(SNUG_BAD_FILE, "it has no list called \"fixes\"");
    start += strlen("\"fixes\":");
    size_t length = (size_t)(end + 1 - start);
    SNUG_TRY(snug_pool_new(&watch->pool, length + 1, (void **)&watch->fixes));
    memcpy(watch->fixes, start, length);
    return SNUG_OK;
}

static snug_status read_root(const snug_json *root, snug_watch *watch) {
    const snug_json *list = snug_json_member(root, "fixes");
    if (!list || list->type != SNUG_JSON_LIST)
        return snug_fail(SNUG_BAD_FILE, "it has no list called \"fixes\": `snug fit` writes such "
                                        "files");
    int64_t expected = snug_json_whole(snug_json_member(root, "seen"), "reserved_peak_bytes", 0);
    watch->expected = expected > 0 ? (uint64_t)expected : 0;
    for (const snug_json *one = list->first; one; one = one->next)
        if (strcmp(snug_json_string(one, "fix"), "allocator") == 0)
            SNUG_TRY(
                snug_pool_text(&watch->pool, snug_json_string(one, "settings"), &watch->allocator));
    return SNUG_OK;
}

static snug_status read_fixes(const char *path, snug_watch *watch) {
    char *bytes = NULL;
    size_t length = 0;
    const snug_json *root = NULL;
    if (!path) return SNUG_OK;
    SNUG_TRY(snug_file_read(path, &bytes, &length));
    snug_status status = snug_json_read(bytes, length, &watch->pool, &root);
    if (status == SNUG_OK) status = read_root(root, watch);
    if (status == SNUG_OK) status = copy_list(bytes, watch);
    snug_memory_free(bytes);
    if (status != SNUG_BAD_FILE) return status;
    char reason[256];
    snprintf(reason, sizeof reason, "%s", snug_error_message());
    return snug_fail(SNUG_BAD_FILE, "'%s': %s", path, reason);
}

// ---- The run

static void find_peak(snug_watch *watch) {
    for (size_t i = 0; i < watch->records.process_count; i++) {
        const snug_dry_process *process = &watch->records.processes[i];
        if (process->peak_reserved <= watch->reserved) continue;
        watch->reserved = process->peak_reserved;
        watch->allocated = process->peak_allocated;
    }
}

static const snug_dry_process *failed_process(const snug_watch *watch) {
    for (size_t i = 0; i < watch->records.process_count; i++)
        if (watch->records.processes[i].error_is_oom) return &watch->records.processes[i];
    return NULL;
}

static snug_status explain_failure(snug_watch *watch) {
    char path[PATH_MAX];
    const snug_dry_process *failed = failed_process(watch);
    if (!failed) return SNUG_OK;
    snprintf(path, sizeof path, "%s/%ld.oom.pickle", watch->setup.directory, failed->pid);
    snug_explain_options options = {.what_if = true};
    snug_status status = snug_explain_file_with(path, &options, &watch->explanation);
    if (status != SNUG_OK && status != SNUG_NOMEM && failed->error_message)
        status = snug_explain_text(failed->error_message, strlen(failed->error_message),
                                   "the program's error", &watch->explanation);
    return status == SNUG_NOMEM ? status : SNUG_OK;
}

static snug_status run(snug_watch *watch, char *const *program) {
    snug_dry_run_request request = {.program = program,
                                    .gpus = 1,
                                    .fixes = watch->fixes,
                                    .allocator = watch->allocator,
                                    .real = true};
    SNUG_TRY(snug_dry_setup_make(&request, 0, &watch->setup));
    snug_launch_request launch = {.program = program, .environment = watch->setup.environment};
    SNUG_TRY(snug_launch_run(&launch, &watch->end));
    if (watch->end.start_errno)
        return snug_fail(SNUG_NOT_FOUND, "cannot start '%s': %s", program[0],
                         strerror(watch->end.start_errno));
    SNUG_TRY(snug_dry_records_read(watch->setup.directory, &watch->records));
    find_peak(watch);
    return explain_failure(watch);
}

snug_status snug_watch_start(char *const *program, const char *fixes, snug_watch **out) {
    SNUG_REQUIRE(program && *program && out, "a program and a place for what is seen");
    snug_watch *watch;
    *out = NULL;
    SNUG_TRY(SNUG_NEW(&watch, 1));
    snug_status status = read_fixes(fixes, watch);
    if (status == SNUG_OK) status = run(watch, program);
    if (status == SNUG_OK)
        *out = watch;
    else
        snug_watch_free(watch);
    return status;
}

void snug_watch_free(snug_watch *watch) {
    if (!watch) return;
    snug_explanation_free(watch->explanation);
    snug_dry_records_clear(&watch->records);
    snug_dry_setup_clear(&watch->setup);
    snug_pool_clear(&watch->pool);
    snug_memory_free(watch);
}

int snug_watch_exit(const snug_watch *watch) {
    if (!watch) return 0;
    int status = watch->end.status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool snug_watch_interrupted(const snug_watch *watch) {
    if (!watch) return false;
    return watch->end.interrupted;
}

// ---- The report

static void append_problems(const snug_watch *watch, snug_text *out) {
    for (size_t i = 0; i < watch->records.process_count; i++)
        for (size_t k = 0; k < watch->records.processes[i].problem_count; k++)
            snug_text_append(out, "snug's hook: %s\n", watch->records.processes[i].problems[k]);
}

snug_status snug_watch_text(const snug_watch *watch, char **out) {
    SNUG_REQUIRE(watch && out, "a watched run and a place for the text");
    snug_text text = {0};
    *out = NULL;
    if (watch->reserved == 0)
        snug_text_append(&text, "The program used no card through PyTorch.\n");
    else
        snug_text_append(&text, "Peak on the card: %s reserved by PyTorch, %s allocated.\n",
                         SIZE(watch->reserved), SIZE(watch->allocated));
    if (watch->reserved && watch->expected)
        snug_text_append(&text, "The dry run had seen %s reserved: %+.1f %%.\n",
                         SIZE(watch->expected),
                         100 * ((double)watch->reserved / (double)watch->expected - 1));
    append_problems(watch, &text);
    if (watch->explanation) {
        char *explained = NULL;
        snug_status status = snug_explanation_text(watch->explanation, &explained);
        if (status == SNUG_OK) snug_text_append(&text, "\n%s", explained);
        snug_explanation_text_free(explained);
    }
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_memory_copy_text(snug_text_view(&text), out);
    snug_text_clear(&text);
    return status;
}

#include "train/run.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/file.h"

static snug_status path_in(const snug_run *run, const char *name, snug_text *out) {
    snug_text_append(out, "%s/%s", run->folder, name);
    return snug_text_status(out);
}

static snug_status write_plan(const snug_run *run, const snug_plan *plan) {
    snug_text path = {0};
    char *json = NULL;
    snug_status status;
    SNUG_TRY_GOTO(path_in(run, "plan.json", &path), done);
    SNUG_TRY_GOTO(snug_plan_json(plan, &json), done);
    status = snug_file_write_text(path.data, json);
done:
    snug_string_free(json);
    snug_text_clear(&path);
    return status;
}

static snug_status open_log(snug_run *run) {
    snug_text path = {0};
    snug_status status = path_in(run, "log.jsonl", &path);
    if (status == SNUG_OK) {
        run->log = fopen(path.data, "wb");
        if (!run->log)
            status = snug_fail(SNUG_IO, "cannot write %s: %s", path.data, strerror(errno));
    }
    snug_text_clear(&path);
    return status;
}

static const char weights_name[] = "weights.safetensors";
static const char *const file_names[] = {weights_name, "plan.json", "log.jsonl"};

bool snug_run_exists(const char *folder) {
    bool found = false;
    for (size_t i = 0; folder && i < sizeof file_names / sizeof *file_names && !found; i++) {
        snug_text path = {0};
        snug_text_append(&path, "%s/%s", folder, file_names[i]);
        found = snug_text_status(&path) == SNUG_OK && access(path.data, F_OK) == 0;
        snug_text_clear(&path);
    }
    return found;
}

// With another plan beside them, an earlier run's weights would be a lie.
static snug_status remove_weights(const snug_run *run) {
    snug_text path = {0};
    snug_status status = path_in(run, weights_name, &path);
    if (status == SNUG_OK && unlink(path.data) != 0 && errno != ENOENT)
        status = snug_fail(SNUG_IO, "cannot remove %s: %s", path.data, strerror(errno));
    snug_text_clear(&path);
    return status;
}

snug_status snug_run_open(const char *folder, bool overwrite, const snug_plan *plan,
                          snug_run *out) {
    *out = (snug_run){0};
    if (!folder) return SNUG_OK;
    if (!overwrite && snug_run_exists(folder))
        return snug_fail(SNUG_INVALID,
                         "%s holds an earlier run, which --overwrite replaces; without --out each "
                         "run has a folder of its own",
                         folder);
    snug_status status;
    SNUG_TRY_GOTO(snug_memory_copy_text(folder, &out->folder), failed);
    SNUG_TRY_GOTO(snug_folder_make(folder), failed);
    SNUG_TRY_GOTO(remove_weights(out), failed);
    SNUG_TRY_GOTO(open_log(out), failed);
    SNUG_TRY_GOTO(write_plan(out, plan), failed);
    return SNUG_OK;
failed:
    snug_run_close(out);
    return status;
}

snug_status snug_run_log(snug_run *run, const char *format, ...) {
    if (!run->log) return SNUG_OK;
    va_list arguments;
    va_start(arguments, format);
    int written = vfprintf(run->log, format, arguments);
    va_end(arguments);
    if (written < 0 || fputc('\n', run->log) == EOF || fflush(run->log) != 0)
        return snug_fail(SNUG_IO, "cannot write %s/log.jsonl: %s", run->folder, strerror(errno));
    return SNUG_OK;
}

snug_status snug_run_save(snug_run *run, snug_trainer *trainer) {
    if (!run->folder) return SNUG_OK;
    snug_text path = {0};
    snug_status status = path_in(run, weights_name, &path);
    if (status == SNUG_OK) status = snug_trainer_save(trainer, path.data);
    run->is_saved = run->is_saved || status == SNUG_OK;
    snug_text_clear(&path);
    return status;
}

void snug_run_close(snug_run *run) {
    if (run->log) fclose(run->log);
    snug_memory_free(run->folder);
    *run = (snug_run){0};
}

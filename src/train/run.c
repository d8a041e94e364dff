#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/file.h"
#include "train/checkpoint_series.h"

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

static snug_status open_log(snug_run *run, const char *mode) {
    snug_text path = {0};
    snug_status status = path_in(run, "log.jsonl", &path);
    if (status == SNUG_OK) {
        run->log = fopen(path.data, mode);
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

// What a process that was killed was writing: nobody else writes into a folder that is locked.
static bool is_left_over(const char *name) {
    static const char ending[] = ".tmp";
    size_t length = strlen(name), suffix = sizeof ending - 1;
    bool known = strncmp(name, "checkpoint-", 11) == 0 && strstr(name, ".safetensors.");
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names && !known; i++)
        known = strncmp(name, file_names[i], strlen(file_names[i])) == 0;
    return known && length > suffix && strcmp(name + length - suffix, ending) == 0;
}

// With another plan beside them, an earlier run's weights and checkpoints would be a lie.
static bool is_earlier(const char *name) {
    return is_left_over(name) || snug_checkpoint_number(name) >= 0 ||
           strcmp(name, weights_name) == 0;
}

static snug_status remove_files(const snug_run *run, bool (*is_meant)(const char *name)) {
    DIR *folder = opendir(run->folder);
    if (!folder) return snug_fail(SNUG_IO, "cannot look into %s: %s", run->folder, strerror(errno));
    snug_status status = SNUG_OK;
    for (const struct dirent *entry; status == SNUG_OK && (entry = readdir(folder));) {
        if (!is_meant(entry->d_name) || unlinkat(dirfd(folder), entry->d_name, 0) == 0) continue;
        status = snug_fail(SNUG_IO, "cannot remove %s/%s: %s", run->folder, entry->d_name,
                           strerror(errno));
    }
    closedir(folder);
    return status;
}

static snug_status refuse_locked(const snug_run *run, int descriptor) {
    char owner[32] = "";
    ssize_t length = pread(descriptor, owner, sizeof owner - 1, 0);
    owner[length > 0 ? length : 0] = '\0';
    owner[strspn(owner, "0123456789")] = '\0';
    return snug_fail(SNUG_INVALID,
                     "%s%s trains in %s: two runs need two folders, and one goes on "
                     "after the other has ended",
                     *owner ? "process " : "another process", owner, run->folder);
}

// A lock ends with its process, however that ends; the file stays. File systems that know no locks
// go without.
static snug_status lock(snug_run *run) {
    snug_text path = {0};
    char owner[32];
    snug_status status;
    SNUG_TRY_GOTO(path_in(run, "lock", &path), done);
    run->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->lock < 0) {
        status = snug_fail(SNUG_IO, "cannot write %s: %s", path.data, strerror(errno));
        goto done;
    }
    if (flock(run->lock, LOCK_EX | LOCK_NB) != 0 && errno != ENOSYS && errno != EOPNOTSUPP &&
        errno != ENOLCK) {
        status = errno == EWOULDBLOCK
                     ? refuse_locked(run, run->lock)
                     : snug_fail(SNUG_IO, "cannot lock %s: %s", path.data, strerror(errno));
        goto done;
    }
    // Who it is helps people alone: where it cannot be written, nothing is lost.
    snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
    if (ftruncate(run->lock, 0) != 0 || pwrite(run->lock, owner, strlen(owner), 0) < 0) errno = 0;
done:
    snug_text_clear(&path);
    return status;
}

snug_status snug_run_open(const char *folder, bool overwrite, const snug_plan *plan,
                          snug_run *out) {
    *out = (snug_run){.lock = -1};
    if (!folder) return SNUG_OK;
    snug_status status;
    SNUG_TRY_GOTO(snug_memory_copy_text(folder, &out->folder), failed);
    SNUG_TRY_GOTO(snug_folder_make(folder), failed);
    SNUG_TRY_GOTO(lock(out), failed);
    if (!overwrite && snug_run_exists(folder)) {
        status = snug_fail(SNUG_INVALID,
                           "%s holds an earlier run, which `overwrite` replaces and `resume` goes "
                           "on with; without `out` each run has a folder of its own",
                           folder);
        goto failed;
    }
    SNUG_TRY_GOTO(remove_files(out, is_earlier), failed);
    SNUG_TRY_GOTO(open_log(out, "wbe"), failed);
    SNUG_TRY_GOTO(write_plan(out, plan), failed);
    return SNUG_OK;
failed:
    snug_run_close(out);
    return status;
}

snug_status snug_run_reopen(const char *folder, snug_run *out) {
    *out = (snug_run){.lock = -1};
    if (access(folder, F_OK) != 0)
        return snug_fail(SNUG_NOT_FOUND, "cannot go on in %s: %s", folder, strerror(errno));
    snug_status status = snug_memory_copy_text(folder, &out->folder);
    if (status == SNUG_OK) status = lock(out);
    if (status == SNUG_OK) status = remove_files(out, is_left_over);
    if (status != SNUG_OK) snug_run_close(out);
    return status;
}

// The bytes of whole lines among the first |bytes| of the log, from where it is read.
static long whole_lines(FILE *log, long bytes) {
    long whole = 0;
    for (long at = 0; at < bytes; at++)
        if (fgetc(log) == '\n') whole = at + 1;
    return whole;
}

snug_status snug_run_continue(snug_run *run, const snug_plan *plan, int64_t log_bytes,
                              int64_t *missing) {
    SNUG_TRY(open_log(run, "a+be"));
    long there = fseek(run->log, 0, SEEK_END) == 0 ? ftell(run->log) : -1;
    *missing = there < log_bytes ? log_bytes - there : 0;
    if (there >= 0 && *missing) {
        rewind(run->log);
        log_bytes = whole_lines(run->log, there);
    }
    if (there < 0 || ftruncate(fileno(run->log), log_bytes) != 0 ||
        fseek(run->log, 0, SEEK_END) != 0)
        return snug_fail(SNUG_IO, "cannot go on with %s/log.jsonl: %s", run->folder,
                         strerror(errno));
    snug_text weights = {0};
    run->is_saved =
        path_in(run, weights_name, &weights) == SNUG_OK && access(weights.data, F_OK) == 0;
    snug_text_clear(&weights);
    return write_plan(run, plan);
}

snug_status snug_run_log_bytes(snug_run *run, int64_t *out) {
    *out = 0;
    if (!run->log) return SNUG_OK;
    long bytes = fflush(run->log) == 0 && fsync(fileno(run->log)) == 0 ? ftell(run->log) : -1;
    if (bytes < 0)
        return snug_fail(SNUG_IO, "cannot write %s/log.jsonl: %s", run->folder, strerror(errno));
    *out = bytes;
    return SNUG_OK;
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
    if (run->folder && run->lock >= 0) close(run->lock);
    snug_memory_free(run->folder);
    *run = (snug_run){.lock = -1};
}

#include "dryrun/setup.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/installed.h"
#include "base/text.h"
#include "io/file.h"

extern char **environ;

static snug_status find_files(const char *name, snug_pool *pool, const char **out) {
    char resolved[PATH_MAX], *path = NULL, *kept = NULL;
    SNUG_TRY(snug_installed_find(name, &path));
    snug_status status = SNUG_OK;
    if (!realpath(path, resolved))
        status = snug_fail(SNUG_IO, "'%s': %s", path, strerror(errno));
    else if (strpbrk(resolved, ":;"))
        status = snug_fail(SNUG_INVALID,
                           "'%s' has a colon or a semicolon in it: Python cannot be pointed there",
                           resolved);
    else
        status = snug_pool_text(pool, resolved, &kept);
    *out = kept;
    snug_string_free(path);
    return status;
}

static snug_status make_directory(snug_pool *pool, char **out) {
    char path[PATH_MAX];
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    // The stand-ins' settings are one text with semicolons, and have room for 511 characters.
    if (strlen(folder) > 400 || strchr(folder, ';'))
        return snug_fail(SNUG_IO, "TMPDIR '%s' is too long, or has a semicolon", folder);
    snprintf(path, sizeof path, "%s/snug-dry-run-XXXXXX", folder);
    if (!mkdtemp(path))
        return snug_fail(
            SNUG_IO,
            "cannot make a folder for what the dry run sees in '%s': %s; set TMPDIR to "
            "one that can be written to",
            folder, strerror(errno));
    return snug_pool_text(pool, path, out);
}

const snug_gpu_info *snug_dry_setup_gpu(const snug_dry_run_request *request) {
    const snug_gpu_info *gpu = request->gpu;
    if (!gpu) (void)snug_gpu_find("A100 80GB SXM", &gpu);
    return gpu ? gpu : snug_gpu_at(0);
}

uint64_t snug_dry_setup_memory(const snug_dry_run_request *request) {
    if (request->memory_bytes) return request->memory_bytes;
    return request->gpu ? request->gpu->total_bytes : SNUG_DRY_UNLIMITED;
}

// Of a key that comes twice the stand-ins take the later.
snug_status snug_dry_setup_standin(const snug_dry_run_request *request, uint64_t memory_bytes,
                                   const char *directory, snug_pool *pool, char **out) {
    static const char *const workspaces[] = {"model", "none"};
    snug_text text = {0};
    char *card = NULL;
    SNUG_TRY(snug_gpu_standin_settings(snug_dry_setup_gpu(request), &card));
    snug_text_append(&text, "%s;memory=%" PRIu64 ";gpus=%d;directory=%s", card, memory_bytes,
                     request->verify ? 0 : request->gpus, directory);
    snug_string_free(card);
    if (request->context_bytes)
        snug_text_append(&text, ";context=%" PRIu64, request->context_bytes);
    if (request->others_bytes) snug_text_append(&text, ";others=%" PRIu64, request->others_bytes);
    if (request->keep_bytes) snug_text_append(&text, ";keep-bytes=%" PRIu64, request->keep_bytes);
    if (request->answer_ones) snug_text_append(&text, ";answer=ones");
    if (request->workspace == SNUG_DRY_RUN_WORKSPACE_SIZE)
        snug_text_append(&text, ";workspace=%" PRIu64, request->workspace_bytes);
    else
        snug_text_append(&text, ";workspace=%s", workspaces[request->workspace]);
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK) status = snug_pool_text(pool, snug_text_view(&text), out);
    snug_text_clear(&text);
    return status;
}

static bool is_any(const char *entry, const char *const *names) {
    for (; *names; names++)
        if (strncmp(entry, *names, strlen(*names)) == 0) return true;
    return false;
}

static bool is_set_by_us(const char *entry, const snug_dry_run_request *request) {
    static const char *const always[] = {"SNUG_HOOK=", "PYTHONPATH=", NULL};
    static const char *const dry[] = {
        "SNUG_STANDIN=", "TORCHINDUCTOR_CACHE_DIR=", "TRITON_CACHE_DIR=", NULL};
    static const char *const verify[] = {"PYTHONHASHSEED=", NULL};
    static const char *const allocator[] = {
        "PYTORCH_CUDA_ALLOC_CONF=", "PYTORCH_ALLOC_CONF=", NULL};
    return is_any(entry, always) || (!request->real && is_any(entry, dry)) ||
           (request->verify && is_any(entry, verify)) ||
           (request->allocator && is_any(entry, allocator));
}

static snug_status format_hook(const snug_dry_run_request *request, const snug_dry_setup *setup,
                               snug_text *out) {
    snug_text_append(out, "SNUG_HOOK=directory=%s;steps=%d", setup->directory, request->steps);
    if (!request->real) snug_text_append(out, ";standins=%s", setup->standins);
    if (request->seconds > 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snug_text_append(out, ";deadline=%.3f",
                         (double)now.tv_sec + 1e-9 * (double)now.tv_nsec + request->seconds);
    }
    if (request->fixes) snug_text_append(out, ";fixes=%s/fixes.json", setup->directory);
    if (request->profile) snug_text_append(out, ";profile=1");
    if (request->verify) snug_text_append(out, ";verify=%s", request->verify);
    return snug_text_status(out);
}

static snug_status write_fixes(const snug_dry_run_request *request, const snug_dry_setup *setup) {
    char path[PATH_MAX];
    if (!request->fixes) return SNUG_OK;
    snprintf(path, sizeof path, "%s/fixes.json", setup->directory);
    return snug_file_write_text(path, request->fixes);
}

static snug_status make_environment(const snug_dry_run_request *request, uint64_t memory_bytes,
                                    snug_dry_setup *setup) {
    enum { TEXTS = 8 };
    size_t count = 0, used = 0;
    while (environ[count])
        count++;
    SNUG_TRY(snug_pool_new(&setup->pool, (count + TEXTS + 1) * sizeof(char *),
                           (void **)&setup->environment));
    for (size_t i = 0; i < count; i++)
        if (!is_set_by_us(environ[i], request)) setup->environment[used++] = environ[i];
    snug_text texts[TEXTS] = {{0}};
    char *standin = NULL;
    const char *path = getenv("PYTHONPATH");
    snug_status status =
        snug_dry_setup_standin(request, memory_bytes, setup->directory, &setup->pool, &standin);
    if (status == SNUG_OK) {
        if (!request->real) {
            snug_text_append(&texts[0], "SNUG_STANDIN=%s", standin);
            // Kernels chosen by the clock of a card that computes nothing must not be found by
            // later runs on a real one; and each dry run compiles, as the first run on a card does.
            snug_text_append(&texts[5], "TORCHINDUCTOR_CACHE_DIR=%s/torchinductor",
                             setup->directory);
            snug_text_append(&texts[6], "TRITON_CACHE_DIR=%s/triton", setup->directory);
        }
        snug_text_append(&texts[1], "PYTHONPATH=%s/start%s%s", setup->python,
                         path && *path ? ":" : "", path ? path : "");
        if (request->verify) snug_text_append(&texts[7], "PYTHONHASHSEED=0");
        // Both of its names: the newer one counts where a version knows it.
        if (request->allocator) {
            snug_text_append(&texts[3], "PYTORCH_CUDA_ALLOC_CONF=%s", request->allocator);
            snug_text_append(&texts[4], "PYTORCH_ALLOC_CONF=%s", request->allocator);
        }
        status = format_hook(request, setup, &texts[2]);
    }
    for (int i = 0; i < TEXTS; i++) {
        if (status == SNUG_OK && texts[i].data)
            status = snug_pool_text(&setup->pool, snug_text_view(&texts[i]),
                                    &setup->environment[used++]);
        snug_text_clear(&texts[i]);
    }
    return status;
}

snug_status snug_dry_setup_make(const snug_dry_run_request *request, uint64_t memory_bytes,
                                snug_dry_setup *out) {
    *out = (snug_dry_setup){0};
    SNUG_TRY(find_files("stand-in", &out->pool, &out->standins));
    SNUG_TRY(find_files("python", &out->pool, &out->python));
    SNUG_TRY(make_directory(&out->pool, &out->directory));
    SNUG_TRY(write_fixes(request, out));
    return make_environment(request, memory_bytes ? memory_bytes : snug_dry_setup_memory(request),
                            out);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about, (void)kind, (void)place;
    (void)remove(path); // what cannot be removed stays, and the rest goes
    return 0;
}

void snug_dry_remove_folder(const char *path) {
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void snug_dry_setup_clear(snug_dry_setup *setup) {
    if (setup->directory && !getenv("SNUG_DRY_RUN_KEEP")) snug_dry_remove_folder(setup->directory);
    snug_pool_clear(&setup->pool);
    *setup = (snug_dry_setup){0};
}

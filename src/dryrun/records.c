#include "dryrun/records.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/file.h"
#include "io/json.h"

static uint64_t bytes_of(const snug_json *object, const char *key) {
    int64_t value = snug_json_whole(object, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

static int int_of(const snug_json *object, const char *key, int otherwise) {
    return (int)snug_json_whole(object, key, otherwise);
}

// A reader of one document: what it makes goes to the pool, and a failure stays until it is asked
// for.
typedef struct reader {
    snug_pool *pool;
    snug_status status;
} reader;

// An array for the list |key| of |object|; |*count| receives its length and |*first| its first
// element, 0 and NULL where it is none.
static void *list_of(reader *self, const snug_json *object, const char *key, size_t size,
                     size_t *count, const snug_json **first) {
    void *out = NULL;
    const snug_json *list = snug_json_member(object, key);
    bool is_list = list && list->type == SNUG_JSON_LIST && list->count > 0;
    if (is_list && self->status == SNUG_OK)
        self->status = snug_pool_new(self->pool, list->count * size, &out);
    *count = out ? list->count : 0;
    *first = out ? list->first : NULL;
    return out;
}

static const char **texts_of(reader *self, const snug_json *object, const char *key,
                             size_t *count) {
    const snug_json *item;
    const char **out = list_of(self, object, key, sizeof *out, count, &item);
    for (const char **to = out; item; item = item->next)
        *to++ = item->string;
    return out;
}

static uint64_t *numbers_of(reader *self, const snug_json *object, const char *key, size_t *count) {
    const snug_json *item;
    uint64_t *out = list_of(self, object, key, sizeof *out, count, &item);
    for (uint64_t *to = out; item; item = item->next)
        *to++ = item->whole > 0 ? (uint64_t)item->whole : 0;
    return out;
}

// The elements of a list joined by spaces.
static const char *joined(reader *self, const snug_json *object, const char *key) {
    snug_text text = {0};
    const snug_json *list = snug_json_member(object, key);
    char *out = NULL;
    for (const snug_json *item = list ? list->first : NULL; item; item = item->next)
        snug_text_append(&text, "%s%s", text.length ? " " : "", item->string);
    if (self->status == SNUG_OK) self->status = snug_text_status(&text);
    if (self->status == SNUG_OK)
        self->status = snug_pool_text(self->pool, snug_text_view(&text), &out);
    snug_text_clear(&text);
    return out ? out : "";
}

// ---- The hook's ----------------------------------------------------------------------------

static void read_peaks(const snug_json *root, snug_dry_process *out) {
    const snug_json *peaks = snug_json_member(root, "peaks");
    for (const snug_json *one = peaks ? peaks->first : NULL; one; one = one->next) {
        if (bytes_of(one, "reserved") <= out->peak_reserved) continue;
        out->peak_reserved = bytes_of(one, "reserved");
        out->peak_allocated = bytes_of(one, "allocated");
    }
}

static void read_error(const snug_json *root, snug_dry_process *out) {
    const snug_json *error = snug_json_member(root, "error");
    if (!error || error->type != SNUG_JSON_OBJECT) return;
    out->error_type = snug_json_string(error, "type");
    out->error_message = snug_json_string(error, "message");
    out->error_line = snug_json_string(error, "place");
    // Before PyTorch 2.5, and through other libraries, it is a RuntimeError that says so.
    out->error_is_oom = strcmp(snug_json_string(error, "kind"), "out-of-memory") == 0 ||
                        strstr(out->error_message, "CUDA out of memory") ||
                        strstr(out->error_message, "CUDA error: out of memory");
}

static uint64_t served_at(const snug_json *failure, int device) {
    const snug_json *list = snug_json_member(failure, "allocations");
    const snug_json *item = list ? list->first : NULL;
    for (int i = 0; item && i < device; i++)
        item = item->next;
    return item && item->whole > 0 ? (uint64_t)item->whole : 0;
}

static void read_failures(reader *self, const snug_json *root, snug_dry_process *out) {
    const snug_json *item;
    out->failures =
        list_of(self, root, "failures", sizeof *out->failures, &out->failure_count, &item);
    for (snug_dry_failure *to = out->failures; item; item = item->next) {
        int device = int_of(item, "device", 0);
        *to++ = (snug_dry_failure){.device = device,
                                   .served = served_at(item, device),
                                   .requested = bytes_of(item, "requested_bytes"),
                                   .card_bytes = bytes_of(item, "card_bytes"),
                                   .free_bytes = bytes_of(item, "free_bytes"),
                                   .step = snug_json_whole(item, "step", 0),
                                   .phase = snug_json_string(item, "phase"),
                                   .line = snug_json_string(item, "place")};
    }
}

static void read_optimizers(reader *self, const snug_json *root, snug_dry_process *out) {
    const snug_json *item;
    out->optimizers =
        list_of(self, root, "optimizers", sizeof *out->optimizers, &out->optimizer_count, &item);
    for (snug_dry_optimizer *to = out->optimizers; item; item = item->next)
        *to++ = (snug_dry_optimizer){.name = snug_json_string(item, "optimizer"),
                                     .steps = snug_json_whole(item, "steps", 0),
                                     .count = snug_json_whole(item, "optimizers", 1)};
}

static void read_python(reader *self, const snug_json *root, snug_dry_process *out) {
    out->has_hook = true;
    out->command = joined(self, root, "argv");
    out->python = snug_json_string(root, "python");
    out->torch = snug_json_string(root, "torch");
    out->cuda = snug_json_string(root, "cuda");
    out->ended = snug_json_string(root, "ended");
    out->cannot = snug_json_string(root, "cannot");
    out->import_failure = snug_json_string(root, "import_failure");
    out->steps = snug_json_whole(root, "steps", 0);
    out->others = texts_of(self, root, "others", &out->other_count);
    out->problems = texts_of(self, root, "problems", &out->problem_count);
    out->architectures = texts_of(self, root, "architectures", &out->architecture_count);
    out->recorded = numbers_of(self, root, "recorded_allocations", &out->recorded_count);
    read_error(root, out);
    read_peaks(root, out);
    read_failures(self, root, out);
    read_optimizers(self, root, out);
}

// ---- The stand-ins' ------------------------------------------------------------------------

static void read_unknown(reader *self, const snug_json *root, snug_dry_process *out) {
    const snug_json *item;
    out->reads = list_of(self, root, "reads", sizeof *out->reads, &out->read_count, &item);
    for (snug_dry_read *to = out->reads; item; item = item->next) {
        const snug_json *dropped = snug_json_member(item, "dropped");
        *to++ = (snug_dry_read){.operation = snug_json_string(item, "operation"),
                                .line = snug_json_string(item, "place"),
                                .count = bytes_of(item, "count"),
                                .dropped = dropped && dropped->type == SNUG_JSON_TRUE};
    }
    out->returned =
        list_of(self, root, "returned", sizeof *out->returned, &out->returned_count, &item);
    for (snug_dry_returned *to = out->returned; item; item = item->next)
        *to++ = (snug_dry_returned){snug_json_string(item, "library"),
                                    snug_json_string(item, "name"), bytes_of(item, "calls")};
    out->workspaces =
        list_of(self, root, "workspaces", sizeof *out->workspaces, &out->workspace_count, &item);
    for (snug_dry_workspaces *to = out->workspaces; item; item = item->next)
        *to++ = (snug_dry_workspaces){snug_json_string(item, "what"), bytes_of(item, "calls"),
                                      bytes_of(item, "sum_bytes"), bytes_of(item, "largest_bytes")};
    out->notes = texts_of(self, root, "notes", &out->note_count);
}

static void read_marks(reader *self, const snug_json *root, snug_dry_process *out) {
    const snug_json *item;
    out->marks = list_of(self, root, "marks", sizeof *out->marks, &out->mark_count, &item);
    for (snug_dry_mark *to = out->marks; item; item = item->next, to++) {
        to->what = snug_json_string(item, "what");
        to->allocations = numbers_of(self, item, "allocations", &to->devices);
    }
}

static void read_standin(reader *self, const snug_json *root, snug_dry_process *out) {
    out->has_books = true;
    out->pinned_peak = bytes_of(root, "pinned_peak_bytes");
    read_unknown(self, root, out);
    read_marks(self, root, out);
}

static void read_places(const snug_json *root, const snug_dry_process *process,
                        snug_dry_records *out) {
    const snug_json *list = snug_json_member(root, "devices");
    for (const snug_json *item = list ? list->first : NULL; item; item = item->next) {
        uint64_t used = bytes_of(item, "used_peak_bytes");
        if (used == 0) continue; // a card that this process let be
        out->places[out->place_count++] =
            (snug_dry_place){.process = process,
                             .device = int_of(item, "device", 0),
                             .total = bytes_of(item, "total_bytes"),
                             .context = bytes_of(item, "context_bytes"),
                             .used = used,
                             .reserved = bytes_of(item, "reserved_peak_bytes"),
                             .allocated = bytes_of(item, "allocated_peak_bytes"),
                             .allocations = bytes_of(item, "allocations")};
    }
}

// ---- The folder ----------------------------------------------------------------------------

typedef struct documents {
    long pid;
    const snug_json *python, *standin; // NULL: none
} documents;

// A document that is broken counts as missing: its process was cut short.
static snug_status load(const char *directory, const char *name, snug_pool *pool,
                        const snug_json **out) {
    char path[PATH_MAX];
    char *bytes = NULL;
    size_t length = 0;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snug_status status = snug_file_read(path, &bytes, &length);
    if (status == SNUG_OK) status = snug_json_read(bytes, length, pool, out);
    snug_memory_free(bytes);
    return status == SNUG_NOMEM ? status : SNUG_OK;
}

static int rank_of(const documents *of) {
    return int_of(of->python ? of->python : of->standin, "rank", -1);
}

static int by_rank(const void *left, const void *right) {
    const documents *a = left, *b = right;
    if (rank_of(a) != rank_of(b)) return rank_of(a) < rank_of(b) ? -1 : 1;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

enum { MOST_PROCESSES = 4096 };

static snug_status add_document(documents *list, size_t *count, const char *name,
                                const char *directory, snug_pool *pool) {
    char *kind;
    long pid = strtol(name, &kind, 10);
    bool python = strcmp(kind, ".python.json") == 0;
    if (pid <= 0 || (!python && strcmp(kind, ".standin.json") != 0)) return SNUG_OK;
    size_t at = 0;
    while (at < *count && list[at].pid != pid)
        at++;
    if (at == MOST_PROCESSES)
        return snug_fail(SNUG_UNSUPPORTED, "more than %d processes used PyTorch", MOST_PROCESSES);
    if (at == *count) list[(*count)++] = (documents){.pid = pid};
    return load(directory, name, pool, python ? &list[at].python : &list[at].standin);
}

static snug_status list_documents(const char *directory, documents *list, size_t *count,
                                  snug_dry_records *out) {
    DIR *folder = opendir(directory);
    if (!folder) return snug_fail(SNUG_IO, "cannot read '%s': %s", directory, strerror(errno));
    snug_status status = SNUG_OK;
    for (struct dirent *entry; status == SNUG_OK && (entry = readdir(folder));) {
        const char *dot = strchr(entry->d_name, '.');
        out->hooks += dot && strcmp(dot, ".hook") == 0;
        status = add_document(list, count, entry->d_name, directory, &out->pool);
    }
    closedir(folder);
    return status;
}

// A process of which nothing was written.
static const snug_dry_process nothing = {.command = "",
                                         .python = "",
                                         .torch = "",
                                         .cuda = "",
                                         .ended = "",
                                         .cannot = "",
                                         .import_failure = ""};

static snug_status read_all(const documents *list, size_t count, snug_dry_records *out) {
    reader self = {.pool = &out->pool};
    size_t places = 0;
    for (size_t i = 0; i < count; i++) {
        const snug_json *devices = snug_json_member(list[i].standin, "devices");
        places += devices ? devices->count : 0;
    }
    SNUG_TRY(snug_pool_new(&out->pool, count * sizeof *out->processes, (void **)&out->processes));
    SNUG_TRY(snug_pool_new(&out->pool, places * sizeof *out->places, (void **)&out->places));
    for (size_t i = 0; i < count; i++) {
        const snug_json *either = list[i].python ? list[i].python : list[i].standin;
        if (!either) continue;
        snug_dry_process *process = &out->processes[out->process_count++];
        *process = nothing;
        process->pid = list[i].pid;
        process->parent = int_of(either, "ppid", 0);
        process->rank = rank_of(&list[i]);
        process->local_rank = int_of(either, "local_rank", -1);
        if (list[i].python) read_python(&self, list[i].python, process);
        if (list[i].standin) read_standin(&self, list[i].standin, process);
        if (list[i].standin) read_places(list[i].standin, process, out);
    }
    return self.status;
}

snug_status snug_dry_records_read(const char *directory, snug_dry_records *out) {
    *out = (snug_dry_records){0};
    documents *list = NULL;
    size_t count = 0;
    SNUG_TRY(snug_pool_new(&out->pool, MOST_PROCESSES * sizeof *list, (void **)&list));
    SNUG_TRY(list_documents(directory, list, &count, out));
    if (count > 0) qsort(list, count, sizeof *list, by_rank);
    return read_all(list, count, out);
}

void snug_dry_records_clear(snug_dry_records *records) {
    snug_pool_clear(&records->pool);
    *records = (snug_dry_records){0};
}

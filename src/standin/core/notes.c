// What a dry run could not know, collected for its report: reads of numbers that a kernel would
// have made, functions that only returned, workspaces by a model, remarks. And marks of what the
// program was doing, which the hook makes.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "standin/core/state.h"

enum { LIBRARIES = 32, NOTES = 64, WORKSPACES = 32, READS = 256, MARKS = 1 << 16, FRAMES = 64 };
enum { OPERATION = 48, PLACE = 256, CACHED = 1024 };

typedef struct library_names {
    const char *library;
    snug_standin_name *names;
    size_t count;
} library_names;

typedef struct read_note {
    char operation[OPERATION], place[PLACE];
    uint64_t count, bytes;
    bool dropped;
} read_note;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static library_names libraries[LIBRARIES];
static size_t library_count;
static char *notes[NOTES];
static size_t note_count;
static snug_noted_workspace workspaces[WORKSPACES];
static size_t workspace_count;
static read_note reads[READS];
static size_t read_count;
static snug_noted_mark *marks;
static size_t mark_count, mark_room;
static snug_standin_place *place_callback;

void snug_standin_names(const char *library, snug_standin_name *names, size_t count) {
    pthread_mutex_lock(&lock);
    if (library_count < LIBRARIES)
        libraries[library_count++] = (library_names){library, names, count};
    pthread_mutex_unlock(&lock);
}

void snug_standin_note(const char *text) {
    pthread_mutex_lock(&lock);
    size_t at = 0;
    while (at < note_count && strcmp(notes[at], text) != 0)
        at++;
    if (at == note_count && note_count < NOTES && (notes[at] = strdup(text))) note_count++;
    pthread_mutex_unlock(&lock);
}

void snug_standin_workspace(const char *what, uint64_t bytes) {
    pthread_mutex_lock(&lock);
    size_t at = 0;
    while (at < workspace_count && strcmp(workspaces[at].what, what) != 0)
        at++;
    if (at < WORKSPACES) {
        snug_noted_workspace *self = &workspaces[at];
        if (at == workspace_count) {
            char *copy = strdup(what);
            if (copy) self->what = copy, workspace_count++;
        }
        self->calls++;
        self->sum += bytes;
        if (bytes > self->largest) self->largest = bytes;
    }
    pthread_mutex_unlock(&lock);
}

// ---- Marks

void snug_standin_mark(const char *what) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int gpus = snug_standin_settings_get()->gpus;
    uint64_t *allocations = calloc(gpus ? (size_t)gpus : 1, sizeof *allocations);
    char *copy = strdup(what);
    for (int i = 0; allocations && i < gpus; i++)
        allocations[i] = snug_standin_allocations(i);
    pthread_mutex_lock(&lock);
    if (mark_count == mark_room && mark_room < MARKS) {
        size_t room = mark_room ? mark_room * 2 : 256;
        snug_noted_mark *grown = realloc(marks, room * sizeof *grown);
        if (grown) marks = grown, mark_room = room;
    }
    bool kept = allocations && copy && mark_count < mark_room;
    if (kept)
        marks[mark_count++] = (snug_noted_mark){.what = copy,
                                                .time_us = (uint64_t)now.tv_sec * 1000000 +
                                                           (uint64_t)now.tv_nsec / 1000,
                                                .allocations = allocations};
    pthread_mutex_unlock(&lock);
    if (kept) return;
    free(allocations);
    free(copy);
}

// ---- Reads of numbers that nobody made

void snug_standin_on_read(snug_standin_place *callback) {
    pthread_mutex_lock(&lock);
    place_callback = callback;
    pthread_mutex_unlock(&lock);
}

typedef struct known_symbol {
    void *address;
    bool ends; // the interpreter: what lies further out is Python
    char operation[OPERATION];
} known_symbol;

// PyTorch's operators are functions "at::_ops::NAME::call" (or redispatch, ...): mangled, the name
// stands behind its length.
static void read_symbol(void *address, known_symbol *out) {
    Dl_info info;
    out->address = address;
    if (!dladdr(address, &info) || !info.dli_sname) return;
    static const char prefix[] = "_ZN2at4_ops";
    out->ends =
        strncmp(info.dli_sname, "_PyEval", 7) == 0 || strncmp(info.dli_sname, "PyEval", 6) == 0;
    if (strncmp(info.dli_sname, prefix, sizeof prefix - 1) != 0) return;
    char *name = NULL;
    unsigned long length = strtoul(info.dli_sname + sizeof prefix - 1, &name, 10);
    if (length > strlen(name)) return;
    snprintf(out->operation, sizeof out->operation, "%.*s", (int)length, name);
}

// Looking up a symbol in PyTorch's libraries takes milliseconds; the same places ask again and
// again. The look-up takes the loader's lock, and is done under none of ours.
static known_symbol symbol_of(void *address) {
    static known_symbol cache[CACHED];
    static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
    known_symbol *entry = &cache[((uintptr_t)address >> 2) % CACHED];
    pthread_mutex_lock(&cache_lock);
    known_symbol found = *entry;
    pthread_mutex_unlock(&cache_lock);
    if (found.address == address) return found;
    found = (known_symbol){0};
    read_symbol(address, &found);
    pthread_mutex_lock(&cache_lock);
    *entry = found;
    pthread_mutex_unlock(&cache_lock);
    return found;
}

// The outermost of PyTorch's operators on the stack, up to Python: what the program called.
static void find_operation(char operation[OPERATION]) {
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);
    snprintf(operation, OPERATION, "a copy");
    for (int i = 0; i < count; i++) {
        known_symbol symbol = symbol_of(frames[i]);
        if (symbol.ends) break;
        if (symbol.operation[0]) memcpy(operation, symbol.operation, OPERATION);
    }
}

void snug_notes_read(const char *operation, uint64_t bytes, bool dropped) {
    read_note fresh = {.count = 1, .bytes = bytes, .dropped = dropped};
    pthread_mutex_lock(&lock);
    snug_standin_place *callback = place_callback;
    pthread_mutex_unlock(&lock);
    if (operation)
        snprintf(fresh.operation, sizeof fresh.operation, "%s", operation);
    else
        find_operation(fresh.operation);
    if (callback) callback(fresh.place, sizeof fresh.place);
    pthread_mutex_lock(&lock);
    size_t at = 0;
    while (at < read_count &&
           !(strcmp(reads[at].operation, fresh.operation) == 0 &&
             strcmp(reads[at].place, fresh.place) == 0 && reads[at].dropped == dropped))
        at++;
    if (at < read_count) {
        reads[at].count++;
        if (bytes > reads[at].bytes) reads[at].bytes = bytes;
    } else if (read_count < READS) {
        reads[read_count++] = fresh;
    }
    pthread_mutex_unlock(&lock);
}

// ---- Visits, by the report alone

void snug_notes_visit_names(const snug_visitor *visitor) {
    for (size_t i = 0; i < library_count; i++)
        for (size_t k = 0; k < libraries[i].count; k++)
            if (__atomic_load_n(&libraries[i].names[k].calls, __ATOMIC_RELAXED))
                visitor->name(visitor->context, libraries[i].library, &libraries[i].names[k]);
}

void snug_notes_visit_reads(const snug_visitor *visitor) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < read_count; i++) {
        snug_noted_read one = {.operation = reads[i].operation,
                               .place = reads[i].place,
                               .count = reads[i].count,
                               .bytes = reads[i].bytes,
                               .dropped = reads[i].dropped};
        visitor->read(visitor->context, &one);
    }
    pthread_mutex_unlock(&lock);
}

void snug_notes_visit_workspaces(const snug_visitor *visitor) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < workspace_count; i++)
        visitor->workspace(visitor->context, &workspaces[i]);
    pthread_mutex_unlock(&lock);
}

void snug_notes_visit_marks(const snug_visitor *visitor) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < mark_count; i++)
        visitor->mark(visitor->context, &marks[i]);
    pthread_mutex_unlock(&lock);
}

void snug_notes_visit_notes(const snug_visitor *visitor) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < note_count; i++)
        visitor->note(visitor->context, notes[i]);
    pthread_mutex_unlock(&lock);
}

// DIRECTORY/PID.standin.json: what the stand-ins saw of this process. Written at its end, or when
// the hook asks; whole or not at all.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "standin/core/state.h"

// A member of an array; |first| is cleared by it.
typedef struct list {
    FILE *out;
    bool begun;
} list;

static void next(list *self) {
    fputs(self->begun ? "," : "", self->out);
    self->begun = true;
}

static void print_text(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void print_name(void *context, const char *library, const snug_standin_name *name) {
    list *self = context;
    if (!name->told) return;
    next(self);
    fprintf(self->out, "{\"library\":\"%s\",\"name\":\"%s\",\"calls\":%" PRIu64 "}", library,
            name->name, name->calls);
}

static void print_read(void *context, const snug_noted_read *read) {
    list *self = context;
    next(self);
    fprintf(self->out, "{\"operation\":");
    print_text(self->out, read->operation);
    fprintf(self->out, ",\"place\":");
    print_text(self->out, read->place);
    fprintf(self->out, ",\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"dropped\":%s}", read->count,
            read->bytes, read->dropped ? "true" : "false");
}

static void print_workspace(void *context, const snug_noted_workspace *workspace) {
    list *self = context;
    next(self);
    fprintf(self->out, "{\"what\":");
    print_text(self->out, workspace->what);
    fprintf(self->out,
            ",\"calls\":%" PRIu64 ",\"sum_bytes\":%" PRIu64 ",\"largest_bytes\":%" PRIu64 "}",
            workspace->calls, workspace->sum, workspace->largest);
}

static void print_mark(void *context, const snug_noted_mark *mark) {
    list *self = context;
    next(self);
    fprintf(self->out, "{\"what\":");
    print_text(self->out, mark->what);
    fprintf(self->out, ",\"time_us\":%" PRIu64 ",\"allocations\":[", mark->time_us);
    for (int i = 0; i < snug_standin_settings_get()->gpus; i++)
        fprintf(self->out, "%s%" PRIu64, i ? "," : "", mark->allocations[i]);
    fprintf(self->out, "]}");
}

static void print_note(void *context, const char *text) {
    list *self = context;
    next(self);
    print_text(self->out, text);
}

static void print_devices(FILE *out) {
    list self = {.out = out};
    const snug_standin_settings *settings = snug_standin_settings_get();
    for (int i = 0; i < settings->gpus; i++) {
        snug_books_device now = snug_books_device_now(i);
        if (!now.context) continue;
        next(&self);
        fprintf(out,
                "{\"device\":%d,\"total_bytes\":%" PRIu64 ",\"context_bytes\":%" PRIu64
                ",\"used_bytes\":%" PRIu64 ",\"used_peak_bytes\":%" PRIu64
                ",\"allocated_peak_bytes\":%" PRIu64 ",\"reserved_peak_bytes\":%" PRIu64
                ",\"allocations\":%" PRIu64 "}",
                i, settings->memory, settings->context, now.used, now.used_peak, now.allocated_peak,
                now.reserved_peak, now.allocations);
    }
}

static int environment_number(const char *name) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : -1;
}

static void print_list(FILE *out, const char *key, void (*visit)(const snug_visitor *)) {
    list self = {.out = out};
    snug_visitor visitor = {.context = &self,
                            .name = print_name,
                            .read = print_read,
                            .workspace = print_workspace,
                            .mark = print_mark,
                            .note = print_note};
    fprintf(out, ",\n\"%s\":[", key);
    visit(&visitor);
    fputc(']', out);
}

static void print_all(FILE *out) {
    fprintf(out, "{\"pid\":%ld,\"ppid\":%ld,\"major\":%d,\"rank\":%d,\"local_rank\":%d,\"card\":",
            (long)getpid(), (long)getppid(), snug_standin_major(), environment_number("RANK"),
            environment_number("LOCAL_RANK"));
    print_text(out, snug_standin_settings_get()->card);
    fprintf(out, ",\"pinned_peak_bytes\":%" PRIu64 ",\n\"devices\":[", snug_books_pinned_peak());
    print_devices(out);
    fputc(']', out);
    print_list(out, "reads", snug_notes_visit_reads);
    print_list(out, "returned", snug_notes_visit_names);
    print_list(out, "workspaces", snug_notes_visit_workspaces);
    print_list(out, "notes", snug_notes_visit_notes);
    print_list(out, "marks", snug_notes_visit_marks);
    fprintf(out, "}\n");
}

void snug_standin_flush(void) {
    const char *directory = snug_standin_settings_get()->directory;
    if (!directory[0] || !snug_standin_used()) return;
    char path[600], fresh[640];
    snprintf(path, sizeof path, "%s/%ld.standin.json", directory, (long)getpid());
    snprintf(fresh, sizeof fresh, "%s.part", path);
    FILE *out = fopen(fresh, "w");
    if (!out) return;
    print_all(out);
    bool whole = !ferror(out);
    if (fclose(out) == 0 && whole)
        rename(fresh, path);
    else
        remove(fresh);
}

__attribute__((destructor)) static void at_end(void) {
    snug_standin_flush();
}

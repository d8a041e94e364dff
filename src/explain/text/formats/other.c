// Programs of no format that is known, which say plainly that they had no memory.
#include <stdlib.h>
#include <string.h>

#include "explain/text/message.h"

static bool has_any(const char *text, size_t length, const char *const *words) {
    for (; *words; words++)
        if (memmem(text, length, *words, strlen(*words))) return true;
    return false;
}

// The line that |at| is on, squeezed.
static const char *line_at(const snug_clean *clean, size_t at, size_t *length) {
    size_t line = snug_clean_line_at(clean, at), start = clean->lines[line].squeezed;
    size_t end =
        line + 1 < clean->line_count ? clean->lines[line + 1].squeezed : clean->squeezed_length;
    *length = end - start;
    return clean->squeezed + start;
}

// An error's own line, not prose about errors, and not of a language that has memory of its own.
static bool is_error(const snug_clean *clean, size_t at, size_t length) {
    static const char *const errors[] = {"error",  "fail",  "fatal",  "exception", "abort",
                                         "what()", "can't", "cannot", "unable",    NULL};
    static const char *const prose[] = {
        "java",    "heap",     "system.outof", "ifyou",    "may",     "might", "avoid",
        "prevent", "incase",   "couldbe",      "disk",     "address", "port",  "pid",
        "thread",  "retrying", "fallingback",  "possible", "?",       NULL};
    enum { LONGEST = 400 };
    size_t whole;
    const char *line = line_at(clean, at, &whole);
    if (whole > LONGEST || has_any(line, whole, prose)) return false;
    bool alone = snug_clean_begins_line(clean, at) && whole < length + 40;
    return alone || has_any(line, whole, errors);
}

static const snug_anchor anchors[] = {
    {.text = "outofmemory", .fits = is_error},
    {.text = "outofgpumemory", .fits = is_error},
    {.text = "outofdevicememory", .fits = is_error},
    {.text = "outofvideomemory", .fits = is_error},
    {.text = "outofvram", .fits = is_error},
    {.text = "notenoughmemory", .fits = is_error},
    {.text = "notenoughgpumemory", .fits = is_error},
    {.text = "notenoughvram", .fits = is_error},
    {.text = "insufficientmemory", .fits = is_error},
    {.text = "insufficientgpumemory", .fits = is_error},
    {.text = "insufficientvram", .fits = is_error},
    {.text = "cannotallocatememory", .fits = is_error},
    {.text = "couldnotallocatememory", .fits = is_error},
    {.text = "unabletoallocatememory", .fits = is_error},
    {.text = "memoryallocationfail", .fits = is_error},
    {.text = "failedtoallocatememory", .fits = is_error},
    {.text = "failedtoallocate#bytes", .fits = is_error},
    {0},
};

// Whose memory it is, as the words nearby tell.
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    static const char *const device[] = {"cuda",   "gpu",    "hip",   "vram", "device", "opencl",
                                         "vulkan", "nvidia", "optix", "d3d",  "metal",  NULL};
    static const char *const host[] = {
        "cannotallocatememory", "errno12", "oserror", "malloc", "mmap", "virtualalloc", NULL};
    enum { AROUND = 400 };
    size_t from = message->start < AROUND ? 0 : message->start - AROUND;
    size_t left = clean->squeezed_length - from, most = message->end - from + AROUND;
    const char *text = clean->squeezed + from;
    size_t length = left < most ? left : most;
    if (has_any(text, length, device) || !has_any(text, length, host)) return;
    facts->host = true;
    facts->device = "CPU";
    facts->shortage = SNUG_SHORTAGE_HOST;
}

const snug_format snug_format_other = {
    .name = "other",
    .family = "other",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .fallback = true,
    .tell = tell,
};

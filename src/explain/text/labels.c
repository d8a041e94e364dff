// What the figures of a message are: the words before or after each tell.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "explain/text/message.h"
#include "explain/text/quantity.h"

typedef enum side { BEFORE, AFTER } side;
typedef enum action {
    SET,    // the figure is the quantity, unless it is known
    CACHED, // unallocated, as the oldest format prints it
    NAMED,  // of a process that the text numbers
    IGNORE
} action;

typedef struct figure_label {
    side side;
    const char *words; // '#' stands for digits
    action action;
    size_t figure; // offset in snug_figures
    bool plain;    // a number without a unit is bytes here
    bool last;     // messages end with it, so that a number at the text's end is whole
} figure_label;

#define FIGURE(field) offsetof(snug_figures, field)
#define LABEL(at, words, field)                                                                    \
    { at, words, SET, FIGURE(field), false, false }
#define PLAIN(at, words, field)                                                                    \
    { at, words, SET, FIGURE(field), true, false }

// The first that matches counts.
static const figure_label labels[] = {
    {BEFORE, "(roundedto", IGNORE, 0, true, false},
    {BEFORE, "triedtoallocatemorethan", SET, FIGURE(requested), false, true},
    PLAIN(BEFORE, "triedtoallocate", requested),
    PLAIN(BEFORE, "tryingtoallocate", requested),
    PLAIN(BEFORE, "attemptingtoallocate", requested),
    PLAIN(BEFORE, "outofmemoryallocating", requested),
    {BEFORE, "bufferofsize", SET, FIGURE(requested), true, true},
    {BEFORE, "smallerthanrequestedbytesof", SET, FIGURE(requested), true, true},
    LABEL(BEFORE, "failedtoallocaterequestfor", requested),
    PLAIN(BEFORE, "availablememoryof", free),
    PLAIN(BEFORE, "couldnotallocatetensorwith", requested),
    PLAIN(BEFORE, "requestedmemory", requested),
    PLAIN(BEFORE, "-freememory", free),
    PLAIN(BEFORE, "requestedamountofgpumemory(", requested),
    PLAIN(BEFORE, "requestedamountofmemory(", requested),
    PLAIN(BEFORE, "memoryallocationof", requested),
    PLAIN(BEFORE, "invalidbuffersize", requested),
    PLAIN(BEFORE, "buffer,size=", requested),
    LABEL(BEFORE, "requiresmoresystemmemory(", requested),
    LABEL(BEFORE, "thanisavailable(", free),
    LABEL(BEFORE, "availablekvcachememory(", free),
    LABEL(BEFORE, "anon-rss", process),
    LABEL(BEFORE, "allocatedmemory|", allocated),
    LABEL(BEFORE, "gpureservedmemory|", reserved),
    PLAIN(BEFORE, "maximumallowedbuffersizeof", limit),
    LABEL(BEFORE, "attemptingtoreserve", requested),
    LABEL(BEFORE, "attemptingtoallocate", requested),
    {BEFORE, "total-vm", IGNORE, 0, false, false},
    LABEL(BEFORE, "failedtoallocate", requested),
    LABEL(BEFORE, "cannotallocate", requested),
    LABEL(BEFORE, "unabletoallocate", requested),
    LABEL(BEFORE, "buffer:allocating", requested),
    LABEL(BEFORE, "allocating", requested),
    LABEL(BEFORE, "requested", requested),
    LABEL(BEFORE, "sumtotalofin-usechunks", allocated),
    LABEL(BEFORE, "currentlyallocated", allocated),
    LABEL(BEFORE, "devicelimit", capacity),
    LABEL(BEFORE, "free(accordingtocuda)", free),
    LABEL(BEFORE, "memoryfraction)", limit),
    LABEL(BEFORE, "mpsallocated", allocated),
    LABEL(BEFORE, "otherallocations", outside),
    LABEL(BEFORE, "maxallowed", capacity),
    PLAIN(BEFORE, "(free", free),
    PLAIN(BEFORE, ",free", free),
    PLAIN(BEFORE, ",total", capacity),
    LABEL(BEFORE, "totalcapacityof", capacity),
    LABEL(BEFORE, "totalcapactyof", capacity),
    LABEL(BEFORE, "(gpu#;", capacity),
    LABEL(BEFORE, "(npu#;", capacity),
    LABEL(BEFORE, "(xpu#;", capacity),
    LABEL(BEFORE, "ofwhich", free),
    {BEFORE, "process#has", NAMED, 0, false, false},
    LABEL(BEFORE, "thisprocesshas", process),
    LABEL(BEFORE, "oftheallocatedmemory", allocated),
    LABEL(BEFORE, "isallocatedbypytorch,and", unallocated),
    LABEL(BEFORE, "isallocatedbypytorch,with", private_pools),
    LABEL(BEFORE, "cudagraphs),and", unallocated),
    {BEFORE, "maxinuse", IGNORE, 0, false, false},
    PLAIN(BEFORE, "inuse", allocated),
    PLAIN(BEFORE, "allocatedsofar", allocated),
    PLAIN(BEFORE, "limitsetto", limit),
    PLAIN(BEFORE, "limit", capacity),
    LABEL(BEFORE, "hbm.used", allocated),
    LABEL(BEFORE, "availablememoryisonly", free),
    LABEL(BEFORE, "thereare", free),
    LABEL(AFTER, "kvcacheis", requested),
    LABEL(AFTER, "totalcapacity", capacity),
    LABEL(AFTER, "alreadyallocated", allocated),
    {AFTER, "freed", IGNORE, 0, false, false},
    {AFTER, "free(", IGNORE, 0, false, false},
    LABEL(AFTER, "free", free),
    {AFTER, "cached", CACHED, FIGURE(unallocated), false, false},
    {AFTER, "currentactive", IGNORE, 0, false, false},
    LABEL(AFTER, "reservedintotal", reserved),
    LABEL(AFTER, "allowed", limit),
    LABEL(AFTER, "allocatedinprivatepools", private_pools),
    LABEL(AFTER, "isallocatedbypytorch", allocated),
    LABEL(AFTER, "isreservedbypytorchbutunallocated", unallocated),
    LABEL(AFTER, "isfree", free),
    LABEL(AFTER, "ofwhich", capacity),
    LABEL(AFTER, "hbm.", capacity),
    LABEL(AFTER, "memoryhasbeenallocated", allocated),
};
enum { LABELS = sizeof labels / sizeof labels[0] };

static bool is_digit(char character) {
    return isdigit((unsigned char)character) != 0;
}

size_t snug_pattern_match(const char *text, const char *pattern) {
    const char *at = text;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*at++ != *pattern) return 0;
            continue;
        }
        if (!is_digit(*at)) return 0;
        while (is_digit(*at))
            at++;
    }
    return (size_t)(at - text);
}

// Whether |pattern| ends at |end|, not before |start|.
static bool ends_with(const char *text, size_t start, size_t end, const char *pattern) {
    while (end > start && strchr(":=~", text[end - 1]))
        end--;
    for (size_t i = strlen(pattern); i-- > 0;) {
        if (end == start) return false;
        if (pattern[i] != '#') {
            if (text[--end] != pattern[i]) return false;
            continue;
        }
        if (!is_digit(text[end - 1])) return false;
        while (end > start && is_digit(text[end - 1]))
            end--;
    }
    return true;
}

static const figure_label *label_before(const char *text, size_t start, size_t end) {
    for (int i = 0; i < LABELS; i++)
        if (labels[i].side == BEFORE && ends_with(text, start, end, labels[i].words))
            return &labels[i];
    return NULL;
}

// Words that the end of the text cuts off count when only one figure has such a label.
static const figure_label *cut_label(const char *text, size_t length) {
    const figure_label *found = NULL;
    while (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0) return NULL;
    for (int i = 0; i < LABELS; i++) {
        if (labels[i].side != AFTER || strncmp(labels[i].words, text, length) != 0) continue;
        if (found && (found->figure != labels[i].figure || found->action != labels[i].action))
            return NULL;
        found = &labels[i];
    }
    return found;
}

static const figure_label *label_after(const char *text, size_t left) {
    for (int i = 0; i < LABELS; i++)
        if (labels[i].side == AFTER && strncmp(text, labels[i].words, strlen(labels[i].words)) == 0)
            return &labels[i];
    return left < 40 ? cut_label(text, left) : NULL;
}

static void set_figure(snug_message *message, const figure_label *label,
                       const snug_quantity *quantity) {
    snug_amount *amount = (snug_amount *)((char *)&message->figures + label->figure);
    if (label->action == CACHED) message->has_cached = true;
    // More than any machine has: what is asked for in error, or how an unset limit is printed.
    if (quantity->unlimited && label->figure != FIGURE(requested)) {
        message->limit_unset |= label->figure == FIGURE(limit);
        return;
    }
    if (!amount->known) *amount = snug_amount_of(quantity->bytes);
}

// "process20398has14.52gib".
static void add_process(const char *text, const snug_quantity *quantity, snug_message *message) {
    size_t at = quantity->start - strlen("has");
    while (at > 0 && is_digit(text[at - 1]))
        at--;
    if (message->processes == SNUG_MAX_PROCESSES || quantity->unlimited) return;
    size_t index = message->processes++;
    message->process[index].pid = strtol(text + at, NULL, 10);
    message->process[index].bytes = quantity->bytes;
}

// Takes what |quantity| is by its labels; the end of the label, 0 when it has none.
static size_t take(const snug_clean *clean, size_t start, const snug_quantity *quantity,
                   snug_message *message) {
    const char *text = clean->squeezed;
    const figure_label *label = label_before(text, start, quantity->start);
    size_t end = quantity->end;
    if (label && !quantity->has_unit && !label->plain) label = NULL;
    if (!label && quantity->has_unit) {
        label = label_after(text + end, clean->squeezed_length - end);
        if (label) end += strnlen(text + end, strlen(label->words));
    }
    if (!label || (quantity->at_end && !label->last)) return 0;
    // A number of few bytes after "limit" or "total" is a count of something else.
    bool may_be_small = label->figure == FIGURE(requested) || label->figure == FIGURE(free);
    if (!quantity->has_unit && !may_be_small && quantity->bytes < 65536) return 0;
    if (label->action == NAMED) add_process(text, quantity, message);
    if (label->action == SET || label->action == CACHED) set_figure(message, label, quantity);
    return end;
}

// "shape[3,3,512,1024]andtypefloat": what a tensor takes where its bytes are not printed.
static size_t read_shape(const char *text, snug_message *message) {
    static const struct {
        const char *name;
        unsigned bytes;
    } types[] = {{"double", 8}, {"int64", 8},   {"complex64", 8}, {"half", 2}, {"bfloat16", 2},
                 {"int16", 2},  {"float16", 2}, {"uint8", 1},     {"int8", 1}, {"bool", 1}};
    double bytes = 1;
    const char *at = text;
    while (is_digit(*at)) {
        bytes *= strtod(at, NULL);
        while (is_digit(*at))
            at++;
        if (*at == ',') at++;
    }
    if (*at != ']' || bytes <= 0) return 0;
    unsigned size = 4;
    const char *type = strncmp(at, "]andtype", 8) == 0 ? at + 8 : "";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncmp(type, types[i].name, strlen(types[i].name)) == 0) size = types[i].bytes;
    bytes *= size;
    snug_amount *requested = &message->figures.requested;
    if (!requested->known && bytes < 0x1p60)
        *requested = (snug_amount){.known = true, .derived = true, .bytes = (uint64_t)bytes};
    return (size_t)(at - text);
}

static void read_gpu(const char *text, snug_message *message) {
    static const char *const patterns[] = {
        "(gpu#;", "gpu#has", "gpu_#_bfc", "gpu:#", "device#",    "cuda#buf", "rocm#buf", "(npu#;",
        "(xpu#;", "npu#has", "xpu#has",   "gpu#.", "vulkan#buf", "cuda:#",   "gpu#would"};
    for (size_t i = 0; message->gpu < 0 && i < sizeof patterns / sizeof patterns[0]; i++) {
        size_t length = snug_pattern_match(text, patterns[i]);
        if (length == 0) continue;
        const char *digits = text + strcspn(text, "0123456789");
        long index = strtol(digits, NULL, 10);
        if (index < 1024) message->gpu = (int)index;
    }
}

static bool ends_message(const char *text) {
    return strncmp(text, "traceback(most", 14) == 0 || strncmp(text, "duringhandlingof", 16) == 0 ||
           strncmp(text, "theaboveexception", 17) == 0 || strncmp(text, "file\"", 5) == 0;
}

// The quantity at |at|. It goes on in the next line only where a long line was broken within it:
// "15.8", "9 GiB".
static bool read_quantity(const snug_clean *clean, size_t at, snug_quantity *out) {
    enum { LONG_LINE = 60 };
    if (!snug_quantity_read(clean->squeezed, clean->squeezed_length, at, out)) return false;
    size_t line = snug_clean_line_at(clean, at);
    const snug_clean_line *lines = clean->lines;
    bool is_last = line + 1 == clean->line_count;
    if (is_last || out->digits_end <= lines[line + 1].squeezed ||
        (lines[line].length >= LONG_LINE && lines[line + 1].prefix == 0))
        return true;
    bool found = snug_quantity_read(clean->squeezed, lines[line + 1].squeezed, at, out);
    out->at_end = false;
    return found;
}

enum { GAP = 300, HINT = 500 };

void snug_message_read(const snug_clean *clean, size_t start, size_t stop, snug_message *message) {
    const char *text = clean->squeezed;
    size_t last = message->end, reach = message->format->reach ? message->format->reach : GAP;
    for (size_t at = start; at < stop && at < last + reach;) {
        if (at > message->start && ends_message(text + at)) {
            stop = at;
            break;
        }
        read_gpu(text + at, message);
        if (strncmp(text + at, "withshape[", 10) == 0 || strncmp(text + at, "orofshape[", 10) == 0)
            at += read_shape(text + at + 10, message);
        snug_quantity quantity;
        if (!is_digit(text[at]) || !read_quantity(clean, at, &quantity)) {
            at++;
            continue;
        }
        size_t end = take(clean, start, &quantity, message);
        if (end > last) last = end;
        at = quantity.end;
    }
    message->end = last < stop ? last : stop;
    size_t hint = stop - message->end < HINT ? stop - message->end : HINT;
    message->tells_hint = memmem(text + message->end, hint, "max_split_size_mb", 17) ||
                          memmem(text + message->end, hint, "expandable_segments", 19);
}

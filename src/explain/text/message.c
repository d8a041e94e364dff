#include "explain/text/message.h"

#include <string.h>

#include "base/memory.h"

// One place where a message may begin.
typedef struct beginning {
    size_t at, length;
    const snug_format *format;
    const snug_anchor *anchor;
} beginning;

typedef struct beginning_list {
    beginning *items;
    size_t count, capacity;
} beginning_list;

// Anchors by their first letter, so that a log of gigabytes is gone through once.
enum { MAX_BY_LETTER = SNUG_MAX_ANCHORS };
typedef struct anchor_index {
    struct {
        const snug_format *format;
        const snug_anchor *anchor;
    } by_letter[256][MAX_BY_LETTER];
    size_t count[256];
} anchor_index;

static void index_anchors(bool fallback, anchor_index *index) {
    memset(index->count, 0, sizeof index->count);
    for (const snug_format *const *format = snug_formats; *format; format++)
        for (const snug_anchor *anchor = (*format)->anchors; anchor->text; anchor++) {
            if ((*format)->fallback != fallback) break;
            unsigned char letter = (unsigned char)anchor->text[0];
            size_t place = index->count[letter];
            if (place == MAX_BY_LETTER) continue; // the tests count
            index->by_letter[letter][place].format = *format;
            index->by_letter[letter][place].anchor = anchor;
            index->count[letter]++;
        }
}

// Source lines that name the error: `except torch.cuda.OutOfMemoryError:`, `if "out of memory" in
// str(e)`.
static bool is_source(const snug_clean *clean, size_t at, size_t length) {
    const char *text = clean->squeezed, *after = text + at + length;
    if ((*after == '"' || *after == '\'') &&
        (strncmp(after + 1, "instr(", 6) == 0 || strncmp(after + 1, "ine", 3) == 0 ||
         strncmp(after + 1, "notin", 5) == 0))
        return true;
    size_t line = clean->lines[snug_clean_line_at(clean, at)].squeezed;
    size_t back = at - line < 60 ? line : at - 60;
    return memmem(text + back, at - back, "except", 6) != NULL &&
           memmem(text + back, at - back, "exception", 9) == NULL;
}

bool snug_clean_begins_line(const snug_clean *clean, size_t at) {
    return clean->lines[snug_clean_line_at(clean, at)].squeezed == at;
}

bool snug_clean_ends_line(const snug_clean *clean, size_t at) {
    if (at >= clean->squeezed_length) return true;
    return clean->lines[snug_clean_line_at(clean, at)].squeezed == at;
}

static snug_status find_beginnings(const snug_clean *clean, const anchor_index *index,
                                   beginning_list *out) {
    const char *text = clean->squeezed;
    for (size_t at = 0; at < clean->squeezed_length; at++) {
        unsigned char letter = (unsigned char)text[at];
        for (size_t i = 0; i < index->count[letter]; i++) {
            const snug_anchor *anchor = index->by_letter[letter][i].anchor;
            size_t length = snug_pattern_match(text + at, anchor->text);
            if (length == 0 || is_source(clean, at, length)) continue;
            if (anchor->fits && !anchor->fits(clean, at, length)) continue;
            SNUG_TRY(SNUG_GROW(&out->items, &out->capacity, out->count + 1));
            // Of several at one place the longest is the most exact.
            size_t place = out->count++;
            for (; place > 0 && out->items[place - 1].at == at &&
                   out->items[place - 1].length < length;
                 place--)
                out->items[place] = out->items[place - 1];
            out->items[place] = (beginning){.at = at,
                                            .length = length,
                                            .format = index->by_letter[letter][i].format,
                                            .anchor = anchor};
        }
    }
    return SNUG_OK;
}

// Where reading has to end: at the next beginning that is no part of this one's words.
static size_t next_beginning(const beginning_list *list, size_t index, size_t length) {
    size_t own = list->items[index].at + list->items[index].length;
    for (size_t i = index + 1; i < list->count; i++)
        if (list->items[i].at >= own && list->items[i].format->before == 0)
            return list->items[i].at;
    return length;
}

static void read_one(const snug_clean *clean, const beginning *from, size_t first, size_t stop,
                     snug_message *out) {
    *out = (snug_message){.format = from->format,
                          .name = from->format->name,
                          .shown = from->anchor->shown,
                          .share = from->anchor->share,
                          .shortage = from->anchor->shortage ? from->anchor->shortage
                                                             : from->format->shortage,
                          .start = from->at,
                          .end = from->at + from->length,
                          .gpu = -1,
                          .pid = -1};
    size_t back = from->format->before, start = from->at - first > back ? from->at - back : first;
    // Not from within a number.
    while (start > first && strchr("0123456789.,", clean->squeezed[start - 1]))
        start--;
    snug_message_read(clean, start, stop, out);
    out->line = snug_clean_line_at(clean, from->at);
    out->last_line = snug_clean_line_at(clean, out->end - 1);
    out->stack_line = out->line;
    if (!from->format->refine) return;
    const char *name = from->format->refine(clean->squeezed + start, out->end - start);
    if (name) out->name = name;
}

enum { FIGURES = sizeof(snug_figures) / sizeof(snug_amount) };

static size_t count_figures(const snug_figures *figures) {
    const snug_amount *amounts = (const snug_amount *)figures;
    size_t known = 0;
    for (int i = 0; i < FIGURES; i++)
        known += amounts[i].known;
    return known;
}

// Equal as far as two prints of the same bytes are.
static bool is_near(const snug_amount *a, const snug_amount *b) {
    uint64_t more = a->bytes > b->bytes ? a->bytes : b->bytes;
    uint64_t less = a->bytes > b->bytes ? b->bytes : a->bytes;
    return more - less <= more / 50;
}

static bool agree(const snug_figures *a, const snug_figures *b) {
    const snug_amount *left = (const snug_amount *)a, *right = (const snug_amount *)b;
    for (int i = 0; i < FIGURES; i++)
        if (left[i].known && right[i].known && !is_near(&left[i], &right[i])) return false;
    return true;
}

static bool have_equal_figures(const snug_figures *a, const snug_figures *b) {
    const snug_amount *left = (const snug_amount *)a, *right = (const snug_amount *)b;
    for (int i = 0; i < FIGURES; i++)
        if (left[i].known != right[i].known || left[i].bytes != right[i].bytes) return false;
    return true;
}

// Equal texts may lie at different addresses.
static bool are_family(const snug_message *a, const snug_message *b) {
    return strcmp(a->format->family, b->format->family) == 0;
}

static bool are_equal(const snug_message *a, const snug_message *b) {
    const char *left = a->shown ? a->shown : "", *right = b->shown ? b->shown : "";
    return are_family(a, b) && a->gpu == b->gpu && strcmp(left, right) == 0 &&
           have_equal_figures(&a->figures, &b->figures);
}

// Adds what |next| tells to |message|.
static void unite(snug_message *message, const snug_message *next) {
    snug_amount *to = (snug_amount *)&message->figures;
    const snug_amount *from = (const snug_amount *)&next->figures;
    // The message that tells more is the one that names the format.
    if (count_figures(&next->figures) > count_figures(&message->figures) ||
        message->format->vague) {
        message->format = next->format;
        message->name = next->name;
        message->line = next->line;
        if (next->shortage) message->shortage = next->shortage;
    }
    if (!message->shortage) message->shortage = next->shortage;
    for (int i = 0; i < FIGURES; i++)
        if (!to[i].known || (to[i].derived && from[i].known)) to[i] = from[i];
    if (message->gpu < 0) message->gpu = next->gpu;
    if (message->processes == 0) {
        message->processes = next->processes;
        memcpy(message->process, next->process, sizeof message->process);
    }
    message->limit_unset |= next->limit_unset;
    message->has_cached |= next->has_cached;
    message->tells_hint |= next->tells_hint;
    message->last_line = next->last_line;
    message->stack_line = next->stack_line;
    message->end = next->end;
}

// A full device fails one library after the other.
static bool is_next_library(const snug_message *message, const snug_message *next) {
    return message->format->masks && next->format->masks && next->line - message->last_line <= 2;
}

// "Out of memory error:" in a person's words or a program's, and the error itself below it.
static bool is_name_of(const snug_message *message, const snug_message *next) {
    enum { JUST_BELOW = 4 };
    return message->format->vague && count_figures(&message->figures) == 0 &&
           next->line - message->last_line <= JUST_BELOW;
}

// A program that goes on tells line by line what it was refused: less and less, or part after part.
static bool is_next_attempt(const snug_message *message, const snug_message *next) {
    return message->format == next->format && next->line - message->last_line <= 2 &&
           message->gpu == next->gpu && message->figures.requested.known &&
           next->figures.requested.known && count_figures(&message->figures) == 1 &&
           count_figures(&next->figures) == 1 && message->processes + next->processes == 0;
}

// One error is often told twice: by the allocator and by the operation, or by chained tracebacks.
static bool is_same_error(const snug_message *message, const snug_message *next) {
    bool near = next->line - message->last_line <= next->format->together;
    bool is_warning = strcmp(message->format->name, "warning") == 0;
    if (is_warning && near && next->figures.requested.known &&
        is_near(&message->figures.requested, &next->figures.requested))
        return true;
    if (next->format->echoes && count_figures(&next->figures) == 0 && near) return true;
    // A program's own line about the status that is told just above.
    enum { JUST_ABOVE = 4 };
    if (message->format->echoes && count_figures(&message->figures) == 0 && !message->shortage &&
        next->line - message->last_line <= JUST_ABOVE)
        return true;
    if (is_name_of(message, next) || is_next_attempt(message, next) ||
        is_next_library(message, next))
        return true;
    if (!are_family(message, next)) return false;
    if (message->gpu >= 0 && next->gpu >= 0 && message->gpu != next->gpu) return false;
    if (!near) return false;
    bool either_is_bare = !message->figures.requested.known || !next->figures.requested.known ||
                          next->format->other_framework;
    return either_is_bare && agree(&message->figures, &next->figures);
}

static snug_status append(snug_message_list *list, const snug_message *message) {
    if (list->count > 0 && is_same_error(&list->items[list->count - 1], message)) {
        unite(&list->items[list->count - 1], message);
        return SNUG_OK;
    }
    // Far enough for ranks and retries, near enough to stay linear.
    for (size_t i = list->count; i-- > 0 && list->count - i <= 64;)
        if (are_equal(&list->items[i], message)) {
            list->items[i].repeats++;
            return SNUG_OK;
        }
    SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
    list->items[list->count++] = *message;
    return SNUG_OK;
}

// Words with which a warning says that the program goes on.
static bool is_harmless(const snug_clean *clean, const snug_message *message) {
    static const char *const words[] = {"isnotafailure",     "intaskalignedassigner,usingcpu",
                                        "retryingwithtiled", "retryingwithoutpipelineparallelism",
                                        "errordonotworry",   NULL};
    enum { BEFORE = 40, AFTER = 160 };
    size_t start = message->start < BEFORE ? 0 : message->start - BEFORE;
    size_t left = clean->squeezed_length - message->end;
    size_t length = message->end - start + (left < AFTER ? left : AFTER);
    for (const char *const *word = words; *word; word++)
        if (memmem(clean->squeezed + start, length, *word, strlen(*word))) return true;
    return false;
}

static snug_status read_all(const snug_clean *clean, const beginning_list *list,
                            snug_message_list *out) {
    size_t covered = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].at < covered) continue;
        snug_message message;
        size_t stop = next_beginning(list, i, clean->squeezed_length);
        read_one(clean, &list->items[i], covered, stop, &message);
        // A label by itself is no message: what it labels has to be there.
        bool bare = count_figures(&message.figures) == 0 && message.processes == 0;
        if (list->items[i].format->before > 0 && bare) continue;
        covered = message.end;
        SNUG_TRY(append(out, &message));
    }
    return SNUG_OK;
}

// Takes away what are warnings. Only now is it known where each ends.
static void drop_harmless(const snug_clean *clean, snug_message_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_harmless(clean, &list->items[i]))
            list->items[kept++] = list->items[i];
        else if (list->harmless++ == 0)
            list->harmless_line = list->items[i].line;
    }
    list->count = kept;
}

snug_status snug_messages_find(const snug_clean *clean, snug_message_list *out) {
    *out = (snug_message_list){0};
    anchor_index *index = NULL;
    beginning_list beginnings = {0};
    snug_status status = SNUG_NEW(&index, 1);
    for (int fallback = 0; fallback < 2 && status == SNUG_OK; fallback++) {
        if (out->count > 0 || out->harmless > 0) break;
        beginnings.count = 0;
        index_anchors(fallback == 1, index);
        status = find_beginnings(clean, index, &beginnings);
        if (status == SNUG_OK) status = read_all(clean, &beginnings, out);
        if (status == SNUG_OK) drop_harmless(clean, out);
    }
    snug_memory_free(index);
    snug_memory_free(beginnings.items);
    return status;
}

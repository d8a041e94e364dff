// Messages of out-of-memory errors in squeezed text. A format knows how its messages begin; what
// the figures after it are is told by the words around each, in whatever order they come: one table
// of labels serves all formats, old and new.
#ifndef SNUG_EXPLAIN_TEXT_MESSAGE_H
#define SNUG_EXPLAIN_TEXT_MESSAGE_H

#include "explain/explain.h"
#include "explain/text/clean.h"

// A beginning, squeezed and in lower case; '#' stands for one digit or more.
typedef struct snug_anchor {
    const char *text;
    const char *shown; // for formats that mask another error: the error's name
    double share;      // and how often an out-of-memory is behind it, 0..1
    snug_shortage shortage;
    // Whether it is one there, by what stands around |at|; NULL: always.
    bool (*fits)(const snug_clean *clean, size_t at, size_t length);
} snug_anchor;

// Formats of messages: one const descriptor in src/explain/text/formats/<format>.c, gathered by the
// build.
struct snug_message;
typedef struct snug_format {
    const char *name;
    // Messages of one family close to each other tell of one error.
    const char *family;
    const snug_anchor *anchors; // ends with {0}
    size_t together;            // lines between messages of one error
    size_t reach;               // characters from figure to figure, at most; 0: a few hundred
    size_t before;              // characters before the anchor that belong to it: cut-off texts
    bool other_framework;       // not PyTorch
    bool host;                  // of the CPU's memory
    bool masks;                 // an error of another kind, which may hide an out-of-memory
    bool fallback;              // looked for only where no other format finds anything
    bool vague;                 // any other format that tells of the same error names it better
    bool echoes; // without figures it tells of the error before it, whatever that one's family
    const char *device;
    const char *library;
    const char *tool;       // whose words these are (advice/), NULL: anyone's
    snug_shortage shortage; // where the anchor tells none
    // When it was asked for, as far as the message itself tells; NULL where none does.
    snug_run_phase (*phase)(const char *message, size_t length);
    // Facts that no label tells; NULL where there are none.
    void (*tell)(const snug_clean *clean, const struct snug_message *message, snug_facts *facts);
    // A more exact name from the whole message, or NULL; |format| stays when it gives NULL.
    const char *(*refine)(const char *message, size_t length);
} snug_format;

// Anchors that begin with the same letter; tests/explain/test_messages.c counts them.
enum { SNUG_MAX_ANCHORS = 64 };

extern const snug_format *const snug_formats[]; // ends with NULL
extern const snug_format snug_format_pytorch;

enum { SNUG_MAX_PROCESSES = 16 };

typedef struct snug_message {
    const snug_format *format;
    const char *name;  // the format's, as exact as can be told
    const char *shown; // the anchor's
    double share;
    snug_shortage shortage;
    size_t start, end;      // in the squeezed text
    size_t line, last_line; // indices of clean lines
    size_t stack_line;      // of the last of several that tell of one error: its stack is above
    snug_figures figures;
    bool limit_unset, tells_hint, has_cached;
    int gpu;
    long pid;
    size_t processes; // listed on the device, this one aside
    struct {
        long pid;
        uint64_t bytes;
    } process[SNUG_MAX_PROCESSES];
    size_t repeats;
    bool is_rank; // told with another rank's (ranks.h)
} snug_message;

typedef struct snug_message_list {
    snug_message *items;
    size_t count, capacity;
    size_t harmless; // warnings that say themselves that nothing failed, which are left out
    size_t harmless_line;
} snug_message_list;

// Appends the messages of |clean| to |out|, one an error; the caller frees |out->items|.
snug_status snug_messages_find(const snug_clean *clean, snug_message_list *out);

// Reads the figures of the message that begins at |start|; |message->end| is where they end.
// labels.c.
void snug_message_read(const snug_clean *clean, size_t start, size_t stop, snug_message *message);

// Whether what begins at |at| begins its line; what ends at |at| ends it.
bool snug_clean_begins_line(const snug_clean *clean, size_t at);
bool snug_clean_ends_line(const snug_clean *clean, size_t at);

// Length of what |pattern| matches at the start of |text|, 0 for none. '#' matches digits.
size_t snug_pattern_match(const char *text, const char *pattern);

#endif

// Explaining an out-of-memory error: what failed, why, and what to do, from the text of the error
// (a traceback, a log, a notebook) or from a memory snapshot. Nothing is executed, no GPU is
// needed.
#ifndef SNUG_EXPLAIN_H
#define SNUG_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snug/api.h"
#include "snug/status.h"

SNUG_BEGIN

// Bytes that a file may or may not tell; never grows. |derived|: worked out from other figures, not
// printed.
typedef struct snug_amount {
    bool known, derived;
    uint64_t bytes; // 0 while unknown
} snug_amount;

// The figures of an error. X(field, JSON key, words for people)
#define SNUG_FIGURE_LIST(X)                                                                        \
    X(requested, "requested_bytes", "requested")                                                   \
    X(capacity, "capacity_bytes", "capacity")                                                      \
    X(free, "free_bytes", "free")                                                                  \
    X(allocated, "allocated_bytes", "allocated") /* live, by the framework's allocator */          \
    X(reserved, "reserved_bytes", "reserved")    /* all that the allocator holds */                \
    X(unallocated, "unallocated_bytes", "reserved, unallocated") /* reserved - allocated */        \
    X(process, "process_bytes", "this process")                  /* with what CUDA itself takes */ \
    X(other_process, "other_process_bytes", "other processes")                                     \
    X(outside, "outside_bytes",                                                                    \
      "outside the allocator")       /* of the process, not of the allocator */                    \
    X(limit, "limit_bytes", "limit") /* set by the user; unset ones are unknown */                 \
    X(private_pools, "private_pool_bytes",                                                         \
      "private pools") /* of allocated, such as CUDA graphs */                                     \
    X(largest_free, "largest_free_bytes", "largest free block") /* of unallocated */

typedef struct snug_figures {
#define SNUG_FIGURE_FIELD(field, key, words) snug_amount field;
    SNUG_FIGURE_LIST(SNUG_FIGURE_FIELD)
#undef SNUG_FIGURE_FIELD
} snug_figures;

// A cause that speaks for itself with |confidence| 0..1. |name| is one of batch, model, not-freed,
// history, leak, fragmentation, other-process, late-batch, optimizer-state, workspace, evaluation,
// kv-cache, host-memory, shared-memory, allocation-size, hidden, unknown.
typedef struct snug_cause_found {
    const char *name, *help;
    double confidence;
    const char *evidence; // sentences, with the figures that speak for it
    const char *against;  // and against it; "" where none do
} snug_cause_found;

typedef struct snug_fix_found {
    const char *fix; // what to do
    const char *why; // what that gives
} snug_fix_found;

// One error, explained. Texts are the explanation's.
typedef struct snug_finding {
    const char *kind;   // "message" or "snapshot"
    const char *format; // "reserved", "capacity", "async", "tensorflow" ...
    const char *source; // the file's name as given
    size_t line;        // in the file, from 1; 0: none
    int gpu;            // -1: not told
    long pid;           // of the process that |figures.process| is of; -1: not told
    snug_figures figures;
    const char *user_file; // innermost line of the user's own code, NULL: none seen
    long user_line;
    const char *user_function, *user_code; // of that line, NULL: not seen
    const char *masked;                    // the error that may hide an out-of-memory, NULL: none
    const char *ranks; // other ranks that failed alike, and what differs; or NULL
    size_t repeats;    // errors with the same figures after this one
    // The library's own arrays, to be read by snug_finding_cause() and its like.
    snug_cause_found *causes;
    size_t cause_count;        // most likely first; at least one
    snug_cause_found *refuted; // causes that the figures speak against
    size_t refuted_count;
    snug_fix_found *fixes;
    size_t fix_count; // to be tried in this order
    // What only some sources tell, NULL for others: lines for people, and members of a JSON object.
    const char *detail, *detail_json;
    bool untraced; // a snapshot without a trace: what was live when it was written, no more
} snug_finding;

typedef struct snug_explanation snug_explanation;

// What to find out beyond causes and fixes. Zero-initialise.
typedef struct snug_explain_options {
    // Replay a snapshot's trace under other settings of PyTorch's allocator: what each would have
    // reserved, and whether the failed request would have succeeded. Texts are refused then.
    bool what_if;
} snug_explain_options;

// Finds and explains the out-of-memory errors in |length| bytes of text, called |name| in reports.
// |bytes| is borrowed during the call. SNUG_BAD_FILE when there is none, when the text is empty or
// when it is no text; SNUG_NOMEM. Time and memory are linear in |length|.
SNUG_API snug_status snug_explain_text(const char *bytes, size_t length, const char *name,
                                       snug_explanation **out);

// The same for the file at |path|, "-" being standard input. SNUG_BAD_FILE also where the path
// cannot be opened or is a directory.
SNUG_API snug_status snug_explain_file(const char *path, snug_explanation **out);

// Both with |options| (NULL: none).
SNUG_API snug_status snug_explain_text_with_sized(const char *bytes, size_t length,
                                                  const char *name,
                                                  const snug_explain_options *options,
                                                  size_t options_bytes, snug_explanation **out);
static inline snug_status snug_explain_text_with(const char *bytes, size_t length, const char *name,
                                                 const snug_explain_options *options,
                                                 snug_explanation **out) {
    return snug_explain_text_with_sized(bytes, length, name, options, sizeof *options, out);
}
SNUG_API snug_status snug_explain_file_with_sized(const char *path,
                                                  const snug_explain_options *options,
                                                  size_t options_bytes, snug_explanation **out);
static inline snug_status snug_explain_file_with(const char *path,
                                                 const snug_explain_options *options,
                                                 snug_explanation **out) {
    return snug_explain_file_with_sized(path, options, sizeof *options, out);
}

// Error |index| in the order of the file, NULL past the last; borrowed.
SNUG_API const snug_finding *snug_explanation_finding(const snug_explanation *explanation,
                                                      size_t index);
// Of it, cause |index|, the most likely first; refuted cause |index|; fix |index|, in the order in
// which they are to be tried. NULL past the last.
SNUG_API const snug_cause_found *snug_finding_cause(const snug_finding *finding, size_t index);
SNUG_API const snug_cause_found *snug_finding_refuted(const snug_finding *finding, size_t index);
SNUG_API const snug_fix_found *snug_finding_fix(const snug_finding *finding, size_t index);

// The report for people, at most 80 columns wide, and as JSON, one object a line and finding. The
// caller frees |*out| with snug_explanation_text_free().
SNUG_API snug_status snug_explanation_text(const snug_explanation *explanation, char **out);
SNUG_API snug_status snug_explanation_json(const snug_explanation *explanation, char **out);
// As a page that needs nothing beside itself; the second writes it to |path|, whole or not at all.
// Of more than 100 findings it holds the last 100 and says how many it leaves out; of a snapshot
// what a screen can show.
SNUG_API snug_status snug_explanation_html(const snug_explanation *explanation, char **out);
SNUG_API snug_status snug_explanation_html_write(const snug_explanation *explanation,
                                                 const char *path);
SNUG_API void snug_explanation_text_free(char *text);

SNUG_API void snug_explanation_free(snug_explanation *explanation);

SNUG_END

#endif

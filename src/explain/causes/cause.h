// Causes of running out of memory. A cause is one const descriptor in src/explain/causes/<cause>.c,
// or <cause>_cause.c where another file has that name
// (a dash in its name is an underscore in the file's); the build gathers them into snug_causes, so
// adding a cause is adding a file. The same rules judge messages and snapshots: a fact that is
// unknown neither speaks for nor against.
#ifndef SNUG_EXPLAIN_CAUSES_CAUSE_H
#define SNUG_EXPLAIN_CAUSES_CAUSE_H

#include "base/size.h"
#include "base/text.h"
#include "explain/explain.h"
#include "torch_allocator/allocator.h"

// Collects fixes in the order of being told; the same words twice count once. |why| says what the
// fix gives, and may be built with snug_words().
typedef struct snug_advice snug_advice;
void snug_advise(snug_advice *advice, const char *why, const char *format, ...) SNUG_PRINTF(3, 4);

// A formatted text that lives as long as |advice|; "" when memory ran out, which the advice keeps.
const char *snug_words(snug_advice *advice, const char *format, ...) SNUG_PRINTF(2, 3);

// Looking at who is on the device, a fix that several causes have.
void snug_advise_see_others(const snug_facts *facts, const char *why, snug_advice *advice);

// What shows that: "nvidia-smi", "Activity Monitor".
const char *snug_device_watcher(const snug_facts *facts);

// The snug command that would train the same within the memory that this process can have.
void snug_advise_command(const snug_facts *facts, snug_advice *advice);

// Sentences for and against a cause.
typedef struct snug_evidence {
    snug_text speaks_for, against;
} snug_evidence;
void snug_speak_for(snug_evidence *evidence, const char *format, ...) SNUG_PRINTF(2, 3);
void snug_speak_against(snug_evidence *evidence, const char *format, ...) SNUG_PRINTF(2, 3);

typedef struct snug_cause {
    const char *name;
    const char *help; // one line for people
    // The same in the words of what the program does; NULL, or one that gives NULL: |help|.
    const char *(*help_for)(const snug_facts *facts);
    // Judges what a text names as too small (snug_shortage). The others then hardly count.
    bool knows_shortage;
    // How much speaks for it, 0..1, with sentences told as evidence. Below SNUG_CAUSE_LEAST it is
    // no cause of this error; what was told against it is reported nevertheless.
    double (*judge)(const snug_facts *facts, snug_evidence *evidence);
    // What to do about it, best first.
    void (*advise)(const snug_facts *facts, snug_advice *advice);
} snug_cause;

#define SNUG_CAUSE_LEAST 0.1

extern const snug_cause *const snug_causes[]; // ends with NULL
extern const snug_cause snug_cause_unknown;

// A size for people, until the end of the enclosing block: SNUG_SIZE(facts->figures.free.bytes).
#define SNUG_SIZE(bytes) snug_size_print((uint64_t)(bytes), (char[SNUG_SIZE_TEXT]){0})

// |part| of |whole|, 0 where either is unknown.
static inline double snug_ratio(snug_amount part, snug_amount whole) {
    if (!part.known || !whole.known || whole.bytes == 0) return 0;
    return (double)part.bytes / (double)whole.bytes;
}

// What CUDA's context, its kernels and libraries' handles take of a process.
#define SNUG_CONTEXT_BYTES ((uint64_t)600 << 20)

// What is left of |amount|, bytes that are not the allocator's, when the process's own CUDA has had
// its part.
static inline snug_amount snug_beyond_context(snug_amount amount) {
    if (!amount.known) return amount;
    amount.bytes -= amount.bytes > SNUG_CONTEXT_BYTES ? SNUG_CONTEXT_BYTES : amount.bytes;
    return amount;
}

// What the request wants of the device: PyTorch asks it for whole segments.
static inline uint64_t snug_needed(const snug_facts *facts) {
    uint64_t bytes = facts->figures.requested.bytes;
    return facts->other_framework || bytes > (uint64_t)1 << 60 ? bytes
                                                               : snug_allocator_segment_size(bytes);
}

// More was free on the device than was asked for, and no limit of the process's own is known.
static inline bool snug_is_enough_free(const snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    bool limited = figures->limit.known && figures->limit.bytes < figures->capacity.bytes;
    return figures->free.known && figures->requested.known && !limited &&
           figures->free.bytes >= snug_needed(facts) + ((uint64_t)32 << 20);
}

// All of the device but what is free and this process's own is hardly more than CUDA takes.
static inline bool snug_is_nobody_seen(const snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    snug_amount others = figures->other_process.known ? figures->other_process
                                                      : snug_beyond_context(facts->elsewhere);
    return others.known && snug_ratio(others, figures->capacity) < 0.06;
}

// What was live and asked for is less than half of what there is, and what is free is not told.
static inline bool snug_is_little(const snug_facts *facts) {
    double share = snug_ratio(facts->demand, facts->usable);
    return !facts->figures.free.known && facts->figures.allocated.known && share > 0 &&
           share < 0.55;
}

// The allocator's free pieces add up to what was asked for and are a good part of what it holds,
// yet none is large enough: without fragmentation the request succeeds, whatever the batch.
static inline bool snug_is_scattered(const snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    return figures->largest_free.known && figures->requested.known &&
           figures->largest_free.bytes < figures->requested.bytes &&
           figures->unallocated.bytes >= figures->requested.bytes &&
           snug_ratio(figures->unallocated, figures->reserved) >= 0.05;
}

static inline double snug_percent(double ratio) {
    return 100 * ratio;
}

static inline double snug_clamp(double value, double least, double most) {
    return value < least ? least : value > most ? most : value;
}

// How much of what is reserved pools of their own do not keep from everybody else, 0..1.
static inline double snug_outside_pools(const snug_facts *facts) {
    return 1 - snug_clamp(snug_ratio(facts->private_free, facts->figures.reserved), 0, 1);
}

#endif

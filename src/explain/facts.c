// What follows from the figures that are known.
#include <string.h>

#include "explain/explain.h"

bool snug_facts_mention(const snug_facts *facts, const char *words) {
    while (facts->around && *words) {
        size_t length = strcspn(words, "|");
        if (memmem(facts->around, facts->around_length, words, length)) return true;
        words += length;
        words += *words == '|';
    }
    return false;
}

static snug_amount derived(uint64_t bytes) {
    return (snug_amount){.known = true, .derived = true, .bytes = bytes};
}

// |*out| = a + b where it is unknown and both are known.
static void add(snug_amount *out, snug_amount a, snug_amount b) {
    uint64_t sum;
    if (out->known || !a.known || !b.known) return;
    if (!__builtin_add_overflow(a.bytes, b.bytes, &sum)) *out = derived(sum);
}

// |*out| = a - b, unless that is negative beyond what rounding explains.
static void subtract(snug_amount *out, snug_amount a, snug_amount b) {
    if (out->known || !a.known || !b.known) return;
    if (b.bytes <= a.bytes)
        *out = derived(a.bytes - b.bytes);
    else if (b.bytes - a.bytes <= a.bytes / 100)
        *out = derived(0);
}

static snug_amount smaller(snug_amount a, snug_amount b) {
    if (!a.known) return b;
    return b.known && b.bytes < a.bytes ? b : a;
}

void snug_facts_complete(snug_facts *facts) {
    snug_figures *figures = &facts->figures;
    snug_amount in_use = {0};
    add(&figures->reserved, figures->allocated, figures->unallocated);
    subtract(&figures->unallocated, figures->reserved, figures->allocated);
    subtract(&figures->allocated, figures->reserved, figures->unallocated);
    // Where the driver does not tell (WSL, some containers) PyTorch prints 0, or less than it has
    // itself.
    snug_amount process = figures->process;
    if (process.known && figures->allocated.known &&
        process.bytes + process.bytes / 64 < figures->allocated.bytes)
        process = (snug_amount){0};
    subtract(&figures->outside, process, figures->reserved);
    subtract(&in_use, figures->capacity, figures->free);
    subtract(&figures->other_process, in_use, process);
    subtract(&facts->elsewhere, in_use,
             figures->reserved.known ? figures->reserved : figures->allocated);
    if (!facts->usable.known) facts->usable = smaller(figures->capacity, figures->limit);
    add(&facts->demand, figures->allocated, figures->requested);
    if (!facts->demand.known) facts->demand = figures->requested;
    // All that this process's tensors could have: what its allocator holds and what is free.
    add(&facts->attainable, figures->reserved.known ? figures->reserved : figures->allocated,
        figures->free);
    facts->attainable = smaller(facts->attainable, facts->usable);
    if (!facts->attainable.known) facts->attainable = facts->usable;
    add(&facts->within_reach, figures->unallocated, figures->free);
}

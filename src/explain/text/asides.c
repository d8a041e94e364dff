// Figures that stand beside a message: an interface's footer, DeepSpeed's lines about the host,
// XLA's buffer assignment.
#include <stdlib.h>
#include <string.h>

#include "explain/text/context.h"
#include "explain/text/quantity.h"

// Where |words| last stand in the text around the message; what follows them, or NULL.
static const char *last_after(const snug_facts *facts, const char *words) {
    const char *at = facts->around, *end = at + facts->around_length, *found = NULL;
    size_t length = strlen(words);
    while ((at = memmem(at, (size_t)(end - at), words, length)) != NULL)
        found = at += length;
    return found;
}

static snug_amount amount_after(const snug_facts *facts, const char *words) {
    const char *at = last_after(facts, words);
    snug_quantity quantity;
    size_t left = at ? (size_t)(facts->around + facts->around_length - at) : 0;
    if (!at || !snug_quantity_read(at, left, 0, &quantity)) return (snug_amount){0};
    if (!quantity.has_unit || quantity.unlimited) return (snug_amount){0};
    return snug_amount_of(quantity.bytes);
}

// The same with one letter for a unit, whatever follows: "13.24garguments".
static snug_amount letter_after(const snug_facts *facts, const char *words) {
    const char *at = last_after(facts, words);
    char number[24] = "", *rest;
    size_t left = at ? (size_t)(facts->around + facts->around_length - at) : 0;
    if (left < 2) return (snug_amount){0};
    memcpy(number, at, left < sizeof number - 1 ? left : sizeof number - 1);
    double value = strtod(number, &rest);
    double unit = *rest == 'g' ? 0x1p30 : *rest == 'm' ? 0x1p20 : *rest == 'k' ? 0x1p10 : 0;
    if (value <= 0 || value > 1e6 || unit <= 0) return (snug_amount){0};
    return snug_amount_of((uint64_t)(value * unit));
}

// "sys:3.8/4.0gb", "sysvram:4096/4096mib": all of the card behind the stroke.
static void read_footer(snug_facts *facts) {
    static const char *const words[] = {"sys:", "sysvram:"};
    for (size_t i = 0; i < sizeof words / sizeof words[0] && !facts->figures.capacity.known; i++) {
        const char *at = last_after(facts, words[i]);
        size_t left = at ? (size_t)(facts->around + facts->around_length - at) : 0;
        const char *slash = at ? memchr(at, '/', left < 12 ? left : 12) : NULL;
        snug_quantity quantity;
        if (!slash) continue;
        left -= (size_t)(slash + 1 - at);
        if (snug_quantity_read(slash + 1, left, 0, &quantity) && quantity.has_unit &&
            !quantity.unlimited)
            facts->figures.capacity = snug_amount_of(quantity.bytes);
    }
}

void snug_asides_read(snug_facts *facts) {
    read_footer(facts);
    facts->host_used = amount_after(facts, "cpuvirtualmemory:used=");
    // "BufferAssignment stats", and a TPU's "program 12.2G arguments 4.3G".
    if (!facts->weights.known) facts->weights = amount_after(facts, "parameterallocation:");
    if (!facts->activations.known)
        facts->activations = amount_after(facts, "preallocatedtempallocation:");
    snug_amount outputs = amount_after(facts, "maybe_live_outallocation:");
    if (outputs.known && facts->activations.known) facts->activations.bytes += outputs.bytes;
    if (!last_after(facts, "totalhbmusage")) return;
    if (!facts->weights.known) facts->weights = letter_after(facts, "arguments");
    if (!facts->activations.known) facts->activations = letter_after(facts, "program");
}

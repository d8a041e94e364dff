// CatBoost on the GPU: "Out of memory. Requested 11032 MB; Free 8260.007324 MB", or without units.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/text/message.h"

// Its figures are in MB whether it says so or not.
static void read_figure(const char *text, size_t length, const char *word, snug_amount *out) {
    const char *at = memmem(text, length, word, strlen(word));
    if (!at) return;
    double value = strtod(at + strlen(word), NULL);
    if (isfinite(value) && value > 0 && value < 1e7)
        *out = snug_amount_of((uint64_t)(value * 0x1p20));
}

static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    enum { WITHIN = 200 };
    const char *text = clean->squeezed + message->start;
    size_t left = clean->squeezed_length - message->start;
    size_t length = left < WITHIN ? left : WITHIN;
    read_figure(text, length, "requested", &facts->figures.requested);
    read_figure(text, length, ";free", &facts->figures.free);
}

static const snug_anchor anchors[] = {
    {.text = "outofmemory.requested"},
    {.text = "error:outofmemory.requested"},
    {.text = "ncudalib::toutofmemoryerror"},
    {0},
};

const snug_format snug_format_catboost = {
    .name = "catboost",
    .family = "catboost",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "CatBoost",
    .tell = tell,
};

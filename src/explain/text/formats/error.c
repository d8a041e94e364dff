// The exception's name where its text is missing or of no format that is known.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"outofmemoryerror:", 0, 0},
    {"error:outofmemory", 0, 0},
    {"fatal:outofmemory", 0, 0},
    {"outofmemoryatblock", 0, 0},
    {0},
};

static const char *refine(const char *message, size_t length) {
    return snug_format_pytorch.refine(message, length);
}

const snug_format snug_format_error = {
    .name = "pytorch",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
    .vague = true,
    .refine = refine,
};

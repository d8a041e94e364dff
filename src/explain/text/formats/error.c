// The exception's name where its text is missing, translated or of no format that is known.
#include <ctype.h>
#include <string.h>

#include "explain/text/message.h"

// Java's and .NET's exceptions of the same name are about memory of theirs.
static bool is_ours(const snug_clean *clean, size_t at, size_t length) {
    const char *text = clean->squeezed;
    (void)length;
    return !(at >= 10 && memcmp(text + at - 10, "java.lang.", 10) == 0) &&
           !(at >= 7 && memcmp(text + at - 7, "system.", 7) == 0);
}

// `torch.OutOfMemoryError` and nothing else on its line.
static bool is_alone(const snug_clean *clean, size_t at, size_t length) {
    const char *text = clean->squeezed;
    size_t start = at;
    while (!snug_clean_begins_line(clean, start) &&
           (isalnum((unsigned char)text[start - 1]) || strchr("._", text[start - 1])))
        start--;
    return snug_clean_begins_line(clean, start) && snug_clean_ends_line(clean, at + length) &&
           is_ours(clean, at, length);
}

static const snug_anchor anchors[] = {
    {.text = "outofmemoryerror:", .fits = is_ours},
    {.text = "outofmemoryerror", .fits = is_alone},
    {.text = "error:outofmemory"},
    {.text = "fatal:outofmemory"},
    {.text = "outofmemoryatblock"},
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

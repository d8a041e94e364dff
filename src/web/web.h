// The functions that the page's script calls (page/engine.js). WebAssembly has 32-bit addresses:
// every pointer and size_t is four bytes, little end first.
#ifndef SNUG_WEB_WEB_H
#define SNUG_WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>

#define SNUG_WEB_EXPORT __attribute__((used, visibility("default")))

// Texts are UTF-8, NUL-terminated and NULL where there is none.
typedef struct snug_web_answer {
    char *text;        // as `snug explain` prints it
    char *data;        // JSON, for drawExplanation()
    const char *error; // why there is neither
} snug_web_answer;

// Zeroed bytes, or NULL where the browser gives no more.
void *snug_web_allocate(size_t bytes);

// Explains |length| bytes of a file called |name|. |what_if|: a snapshot's trace is replayed under
// other settings.
void snug_web_explain(const char *bytes, size_t length, const char *name, bool what_if,
                      snug_web_answer *out);

#endif

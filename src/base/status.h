// Raising and passing on failures inside the library.
#ifndef SNUG_BASE_STATUS_H
#define SNUG_BASE_STATUS_H

#include "snug/status.h"

#if defined(__GNUC__)
#define SNUG_PRINTF(text, arguments) __attribute__((format(printf, text, arguments)))
#else
#define SNUG_PRINTF(text, arguments)
#endif

// Records the formatted text as the thread's error message and returns |status|.
snug_status snug_fail(snug_status status, const char *format, ...) SNUG_PRINTF(2, 3);

// Puts "text: " in front of the message of the failure that is being passed on; returns |status|.
snug_status snug_fail_context(snug_status status, const char *format, ...) SNUG_PRINTF(2, 3);

// Returns from the enclosing function when |expression| fails.
#define SNUG_TRY(expression)                                                                       \
    do {                                                                                           \
        snug_status snug_try_status = (expression);                                                \
        if (snug_try_status != SNUG_OK) return snug_try_status;                                    \
    } while (0)

// Fails with SNUG_INVALID: "function: expected what". The function's name is the one that callers
// know, without "_sized".
snug_status snug_refuse(const char *function, const char *what);

// What a public entry needs of its caller: otherwise it fails with SNUG_INVALID, saying so.
// SNUG_REQUIRE(plan && out, "a plan and a place for the text");
#define SNUG_REQUIRE(condition, what)                                                              \
    do {                                                                                           \
        if (!(condition)) return snug_refuse(__func__, (what));                                    \
    } while (0)

// Stores the outcome of |expression| in the local |status| and jumps to |label| when it fails.
#define SNUG_TRY_GOTO(expression, label)                                                           \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != SNUG_OK) goto label;                                                         \
    } while (0)

#endif

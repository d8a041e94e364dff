// Status codes and error texts. Every function of snug that can fail returns a snug_status; the
// sentence that says what was expected, what was found and what to do is snug_error_message().
// Texts name fields of the callers' structs as `micro_batch` or, with a value, `allow=exact`.
#ifndef SNUG_STATUS_H
#define SNUG_STATUS_H

#include "snug/api.h"

SNUG_BEGIN

// One list gives the codes and their names: X(symbol, name).
#define SNUG_STATUS_LIST(X)                                                                        \
    X(SNUG_OK, "ok")                                                                               \
    X(SNUG_NOMEM, "out of host memory")                                                            \
    X(SNUG_INVALID, "invalid argument")                                                            \
    X(SNUG_NOT_FOUND, "not found")                                                                 \
    X(SNUG_BAD_FILE, "bad input file")                                                             \
    X(SNUG_IO, "input/output error")                                                               \
    X(SNUG_NO_FIT, "does not fit the budget")                                                      \
    X(SNUG_UNSUPPORTED, "not supported")                                                           \
    X(SNUG_INTERRUPTED, "interrupted")                                                             \
    X(SNUG_DEVICE_FAILED, "device failed")                                                         \
    X(SNUG_INTERNAL, "internal error")                                                             \
    X(SNUG_NOT_FINITE, "not a finite number")

typedef enum snug_status {
#define SNUG_STATUS_ENUM(symbol, name) symbol,
    SNUG_STATUS_LIST(SNUG_STATUS_ENUM)
#undef SNUG_STATUS_ENUM
} snug_status;

// The short name of |status|, such as "bad input file". Never NULL; static storage.
SNUG_API const char *snug_status_name(snug_status status);

// The text of the calling thread's last failure, one sentence or a few, without a newline. Valid
// until the thread's next failing call into snug; empty before the first.
SNUG_API const char *snug_error_message(void);

// Frees a text that a function of snug gave to its caller; NULL is allowed.
SNUG_API void snug_string_free(char *text);

SNUG_END

#endif

#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };

// The one piece of state that is not owned by an object: as with errno, one per thread.
static _Thread_local char last_message[MESSAGE_BYTES];

const char *snug_status_name(snug_status status) {
    static const char *const names[] = {
#define STATUS_NAME(symbol, name) name,
        SNUG_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    };
    size_t index = (size_t)status;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown status";
}

const char *snug_error_message(void) {
    return last_message;
}

snug_status snug_fail(snug_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_message, sizeof last_message, format, arguments);
    va_end(arguments);
    return status;
}

snug_status snug_fail_context(snug_status status, const char *format, ...) {
    char inner[MESSAGE_BYTES];
    memcpy(inner, last_message, sizeof inner);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(last_message, sizeof last_message, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= MESSAGE_BYTES) return status;
    int left = MESSAGE_BYTES - length - 3;
    if (left > 0) snprintf(last_message + length, (size_t)left + 3, ": %.*s", left, inner);
    return status;
}

snug_status snug_refuse(const char *function, const char *what) {
    static const char sized[] = "_sized";
    size_t length = strlen(function), ending = sizeof sized - 1;
    if (length > ending && strcmp(function + length - ending, sized) == 0) length -= ending;
    return snug_fail(SNUG_INVALID, "%.*s: expected %s", (int)length, function, what);
}

// The version of the library: the build reads it here.
#ifndef SNUG_VERSION_H
#define SNUG_VERSION_H

#include "snug/api.h"

SNUG_BEGIN

// Before 1.0 a new minor version may change the interface, and libsnug.so's soname with it; a new
// patch adds at most.
#define SNUG_VERSION "0.1.0"
#define SNUG_VERSION_MAJOR 0
#define SNUG_VERSION_MINOR 1
#define SNUG_VERSION_PATCH 0

// As a number that grows with each version: #if SNUG_VERSION_NUMBER >= SNUG_VERSION_OF(0, 2, 0).
#define SNUG_VERSION_OF(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define SNUG_VERSION_NUMBER                                                                        \
    SNUG_VERSION_OF(SNUG_VERSION_MAJOR, SNUG_VERSION_MINOR, SNUG_VERSION_PATCH)

// Those of the library at run time, which may be newer than the header's. Static storage.
SNUG_API const char *snug_version(void);
SNUG_API int snug_version_number(void);

SNUG_END

#endif

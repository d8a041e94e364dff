// The version of the library: the build reads it here.
#ifndef SNUG_VERSION_H
#define SNUG_VERSION_H

#define SNUG_VERSION "0.1.0"

// That of the library at run time, which may be newer than the header's. Static storage.
const char *snug_version(void);

#endif

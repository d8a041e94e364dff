// What an installation has beside the command and libraries, for snug's own use: stand-ins, the
// hook.
#ifndef SNUG_BASE_INSTALLED_H
#define SNUG_BASE_INSTALLED_H

#include "base/status.h"

// The path of |name| ("stand-in/13") in the folder lib/snug beside the folder that the running
// program lies in, be that bin of an installation, of a virtual environment or of the build, so
// that an installation can be moved. Links to the program are followed first.
// SNUG_NOT_FOUND says where it was looked for. Freed with snug_string_free().
snug_status snug_installed_find(const char *name, char **out);

#endif

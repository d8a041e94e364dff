#include "base/installed.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

snug_status snug_installed_find(const char *name, char **out) {
    char program[PATH_MAX];
    *out = NULL;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return snug_fail(SNUG_IO, "cannot tell where this program lies: /proc/self/exe: %s",
                         strerror(errno));
    program[length] = '\0';
    *strrchr(program, '/') = '\0';
    snug_text path = {0};
    snug_text_append(&path, "%s/../lib/snug/%s", program, name);
    snug_status status = snug_text_status(&path);
    if (status == SNUG_OK && access(path.data, F_OK) != 0)
        status = snug_fail(SNUG_NOT_FOUND,
                           "%s is missing: the installation is not whole, or the command was "
                           "copied out of it",
                           path.data);
    if (status == SNUG_OK)
        *out = path.data;
    else
        snug_text_clear(&path);
    return status;
}

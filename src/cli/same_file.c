#include <sys/stat.h>

#include "cli/command.h"

bool command_is_same_file(const char *input, const char *output) {
    struct stat a, b;
    return stat(input, &a) == 0 && stat(output, &b) == 0 && S_ISREG(a.st_mode) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

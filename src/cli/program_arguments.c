#include "cli/program_arguments.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/command.h"
#include "snug/size.h"

bool program_complain(const char *command, const char *option, const char *value,
                      const char *expected) {
    command_complain(command, "%s '%s': expected %s", option, value, expected);
    return false;
}

bool program_read_size(const char *command, const char *option, const char *text, uint64_t *out) {
    size_t bytes = 0;
    if (snug_size_parse(text, &bytes) != SNUG_OK)
        return program_complain(command, option, text, "a size such as 512MiB or 8GiB");
    *out = bytes;
    return true;
}

bool program_read_count(const char *command, const char *option, const char *text, int most,
                        int *out) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 1 || value > most)
        return program_complain(command, option, text, "a whole number from 1");
    *out = (int)value;
    return true;
}

bool program_read_seconds(const char *command, const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return (end != text && !*end && *out > 0 && *out < 1e9) ||
           program_complain(command, "--time", text, "seconds, more than 0");
}

int program_exit(snug_dry_run_outcome outcome) {
    static const int exits[] = {[SNUG_DRY_RUN_OUTCOME_FITS] = EXIT_DONE,
                                [SNUG_DRY_RUN_OUTCOME_NO_FIT] = EXIT_NO_FIT,
                                [SNUG_DRY_RUN_OUTCOME_FAILED] = EXIT_FAILED,
                                [SNUG_DRY_RUN_OUTCOME_CANNOT] = EXIT_BAD_FILE,
                                [SNUG_DRY_RUN_OUTCOME_INTERRUPTED] = EXIT_INTERRUPTED};
    return exits[outcome];
}

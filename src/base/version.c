#include "snug/version.h"

const char *snug_version(void) {
    return SNUG_VERSION;
}

int snug_version_number(void) {
    return SNUG_VERSION_NUMBER;
}

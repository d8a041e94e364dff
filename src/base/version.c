#include "snug/version.h"

const char *snug_version(void) {
    return SNUG_VERSION;
}

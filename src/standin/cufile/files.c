// Files read straight into a card's memory need a driver that no dry run has: programs are told
// so, as they are where it is not installed.
#include "standin/standin.h"

// Prototypes are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define API SNUG_STANDIN_API

typedef struct CUfileError_t {
    int error, driver_error;
} CUfileError_t;

enum { CU_FILE_DRIVER_NOT_INITIALIZED = 5001 };

static CUfileError_t refuse(void) {
    snug_standin_note("cuFile: reading files straight into the card's memory was refused, as where "
                      "nvidia-fs is not installed.");
    return (CUfileError_t){.error = CU_FILE_DRIVER_NOT_INITIALIZED};
}

API CUfileError_t cuFileDriverOpen(void) {
    return refuse();
}

API CUfileError_t cuFileHandleRegister(void **handle, const void *description) {
    (void)handle, (void)description;
    return refuse();
}

API long cuFileRead(void) {
    return -CU_FILE_DRIVER_NOT_INITIALIZED;
}

API long cuFileWrite(void) {
    return -CU_FILE_DRIVER_NOT_INITIALIZED;
}

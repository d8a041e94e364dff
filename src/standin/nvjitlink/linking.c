// Linking makes a placeholder out of whatever is added, as the stand-in of NVRTC compiles.
#include <string.h>

#include "standin/standin.h"

// Prototypes are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define API SNUG_STANDIN_API

enum { NVJITLINK_SUCCESS = 0 };

static const char placeholder[] =
    "// made by a stand-in of nvJitLink: a dry run computes nothing\n";

API int nvJitLinkVersion(unsigned *major, unsigned *minor) {
    *major = SNUG_CUDA_MAJOR;
    *minor = SNUG_CUDA_MAJOR == 12 ? 8 : 0;
    return NVJITLINK_SUCCESS;
}

API int nvJitLinkGetLinkedCubinSize(const void *handle, size_t *size) {
    (void)handle;
    *size = sizeof placeholder;
    return NVJITLINK_SUCCESS;
}

API int nvJitLinkGetLinkedCubin(const void *handle, void *out) {
    (void)handle;
    memcpy(out, placeholder, sizeof placeholder);
    return NVJITLINK_SUCCESS;
}

API int nvJitLinkGetLinkedPtxSize(const void *handle, size_t *size) {
    return nvJitLinkGetLinkedCubinSize(handle, size);
}

API int nvJitLinkGetLinkedPtx(const void *handle, char *out) {
    return nvJitLinkGetLinkedCubin(handle, out);
}

// Programs "compile": their text is not looked at, so one that is wrong is not found out either.
// What comes of it is a placeholder, which the driver's stand-in loads as it loads anything.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/standin.h"

// Prototypes are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define API SNUG_STANDIN_API

typedef enum nvrtcResult {
    NVRTC_SUCCESS = 0,
    NVRTC_ERROR_OUT_OF_MEMORY = 1,
    NVRTC_ERROR_INVALID_INPUT = 3,
    NVRTC_ERROR_INVALID_PROGRAM = 4,
    NVRTC_ERROR_COMPILATION = 6,
    NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID = 10,
} nvrtcResult;

typedef struct name {
    struct name *next;
    char text[];
} name;

typedef struct program {
    pthread_mutex_t lock;
    name *names; // expressions, each its own lowered name
} program;

static const char placeholder[] = "// made by a stand-in of NVRTC: a dry run computes nothing\n";

API nvrtcResult nvrtcVersion(int *major, int *minor) {
    if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
    *major = SNUG_CUDA_MAJOR;
    *minor = SNUG_CUDA_MAJOR == 12 ? 8 : 0;
    return NVRTC_SUCCESS;
}

API const char *nvrtcGetErrorString(nvrtcResult result) {
    switch (result) {
    case NVRTC_SUCCESS:
        return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY:
        return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_INVALID_INPUT:
        return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM:
        return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_COMPILATION:
        return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID:
        return "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID";
    default:
        return "NVRTC_ERROR unknown";
    }
}

// The architectures that this version compiles for.
static const int architectures[] = {
#if SNUG_CUDA_MAJOR == 12
    50, 52, 53, 60, 61, 62, 70,  72,
#endif
    75, 80, 86, 87, 89, 90, 100, 103, 120, 121,
};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

API nvrtcResult nvrtcGetNumSupportedArchs(int *count) {
    if (!count) return NVRTC_ERROR_INVALID_INPUT;
    *count = ARCHITECTURES;
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcGetSupportedArchs(int *out) {
    if (!out) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, architectures, sizeof architectures);
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcCreateProgram(program **out, const char *source) {
    if (!out || !source) return NVRTC_ERROR_INVALID_INPUT;
    *out = calloc(1, sizeof **out);
    if (!*out) return NVRTC_ERROR_OUT_OF_MEMORY;
    pthread_mutex_init(&(*out)->lock, NULL);
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcDestroyProgram(program **self) {
    if (!self || !*self) return NVRTC_ERROR_INVALID_PROGRAM;
    while ((*self)->names) {
        name *first = (*self)->names;
        (*self)->names = first->next;
        free(first);
    }
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcCompileProgram(const program *self) {
    return self ? NVRTC_SUCCESS : NVRTC_ERROR_INVALID_PROGRAM;
}

API nvrtcResult nvrtcAddNameExpression(program *self, const char *expression) {
    if (!self) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression) return NVRTC_ERROR_INVALID_INPUT;
    size_t size = strlen(expression) + 1;
    name *one = malloc(sizeof *one + size);
    if (!one) return NVRTC_ERROR_OUT_OF_MEMORY;
    memcpy(one->text, expression, size);
    pthread_mutex_lock(&self->lock);
    one->next = self->names;
    self->names = one;
    pthread_mutex_unlock(&self->lock);
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcGetLoweredName(program *self, const char *expression, const char **out) {
    if (!self) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!expression || !out) return NVRTC_ERROR_INVALID_INPUT;
    pthread_mutex_lock(&self->lock);
    const name *one = self->names;
    while (one && strcmp(one->text, expression) != 0)
        one = one->next;
    pthread_mutex_unlock(&self->lock);
    if (!one) return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
    *out = one->text;
    return NVRTC_SUCCESS;
}

// ---- What comes of it, in each of its forms.

static nvrtcResult size_of(const program *self, size_t *out, size_t size) {
    if (!self) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!out) return NVRTC_ERROR_INVALID_INPUT;
    *out = size;
    return NVRTC_SUCCESS;
}

static nvrtcResult copy_of(const program *self, char *out, const char *text, size_t size) {
    if (!self) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!out) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, text, size);
    return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcGetPTXSize(const program *self, size_t *out) {
    return size_of(self, out, sizeof placeholder);
}
API nvrtcResult nvrtcGetPTX(const program *self, char *out) {
    return copy_of(self, out, placeholder, sizeof placeholder);
}
API nvrtcResult nvrtcGetCUBINSize(const program *self, size_t *out) {
    return size_of(self, out, sizeof placeholder);
}
API nvrtcResult nvrtcGetCUBIN(const program *self, char *out) {
    return copy_of(self, out, placeholder, sizeof placeholder);
}
API nvrtcResult nvrtcGetLTOIRSize(const program *self, size_t *out) {
    return size_of(self, out, sizeof placeholder);
}
API nvrtcResult nvrtcGetLTOIR(const program *self, char *out) {
    return copy_of(self, out, placeholder, sizeof placeholder);
}
API nvrtcResult nvrtcGetProgramLogSize(const program *self, size_t *out) {
    return size_of(self, out, 1);
}
API nvrtcResult nvrtcGetProgramLog(const program *self, char *out) {
    return copy_of(self, out, "", 1);
}

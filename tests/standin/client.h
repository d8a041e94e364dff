// A client of the stand-ins: libraries opened as PyTorch's needs are met, functions called by name.
// It runs in a child process, since settings are read once and libraries of two majors do not mix;
// a check that fails there ends the child, which fails the test.
#ifndef TESTS_STANDIN_CLIENT_H
#define TESTS_STANDIN_CLIENT_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: CUDA %d: %s\n", __FILE__, __LINE__, client_major, #condition); \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int client_major;

// The library with the soname |soname| of the major version that is tested.
static inline void *client_open(const char *soname) {
    char path[1024];
    snprintf(path, sizeof path, "%s/lib/snug/stand-in/%d/%s", SNUG_BUILD_DIR, client_major, soname);
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    return library;
}

typedef void client_function(void);

static inline client_function *client_find(void *library, const char *name) {
    client_function *function = NULL;
    void *address = dlsym(library, name);
    if (!address) fprintf(stderr, "%s\n", dlerror());
    CHECK(address);
    memcpy(&function, &address, sizeof function);
    return function;
}

// Calls |name|, which takes |types| (in parentheses) and returns an int.
#define CALL(library, name, types, ...) (((int(*) types)client_find(library, name))(__VA_ARGS__))
#define CALL_PLAIN(library, name) (((int (*)(void))client_find(library, name))())
#define OK(...) CHECK(CALL(__VA_ARGS__) == 0)

// Runs |client| for both majors, each in a process with |settings|.
static inline void client_run(void (*client)(void), const char *settings) {
    static const int majors[] = {12, 13};
    for (size_t i = 0; i < sizeof majors / sizeof *majors; i++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            client_major = majors[i];
            setenv("SNUG_STANDIN", settings, 1);
            client_open("libcuda.so.1");
            client();
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

#endif

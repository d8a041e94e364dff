// What the library writes of a card, the stand-ins read: each card's settings through the reader in
// the driver's stand-in, in a process for each, since it reads once.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "snug/gpu.h"
#include "standin/standin.h"
#include "support/test.h"

#define DRIVER SNUG_BUILD_DIR "/lib/snug/stand-in/13/libcuda.so.1"

typedef const snug_standin_settings *settings_reader(void);

// What differs, NULL where nothing does.
static const char *compare(const snug_standin_settings *read, const snug_gpu_info *gpu) {
    snug_gpu_details details = snug_gpu_detail(gpu);
    if (strcmp(read->card, gpu->reported) != 0) return "card";
    if (read->memory != gpu->total_bytes) return "memory";
    if (read->context != details.context_bytes) return "context";
    if (read->capability != gpu->capability) return "capability";
    if (read->multiprocessors != gpu->multiprocessors) return "multiprocessors";
    if (read->cores != details.cores) return "cores";
    if (read->shared_sm != details.shared_bytes) return "shared-sm";
    if (read->shared_optin != details.shared_optin_bytes) return "shared-optin";
    if (read->l2 != gpu->l2_bytes) return "l2";
    if (read->bus_width != gpu->bus_bits) return "bus-width";
    if (read->clock != details.clock_khz) return "clock";
    if (read->memory_clock != details.memory_clock_khz) return "memory-clock";
    if (read->gpus != 8) return "gpus, which stood beside";
    return NULL;
}

static void read_in_child(const snug_gpu_info *gpu, const char *settings) {
    setenv("SNUG_STANDIN", settings, 1);
    void *driver = dlopen(DRIVER, RTLD_NOW | RTLD_LOCAL);
    void *symbol = driver ? dlsym(driver, "snug_standin_settings_get") : NULL;
    settings_reader *reader;
    memcpy(&reader, &symbol, sizeof reader);
    const char *differs = reader ? compare(reader(), gpu) : dlerror();
    if (differs) fprintf(stderr, "%s: %s\n", gpu->name, differs);
    fflush(stderr);
    _exit(differs != NULL);
}

static void every_card_is_read_back(void **state) {
    (void)state;
    for (int i = 0; snug_gpu_at(i); i++) {
        char *text, all[1024];
        assert_int_equal(snug_gpu_standin_settings(snug_gpu_at(i), &text), SNUG_OK);
        snprintf(all, sizeof all, "%s;gpus=8", text);
        snug_string_free(text);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) read_in_child(snug_gpu_at(i), all);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_card_is_read_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

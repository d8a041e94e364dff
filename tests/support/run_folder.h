// Folders that training writes into.
#ifndef TESTS_SUPPORT_RUN_FOLDER_H
#define TESTS_SUPPORT_RUN_FOLDER_H

#include <stdio.h>
#include <unistd.h>

// Removes |folder|, where a network was trained and exported as out.safetensors.
static inline void remove_run(const char *folder) {
    static const char *const files[] = {"out.safetensors", "weights.safetensors", "plan.json",
                                        "log.jsonl", "lock"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

#endif

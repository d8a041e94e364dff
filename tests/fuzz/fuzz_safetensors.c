// libFuzzer target: the safetensors reader on any bytes.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "io/safetensors.h"

static void read_all(const snug_safetensors *file) {
    unsigned char part[256];
    for (size_t i = 0; i < file->count; i++) {
        const snug_safetensors_entry *entry = &file->entries[i];
        size_t bytes = snug_type_bytes(&entry->type);
        size_t some = bytes < sizeof part ? bytes : sizeof part;
        // What the header promises is in the file.
        if (snug_safetensors_read(file, entry, bytes - some, part, some) != SNUG_OK) abort();
        if (!snug_safetensors_find(file, entry->name)) abort();
    }
    snug_safetensors_metadata(file, "format");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    snug_safetensors file;
    if (snug_safetensors_open(path, &file) == SNUG_OK) {
        read_all(&file);
        snug_safetensors_close(&file);
    }
    close(descriptor);
    return 0;
}

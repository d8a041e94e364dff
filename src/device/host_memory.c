#include "device/host_memory.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE_BYTES = 512, PATH_BYTES = PATH_MAX + 128 };

// How one version of control groups says what a group may use and what it uses.
typedef struct group_files {
    const char *controller; // the middle field of its line in /proc/self/cgroup
    const char *root, *limit, *usage;
    const char *reclaimable; // key in memory.stat: page cache that the system gives up first
} group_files;

static const group_files versions[] = {
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"},
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
};

// The number after |key| in the file at |path| (|key| NULL: the number it starts with), or
// |otherwise| when there is none, as for "max".
static size_t read_number(const char *path, const char *key, size_t otherwise) {
    FILE *file = fopen(path, "re");
    if (!file) return otherwise;
    char line[LINE_BYTES];
    size_t number = otherwise, key_length = key ? strlen(key) : 0;
    while (fgets(line, sizeof line, file)) {
        if (key && (strncmp(line, key, key_length) != 0 || !strchr(" :", line[key_length])))
            continue;
        const char *text = line + key_length + (key ? 1 : 0);
        char *end;
        unsigned long long value = strtoull(text, &end, 10);
        if (end != text) number = (size_t)value;
        break;
    }
    fclose(file);
    return number;
}

static size_t group_number(const group_files *version, const char *group, const char *file,
                           const char *key, size_t otherwise) {
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s%s/%s", version->root, group, file);
    return length < (int)sizeof path ? read_number(path, key, otherwise) : otherwise;
}

// What |group| leaves free, its ancestors' limits included; SIZE_MAX without a limit.
static size_t group_free(const group_files *version, char *group) {
    size_t least = SIZE_MAX;
    for (;;) {
        size_t limit = group_number(version, group, version->limit, NULL, SIZE_MAX);
        size_t usage = group_number(version, group, version->usage, NULL, SIZE_MAX);
        if (limit != SIZE_MAX && usage != SIZE_MAX) {
            size_t cache = group_number(version, group, "memory.stat", version->reclaimable, 0);
            size_t used = usage > cache ? usage - cache : 0;
            size_t left = limit > used ? limit - used : 0;
            if (left < least) least = left;
        }
        char *parent = strrchr(group, '/');
        if (!parent) return least;
        *parent = 0;
    }
}

// Lines read "number:controllers:path".
static size_t groups_free(void) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return SIZE_MAX;
    char line[PATH_BYTES];
    size_t least = SIZE_MAX;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *controllers++ = 0;
        *group++ = 0;
        if (strcmp(group, "/") == 0) *group = 0;
        for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
            if (strcmp(controllers, versions[i].controller) != 0) continue;
            size_t left = group_free(&versions[i], group);
            if (left < least) least = left;
        }
    }
    fclose(file);
    return least;
}

size_t snug_host_free_bytes(const snug_device *device) {
    (void)device;
    size_t kibibytes = read_number("/proc/meminfo", "MemAvailable", 0);
    size_t machine = kibibytes > SIZE_MAX / 1024 ? SIZE_MAX : kibibytes * 1024;
    size_t groups = groups_free();
    return machine < groups ? machine : groups;
}

snug_status snug_host_allocate(snug_device *device, size_t bytes, void **out) {
    *out = NULL;
    if (bytes == 0) return SNUG_OK;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return snug_fail(SNUG_NOMEM, "the system has no %zu bytes of memory", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE); // advice alone: without it everything works, slower
    device->allocated_bytes += bytes;
    if (device->allocated_bytes > device->allocated_peak)
        device->allocated_peak = device->allocated_bytes;
    *out = memory;
    return SNUG_OK;
}

void snug_host_release(snug_device *device, void *memory, size_t bytes) {
    if (!memory) return;
    munmap(memory, bytes);
    device->allocated_bytes -= bytes;
}

snug_status snug_host_copy(snug_device *device, void *to, const void *from, size_t bytes) {
    (void)device;
    if (bytes) memcpy(to, from, bytes);
    return SNUG_OK;
}

int snug_host_processors(void) {
    enum { MOST = 1 << 20 };
    // The kernel refuses a set that is too small for all processors of the machine.
    for (int room = CPU_SETSIZE; room <= MOST; room *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)room);
        size_t bytes = CPU_ALLOC_SIZE((size_t)room);
        if (!set) break;
        bool known = sched_getaffinity(0, bytes, set) == 0;
        bool too_small = !known && errno == EINVAL;
        int count = known ? CPU_COUNT_S(bytes, set) : 1;
        CPU_FREE(set);
        if (!too_small) return count > 0 ? count : 1;
    }
    return 1;
}

void snug_host_processor_name(char *text, size_t bytes) {
    snprintf(text, bytes, "unknown");
    FILE *stream = fopen("/proc/cpuinfo", "r");
    if (!stream) return;
    char line[512];
    while (fgets(line, sizeof line, stream)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value) continue;
        snprintf(text, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    fclose(stream);
}

// Which architectures a fat binary holds code for. The format, as cuobjdump shows it and as several
// open tools read it: a header (magic 0xba55ed50, 16 bits of version, 16 bits of header size, 64
// bits of size behind it), then entries: 16 bits of kind (1: PTX, 2: cubin), 16 of version, 32 of
// header size, 64 of payload size, ..., at byte 28 the architecture in 32 bits.
#include <string.h>

#include "standin/core/state.h"

#define FATBIN_MAGIC 0xba55ed50u

typedef struct fatbin_header {
    uint32_t magic;
    uint16_t version, header_size;
    uint64_t size;
} fatbin_header;

typedef struct fatbin_entry {
    uint16_t kind, version;
    uint32_t header_size;
    uint64_t size;
    uint32_t compressed_size, options;
    uint16_t minor, major;
    uint32_t architecture;
} fatbin_entry;

enum { PTX = 1, CUBIN = 2, OLDEST = 30, NEWEST = 999 };

// Code for an architecture runs on those of the same major version that are not older; text is
// compiled for any newer one.
static bool runs(const fatbin_entry *entry, int capability) {
    int architecture = (int)entry->architecture;
    if (architecture > capability) return false;
    return entry->kind == PTX || architecture / 10 == capability / 10;
}

bool snug_fatbin_choose(const void *image, int *binary, int *ptx) {
    int capability = snug_standin_settings_get()->capability;
    *binary = *ptx = 0;
    fatbin_header header;
    memcpy(&header, image, sizeof header);
    if (header.magic != FATBIN_MAGIC || header.header_size < sizeof header) return true;
    const unsigned char *at = (const unsigned char *)image + header.header_size;
    const unsigned char *end = at + header.size;
    int text = 0, entries = 0;
    while (at + sizeof(fatbin_entry) <= end) {
        fatbin_entry entry;
        memcpy(&entry, at, sizeof entry);
        if (entry.header_size < sizeof entry || entry.architecture < OLDEST ||
            entry.architecture > NEWEST)
            return true;
        entries++;
        if (runs(&entry, capability)) {
            int *best = entry.kind == PTX ? &text : binary;
            if ((int)entry.architecture > *best) *best = (int)entry.architecture;
        }
        at += entry.header_size + entry.size;
    }
    *ptx = *binary ? *binary : text;
    if (!*binary) *binary = text ? capability : 0;
    return *binary != 0 || entries == 0;
}

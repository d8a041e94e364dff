// /dev/shm is full, through which a data loader's workers and NCCL pass what they have: a container
// has 64 MiB of it unless told otherwise.
#include <string.h>

#include "explain/text/message.h"

// No room, or no memory; that too many files are open, or that the object is gone, is another
// thing.
static bool is_full(const snug_clean *clean, size_t at, size_t length) {
    static const char *const words[] = {"nospaceleft", "cannotallocatememory", "(28)", "(12)"};
    size_t start = at + length, left = clean->squeezed_length - start;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (memmem(clean->squeezed + start, left < 200 ? left : 200, words[i], strlen(words[i])))
            return true;
    return false;
}

static bool is_shell(const snug_clean *clean, size_t at, size_t length) {
    return snug_clean_begins_line(clean, at) || snug_clean_ends_line(clean, at + length) ||
           clean->squeezed[at + length] == '(';
}

static const snug_anchor anchors[] = {
    {.text = "buserror.itispossiblethatdataloader"},
    {.text = "killedbysignal:buserror"},
    {.text = "unexpectedbuserrorencounteredinworker"},
    {.text = "insufficientsharedmemory(shm)"},
    {.text = "workersareoutofsharedmemory"},
    {.text = "unabletoopensharedmemoryobject</torch_", .fits = is_full},
    {.text = "unabletowritetofile</torch_"},
    {.text = "unabletomapmemory:", .fits = is_full},
    {.text = "unabletoallocateshmsegment"},
    {.text = "unabletoallocatesharedmemory(shm)"},
    {.text = "failedtoextend/dev/shm/nccl", .fits = is_full},
    {.text = "whilecreatingsharedmemorysegment", .fits = is_full},
    {.text = "buserror(coredumped)", .fits = is_shell},
    {.text = "signal7(sigbus)"},
    {.text = "returncode=-7"},
    {.text = "exitcode:-7"},
    {0},
};

const snug_format snug_format_shared_memory = {
    .name = "shared-memory",
    .family = "shared-memory",
    .anchors = anchors,
    .together = 200,
    .host = true,
    .shortage = SNUG_SHORTAGE_SHARED,
    .device = "CPU",
};

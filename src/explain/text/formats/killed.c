// A process that ended by signal 9: the kernel, a container's or a batch system's limit on the
// host's memory, more often than not. What launchers, shells, kernels and notebooks say of it.
#include <ctype.h>
#include <string.h>

#include "explain/text/message.h"

// A shell's line: `Killed`, `zsh: killed  python`, `./run.sh: line 3:  1234 Killed   python`,
// `[1]    1234 killed     python`.
static bool is_shell(const snug_clean *clean, size_t at, size_t length) {
    const char *text = clean->squeezed;
    if (snug_clean_begins_line(clean, at))
        return snug_clean_ends_line(clean, at + length) || text[at + length] == '(';
    size_t line = clean->lines[snug_clean_line_at(clean, at)].squeezed, start = at;
    if (at - line >= 4 && memcmp(text + at - 4, "zsh:", 4) == 0) return true;
    // Behind a progress bar, which ends without a line's end.
    if (at - line >= 5 && snug_clean_ends_line(clean, at + length) &&
        (memcmp(text + at - 5, "it/s]", 5) == 0 || memcmp(text + at - 5, "s/it]", 5) == 0))
        return true;
    while (start > line && isdigit((unsigned char)text[start - 1]))
        start--;
    if (start == at) return false;
    if (start == line) return clean->lines[snug_clean_line_at(clean, at)].prefix > 0;
    return text[start - 1] == ':' || text[start - 1] == ']';
}

static bool ends_number(const snug_clean *clean, size_t at, size_t length) {
    return !isdigit((unsigned char)clean->squeezed[at + length]);
}

static const snug_anchor anchors[] = {
    {.text = "returncode=-9", .fits = ends_number},
    {.text = "returncode:-9", .fits = ends_number},
    {.text = "returncode-9", .fits = ends_number},
    {.text = "exitcode:-9", .fits = ends_number},
    {.text = "exitcode=-9", .fits = ends_number},
    {.text = "exitcode-9", .fits = ends_number},
    {.text = "exitcode137", .fits = ends_number},
    {.text = "exitcode:137", .fits = ends_number},
    {.text = "exitedwithcode137", .fits = ends_number},
    {.text = "returnedanon-zeroexitcode:137", .fits = ends_number},
    {.text = "signal9(sigkill)"},
    {.text = "<signals.sigkill:9>"},
    {.text = "terminatedbysignal9"},
    {.text = "terminatedbysignal:killed"},
    {.text = "signal:killed"},
    {.text = "sigkill(-9)"},
    {.text = "exitsignal:killed"},
    {.text = "outofmemory:killedprocess"},
    {.text = "outofmemory:killprocess"},
    {.text = "oom-kill:constraint"},
    {.text = "oom-killevent"},
    {.text = "oom_killevent"},
    {.text = "cgroupout-of-memoryhandler"},
    {.text = "oomkilled"},
    {.text = "invokedoom-killer"},
    {.text = "exceededjobmemorylimit"},
    {.text = "exceededstepmemorylimit"},
    {.text = "iskilledbysignal:killed"},
    {.text = "excessivememoryusagecausingtheoperatingsystemtokill"},
    {.text = "crashedafterusingallavailableram"},
    {.text = "crashedafterusingalltheavailableram"},
    {.text = "triedtoallocatemorememorythanisavailable"},
    {.text = "killedduetothenoderunninglowonmemory"},
    {.text = "killedduetomemorypressure"},
    {.text = "killedbysigkillbyoomkiller"},
    {.text = "nodewaslowonresource:memory"},
    {.text = "killed", .fits = is_shell},
    {0},
};

const snug_format snug_format_killed = {
    .name = "killed",
    .family = "killed",
    .anchors = anchors,
    .together = 400,
    .host = true,
    .echoes = true,
    .shortage = SNUG_SHORTAGE_KILLED,
    .device = "CPU",
};

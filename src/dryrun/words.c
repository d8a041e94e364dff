#include "dryrun/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { COLUMNS = 80 };

// Columns of the first |bytes| of |text|: continuation bytes of UTF-8 take none.
static int columns_of(const char *text, size_t bytes) {
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

// How much of |text| goes on a line of |room| columns: whole words, or as much as there is room for
// of a word that is longer.
static size_t line_length(const char *text, int room) {
    size_t taken = 0;
    for (size_t end = 0;; end++) {
        bool stops = text[end] == ' ' || text[end] == '\n' || text[end] == '\0';
        if (columns_of(text, end) > room) {
            if (taken > 0) return taken;
            while (end > 1 && columns_of(text, end) > room)
                end--;
            return end;
        }
        if (stops) taken = end;
        if (text[end] == '\n' || text[end] == '\0') return end;
    }
}

void snug_dry_wrap(snug_text *out, int indent, const char *text) {
    while (*text) {
        size_t length = line_length(text, COLUMNS - indent), shown = length;
        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        snug_text_append(out, "%*s%.*s\n", shown ? indent : 0, "", (int)shown, text);
        text += length;
        if (*text == ' ' || *text == '\n') text++;
    }
}

void snug_dry_append_line(snug_text *out, const char *file, int line, int room) {
    char place[600];
    snprintf(place, sizeof place, "%s:%d", file, line);
    size_t length = strlen(place), start = 0;
    if (columns_of(place, length) > room) {
        while (start < length && columns_of(place + start, length - start) > room - 3)
            start++;
        while (((unsigned char)place[start] & 0xC0) == 0x80)
            start++;
    }
    snug_text_append(out, "%s%s", start ? "..." : "", place + start);
}

// ---- What cannot be run dry ----------------------------------------------------------------

static const char *const cannot_words[] = {
    [SNUG_DRY_CAN] = "",
    [SNUG_DRY_CPU_BUILD] =
        "This PyTorch is built without CUDA, so it would compute everything on the processor. "
        "Install a build for CUDA 12 or 13 (no GPU and no driver is needed):\n"
        "    pip install torch\n"
        "on Linux, or for less to download, without NVIDIA's own libraries:\n"
        "    pip install --no-deps torch\n"
        "    pip install filelock fsspec jinja2 networkx sympy typing-extensions",
    [SNUG_DRY_ROCM_BUILD] =
        "This PyTorch is built for AMD's ROCm; there are stand-ins for CUDA alone. In an "
        "environment of its own, `pip install torch` gives a build for CUDA; no GPU is needed.",
    [SNUG_DRY_XPU_BUILD] =
        "This PyTorch is built for Intel's GPUs; there are stand-ins for CUDA alone. In an "
        "environment of its own, `pip install torch` gives a build for CUDA; no GPU is needed.",
    [SNUG_DRY_OTHER_MAJOR] =
        "There are stand-ins for CUDA 12 and 13. PyTorch 2.1 and later have builds for one of "
        "them: `pip install torch`.",
    [SNUG_DRY_OTHER_FRAMEWORK] =
        "The program used no card through PyTorch. JAX, TensorFlow and others have CUDA's runtime "
        "linked in, past the stand-ins: only PyTorch programs can be run dry.",
    [SNUG_DRY_MISSING_NAME] =
        "A library asks for a function of CUDA's that this snug has no stand-in for. Please "
        "report the name above. Until then: a newer snug, or the program without that library.",
    [SNUG_DRY_ISOLATED] =
        "Python was started with -I, -E or -S, which keeps the hook out. Start it without.",
    [SNUG_DRY_NO_PYTHON] =
        "No Python with the hook was started. A dry run follows PyTorch programs: is it one, and "
        "does it start Python with the environment that it was given?",
    [SNUG_DRY_NO_TORCH] = "The program ended well, but never imported PyTorch.",
    [SNUG_DRY_NO_CARD] =
        "The program ended well, but never used a card: all its tensors stayed in host memory. "
        "Does it ask torch.cuda.is_available() and choose \"cuda\"?",
};

void snug_dry_explain_cannot(snug_dry_cannot cannot, const snug_dry_run *run, snug_text *out) {
    const snug_dry_process *process = run->judgement.failed;
    if (process && *process->torch)
        snug_text_append(out, "PyTorch %s%s%s. ", process->torch, *process->cuda ? ", CUDA " : "",
                         process->cuda);
    if (process && cannot == SNUG_DRY_MISSING_NAME)
        snug_text_append(out, "%s\n",
                         *process->import_failure ? process->import_failure
                                                  : process->error_message);
    snug_text_append(out, "%s", cannot_words[cannot]);
}

void snug_dry_append_end(const snug_launch_end *end, snug_text *out) {
    if (WIFSIGNALED(end->status))
        snug_text_append(out, "signal %d (%s) ended it", WTERMSIG(end->status),
                         strsignal(WTERMSIG(end->status)));
    else
        snug_text_append(out, "it ended with status %d", WEXITSTATUS(end->status));
}

void snug_dry_place_name(const snug_dry_run *run, const snug_dry_place *place, char out[48]) {
    const snug_dry_records *records = &run->seen->records;
    int used = 0;
    for (size_t i = 0; i < records->place_count; i++)
        used += records->places[i].process == place->process;
    if (place->process->rank >= 0)
        snprintf(out, 48, used > 1 ? "rank %d, GPU %d" : "rank %d", place->process->rank,
                 place->device);
    else if (used > 1 && records->process_count == 1)
        snprintf(out, 48, "GPU %d", place->device);
    else
        snprintf(out, 48, "process %ld, GPU %d", place->process->pid, place->device);
}

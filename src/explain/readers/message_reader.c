// Texts: tracebacks, logs, notebooks.
#include <string.h>

#include "base/memory.h"
#include "explain/explanation.h"
#include "explain/text/context.h"
#include "explain/text/message.h"

// A byte of 0x80 begins pickles and no text.
static bool is_text(const char *bytes, size_t length) {
    if (length > 0 && (unsigned char)bytes[0] == 0x80) return false;
    return !snug_clean_is_binary(bytes, length);
}

// Which of the processes that a text numbers is this one: a container and the driver number it
// differently, so the figures have to tell. What CUDA itself takes comes on top of the allocator's.
static void find_process(const snug_message *message, snug_facts *facts) {
    snug_figures *figures = &facts->figures;
    snug_amount allocator = figures->reserved;
    if (!allocator.known && figures->allocated.known && figures->unallocated.known)
        allocator = snug_amount_of(figures->allocated.bytes + figures->unallocated.bytes);
    size_t own = SNUG_MAX_PROCESSES;
    uint64_t others = 0;
    for (size_t i = 0; !figures->process.known && allocator.known && i < message->processes; i++) {
        uint64_t bytes = message->process[i].bytes;
        // Less than the allocator holds but for rounding: another's.
        if (bytes + bytes / 64 < allocator.bytes) continue;
        uint64_t excess = bytes > allocator.bytes ? bytes - allocator.bytes : 0;
        if (excess > ((uint64_t)2 << 30)) continue;
        if (own == SNUG_MAX_PROCESSES || bytes < message->process[own].bytes) own = i;
    }
    for (size_t i = 0; i < message->processes; i++)
        if (i != own) others += message->process[i].bytes;
    facts->processes = message->processes - (own < SNUG_MAX_PROCESSES);
    if (facts->processes > 0) figures->other_process = snug_amount_of(others);
    if (own == SNUG_MAX_PROCESSES) return;
    facts->own_by_number = true;
    facts->pid = message->process[own].pid;
    figures->process = snug_amount_of(message->process[own].bytes);
}

static snug_facts facts_of(const snug_message *message, const snug_clean *clean, const char *name) {
    snug_facts facts = SNUG_FACTS_INIT;
    facts.format = message->name;
    facts.source = name;
    facts.line = clean->lines[message->line].source_line;
    facts.gpu = message->gpu;
    facts.pid = message->pid;
    facts.figures = message->figures;
    facts.limit_unset = message->limit_unset;
    facts.other_framework = message->format->other_framework;
    facts.own_fixes = message->format->fixes;
    facts.host = message->format->host;
    facts.device = message->format->device;
    facts.library = message->format->library;
    facts.tells_hint = message->tells_hint;
    facts.notebook = clean->notebook;
    facts.repeats = message->repeats;
    if (message->format->masks) {
        facts.masked = message->shown;
        facts.masked_share = message->share;
    }
    if (message->format->phase)
        facts.phase =
            message->format->phase(clean->squeezed + message->start, message->end - message->start);
    find_process(message, &facts);
    return facts;
}

// Errors before |index| that may be of the same process: those of other devices are other ranks'.
static size_t count_before(const snug_message_list *list, size_t index) {
    int gpu = list->items[index].gpu;
    size_t count = 0;
    for (size_t i = 0; i < index && i < 64; i++)
        count += gpu < 0 || list->items[i].gpu < 0 || list->items[i].gpu == gpu;
    return count;
}

static snug_status explain_all(const snug_clean *clean, const snug_message_list *list,
                               const char *name, snug_explanation *explanation) {
    snug_log log = {0};
    size_t first = 0;
    for (size_t i = 0; i < list->count; i++) {
        const snug_message *message = &list->items[i];
        snug_facts facts = facts_of(message, clean, name);
        facts.errors_before = count_before(list, i);
        SNUG_TRY(snug_traceback_read(clean, first, message->stack_line, explanation, &facts));
        snug_log_advance(&log, clean, message->line);
        SNUG_TRY(snug_log_tell(&log, explanation, &facts));
        SNUG_TRY(snug_explanation_add(explanation, &facts));
        first = message->last_line < message->line ? message->line : message->last_line;
    }
    return SNUG_OK;
}

// The last line that names an exception: what failed instead.
static const char *other_error(const snug_clean *clean) {
    for (size_t i = clean->line_count; i-- > 0 && clean->line_count - i < 1000;) {
        const char *line = snug_clean_line_text(clean, i), *error = strstr(line, "Error: ");
        if (error && error - line < 60) return line + strspn(line, " ");
    }
    return NULL;
}

static snug_status nothing_found(const snug_clean *clean, const char *name) {
    const char *error = other_error(clean), *plural = clean->line_count == 1 ? "" : "s";
    if (error)
        return snug_fail(
            SNUG_BAD_FILE,
            "no out-of-memory error in '%s' (%zu line%s); what failed there is \"%.120s\"", name,
            clean->line_count, plural, error);
    return snug_fail(
        SNUG_BAD_FILE,
        "no out-of-memory error in '%s' (%zu line%s); expected a traceback or log with "
        "one, or a memory snapshot",
        name, clean->line_count, plural);
}

static snug_status read_text(const char *bytes, size_t length, const char *name,
                             snug_explanation *explanation) {
    if (explanation->options.what_if)
        return snug_fail(SNUG_BAD_FILE,
                         "'%s' is a text; --what-if replays the trace of a memory snapshot, as "
                         "torch.cuda.memory._dump_snapshot() writes it",
                         name);
    snug_clean clean = {0};
    snug_message_list list = {0};
    snug_status status = snug_clean_text(bytes, length, &clean);
    if (status == SNUG_OK) status = snug_messages_find(&clean, &list);
    if (status == SNUG_OK)
        status = list.count ? explain_all(&clean, &list, name, explanation)
                            : nothing_found(&clean, name);
    snug_memory_free(list.items);
    snug_clean_clear(&clean);
    return status;
}

const snug_reader snug_reader_message = {.name = "message", .matches = is_text, .read = read_text};

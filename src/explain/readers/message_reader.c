// Texts: tracebacks, logs, notebooks.
#include <string.h>

#include "base/memory.h"
#include "explain/advice/advice.h"
#include "explain/explanation.h"
#include "explain/text/context.h"
#include "explain/text/message.h"
#include "explain/text/ranks.h"

// A byte of 0x80 begins pickles and no text.
static bool is_text(const char *bytes, size_t length) {
    if (length > 0 && (unsigned char)bytes[0] == 0x80) return false;
    return !snug_clean_is_binary(bytes, length);
}

// Which of the processes that a text numbers is this one. PyTorch lists every process of the
// device, itself as "this process"; where a container hides the numbers it does not know itself, so
// one of the others is it: the smallest that can hold what the allocator does. CUDA's own comes on
// top.
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
    facts.shortage = message->shortage;
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
    if (message->format->tell) message->format->tell(clean, message, &facts);
    find_process(message, &facts);
    return facts;
}

// The text around message |index| that tells who speaks: all of a short text, else what is near. Of
// many messages each has its own.
static void find_around(const snug_clean *clean, const snug_message_list *list, size_t index,
                        snug_facts *facts) {
    enum { BEFORE = 200000, AFTER = 4000, FEW = 32, LITTLE = 2000 };
    const snug_message *message = &list->items[index];
    size_t before = list->count > FEW ? LITTLE : BEFORE, after = list->count > FEW ? 0 : AFTER;
    size_t start = message->start > before ? message->start - before : 0;
    size_t left = clean->squeezed_length - message->end;
    size_t end = message->end + (left < after ? left : after);
    facts->around = clean->squeezed + start;
    facts->around_length = end - start;
}

// Another card than the message's that the text shows, the emptiest of a table. |list|: NULL where
// there is a table alone.
static void find_other_gpu(const snug_message_list *list, snug_facts *facts) {
    int own = facts->gpu;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < facts->card_count; i++) {
        const snug_card_row *card = &facts->cards[i];
        if (card->gpu == own || (own < 0 && card->used * 2 > card->total)) continue;
        if (card->used >= least) continue;
        least = card->used;
        facts->other_gpu = card->gpu;
        facts->other_gpu_is_empty = card->used * 10 < card->total;
    }
    if (facts->card_count == 1 && facts->other_gpu_is_empty && own < 0) facts->other_gpu = -1;
    if (facts->card_count == 1 && own < 0) facts->other_gpu_is_empty = false;
    if (facts->other_gpu >= 0 || facts->card_count > 0 || own < 0) return;
    for (size_t i = 0; list && i < list->count && i < 64; i++)
        if (list->items[i].gpu >= 0 && list->items[i].gpu != own)
            facts->other_gpu = list->items[i].gpu;
    if (own > 0) facts->other_gpu = 0; // they are counted from 0
    if (own == 0 && snug_facts_mention(facts, "cuda:1|device1|gpu1")) facts->other_gpu = 1;
}

// Errors before |index| that may be of the same process: those of other devices are other ranks'.
static size_t count_before(const snug_message_list *list, size_t index) {
    int gpu = list->items[index].gpu;
    size_t count = 0;
    for (size_t i = 0; i < index && i < 64; i++)
        count += !list->items[i].is_rank &&
                 (gpu < 0 || list->items[i].gpu < 0 || list->items[i].gpu == gpu);
    return count;
}

// Who asks for help tells the batch size below the message.
static void read_after(const snug_clean *clean, const snug_message *message, size_t next,
                       snug_facts *facts) {
    enum { LINES_AFTER = 40 };
    snug_log after = {.next = message->last_line + 1};
    size_t stop = after.next + LINES_AFTER < next ? after.next + LINES_AFTER : next;
    if (facts->batch_size != 0 || after.next >= stop) return;
    snug_log_advance(&after, clean, stop);
    facts->batch_size = after.batch_size;
}

static snug_status read_facts(const snug_clean *clean, const snug_message_list *list, size_t index,
                              size_t first, const char *name, snug_log *log,
                              snug_explanation *explanation, snug_facts *out) {
    enum { TABLE_LINES = 200 };
    const snug_message *message = &list->items[index];
    *out = facts_of(message, clean, name);
    size_t next = index + 1 < list->count ? list->items[index + 1].line : clean->line_count;
    SNUG_TRY(snug_traceback_read(clean, first, message->stack_line, next, explanation, out));
    snug_log_advance(log, clean, message->line);
    SNUG_TRY(snug_log_tell(log, explanation, out));
    read_after(clean, message, next, out);
    find_around(clean, list, index, out);
    size_t from = message->line > TABLE_LINES ? message->line - TABLE_LINES : 0;
    if (list->count <= 32) snug_card_table_read(clean, from, message->line + TABLE_LINES, out);
    snug_asides_read(out);
    snug_speaker_find(message->format->tool, out);
    find_other_gpu(list, out);
    // A bar of a sampler or a loader counts no training steps.
    if (snug_facts_is_inference(out)) out->iterations = out->epochs = -1;
    return SNUG_OK;
}

// Explains the errors from |first| on, at most a batch of them, so that those of other ranks are
// told with the first of theirs. |*next| receives the index behind them, |*line| the last's line.
static snug_status explain_batch(const snug_clean *clean, snug_message_list *list, size_t first,
                                 const char *name, snug_log *log, size_t *line,
                                 snug_explanation *explanation, size_t *next) {
    size_t left = list->count - first, count = left < SNUG_MAX_JOINED ? left : SNUG_MAX_JOINED;
    snug_facts *facts = NULL;
    SNUG_TRY(SNUG_NEW(&facts, count));
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < count && status == SNUG_OK; i++) {
        const snug_message *message = &list->items[first + i];
        status = read_facts(clean, list, first + i, *line, name, log, explanation, &facts[i]);
        *line = message->last_line < message->line ? message->line : message->last_line;
    }
    if (status == SNUG_OK)
        status = snug_ranks_join(clean, &list->items[first], facts, count, explanation);
    for (size_t i = 0; i < count && status == SNUG_OK; i++) {
        if (list->items[first + i].is_rank) continue;
        facts[i].errors_before = count_before(list, first + i);
        status = snug_explanation_add(explanation, &facts[i]);
    }
    snug_memory_free(facts);
    *next = first + count;
    return status;
}

static snug_status explain_all(const snug_clean *clean, snug_message_list *list, const char *name,
                               snug_explanation *explanation) {
    snug_log log = {0};
    size_t line = 0;
    for (size_t next = 0; next < list->count;)
        SNUG_TRY(explain_batch(clean, list, next, name, &log, &line, explanation, &next));
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

static snug_status nothing_found(const snug_clean *clean, const snug_message_list *list,
                                 const char *name) {
    if (list->harmless > 0)
        return snug_fail(SNUG_BAD_FILE,
                         "no out-of-memory error in '%s'; line %zu is a warning that says itself "
                         "that it is no failure: the program went on with less memory",
                         name, clean->lines[list->harmless_line].source_line);
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

// A table of nvidia-smi's without an error beside it: the fullest card's.
static snug_status explain_table(const snug_clean *clean, const char *name,
                                 snug_explanation *explanation, bool *found) {
    snug_facts facts = SNUG_FACTS_INIT;
    snug_card_table_read(clean, 0, clean->line_count, &facts);
    *found = facts.card_count > 0;
    if (!*found) return SNUG_OK;
    const snug_card_row *fullest = &facts.cards[0];
    for (size_t i = 1; i < facts.card_count; i++)
        if (facts.cards[i].used > fullest->used) fullest = &facts.cards[i];
    facts.format = "nvidia-smi";
    facts.source = name;
    facts.gpu = fullest->gpu;
    facts.figures.capacity = snug_amount_of(fullest->total);
    facts.figures.free = snug_amount_of(fullest->total - fullest->used);
    facts.around = clean->squeezed;
    facts.around_length = clean->squeezed_length;
    find_other_gpu(NULL, &facts);
    snug_speaker_find(NULL, &facts);
    return snug_explanation_add(explanation, &facts);
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
    bool found = list.count > 0;
    if (status == SNUG_OK)
        status = found ? explain_all(&clean, &list, name, explanation)
                       : explain_table(&clean, name, explanation, &found);
    if (status == SNUG_OK && !found) status = nothing_found(&clean, &list, name);
    snug_memory_free(list.items);
    snug_clean_clear(&clean);
    return status;
}

const snug_reader snug_reader_message = {.name = "message", .matches = is_text, .read = read_text};

// From facts to a finding: every cause is asked, the answers are ranked, fixes are collected.
#include "explain/explanation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/advice/advice.h"
#include "explain/causes/cause.h"

enum { MAX_CAUSES = 32, MAX_FIXES = 10, MAX_FIXES_A_CAUSE = 7, MAX_LEVERS = 5 };

// What is left of a cause where the text itself names another shortage than of the device's memory.
static const double OTHERWISE_NAMED = 0.25;

struct snug_advice {
    snug_pool *pool;
    snug_fix_found fixes[MAX_FIXES];
    size_t count;
    size_t room; // fixes that the cause being asked may still tell
    snug_status status;
};

// A formatted text in |pool|, NULL when memory ran out.
static char *print(snug_pool *pool, const char *format, va_list arguments) {
    va_list again;
    char *text = NULL;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length >= 0 && snug_pool_new(pool, (size_t)length + 1, (void **)&text) == SNUG_OK)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

const char *snug_words(snug_advice *advice, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = print(advice->pool, format, arguments);
    va_end(arguments);
    if (!text) advice->status = SNUG_NOMEM;
    return text ? text : "";
}

void snug_advise(snug_advice *advice, const char *why, const char *format, ...) {
    char *copy = NULL;
    if (advice->room == 0 || advice->count == MAX_FIXES) return;
    va_list arguments;
    va_start(arguments, format);
    char *fix = print(advice->pool, format, arguments);
    va_end(arguments);
    if (!fix || snug_pool_text(advice->pool, why, &copy) != SNUG_OK) {
        advice->status = SNUG_NOMEM;
        return;
    }
    for (size_t i = 0; i < advice->count; i++)
        if (strcmp(advice->fixes[i].fix, fix) == 0) return;
    advice->fixes[advice->count++] = (snug_fix_found){.fix = fix, .why = copy};
    advice->room--;
}

// " --memory 15.2GiB", "" where it is not known what this process can have.
static const char *memory_option(const snug_facts *facts, snug_advice *advice) {
    char size[SNUG_SIZE_TEXT];
    snug_amount budget = facts->attainable;
    if (!budget.known || budget.bytes < (64u << 20)) return "";
    // Rounded down, so never more than there is.
    uint64_t tenths = (budget.bytes >> 10) * 10 >> 20;
    snprintf(size, sizeof size, "%.1fGiB", (double)tenths / 10);
    if (budget.bytes < (1u << 30))
        snprintf(size, sizeof size, "%uMiB", (unsigned)(budget.bytes >> 20));
    return snug_words(advice, " --memory %s", size);
}

void snug_advise_command(const snug_facts *facts, snug_advice *advice) {
    bool is_mac = facts->device && strcmp(facts->device, "MPS") == 0;
    if (facts->other_framework || facts->host || is_mac || snug_facts_is_inference(facts)) return;
    const char *memory = memory_option(facts, advice);
    if (facts->model) {
        const char *batch = facts->batch_size > 0 ? snug_words(advice, " --batch-size %lld",
                                                               (long long)facts->batch_size)
                                                  : "";
        snug_advise(advice, "plans the whole step of this network inside that before it starts",
                    "snug train %s --data DATA%s%s", facts->model, memory, batch);
    }
    if (*memory)
        snug_advise(
            advice,
            "runs the program dry, without a GPU, and finds the mildest fixes with which it "
            "fits; they are applied from outside",
            "snug fit%s python PROGRAM", memory);
    else
        snug_advise(advice, "runs the program without a GPU and tells what it needs, and when",
                    "snug dry-run python PROGRAM");
}

const char *snug_device_watcher(const snug_facts *facts) {
    static const struct {
        const char *device, *program;
    } programs[] = {{"MPS", "Activity Monitor"},
                    {"XPU", "xpu-smi"},
                    {"HIP", "rocm-smi"},
                    {"DirectML", "the Task Manager's GPU memory"}};
    for (size_t i = 0; facts->device && i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(facts->device, programs[i].device) == 0) return programs[i].program;
    return "nvidia-smi";
}

void snug_advise_see_others(const snug_facts *facts, const char *why, snug_advice *advice) {
    const char *program = snug_device_watcher(facts);
    if (facts->device &&
        (strcmp(facts->device, "MPS") == 0 || strcmp(facts->device, "DirectML") == 0))
        snug_advise(advice, why,
                    "Look at %s before the run and while it fails, and close what "
                    "else holds memory",
                    program);
    else
        snug_advise(advice, why,
                    "See who is on the card with %s (on the host, where this is a container) and "
                    "end processes that are left over",
                    program);
}

static void speak(snug_text *text, const char *format, va_list arguments) {
    char sentence[1024];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    snug_text_append(text, "%s%s", text->length ? " " : "", sentence);
}

void snug_speak_for(snug_evidence *evidence, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    speak(&evidence->speaks_for, format, arguments);
    va_end(arguments);
}

void snug_speak_against(snug_evidence *evidence, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    speak(&evidence->against, format, arguments);
    va_end(arguments);
}

// One cause's answer.
typedef struct cause_answer {
    const snug_cause *cause;
    snug_cause_found found;
} cause_answer;

static snug_status ask(const snug_cause *cause, const snug_facts *facts, snug_pool *pool,
                       cause_answer *out) {
    snug_evidence evidence = {0};
    double confidence = cause->judge(facts, &evidence);
    if (facts->certainty > 0) confidence *= facts->certainty;
    const char *help = cause->help_for ? cause->help_for(facts) : NULL;
    if (facts->shortage != SNUG_SHORTAGE_UNKNOWN && !cause->knows_shortage)
        confidence *= OTHERWISE_NAMED;
    char *speaks_for = NULL, *against = NULL;
    snug_status status = snug_text_status(&evidence.speaks_for);
    if (status == SNUG_OK) status = snug_text_status(&evidence.against);
    if (status == SNUG_OK)
        status = snug_pool_text(pool, snug_text_view(&evidence.speaks_for), &speaks_for);
    if (status == SNUG_OK)
        status = snug_pool_text(pool, snug_text_view(&evidence.against), &against);
    *out = (cause_answer){.cause = cause,
                          .found = {.name = cause->name,
                                    .help = help ? help : cause->help,
                                    .confidence = snug_clamp(confidence, 0, 0.99),
                                    .evidence = speaks_for,
                                    .against = against}};
    snug_text_clear(&evidence.speaks_for);
    snug_text_clear(&evidence.against);
    return status;
}

// More confident first, by name where they are equal.
static int compare(const void *left, const void *right) {
    const cause_answer *a = left, *b = right;
    if (a->found.confidence != b->found.confidence)
        return a->found.confidence < b->found.confidence ? 1 : -1;
    return strcmp(a->found.name, b->found.name);
}

static bool counts(const cause_answer *answer) {
    return answer->found.confidence >= SNUG_CAUSE_LEAST;
}

// Fixes of the likeliest cause, then of those that are about as likely.
static void collect_fixes(const cause_answer *answers, size_t count, const snug_facts *facts,
                          snug_advice *advice) {
    double top = answers[0].found.confidence;
    if (facts->is_snapshot && !facts->has_trace) {
        advice->room = 1;
        snug_advise(advice, "with a trace it says what grew, when, and which lines made it",
                    "Record the run first: torch.cuda.memory._record_memory_history() before "
                    "training, torch.cuda.memory._dump_snapshot(\"s.pickle\") where it fails");
    }
    for (size_t i = 0; i < count; i++) {
        bool likely = answers[i].found.confidence >= 0.3 && answers[i].found.confidence >= top / 2;
        if (i > 0 && !likely) break;
        size_t before = advice->count, most = i == 0 ? MAX_FIXES_A_CAUSE : 3;
        advice->room = i == 0 ? MAX_LEVERS : 2;
        snug_levers_tell(facts, answers[i].cause->name, advice);
        size_t told = advice->count - before;
        advice->room = most > told ? most - told : 0;
        answers[i].cause->advise(facts, advice);
    }
    if (advice->count > 0) return;
    advice->room = MAX_FIXES_A_CAUSE;
    snug_cause_unknown.advise(facts, advice);
}

static snug_status copy_text(snug_pool *pool, const char *text, const char **out) {
    char *copy = NULL;
    snug_status status = text ? snug_pool_text(pool, text, &copy) : SNUG_OK;
    *out = copy;
    return status;
}

static snug_status fill(const snug_facts *facts, const cause_answer *answers, size_t count,
                        snug_advice *advice, snug_finding *out) {
    snug_pool *pool = advice->pool;
    size_t refuted = 0;
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->causes, (void **)&out->causes));
    SNUG_TRY(snug_pool_new(pool, count * sizeof *out->refuted, (void **)&out->refuted));
    SNUG_TRY(snug_pool_new(pool, sizeof advice->fixes, (void **)&out->fixes));
    for (size_t i = 0; i < count; i++) {
        // The least likely cause stands rather than none.
        if (counts(&answers[i]) || i == 0)
            out->causes[out->cause_count++] = answers[i].found;
        else if (*answers[i].found.against)
            out->refuted[refuted++] = answers[i].found;
    }
    out->refuted_count = refuted;
    memcpy(out->fixes, advice->fixes, sizeof advice->fixes);
    out->fix_count = advice->count;
    SNUG_TRY(copy_text(pool, facts->format, &out->format));
    SNUG_TRY(copy_text(pool, facts->source, &out->source));
    SNUG_TRY(copy_text(pool, facts->masked, &out->masked));
    SNUG_TRY(copy_text(pool, facts->others, &out->ranks));
    SNUG_TRY(copy_text(pool, facts->detail, &out->detail));
    SNUG_TRY(copy_text(pool, facts->detail_json, &out->detail_json));
    SNUG_TRY(copy_text(pool, facts->user.file, &out->user_file));
    SNUG_TRY(copy_text(pool, facts->user.function, &out->user_function));
    return copy_text(pool, facts->user.code, &out->user_code);
}

snug_status snug_explanation_add(snug_explanation *explanation, const snug_facts *told) {
    snug_facts facts = *told;
    cause_answer answers[MAX_CAUSES];
    size_t count = 0;
    snug_facts_complete(&facts);
    SNUG_TRY(SNUG_GROW(&explanation->findings, &explanation->capacity, explanation->count + 1));
    for (const snug_cause *const *cause = snug_causes; *cause && count < MAX_CAUSES; cause++)
        SNUG_TRY(ask(*cause, &facts, &explanation->pool, &answers[count++]));
    qsort(answers, count, sizeof answers[0], compare);
    snug_advice advice = {.pool = &explanation->pool};
    collect_fixes(answers, count, &facts, &advice);
    if (advice.status != SNUG_OK) return advice.status;
    snug_finding *finding = &explanation->findings[explanation->count];
    *finding = (snug_finding){.kind = facts.is_snapshot ? "snapshot" : "message",
                              .line = facts.line,
                              .gpu = facts.gpu,
                              .pid = facts.pid,
                              .untraced = facts.is_snapshot && !facts.has_trace,
                              .figures = facts.figures,
                              .user_line = facts.user.line,
                              .repeats = facts.repeats};
    SNUG_TRY(fill(&facts, answers, count, &advice, finding));
    explanation->count++;
    return SNUG_OK;
}

snug_status snug_explanation_new(const char *name, snug_explanation **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    snug_status status = copy_text(&(*out)->pool, name, &(*out)->name);
    if (status == SNUG_OK) return SNUG_OK;
    snug_explanation_free(*out);
    *out = NULL;
    return status;
}

snug_status snug_explanation_keep(snug_explanation *explanation, const char *text,
                                  const char **out) {
    return copy_text(&explanation->pool, text, out);
}

const snug_finding *snug_explanation_findings(const snug_explanation *explanation, size_t *count) {
    *count = explanation->count;
    return explanation->findings;
}

const snug_finding *snug_explanation_finding(const snug_explanation *explanation, size_t index) {
    return explanation && index < explanation->count ? &explanation->findings[index] : NULL;
}

const snug_cause_found *snug_finding_cause(const snug_finding *finding, size_t index) {
    return finding && index < finding->cause_count ? &finding->causes[index] : NULL;
}

const snug_cause_found *snug_finding_refuted(const snug_finding *finding, size_t index) {
    return finding && index < finding->refuted_count ? &finding->refuted[index] : NULL;
}

const snug_fix_found *snug_finding_fix(const snug_finding *finding, size_t index) {
    return finding && index < finding->fix_count ? &finding->fixes[index] : NULL;
}

void snug_explanation_text_free(char *text) {
    snug_memory_free(text);
}

void snug_explanation_free(snug_explanation *explanation) {
    if (!explanation) return;
    snug_pool_clear(&explanation->pool);
    snug_memory_free(explanation->findings);
    snug_memory_free(explanation);
}

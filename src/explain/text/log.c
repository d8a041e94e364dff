// What a training log tells of its run, from its squeezed text (lower case, no white space).
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/text/context.h"
#include "explain/text/quantity.h"

static bool begins(const char *text, const char *word) {
    return strncmp(text, word, strlen(word)) == 0;
}

static bool is_digit(char character) {
    return isdigit((unsigned char)character) != 0;
}

// The number after what may stand between a name and its value; -1 for none.
static int64_t number_after(const char *text) {
    size_t gap = strspn(text, "=:['\"(,>#");
    if (gap > 4 || !is_digit(text[gap])) return -1;
    return strtoll(text + gap, NULL, 10);
}

// Prose between a name and its value: "batch size is only 1", "the batch size to 1".
static const char *skip_words(const char *text) {
    static const char *const words[] = {"perdevice", "pergpu", "is",  "only", "of",
                                        "to",        "as",     "was", "just"};
    for (int i = 0; i < 3; i++)
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            if (begins(text, words[j])) text += strlen(words[j]);
    return text;
}

static void read_batch(const char *text, snug_log *log) {
    static const char *const names[] = {"batch_size", "batchsize", "batch-size",
                                        "per_device_train_batch_size", "bs="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!begins(text, names[i])) continue;
        size_t length = strlen(names[i]);
        const char *after = skip_words(text + length - (names[i][length - 1] == '='));
        int64_t size = number_after(after);
        if (size > 0 && size < 1000000) log->batch_size = size;
        return;
    }
}

static void read_epoch(const char *text, snug_log *log) {
    if (!begins(text, "epoch")) return;
    int64_t epoch = number_after(text + 5 + (begins(text + 5, "(train)") ? 7 : 0));
    if (epoch < 0 || epoch > 10000000) return;
    log->has_epochs = true;
    log->epochs = epoch;
    // MMEngine's: `Epoch [1][50/7330]`, `Epoch(train) [1][50/7330]`.
    const char *next = memchr(text + 5, ']', strnlen(text + 5, 20));
    if (!next || next[1] != '[') return;
    char *end;
    int64_t step = is_digit(next[2]) ? strtoll(next + 2, &end, 10) : -1;
    if (step < 0 || *end != '/') return;
    log->has_steps = true;
    log->steps = step;
}

static void read_step(const char *text, snug_log *log) {
    static const char *const names[] = {"global_step", "iteration", "iter", "step"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!begins(text, names[i])) continue;
        int64_t step = number_after(text + strlen(names[i]));
        if (step < 0 || step > (int64_t)1 << 40) return;
        log->has_steps = true;
        log->steps = step;
        return;
    }
}

// A bar of something else than steps, by the words before it.
static bool is_other_bar(const char *line, const char *done) {
    static const char *const words[] = {"loading",   "download", "fetching", "map:",    "map(num",
                                        "tokeniz",   "sampl",    "generat",  "captur",  "filter",
                                        "resolving", "convert",  "scanning", "caching", "process"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (memmem(line, (size_t)(done - line), words[i], strlen(words[i]))) return true;
    return false;
}

// A bar of a validation, by the words before it.
static bool is_evaluation(const char *line, const char *done) {
    static const char *const words[] = {"valid",  "evaluat", "testing", "(val)",
                                        "(test)", "test:",   "val:"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (memmem(line, (size_t)(done - line), words[i], strlen(words[i]))) return true;
    return false;
}

// A logger's line about a validation's steps, "Evaluation [2160/5000] eta: ..."; |at| is its
// bracket.
static void read_header(const char *line, const char *at, snug_log *log) {
    size_t digits = strspn(at + 1, "0123456789");
    if (digits == 0 || at[1 + digits] != '/' || at - line > 24) return;
    log->evaluates = is_evaluation(line, at);
}

// The bar of a notebook's trainer at the beginning of |line|, which is taken for a log's prefix:
// `[ 501/1500 05:12 < 10:24, 1.60 it/s, Epoch 1/3]`.
static void read_notebook_bar(const char *line, snug_log *log) {
    const char *at = line + strspn(line, " ");
    if (*at != '[') return;
    at += 1 + strspn(at + 1, " ");
    if (!is_digit(*at)) return;
    char *end;
    int64_t done = strtoll(at, &end, 10);
    if (*end != '/' || !is_digit(end[1])) return;
    const char *close = memchr(end, ']', strnlen(end, 80));
    if (!close || !memmem(end, (size_t)(close - end), "Epoch", 5)) return;
    log->has_steps = true;
    log->steps = done;
}

// A progress bar: `120/5000[00:12<...`; |at| is its bracket.
static void read_bar(const char *line, const char *at, snug_log *log) {
    const char *start = at;
    while (start > line && is_digit(start[-1]))
        start--;
    if (start == at || start == line || start[-1] != '/') return;
    const char *done = --start;
    while (done > line && is_digit(done[-1]))
        done--;
    if (done == start || !is_digit(at[1]) || is_other_bar(line, done)) return;
    log->evaluates = is_evaluation(line, done);
    // Before it stands a percentage and a bar, "42%|####", or nothing.
    log->has_steps = true;
    log->steps = strtoll(done, NULL, 10);
}

// `mem: 3456MiB`, `max mem: 7345`, `memory_allocated=3.2GB`.
static bool read_memory(const char *text, size_t length, snug_log *log) {
    const char *after = text + 3;
    after += strspn(after, "ory_alcted");
    after += strspn(after, ":=([");
    size_t at = (size_t)(after - text);
    snug_quantity quantity;
    if (at > 40 || !is_digit(*after) || (after[-1] != ':' && after[-1] != '=' && after[-1] != '('))
        return false;
    if (!snug_quantity_read(text, length, at, &quantity) || quantity.unlimited) return false;
    double bytes = (double)quantity.bytes * (quantity.has_unit ? 1 : 0x1p20);
    if (bytes < 0x1p20) return false;
    if (log->figures == 0) log->first_figure = bytes;
    log->rises += log->figures > 0 && bytes > log->last_figure;
    log->last_figure = bytes;
    log->figures++;
    return true;
}

static void copy_word(const char *text, const char *stops, char *out, size_t room) {
    size_t length = strcspn(text, stops);
    if (length == 0 || length >= room) return;
    memcpy(out, text, length);
    out[length] = '\0';
}

static void read_model(const char *text, snug_log *log) {
    static const char *const stems[] = {"resnet", "vgg",       "mobilenet_v",
                                        "unet",   "googlenet", "efficientnet_b"};
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        if (!begins(text, stems[i])) continue;
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (length < sizeof log->model) {
            memcpy(log->model, text, length);
            log->model[length] = '\0';
        }
        return;
    }
}

// The environment's settings, from the line itself: letters may matter to it.
static void read_settings(const char *line, snug_log *log) {
    static const char *const names[] = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
                                        "PYTORCH_HIP_ALLOC_CONF"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *found = strstr(line, names[i]);
        if (!found) continue;
        found += strlen(names[i]);
        size_t gap = strspn(found, "\"'] =:");
        // The hint's own words, "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid", are
        // no setting.
        if (gap == 0 || strstr(found, "to avoid") || strstr(found, "try setting")) continue;
        const char *tried = strstr(line, "try setting");
        if (tried && tried < found) continue;
        copy_word(found + gap, "\"' ;\\)", log->settings, sizeof log->settings);
    }
}

static void read_line(const snug_clean *clean, size_t index, snug_log *log) {
    const char *line = clean->squeezed + clean->lines[index].squeezed;
    const char *end = index + 1 < clean->line_count
                          ? clean->squeezed + clean->lines[index + 1].squeezed
                          : clean->squeezed + clean->squeezed_length;
    bool memory_seen = false, settings_seen = false;
    read_notebook_bar(snug_clean_line_text(clean, index), log);
    for (const char *at = line; at < end; at++) {
        bool starts = at == line || !isalnum((unsigned char)at[-1]);
        // "nn_unet", "nets/vgg16.py" name other things than a network.
        bool named = starts && (at == line || !strchr("_-./\\", at[-1]));
        switch (*at) {
        case 'b':
        case 'p':
            if (*at == 'b' || starts) read_batch(at, log);
            if (!settings_seen && begins(at, "pytorch_")) {
                settings_seen = true;
                read_settings(snug_clean_line_text(clean, index), log);
            }
            break;
        case 'e':
            read_epoch(at, log);
            if (named) read_model(at, log);
            break;
        case 'i':
        case 's':
        case 'g':
            read_step(at, log);
            if (named && *at == 'g') read_model(at, log);
            break;
        case 'm':
            if (!memory_seen && begins(at, "mem"))
                memory_seen = read_memory(at, (size_t)(end - at), log);
            if (named) read_model(at, log);
            break;
        case 'r':
        case 'u':
        case 'v':
            if (named) read_model(at, log);
            break;
        case '[':
            read_header(line, at, log);
            read_bar(line, at, log);
            break;
        default:
            break;
        }
    }
}

void snug_log_advance(snug_log *log, const snug_clean *clean, size_t end) {
    for (; log->next < end && log->next < clean->line_count; log->next++)
        read_line(clean, log->next, log);
}

// Without the engine there are none to be advised.
static const char *known_model(const char *name) {
#ifdef SNUG_ENGINE
    for (const char *const *known = snug_log_networks; *known; known++)
        if (strcmp(*known, name) == 0) return *known;
#else
    (void)name;
#endif
    return NULL;
}

snug_status snug_log_tell(const snug_log *log, snug_explanation *explanation, snug_facts *facts) {
    if (log->batch_size > 0) facts->batch_size = log->batch_size;
    if (log->evaluates && facts->phase == SNUG_PHASE_UNKNOWN) facts->phase = SNUG_PHASE_EVALUATE;
    facts->iterations = log->has_steps ? log->steps : -1;
    facts->epochs = log->has_epochs ? log->epochs : -1;
    facts->model = log->model[0] ? known_model(log->model) : NULL;
    bool grows = log->figures >= 4 && log->last_figure > 1.05 * log->first_figure &&
                 log->rises * 10 >= (log->figures - 1) * 6;
    if (grows)
        facts->log_growth = (log->last_figure - log->first_figure) / (double)(log->figures - 1);
    return log->settings[0] ? snug_explanation_keep(explanation, log->settings, &facts->settings)
                            : SNUG_OK;
}

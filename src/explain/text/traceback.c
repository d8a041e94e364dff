// Stacks as Python, IPython, rich and pytest print them.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/script_words.h"
#include "explain/text/context.h"

typedef struct slice {
    const char *text;
    size_t length;
} slice;

typedef struct stack_frame {
    slice file, function, code;
    long line;
} stack_frame;

enum { LINES_ABOVE = 600, LINES_WITHOUT_HEAD = 40, LINES_BELOW = 80 };

static bool holds(slice in, const char *word) {
    return in.length > 0 && memmem(in.text, in.length, word, strlen(word)) != NULL;
}

static bool holds_any(slice in, const char *const *words) {
    for (; *words; words++)
        if (holds(in, *words)) return true;
    return false;
}

static bool is(slice text, const char *word) {
    return text.length == strlen(word) && memcmp(text.text, word, text.length) == 0;
}

static slice trim(slice text) {
    while (text.length > 0 && strchr(" \t|>", text.text[0]))
        text.text++, text.length--;
    while (text.length > 0 && isspace((unsigned char)text.text[text.length - 1]))
        text.length--;
    return text;
}

static slice until(const char *text, const char *stops) {
    return (slice){.text = text, .length = strcspn(text, stops)};
}

static slice word_after(const char *text, const char *words) {
    const char *found = strstr(text, words);
    if (!found) return (slice){0};
    return until(found + strlen(words), " (,:\n");
}

// `File "train.py", line 42, in main`
static bool read_python(const char *line, stack_frame *out) {
    const char *file = strstr(line, "File \"");
    const char *number = file ? strstr(file + 6, "\", line ") : NULL;
    if (!number) return false;
    out->file = (slice){file + 6, (size_t)(number - file - 6)};
    out->line = strtol(number + 8, NULL, 10);
    out->function = word_after(number, ", in ");
    return true;
}

// `Cell In[5], line 3`, `Input In [5], in <cell line: 3>()`, `<ipython-input-5-1a2b> in main()`
static bool read_cell(const char *line, stack_frame *out) {
    const char *cell = strstr(line, "Cell In");
    if (!cell) cell = strstr(line, "Input In");
    const char *old = cell ? NULL : strstr(line, "<ipython-input-");
    if (!cell && !old) return false;
    const char *start = cell ? cell : old;
    out->file = until(start, cell ? "]" : ">");
    if (start[out->file.length]) out->file.length++;
    const char *number = strstr(start, "line ");
    if (!number) number = strstr(start, "line: ");
    if (number) out->line = strtol(number + 5 + (number[4] == ':'), NULL, 10);
    out->function = word_after(start + out->file.length, "in ");
    if (out->function.length > 0 && out->function.text[0] == '<') out->function.length = 0;
    return true;
}

// `train.py:42: in main`, `train.py:42 in main`, `File ~/train.py:42, in main(args)`,
// `/home/me/train.py in main(args)`
static bool read_colon(const char *line, stack_frame *out) {
    const char *dot = strstr(line, ".py");
    // Colab makes a link of it: `[/usr/lib/module.py](https://localhost:8080/#) in forward(x)`.
    const char *link = dot && strncmp(dot + 3, "](http", 6) == 0 ? strstr(dot, ") in ") : NULL;
    if (link && dot > line) {
        const char *open = strchr(line, '[');
        if (!open || open > dot) return false;
        out->file = (slice){open + 1, (size_t)(dot + 3 - open - 1)};
        out->function = word_after(link, "in ");
        return true;
    }
    if (!dot || (dot[3] != ':' && strncmp(dot + 3, " in ", 4) != 0)) return false;
    const char *start = dot;
    while (start > line && !strchr(" \"'(|", start[-1]))
        start--;
    if (start == dot) return false;
    out->file = (slice){start, (size_t)(dot + 3 - start)};
    if (dot[3] == ':') {
        if (!isdigit((unsigned char)dot[4])) return false;
        out->line = strtol(dot + 4, NULL, 10);
        const char *rest = dot + 4;
        while (isdigit((unsigned char)*rest))
            rest++;
        // Compilers and warnings also write file:line, with other words after it.
        if (strncmp(rest, ": in ", 5) != 0 && strncmp(rest, " in ", 4) != 0 &&
            strncmp(rest, ", in ", 5) != 0)
            return false;
    }
    out->function = word_after(dot + 3, "in ");
    return true;
}

static bool read_frame(const char *line, stack_frame *out) {
    *out = (stack_frame){0};
    return read_python(line, out) || read_cell(line, out) || read_colon(line, out);
}

// The line that an arrow points at: `----> 3 loss.backward()`.
static bool read_arrow(const char *line, long *number, slice *code) {
    const char *arrow = strstr(line, "--> ");
    if (!arrow) arrow = strstr(line, "\xe2\x9d\xb1 ");
    if (!arrow) return false;
    char *rest;
    *number = strtol(arrow + 4, &rest, 10);
    if (rest == arrow + 4) return false;
    *code = trim((slice){rest, strlen(rest)});
    return true;
}

static bool is_installed(slice file) {
    return snug_file_is_installed(file.text, file.length);
}

static void note_phase(snug_facts *facts, snug_run_phase phase) {
    // Said in the order of the phases' numbers: backward inside evaluation is backward.
    if (phase > facts->phase) facts->phase = phase;
}

static void judge_installed(const stack_frame *frame, snug_facts *facts) {
    slice file = frame->file, function = frame->function;
    if (snug_function_loads(function.text, function.length)) note_phase(facts, SNUG_PHASE_LOAD);
    static const char *const evaluates[] = {
        "evaluation_loop",  "prediction_loop", "prediction_step",
        "_run_validation",  "run_evaluation",  "_run_sanity_check",
        "_evaluation_step", "_run_eval_epoch", NULL};
    // Trainers evaluate under no_grad by themselves.
    for (const char *const *name = evaluates; *name; name++)
        if (is(function, *name)) {
            note_phase(facts, SNUG_PHASE_EVALUATE);
            facts->no_grad = true;
        }
    bool moves = is(function, "cuda") || is(function, "to");
    if (moves && holds(file, "modules/module.py")) note_phase(facts, SNUG_PHASE_LOAD);
    if (is(function, "forward") || is(function, "_call_impl"))
        note_phase(facts, SNUG_PHASE_FORWARD);
    if (is(function, "backward") || holds(file, "autograd/__init__"))
        note_phase(facts, SNUG_PHASE_BACKWARD);
    if (snug_file_is_optimizer(file.text, file.length)) note_phase(facts, SNUG_PHASE_OPTIMIZER);
    facts->no_grad |= snug_frame_is_no_grad(file.text, file.length, function.text, function.length);
}

static void judge_user(const stack_frame *frame, snug_facts *facts) {
    static const char *const calls[] = {"evaluate(", "validate(", "inference(",
                                        "predict(",  "generate(", NULL};
    slice function = frame->function, code = frame->code;
    if (snug_function_loads(function.text, function.length)) note_phase(facts, SNUG_PHASE_LOAD);
    bool named = snug_function_evaluates(function.text, function.length);
    if (named || (!holds(function, "train") && holds_any(code, calls)))
        note_phase(facts, SNUG_PHASE_EVALUATE);
    if (holds(code, ".backward(")) note_phase(facts, SNUG_PHASE_BACKWARD);
    if (holds(code, "optimizer.step(") || holds(code, "optim.step(") || holds(code, "opt.step("))
        note_phase(facts, SNUG_PHASE_OPTIMIZER);
    if (holds(code, "torch.load(") || holds(code, "from_pretrained(") ||
        holds(code, "load_state_dict(") || holds(code, "load_model("))
        note_phase(facts, SNUG_PHASE_LOAD);
    if (is(function, "forward")) note_phase(facts, SNUG_PHASE_FORWARD);
}

static void judge_words(const stack_frame *frame, snug_facts *facts) {
    static const char *const convolution[] = {"conv.py", "F.conv", "self.conv", "_conv_forward",
                                              NULL};
    const slice parts[] = {frame->file, frame->function, frame->code};
    for (size_t i = 0; i < 3; i++) {
        facts->attention |=
            snug_name_is_attention(parts[i].text, parts[i].length) || holds(parts[i], "bmm(");
        facts->convolution |= holds_any(parts[i], convolution);
    }
}

// `total += loss`, `losses.append(loss)`: a tensor with its graph, unless it is made a number.
static bool keeps_graph(slice code) {
    static const char *const keeps[] = {"+= loss",        "+=loss",       ".append(loss)",
                                        ".append(output", "+ loss\n",     ".append(pred",
                                        ".append(logits", "+= self.loss", NULL};
    static const char *const lets_go[] = {".item(", ".detach(", "float(", ".cpu(", "#", NULL};
    return holds_any(code, keeps) && !holds_any(code, lets_go);
}

static snug_status keep(snug_explanation *explanation, slice text, const char **out) {
    char *copy = NULL;
    *out = NULL;
    if (text.length == 0) return SNUG_OK;
    SNUG_TRY(SNUG_NEW(&copy, text.length + 1));
    memcpy(copy, text.text, text.length);
    snug_status status = snug_explanation_keep(explanation, copy, out);
    snug_memory_free(copy);
    return status;
}

static snug_status keep_site(snug_explanation *explanation, const stack_frame *frame,
                             snug_site *out) {
    *out = (snug_site){.line = frame->line};
    SNUG_TRY(keep(explanation, frame->file, &out->file));
    SNUG_TRY(keep(explanation, frame->function, &out->function));
    return keep(explanation, frame->code, &out->code);
}

// Where the stack of the message on line |message| begins.
static size_t find_head(const snug_clean *clean, size_t first, size_t message) {
    size_t least = message - first > LINES_ABOVE ? message - LINES_ABOVE : first;
    for (size_t i = message + 1; i-- > least;)
        if (strstr(snug_clean_line_text(clean, i), "Traceback (most recent call last")) return i;
    return message - first > LINES_WITHOUT_HEAD ? message - LINES_WITHOUT_HEAD : first;
}

// How much of |line| launchers put before it: "[rank3]:", "(Worker pid=812)", "[1,0]<stderr>:".
// Other prefixes may be code: a comment, a list.
static size_t rank_length(const char *line) {
    static const char *const words[] = {"[rank", "[1,", NULL};
    size_t length = strspn(line, " ");
    const char *at = line + length, *end = NULL;
    if (holds_any((slice){at, strnlen(at, 6)}, words)) end = strchr(at, ']');
    if (at[0] == '(') {
        end = strchr(at, ')');
        const char *pid = strstr(at, "pid=");
        if (!pid || !end || pid > end) return 0;
    }
    if (!end || end - at > 60) return 0;
    end++;
    if (strncmp(end, "<stderr>", 8) == 0) end += 8;
    return (size_t)(end - line) + (*end == ':');
}

static slice line_of(const snug_clean *clean, size_t index) {
    const char *text = snug_clean_line_text(clean, index);
    size_t skipped = rank_length(text);
    return (slice){text + skipped, clean->lines[index].length - skipped};
}

// What a line of code between frames tells, whichever frame it belongs to.
static snug_status judge_line(slice code, const stack_frame *frame, snug_explanation *explanation,
                              snug_facts *facts) {
    facts->retain_graph |= holds(code, "retain_graph=True") || holds(code, "create_graph=True");
    facts->no_grad |= holds(code, "no_grad()") || holds(code, "inference_mode()");
    if (facts->kept.code || is_installed(frame->file) || !keeps_graph(code)) return SNUG_OK;
    stack_frame here = *frame;
    here.code = code;
    return keep_site(explanation, &here, &facts->kept);
}

// A progress bar that was printed in between.
static bool is_bar(slice line) {
    static const char *const words[] = {"%|", "it/s]", "s/it]", NULL};
    return holds_any(line, words);
}

// The frame on line |*at| with its code, which may stand on lines after it; |*at| becomes the last
// of them.
static snug_status take_frame(const snug_clean *clean, size_t message, size_t *at,
                              stack_frame *frame, snug_explanation *explanation,
                              snug_facts *facts) {
    size_t i = *at + 1;
    stack_frame other;
    for (; i < message && i - *at <= 24; i++) {
        slice line = line_of(clean, i);
        if (read_frame(line.text, &other) || strstr(line.text, "Traceback (most")) break;
        long number;
        slice code;
        if (read_arrow(line.text, &number, &code)) {
            frame->code = code;
            if (frame->line == 0) frame->line = number;
        } else {
            code = trim(line);
            if (frame->code.length == 0 && code.length > 0 && !is_bar(code)) frame->code = code;
        }
        SNUG_TRY(judge_line(code, frame, explanation, facts));
    }
    *at = i - 1;
    return SNUG_OK;
}

// Reads the frames on lines |from| to |stop|, the last left out; |*user| receives the innermost of
// the user's own, and |*seen| how many there are of any.
static snug_status read_frames(const snug_clean *clean, size_t from, size_t stop,
                               snug_explanation *explanation, snug_facts *facts, stack_frame *user,
                               size_t *seen) {
    stack_frame current;
    for (size_t i = from; i < stop; i++) {
        if (!read_frame(line_of(clean, i).text, &current)) continue;
        SNUG_TRY(take_frame(clean, stop, &i, &current, explanation, facts));
        judge_words(&current, facts);
        ++*seen;
        if (is_installed(current.file)) {
            judge_installed(&current, facts);
            continue;
        }
        judge_user(&current, facts);
        *user = current;
    }
    return SNUG_OK;
}

snug_status snug_traceback_read(const snug_clean *clean, size_t first, size_t message, size_t next,
                                snug_explanation *explanation, snug_facts *facts) {
    stack_frame user = {0};
    size_t seen = 0;
    SNUG_TRY(read_frames(clean, find_head(clean, first, message), message, explanation, facts,
                         &user, &seen));
    // Who tells the message first has its stack below.
    size_t stop = message + LINES_BELOW < next ? message + LINES_BELOW : next;
    if (seen == 0 && message + 1 < stop)
        SNUG_TRY(read_frames(clean, message + 1, stop, explanation, facts, &user, &seen));
    return user.file.length > 0 ? keep_site(explanation, &user, &facts->user) : SNUG_OK;
}

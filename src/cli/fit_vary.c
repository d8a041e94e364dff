#include "cli/fit_vary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/program_arguments.h"

static bool has_mark(char *const *program, const char *name) {
    char mark[72];
    snprintf(mark, sizeof mark, "{%s}", name);
    for (char *const *word = program; *word; word++)
        if (strstr(*word, mark)) return true;
    command_complain("fit", "--vary: no argument of the program has %s in it", mark);
    return false;
}

static bool read_list(const char *text, fit_variation *out) {
    char *copy = strdup(text), *rest = copy;
    size_t commas = 1;
    for (const char *at = text; *at; at++)
        commas += *at == ',';
    out->values = copy ? calloc(commas, sizeof *out->values) : NULL;
    for (char *one; out->values && (one = strsep(&rest, ","));) {
        out->values[out->value_count] = strdup(one);
        if (*one && out->values[out->value_count])
            out->value_count++;
        else
            free(out->values[out->value_count]);
    }
    free(copy);
    return out->value_count > 0;
}

bool fit_vary_read(const char *text, char *const *program, fit_variation *out) {
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : 0;
    int end = 0;
    *out = (fit_variation){0};
    bool good = length > 0 && length < sizeof out->name;
    if (good) {
        memcpy(out->name, text, length);
        if (sscanf(equals + 1, "%ld..%ld%n", &out->low, &out->high, &end) == 2 &&
            equals[1 + end] == '\0')
            good = out->low <= out->high;
        else
            good = read_list(equals + 1, out);
    }
    if (!good)
        return program_complain("fit", "--vary", text,
                                "NAME=LOW..HIGH or NAME=ONE,OTHER, with {NAME} in the program");
    return has_mark(program, out->name);
}

void fit_vary_clear(fit_variation *variation) {
    for (size_t i = 0; i < variation->value_count; i++)
        free(variation->values[i]);
    free(variation->values);
    *variation = (fit_variation){0};
}

// |word| with |value| wherever |mark| stands.
static char *replaced(const char *word, const char *mark, const char *value) {
    size_t marks = 0;
    for (const char *at = word; (at = strstr(at, mark)); at += strlen(mark))
        marks++;
    char *out = malloc(strlen(word) + marks * strlen(value) + 1), *end = out;
    for (const char *at; out && (at = strstr(word, mark)); word = at + strlen(mark))
        end += sprintf(end, "%.*s%s", (int)(at - word), word, value);
    if (out) memcpy(end, word, strlen(word) + 1);
    return out;
}

static void free_program(char **program) {
    for (char **word = program; program && *word; word++)
        free(*word);
    free(program);
}

static char **program_with(char *const *program, const char *name, const char *value) {
    size_t count = 0;
    char mark[72];
    snprintf(mark, sizeof mark, "{%s}", name);
    while (program[count])
        count++;
    char **out = calloc(count + 1, sizeof *out);
    for (size_t i = 0; out && i < count; i++) {
        out[i] = replaced(program[i], mark, value);
        if (out[i]) continue;
        free_program(out);
        return NULL;
    }
    return out;
}

void fit_varied_clear(fit_varied *varied) {
    snug_fit_free(varied->fit);
    free_program(varied->program);
    free(varied->value);
    *varied = (fit_varied){0};
}

static bool fits(const fit_varied *self) {
    return self->fit && snug_fit_fits(self->fit);
}

// Fits with |value|: |*kept| is the trial that fits, or the last.
static snug_status try_value(const snug_fit_request *request, const fit_variation *variation,
                             const char *value, fit_varied *kept) {
    fit_varied now = {0};
    snug_fit_request one = *request;
    now.value = strdup(value);
    now.program = program_with(request->program, variation->name, value);
    if (!now.program || !now.value) {
        fit_varied_clear(&now);
        return SNUG_NOMEM;
    }
    command_complain("fit", "%s = %s", variation->name, value);
    one.program = now.program;
    one.vary_name = variation->name;
    one.vary_value = now.value;
    one.vary_is_number = !variation->values;
    snug_status status = snug_fit_start(&one, &now.fit);
    bool interrupted =
        (now.fit && snug_fit_outcome_of(now.fit) == SNUG_DRY_RUN_OUTCOME_INTERRUPTED) ||
        (request->should_stop && request->should_stop(request->context));
    if (status == SNUG_OK && (fits(&now) || !fits(kept))) {
        fit_varied_clear(kept);
        *kept = now;
    } else {
        fit_varied_clear(&now);
    }
    kept->interrupted = interrupted;
    return status;
}

static snug_status try_number(const snug_fit_request *request, const fit_variation *variation,
                              long value, fit_varied *kept, bool *fitted) {
    char text[24];
    snprintf(text, sizeof text, "%ld", value);
    snug_status status = try_value(request, variation, text, kept);
    *fitted = status == SNUG_OK && fits(kept) && strcmp(kept->value, text) == 0;
    return status;
}

// The steps from the least number on are doubled until one does not fit, then halved.
static snug_status try_range(const snug_fit_request *request, const fit_variation *variation,
                             fit_varied *kept) {
    long good = variation->low, bad = variation->high + 1, step = good > 0 ? good : 1;
    bool fitted = false;
    snug_status status = try_number(request, variation, good, kept, &fitted);
    if (status != SNUG_OK || !fitted) return status;
    while (status == SNUG_OK && good + 1 < bad && !kept->interrupted) {
        bool grows = bad > variation->high;
        long next = grows ? good + step : good + (bad - good) / 2;
        if (next > variation->high) next = variation->high;
        status = try_number(request, variation, next, kept, &fitted);
        if (fitted)
            good = next;
        else
            bad = next;
        step *= 2;
    }
    return status;
}

snug_status fit_vary(const snug_fit_request *request, const fit_variation *variation,
                     fit_varied *out) {
    fit_varied kept = {0};
    snug_status status = SNUG_OK;
    if (!variation->values) status = try_range(request, variation, &kept);
    for (size_t i = 0; i < variation->value_count && status == SNUG_OK; i++) {
        status = try_value(request, variation, variation->values[i], &kept);
        if (status != SNUG_OK || fits(&kept) || kept.interrupted) break;
    }
    if (status != SNUG_OK) fit_varied_clear(&kept);
    *out = kept;
    return status;
}

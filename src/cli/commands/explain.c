// snug explain: why it ran out of memory, and what to do.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/explain.h"

typedef struct arguments {
    const char *file, *html;
    bool json, what_if;
} arguments;

static bool read_arguments(int argc, char **argv, arguments *out) {
    *out = (arguments){0};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--json") == 0) {
            out->json = true;
        } else if (strcmp(word, "--what-if") == 0) {
            out->what_if = true;
        } else if (strcmp(word, "--html") == 0) {
            if (i + 1 == argc) {
                command_complain("explain", "a value is missing after --html");
                return false;
            }
            out->html = argv[++i];
        } else if (word[0] == '-' && word[1]) {
            command_complain("explain", "there is no option '%s'; `snug explain --help` lists them",
                             word);
            return false;
        } else if (out->file) {
            command_complain("explain", "one file at a time, not also '%s'", word);
            return false;
        } else {
            out->file = word;
        }
    }
    if (!out->file) command_complain("explain", "which FILE? `-` reads standard input");
    return out->file != NULL;
}

static snug_status print(const snug_explanation *explanation, bool json) {
    char *text = NULL;
    snug_status status = json ? snug_explanation_json(explanation, &text)
                              : snug_explanation_text(explanation, &text);
    if (status == SNUG_OK) fputs(text, stdout);
    snug_explanation_text_free(text);
    return status;
}

static int run(int argc, char **argv) {
    arguments given;
    snug_explanation *explanation = NULL;
    if (!read_arguments(argc, argv, &given)) return EXIT_USAGE;
    snug_explain_options options = {.what_if = given.what_if};
    snug_status status = snug_explain_file_with(given.file, &options, &explanation);
    if (status == SNUG_OK && given.html)
        status = snug_explanation_html_write(explanation, given.html);
    if (status == SNUG_OK) status = print(explanation, given.json);
    snug_explanation_free(explanation);
    return command_fail("explain", status);
}

const snug_command snug_command_explain = {
    .name = "explain",
    .summary = "why a run ran out of memory, and what to do about it",
    .usage = "usage: snug explain FILE|- [--what-if] [--json] [--html FILE]\n\n"
             "Finds out-of-memory errors in any text (a traceback, a log, a notebook) or reads\n"
             "a memory snapshot of PyTorch, and says what was asked for, what there was, which\n"
             "cause the figures speak for, and what each fix would give. Nothing is executed.\n\n"
             "  --what-if             replay a snapshot's trace under other settings of\n"
             "                        PyTorch's allocator: the peak reserved, and whether the\n"
             "                        request succeeds\n"
             "  --html FILE           the explanation as a page\n"
             "  --json                JSON on standard output, one object an error\n",
    .run = run,
};

// snug explain: why it ran out of memory, and what to do.
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/explain.h"

typedef struct arguments {
    const char *file, *html;
    bool json, what_if;
} arguments;

static bool check(const arguments *given) {
    if (!given->file) {
        command_complain("explain", "which FILE? `-` reads standard input");
        return false;
    }
    if (given->html && (!*given->html || *given->html == '-')) {
        command_complain("explain",
                         "--html '%s': expected the name of a file for the page, such as page.html",
                         given->html);
        return false;
    }
    if (given->html && command_is_same_file(given->file, given->html)) {
        command_complain("explain", "--html '%s': the page would replace the file to be explained",
                         given->html);
        return false;
    }
    return true;
}

static bool read_arguments(int argc, char **argv, arguments *out) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"what-if", no_argument, NULL, 'w'},
                                            {"html", required_argument, NULL, 'h'},
                                            {0}};
    *out = (arguments){0};
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (found == '?' || found == ':') {
            command_complain("explain", "%s '%s'; `snug explain --help` lists the options",
                             found == ':' ? "a value is missing after" : "there is no option",
                             argv[optind - 1]);
            return false;
        }
        out->json |= found == 'j';
        out->what_if |= found == 'w';
        if (found == 'h') out->html = optarg;
    }
    if (optind < argc) out->file = argv[optind++];
    if (optind < argc) {
        command_complain("explain", "one file at a time, not also '%s'", argv[optind]);
        return false;
    }
    return check(out);
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
    int result = command_fail("explain", status);
    if (explanation && given.html) {
        status = snug_explanation_html_write(explanation, given.html);
        result = command_fail("explain", status);
    }
    if (explanation) {
        status = print(explanation, given.json);
        if (status != SNUG_OK) result = command_fail("explain", status);
    }
    snug_explanation_free(explanation);
    return result;
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

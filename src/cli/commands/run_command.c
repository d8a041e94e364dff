// snug run: a PyTorch program on the real card, with fixes, watched.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/fit.h"

enum { FIXES = 256 };

static const struct option options[] = {{"fixes", required_argument, NULL, FIXES}, {0}};

static int finish(const snug_watch *watch) {
    char *text = NULL;
    snug_status status = snug_watch_text(watch, &text);
    fflush(stdout);
    // The program's output is its own: what is said of it goes to standard error.
    if (status == SNUG_OK) fprintf(stderr, "\n%s", text);
    snug_dry_run_text_free(text);
    if (status != SNUG_OK) return command_fail("run", status);
    return snug_watch_interrupted(watch) ? EXIT_INTERRUPTED : snug_watch_exit(watch);
}

static int run(int argc, char **argv) {
    const char *fixes = NULL;
    snug_watch *watch = NULL;
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, "+:", options, NULL)) != -1;) {
        if (found != FIXES) {
            command_complain("run", "%s '%s'; `snug run --help` lists the options",
                             found == ':' ? "a value is missing after" : "there is no option",
                             argv[optind - 1]);
            return EXIT_USAGE;
        }
        fixes = optarg;
    }
    if (optind == argc) {
        command_complain("run", "which program? For example: snug run --fixes snug-fixes.json "
                                "python train.py");
        return EXIT_USAGE;
    }
    fflush(stdout);
    snug_status status = snug_watch_start(argv + optind, fixes, &watch);
    int result = status == SNUG_OK ? finish(watch) : command_fail("run", status);
    snug_watch_free(watch);
    return result;
}

const snug_command snug_command_run = {
    .name = "run",
    .summary = "a PyTorch program on the real card, with the fixes of `snug fit`",
    .usage = "usage: snug run [--fixes FILE] [--] PROGRAM...\n\n"
             "Runs a PyTorch program on this machine's card, with fixes applied from outside;\n"
             "the program is not changed. At its end the card's peak is compared with the dry\n"
             "run's; where it runs out of memory, that is explained at once. Without --fixes\n"
             "it is only watched.\n\n"
             "  --fixes FILE   as `snug fit` writes it (snug-fixes.json)\n\n"
             "exit status: the program's; 130 interrupted, 2 wrong usage, 4 a bad file of\nfixes\n",
    .run = run,
};

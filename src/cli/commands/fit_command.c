// snug fit: the mildest fixes under which a PyTorch program fits on a card.
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/fit_vary.h"
#include "cli/program_arguments.h"
#include "cli/stopping.h"
#include "snug/fit.h"

enum { MOST_CARDS = 16 };

typedef struct arguments {
    snug_fit_request request;
    const snug_gpu_info *gpus[MOST_CARDS];
    size_t gpu_count;
    const char *out, *vary;
    bool json, show_code;
} arguments;

static bool read_prefer(const char *text, bool *speed) {
    *speed = strcmp(text, "speed") == 0;
    return *speed || strcmp(text, "fidelity") == 0 ||
           program_complain("fit", "--prefer", text, "fidelity or speed");
}

static bool has_failed(snug_status status) {
    if (status != SNUG_OK) command_complain("fit", "%s", snug_error_message());
    return status != SNUG_OK;
}

// Each card is answered; the first is the request's as long as there is one.
static bool read_gpu(const char *text, arguments *out) {
    if (out->gpu_count == MOST_CARDS)
        return program_complain("fit", "--gpu", text, "16 cards at most");
    if (has_failed(snug_gpu_find(text, &out->gpus[out->gpu_count]))) return false;
    out->request.gpu = out->gpus[0];
    out->gpu_count++;
    return true;
}

static bool read_reserve(const char *text, int64_t *out) {
    uint64_t bytes = 0;
    if (strcmp(text, "0") != 0 && !program_read_size("fit", "--reserve", text, &bytes))
        return false;
    *out = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
    return true;
}

enum {
    GPU = 256,
    MEMORY,
    GPUS,
    STEPS,
    TIME,
    ALLOW,
    FIXES,
    PREFER,
    RUNS,
    OUT,
    CODE,
    JSON,
    CONTEXT,
    RESERVE,
    VERIFY,
    VARY
};

static const struct option options[] = {{"gpu", required_argument, NULL, GPU},
                                        {"memory", required_argument, NULL, MEMORY},
                                        {"gpus", required_argument, NULL, GPUS},
                                        {"steps", required_argument, NULL, STEPS},
                                        {"time", required_argument, NULL, TIME},
                                        {"allow", required_argument, NULL, ALLOW},
                                        {"fixes", required_argument, NULL, FIXES},
                                        {"prefer", required_argument, NULL, PREFER},
                                        {"runs", required_argument, NULL, RUNS},
                                        {"out", required_argument, NULL, OUT},
                                        {"show-code", no_argument, NULL, CODE},
                                        {"json", no_argument, NULL, JSON},
                                        {"context", required_argument, NULL, CONTEXT},
                                        {"reserve", required_argument, NULL, RESERVE},
                                        {"verify", required_argument, NULL, VERIFY},
                                        {"vary", required_argument, NULL, VARY},
                                        {0}};

static bool read_option(int option, arguments *out) {
    snug_fit_request *request = &out->request;
    switch (option) {
    case GPU:
        return read_gpu(optarg, out);
    case MEMORY:
        return program_read_size("fit", "--memory", optarg, &request->memory_bytes);
    case GPUS:
        return program_read_count("fit", "--gpus", optarg, 64, &request->gpus);
    case STEPS:
        return program_read_count("fit", "--steps", optarg, 1000000, &request->steps);
    case TIME:
        return program_read_seconds("fit", optarg, &request->seconds);
    case ALLOW:
        return !has_failed(snug_fidelity_parse(optarg, &request->allow));
    case FIXES:
        request->fixes = optarg;
        return true;
    case PREFER:
        return read_prefer(optarg, &request->prefer_speed);
    case RUNS:
        return program_read_count("fit", "--runs", optarg, 1000, &request->most_runs);
    case OUT:
        out->out = optarg;
        return (*optarg && *optarg != '-') ||
               program_complain("fit", "--out", optarg, "the name of a file");
    case VERIFY:
        return program_read_count("fit", "--verify", optarg, 1000, &request->verify_steps);
    case RESERVE:
        return read_reserve(optarg, &request->reserve_bytes);
    case VARY:
        out->vary = optarg;
        return true;
    case CODE:
        out->show_code = true;
        return true;
    case JSON:
        out->json = true;
        return true;
    default:
        return program_read_size("fit", "--context", optarg, &request->context_bytes);
    }
}

static void tell(void *context, const char *sentence) {
    (void)context;
    fflush(stdout);
    command_complain("fit", "%s", sentence);
}

static bool read_arguments(int argc, char **argv, arguments *out) {
    *out = (arguments){.request = snug_fit_defaults(), .out = "snug-fixes.json"};
    out->request.tell = tell;
    out->request.should_stop = stopping_wanted;
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, "+:", options, NULL)) != -1;) {
        if (found == '?' || found == ':') {
            command_complain("fit", "%s '%s'; `snug fit --help` lists the options",
                             found == ':' ? "a value is missing after" : "there is no option",
                             argv[optind - 1]);
            return false;
        }
        if (!read_option(found, out)) return false;
    }
    if (optind == argc) {
        command_complain("fit", "which program? For example: snug fit --gpu \"RTX 3060\" python "
                                "train.py");
        return false;
    }
    if (!out->request.gpu && !out->request.memory_bytes) {
        command_complain("fit", "on which card? Give --gpu NAME or --memory SIZE");
        return false;
    }
    out->request.program = argv + optind;
    return true;
}

static snug_status print(snug_status (*make)(const snug_fit *, char **), const snug_fit *fit) {
    char *text = NULL;
    snug_status status = make(fit, &text);
    if (status == SNUG_OK) fputs(text, stdout);
    snug_dry_run_text_free(text);
    return status;
}

static int report(const snug_fit *fit, const arguments *given, char *const *program) {
    bool fits = snug_fit_fits(fit) && snug_fit_keeps_promise(fit);
    bool has_code = fits || snug_fit_outcome_of(fit) == SNUG_DRY_RUN_OUTCOME_NO_FIT;
    if (!given->json) fputs("\n", stdout);
    snug_status status = print(given->json ? snug_fit_json : snug_fit_text, fit);
    if (status == SNUG_OK && given->show_code && has_code) {
        fputs("\n", stdout);
        status = print(snug_fit_code, fit);
    }
    if (status == SNUG_OK && fits) status = snug_fit_write(fit, given->out);
    if (status == SNUG_OK && fits && !given->json) {
        printf("\nWritten to %s. On the card:\n  snug run --fixes %s --", given->out, given->out);
        for (char *const *word = program; *word; word++)
            printf(" %s", *word);
        putchar('\n');
    }
    if (status == SNUG_OK && !snug_fit_keeps_promise(fit)) return EXIT_FAILED;
    return status == SNUG_OK ? program_exit(snug_fit_outcome_of(fit)) : command_fail("fit", status);
}

// The fit with one card: its exit status, and what came of it in |*line|.
static int run_card(const arguments *given, const fit_variation *variation, char **line) {
    fit_varied found = {.program = NULL};
    snug_status status = variation ? fit_vary(&given->request, variation, &found)
                                   : snug_fit_start(&given->request, &found.fit);
    if (status != SNUG_OK) return command_fail("fit", status);
    int result = report(found.fit, given, variation ? found.program : given->request.program);
    if (variation && !given->json && snug_fit_fits(found.fit))
        printf("\n%s of %s that fits%s: %s\n", variation->values ? "The first" : "The largest",
               variation->name,
               found.interrupted ? ", of those tried until it was interrupted" : "", found.value);
    if (found.interrupted) result = EXIT_INTERRUPTED;
    (void)snug_fit_line(found.fit, line);
    fit_varied_clear(&found);
    return result;
}

// "snug-fixes.json" for one of several cards: "snug-fixes-rtx-3060.json".
static void name_file(const char *path, const char *card, char out[4096]) {
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    int stem =
        dot && dot != path && (!slash || dot > slash + 1) ? (int)(dot - path) : (int)strlen(path);
    int length = snprintf(out, 3900, "%.*s-", stem, path);
    for (; *card && length < 3990; card++)
        out[length++] = isalnum((unsigned char)*card) ? (char)tolower((unsigned char)*card) : '-';
    snprintf(out + length, (size_t)(4096 - length), "%.90s", path + stem);
}

// Each card in turn; what goes wrong with the program itself would with the others, too.
static int run_cards(const arguments *given, const fit_variation *variation) {
    char *lines[MOST_CARDS] = {NULL};
    int result = EXIT_DONE;
    size_t count = 0;
    while (count < given->gpu_count && (result == EXIT_DONE || result == EXIT_NO_FIT)) {
        arguments one = *given;
        char path[4096];
        one.request.gpu = given->gpus[count];
        name_file(given->out, one.request.gpu->name, path);
        one.out = path;
        command_complain("fit", "card %zu of %zu: %s", count + 1, given->gpu_count,
                         one.request.gpu->name);
        int now = run_card(&one, variation, &lines[count++]);
        if (now != EXIT_DONE) result = now;
    }
    if (!given->json) printf("\nThe cards:\n");
    for (size_t i = 0; i < count; i++) {
        if (!given->json) printf("\n  %s\n%s", given->gpus[i]->name, lines[i] ? lines[i] : "");
        snug_dry_run_text_free(lines[i]);
    }
    return result;
}

static int run(int argc, char **argv) {
    arguments given;
    fit_variation variation = {.values = NULL};
    char *line = NULL;
    int result = EXIT_USAGE;
    if (!read_arguments(argc, argv, &given)) return EXIT_USAGE;
    fflush(stdout);
    stopping_catch_heeded();
    const fit_variation *varied = given.vary ? &variation : NULL;
    if (!varied || fit_vary_read(given.vary, given.request.program, &variation))
        result = given.gpu_count > 1 ? run_cards(&given, varied) : run_card(&given, varied, &line);
    snug_dry_run_text_free(line);
    fit_vary_clear(&variation);
    return result;
}

const snug_command snug_command_fit = {
    .name = "fit",
    .summary = "the mildest fixes under which a PyTorch program fits on a card",
    .usage = "usage: snug fit --gpu NAME|--memory SIZE [OPTIONS] [--] PROGRAM...\n\n"
             "Finds out what to change so that a PyTorch program fits on a card. The program\n"
             "is run dry (see `snug dry-run --help`) as it is, then with fixes that are\n"
             "applied from outside: nothing in it is changed. The mildest that fit are written\n"
             "down, and `snug run` runs the program with them.\n\n"
             "  --gpu NAME         the card; `snug cards` lists them. Given several times,\n"
             "                     each is answered, and its fixes are written to a file\n"
             "                     of its own\n"
             "  --memory SIZE      its memory (default: the card's)\n"
             "  --reserve SIZE     of the card that is to stay free (default: 1/64 of it and\n"
             "                     256MiB at least; none of --memory)\n"
             "  --gpus N           how many of them there are (default 1)\n"
             "  --steps N          optimizer steps of each dry run (default 3)\n"
             "  --time SECONDS     that each dry run may take\n"
             "  --allow FIDELITY   no fix may change more: exact, rounding, precision,\n"
             "                     statistics (default)\n"
             "  --fixes LIST       only these: allocator, early-update, release, checkpoint,\n"
             "                     offload, loss-in-pieces, batch-in-pieces, mixed-precision,\n"
             "                     lean-optimizer, compiled-plan\n"
             "  --prefer WHAT      fidelity (default) or speed\n"
             "  --vary NAME=A..B   the largest number that fits in the place of {NAME} among\n"
             "                     the program's arguments; NAME=A,B,C: the first of these\n"
             "  --verify N         N steps on the CPU with and without the chosen fixes:\n"
             "                     losses and gradients are compared to what they promise\n"
             "  --runs N           dry runs, at most (default 12)\n"
             "  --out FILE         where the fixes are written (default snug-fixes.json)\n"
             "  --show-code        also print the lines of PyTorch that do the same\n"
             "  --context SIZE     what CUDA's context takes (default: by the card)\n"
             "  --json             the report as JSON\n\n"
             "exit status: 0 it fits, 1 the program failed by itself, 2 wrong usage, 3 nothing\n"
             "allowed makes it fit, 4 it cannot be run dry, 130 interrupted\n",
    .run = run,
};

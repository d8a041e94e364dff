// snug dry-run: a PyTorch program on a card that is not there.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/program_arguments.h"
#include "snug/dry_run.h"
#include "snug/size.h"

typedef struct arguments {
    snug_dry_run_request request;
    const char *html, *recording; // files; NULL: none
    bool json, steps_given;
} arguments;

static bool read_gpu(const char *text, const snug_gpu_info **out) {
    if (snug_gpu_find(text, out) == SNUG_OK) return true;
    command_complain("dry-run", "%s", snug_error_message());
    return false;
}

static bool read_answer(const char *text, bool *ones) {
    *ones = strcmp(text, "ones") == 0;
    return *ones || strcmp(text, "zeros") == 0 ||
           program_complain("dry-run", "--answer", text, "zeros or ones");
}

static bool read_workspace(const char *text, snug_dry_run_request *out) {
    out->workspace = SNUG_DRY_RUN_WORKSPACE_MODEL;
    if (strcmp(text, "model") == 0) return true;
    out->workspace = SNUG_DRY_RUN_WORKSPACE_NONE;
    if (strcmp(text, "none") == 0) return true;
    out->workspace = SNUG_DRY_RUN_WORKSPACE_SIZE;
    size_t bytes = 0;
    if (snug_size_parse(text, &bytes) != SNUG_OK)
        return program_complain("dry-run", "--workspace", text, "model, none or a size");
    out->workspace_bytes = bytes;
    return true;
}

static bool read_path(const char *option, const char *text, const char **out) {
    *out = text;
    return (*text && *text != '-') ||
           program_complain("dry-run", option, text, "the name of a file");
}

enum {
    GPU = 256,
    MEMORY,
    GPUS,
    STEPS,
    UNTIL_END,
    TIME,
    RECORDING,
    HTML,
    JSON,
    KEEP,
    ANSWER,
    WORKSPACE,
    CONTEXT
};

static const struct option options[] = {{"gpu", required_argument, NULL, GPU},
                                        {"memory", required_argument, NULL, MEMORY},
                                        {"gpus", required_argument, NULL, GPUS},
                                        {"steps", required_argument, NULL, STEPS},
                                        {"until-end", no_argument, NULL, UNTIL_END},
                                        {"time", required_argument, NULL, TIME},
                                        {"recording", required_argument, NULL, RECORDING},
                                        {"html", required_argument, NULL, HTML},
                                        {"json", no_argument, NULL, JSON},
                                        {"keep-bytes", required_argument, NULL, KEEP},
                                        {"answer", required_argument, NULL, ANSWER},
                                        {"workspace", required_argument, NULL, WORKSPACE},
                                        {"context", required_argument, NULL, CONTEXT},
                                        {0}};

static bool read_option(int option, arguments *out) {
    snug_dry_run_request *request = &out->request;
    switch (option) {
    case GPU:
        return read_gpu(optarg, &request->gpu);
    case MEMORY:
        return program_read_size("dry-run", "--memory", optarg, &request->memory_bytes);
    case GPUS:
        return program_read_count("dry-run", "--gpus", optarg, 64, &request->gpus);
    case STEPS:
        out->steps_given = true;
        return program_read_count("dry-run", "--steps", optarg, 1000000, &request->steps);
    case UNTIL_END:
        request->steps = 0;
        return true;
    case TIME:
        return program_read_seconds("dry-run", optarg, &request->seconds);
    case RECORDING:
        return read_path("--recording", optarg, &out->recording);
    case HTML:
        return read_path("--html", optarg, &out->html);
    case JSON:
        out->json = true;
        return true;
    case KEEP:
        return program_read_size("dry-run", "--keep-bytes", optarg, &request->keep_bytes);
    case ANSWER:
        return read_answer(optarg, &request->answer_ones);
    case WORKSPACE:
        return read_workspace(optarg, request);
    default:
        return program_read_size("dry-run", "--context", optarg, &request->context_bytes);
    }
}

static void tell(void *context, const char *sentence) {
    (void)context;
    fflush(stdout);
    command_complain("dry-run", "%s", sentence);
}

static bool read_arguments(int argc, char **argv, arguments *out) {
    *out = (arguments){.request = snug_dry_run_defaults()};
    out->request.tell = tell;
    opterr = 0;
    // The program's own options are its own: the first word that is none of ours begins it.
    for (int found; (found = getopt_long(argc, argv, "+:", options, NULL)) != -1;) {
        if (found == '?' || found == ':') {
            command_complain("dry-run", "%s '%s'; `snug dry-run --help` lists the options",
                             found == ':' ? "a value is missing after" : "there is no option",
                             argv[optind - 1]);
            return false;
        }
        if (!read_option(found, out)) return false;
    }
    if (optind == argc) {
        command_complain("dry-run",
                         "which program? For example: snug dry-run --gpu \"RTX 3060\" python "
                         "train.py");
        return false;
    }
    if (out->steps_given && out->request.steps == 0) {
        command_complain("dry-run", "--steps and --until-end exclude each other");
        return false;
    }
    out->request.program = argv + optind;
    return true;
}

// With --json, standard output is the program's and the object's: the last line is ours.
static int report(const snug_dry_run *run, const arguments *given) {
    char *text = NULL;
    snug_status status =
        given->json ? snug_dry_run_json(run, &text) : snug_dry_run_text(run, &text);
    if (status == SNUG_OK && !given->json) fputs("\n", stdout);
    if (status == SNUG_OK) fputs(text, stdout);
    snug_dry_run_text_free(text);
    if (status == SNUG_OK && given->html) status = snug_dry_run_html_write(run, given->html);
    if (status == SNUG_OK && given->recording)
        status = snug_dry_run_recording_write(run, given->recording);
    return status == SNUG_OK ? program_exit(snug_dry_run_outcome_of(run))
                             : command_fail("dry-run", status);
}

static int run(int argc, char **argv) {
    arguments given;
    snug_dry_run *dry_run = NULL;
    if (!read_arguments(argc, argv, &given)) return EXIT_USAGE;
    fflush(stdout);
    snug_status status = snug_dry_run_start(&given.request, &dry_run);
    int result = status == SNUG_OK ? report(dry_run, &given) : command_fail("dry-run", status);
    snug_dry_run_free(dry_run);
    return result;
}

const snug_command snug_command_dry_run = {
    .name = "dry-run",
    .summary = "a PyTorch program on a card that is not there: whether it fits",
    .usage = "usage: snug dry-run [OPTIONS] [--] PROGRAM...\n\n"
             "Runs a PyTorch program, unmodified, with stand-ins for CUDA's libraries, so that\n"
             "no GPU is needed: PyTorch's own allocator decides, the books are exact, nothing\n"
             "is computed. After a few optimizer steps the program is ended, and a report says\n"
             "what it needs, when, and which cards have that. PROGRAM is a command line such\n"
             "as `python train.py`, `torchrun --nproc_per_node=2 train.py` or a shell script.\n\n"
             "  --gpu NAME            the card; `snug cards` lists them\n"
             "  --memory SIZE         its memory (default: the card's; without one, as much as\n"
             "                        the program likes)\n"
             "  --gpus N              how many of them there are (default 1)\n"
             "  --steps N             end the program after N optimizer steps (default 5)\n"
             "  --until-end           let it run to its own end\n"
             "  --time SECONDS        end it then\n"
             "  --answer WHAT         what a kernel would have computed reads as zeros\n"
             "                        (default) or ones\n"
             "  --workspace WHAT      of cuDNN's convolutions: model (default), none or a size\n"
             "  --context SIZE        what CUDA's context takes (default: by the card)\n"
             "  --keep-bytes SIZE     host memory for bytes that the program reads back\n"
             "  --recording FILE      PyTorch's memory snapshot, for `snug explain`\n"
             "  --html FILE           the report as a page\n"
             "  --json                the report as JSON, the last line of standard output\n\n"
             "exit status: 0 it fits, 1 the program failed by itself, 2 wrong usage, 3 it does\n"
             "not fit, 4 it cannot be run dry, 130 interrupted\n",
    .run = run,
};

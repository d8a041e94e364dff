// snug export: a trained network for other programs.
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/train.h"

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"format", required_argument, NULL, 'f'}, {"out", required_argument, NULL, 'o'}, {0}};
    const char *format = "safetensors", *out = NULL;
    snug_run_info info;
    char name[sizeof info.network + 16];
    int found;
    optind = 1;
    while ((found = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (found != 'f' && found != 'o') return EXIT_USAGE;
        *(found == 'f' ? &format : &out) = optarg;
    }
    if (argc - optind != 1) {
        command_complain("export", "which run? The folder that `snug train` wrote is expected");
        return EXIT_USAGE;
    }
    bool is_onnx = strcmp(format, "onnx") == 0;
    if (!is_onnx && strcmp(format, "safetensors") != 0) {
        command_complain("export", "--format '%s': expected safetensors or onnx", format);
        return EXIT_USAGE;
    }
    const char *folder = argv[optind];
    snug_status status = snug_run_describe(folder, &info);
    // A file that was trained from is called like its network, and may lie here.
    snprintf(name, sizeof name, "%s%s.%s", info.network, is_onnx && info.is_file ? "-trained" : "",
             format);
    if (!out) out = name;
    if (status == SNUG_OK && info.is_file && command_is_same_file(info.model, out)) {
        command_complain("export",
                         "--out %s is the file that the run was trained from: choose "
                         "another name",
                         out);
        return EXIT_USAGE;
    }
    if (status == SNUG_OK)
        status = is_onnx ? snug_run_export_onnx(folder, out) : snug_run_export(folder, out);
    if (status == SNUG_OK) printf("%s, trained by snug, in %s\n", info.network, out);
    return command_fail(argv[0], status);
}

const snug_command snug_command_export = {
    .name = "export",
    .summary = "a trained network for PyTorch or as ONNX",
    .usage = "usage: snug export RUN [--format safetensors|onnx] [--out FILE]\n\n"
             "Writes the network that `snug train` saved in the folder RUN: as safetensors\n"
             "with the names of its PyTorch state_dict, for\n"
             "model.load_state_dict(safetensors.torch.load_file(FILE)); or as an ONNX file in\n"
             "inference form. What was trained from an ONNX file becomes that file with the\n"
             "trained weights.\n\n"
             "  --format NAME         safetensors (default) or onnx\n"
             "  --out FILE            (default: the network's name and the format; of an ONNX\n"
             "                        file's run as ONNX: NAME-trained.onnx)\n",
    .run = run,
};

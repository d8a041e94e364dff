// snug models: the architectures there are.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/plan.h"

static void print_json(const snug_model_info *info) {
    printf("{\"event\":\"model\",\"model\":\"%s\",\"parameters\":%" PRId64
           ",\"multiply_adds\":%" PRId64 ",\"input\":[%" PRId64 ",%" PRId64 ",%" PRId64
           "],\"classes\":%" PRId64 "}\n",
           info->name, info->parameters, info->multiply_adds, info->channels, info->height,
           info->width, info->classes);
}

// 3504872 as 3,504,872.
static const char *with_commas(int64_t number, char text[32]) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number), used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

static void print_row(const snug_model_info *info) {
    char parameters[32], input[64];
    snprintf(input, sizeof input, "%" PRId64 "x%" PRId64 "x%" PRId64, info->channels, info->height,
             info->width);
    printf("%-20s %13s %9.3f G  %-10s %8" PRId64 "\n", info->name,
           with_commas(info->parameters, parameters), (double)info->multiply_adds / 1e9, input,
           info->classes);
}

static int run(int argc, char **argv) {
    int json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        command_complain("models", "unexpected '%s'; only --json is known", argv[argc - 1]);
        return EXIT_USAGE;
    }
    if (!json)
        printf("%-20s %13s %11s  %-10s %8s\n", "model", "parameters", "mult-adds", "input",
               "classes");
    for (int i = 0; i < snug_model_total(); i++) {
        snug_model_info info;
        snug_status status = snug_model_describe(i, &info);
        if (status != SNUG_OK) return command_fail(argv[0], status);
        if (json)
            print_json(&info);
        else
            print_row(&info);
    }
    return EXIT_DONE;
}

const snug_command snug_command_models = {
    .name = "models",
    .summary = "the networks there are, with their sizes",
    .usage = "usage: snug models [--json]\n\n"
             "Lists the networks by torchvision's names, with trainable parameters and the\n"
             "multiply-adds of one sample's forward pass at the given input.\n",
    .run = run,
};

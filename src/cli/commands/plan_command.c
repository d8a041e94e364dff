// snug plan: what a run needs, every way of making it fit, and the chosen one.
#include <stdio.h>

#include "cli/command.h"
#include "cli/curve.h"
#include "cli/options.h"
#include "cli/planning.h"

static snug_status print_graphs(const snug_plan *plan) {
    char *text = NULL;
    snug_status status = snug_plan_graph(plan, &text);
    if (status == SNUG_OK) printf("\n%s", text);
    snug_string_free(text);
    return status;
}

static int run(int argc, char **argv) {
    options given;
    if (!options_read(argc, argv, OPTIONS_PLANNING, &given)) return EXIT_USAGE;
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_status status = planning_open_device(&given, &device);
    if (status == SNUG_OK) status = planning_fit_data(&given);
    if (status == SNUG_OK) status = planning_make(device, &given, &plan);
    int result = command_exit(status);
    // Why nothing fits is told last, after the table that shows it.
    char why[4096] = "";
    if (status != SNUG_OK) snprintf(why, sizeof why, "%s", snug_error_message());
    if (plan && planning_print(plan, &given) != EXIT_DONE) result = EXIT_FAILED;
    if (plan && given.html) {
        status = snug_plan_html_write(plan, given.html);
        if (status != SNUG_OK) result = command_fail(argv[0], status);
    }
    if (plan && given.graph) {
        status = print_graphs(plan);
        if (status != SNUG_OK) result = command_fail(argv[0], status);
    }
    if (plan && given.curve) {
        status = curve_print(device, &given.request, plan, given.json);
        if (status != SNUG_OK) result = command_fail(argv[0], status);
    }
    fflush(stdout);
    if (why[0]) command_complain(argv[0], "%s", why);
    snug_plan_free(plan);
    snug_device_close(device);
    return result;
}

const snug_command snug_command_plan = {
    .name = "plan",
    .computes = true,
    .summary = "what a training run needs, and the ways to make it fit",
    .usage =
        "usage: snug plan MODEL [--memory 8GiB] [--batch-size 256] [options]\n\n"
        "Plans a training run without running it; `snug models` lists the MODELs.\n\n" OPTIONS_PLAN_HELP
        "  --graph               the passes operator by operator, as text\n"
        "  --curve               peak against step time over budgets, smallest to unfixed\n"
        "  --gpu NAME            plan for a card; `snug cards` lists them\n"
        "  --data DATA           plan for the size and classes of a data set\n",
    .run = run,
};

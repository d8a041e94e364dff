// snug fixes: the ways to need less memory.
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/plan.h"

static int run(int argc, char **argv) {
    int json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        command_complain("fixes", "unexpected '%s'; only --json is known", argv[argc - 1]);
        return EXIT_USAGE;
    }
    if (!json) printf("%-12s %-11s %s\n", "fix", "changes", "what it does");
    for (int i = 0; snug_fix_at(i); i++) {
        const snug_fix_info *fix = snug_fix_at(i);
        if (json)
            printf("{\"event\":\"fix\",\"fix\":\"%s\",\"fidelity\":\"%s\",\"help\":\"%s\"}\n",
                   fix->name, snug_fidelity_name(fix->fidelity), fix->help);
        else
            printf("%-12s %-11s %s\n", fix->name,
                   fix->fidelity == SNUG_EXACT ? "nothing" : snug_fidelity_name(fix->fidelity),
                   fix->help);
    }
    return EXIT_DONE;
}

const snug_command snug_command_fixes = {
    .name = "fixes",
    .summary = "the ways to need less memory, and what each changes",
    .usage = "usage: snug fixes [--json]\n\n"
             "Lists the fixes a plan may take, mildest first.\n",
    .run = run,
};

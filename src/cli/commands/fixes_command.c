// snug fixes: the ways to need less memory.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/plan.h"

// Words from column |indent| on, to column 80 at most.
static void print_wrapped(const char *text, int indent) {
    enum { WIDTH = 80 };
    int column = indent;
    for (const char *at = text; *at;) {
        int length = (int)strcspn(at, " ");
        bool is_first = at == text;
        if (!is_first && column + 1 + length > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
            is_first = true;
        }
        printf("%s%.*s", is_first ? "" : " ", length, at);
        column += length + !is_first;
        at += length + (at[length] == ' ');
    }
    putchar('\n');
}

static void print_row(const snug_fix_info *fix) {
    bool is_exact = fix->fidelity == SNUG_FIDELITY_EXACT;
    int indent = printf("%-15s  %-11s  ", fix->name,
                        is_exact ? "nothing" : snug_fidelity_name(fix->fidelity));
    print_wrapped(fix->help, indent);
}

static int run(int argc, char **argv) {
    int json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        command_complain("fixes", "unexpected '%s'; only --json is known", argv[argc - 1]);
        return EXIT_USAGE;
    }
    if (!json) printf("%-15s  %-11s  %s\n", "fix", "changes", "what it does");
    for (int i = 0; snug_fix_at(i); i++) {
        const snug_fix_info *fix = snug_fix_at(i);
        if (json)
            printf("{\"event\":\"fix\",\"fix\":\"%s\",\"fidelity\":\"%s\",\"help\":\"%s\"}\n",
                   fix->name, snug_fidelity_name(fix->fidelity), fix->help);
        else
            print_row(fix);
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

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/waiting.h"
#include "snug/near.h"
#include "snug/version.h"

// Commands of snug's own engine, in a build without it: their names between spaces, else "".
static const char absent_commands[] = SNUG_ABSENT_COMMANDS;

static bool is_absent(const char *name) {
    for (const char *at = absent_commands; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == strlen(name) && strncmp(at, name, strlen(name)) == 0) return true;
    return false;
}

static void print_help(FILE *to) {
    fputs(
        "snug knows whether a training run fits a GPU, and trains inside the\nmemory there is.\n\n"
        "usage: snug COMMAND ...      snug help COMMAND\n\n",
        to);
    for (const snug_command *const *command = snug_commands; *command; command++)
        fprintf(to, "  %-9s %s\n", (*command)->name, (*command)->summary);
    if (*absent_commands)
        fprintf(to, "\nnot in this build, which is without snug's own engine:\n  %s\n",
                absent_commands);
    fputs("\nexit status: 0 done, 1 failed, 2 wrong usage, 3 does not fit, 4 bad input file,\n"
          "130 interrupted\n",
          to);
}

int command_exit(snug_status status) {
    static const struct {
        snug_status status;
        int exit;
    } exits[] = {
        {SNUG_OK, EXIT_DONE},
        {SNUG_INVALID, EXIT_USAGE},
        {SNUG_NOT_FOUND, EXIT_USAGE},
        {SNUG_UNSUPPORTED, EXIT_USAGE},
        {SNUG_NO_FIT, EXIT_NO_FIT},
        {SNUG_BAD_FILE, EXIT_BAD_FILE},
        {SNUG_INTERRUPTED, EXIT_INTERRUPTED},
    };
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        if (exits[i].status == status) return exits[i].exit;
    return EXIT_FAILED;
}

int command_fail(const char *name, snug_status status) {
    if (status != SNUG_OK) command_complain(name, "%s", snug_error_message());
    return command_exit(status);
}

static int is_help(const char *text) {
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0 || strcmp(text, "help") == 0;
}

static int asks_help(int argc, char **argv) {
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || (i == 2 && strcmp(argv[i], "-h") == 0)) return 1;
    return 0;
}

// What could not be printed, a full disk's, is a failure like any other.
static int finish(int result) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return result;
    command_complain(NULL, "cannot write to standard output%s%s", errno ? ": " : "",
                     errno ? strerror(errno) : "");
    return result == EXIT_DONE ? EXIT_FAILED : result;
}

static const snug_command *find_command(const char *name) {
    for (const snug_command *const *command = snug_commands; *command; command++)
        if (strcmp(name, (*command)->name) == 0) return *command;
    return NULL;
}

static int refuse_command(const char *name) {
    enum { MOST = 32 };
    const char *names[MOST] = {NULL};
    for (int i = 0; i < MOST - 1 && snug_commands[i]; i++)
        names[i] = snug_commands[i]->name;
    const char *near = snug_near_match(name, names);
    if (is_absent(name))
        command_complain(name, "this is a command of snug's own engine, which this build is "
                               "without; `make` in snug's sources builds it (it needs oneDNN)");
    else if (near)
        command_complain(NULL, "there is no command '%s': did you mean `snug %s`?", name, near);
    else
        command_complain(NULL, "there is no command '%s'; `snug --help` lists them", name);
    return is_absent(name) ? EXIT_FAILED : EXIT_USAGE;
}

static void print_usage(const snug_command *command) {
    fputs(command->usage, stdout);
    if (command->options) fputs(command->options, stdout);
}

// `snug help train` is `snug train --help`.
static int help(int argc, char **argv) {
    const snug_command *command = argc > 2 ? find_command(argv[2]) : NULL;
    if (argc > 2 && !command) return refuse_command(argv[2]);
    if (command)
        print_usage(command);
    else
        print_help(stdout);
    return finish(EXIT_DONE);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1])) return help(argc, argv);
    if (strcmp(argv[1], "--version") == 0) {
        printf("snug %s\n", snug_version());
        return finish(EXIT_DONE);
    }
    const snug_command *command = find_command(argv[1]);
    if (!command) return refuse_command(argv[1]);
    if (asks_help(argc, argv)) {
        print_usage(command);
        return finish(EXIT_DONE);
    }
    if (command->computes) waiting_bound(argv);
    return finish(command->run(argc - 1, argv + 1));
}

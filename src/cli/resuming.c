#include "cli/resuming.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "snug/checkpoint.h"

// Between arguments in a note: no argument that people type has one.
enum { SEPARATOR = 0x1F };

void arguments_clear(arguments *list) {
    for (int i = 0; i < list->argc; i++)
        free(list->argv[i]);
    free(list->argv);
    *list = (arguments){0};
}

// Takes |text| over; false where there was no memory for it or is none for the list.
static bool take(arguments *list, char *text) {
    char **argv = text ? realloc(list->argv, ((size_t)list->argc + 2) * sizeof *argv) : NULL;
    if (!argv) {
        free(text);
        return false;
    }
    list->argv = argv;
    argv[list->argc++] = text;
    argv[list->argc] = NULL;
    return true;
}

// "--name=value", or "--name" where |value| is NULL.
static bool add(arguments *list, const char *name, const char *value) {
    size_t size = strlen(name) + (value ? strlen(value) : 0) + 4;
    char *text = malloc(size);
    if (text) snprintf(text, size, value ? "--%s=%s" : "--%s", name, value);
    return take(list, text);
}

// Files and folders are found from anywhere, by the names that they were given: links stay links,
// beside which other files may lie. Names of data sets stay names. The caller frees it.
static char *whole_path(const char *name) {
    static const char *const names[] = {"fashion-mnist", "synthetic", "random"};
    char here[4096], *path = NULL;
    bool is_name = name[0] == '/' || access(name, F_OK) != 0 || !getcwd(here, sizeof here);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        is_name = is_name || strcmp(name, names[i]) == 0;
    if (is_name) return strdup(name);
    return asprintf(&path, "%s/%s", here, name) < 0 ? NULL : path;
}

static bool is_path(const option_given *option) {
    return strcmp(option->name, "data") == 0 || strcmp(option->name, "init") == 0;
}

static bool is_repeated(const option_given *list, int at, int count) {
    for (int i = at + 1; i < count && !list[at].adds_up; i++)
        if (strcmp(list[i].name, list[at].name) == 0) return true;
    return false;
}

static bool add_option(arguments *list, const option_given *option) {
    if (!option->value || !is_path(option)) return add(list, option->name, option->value);
    char *path = whole_path(option->value);
    bool good = path && add(list, option->name, path);
    free(path);
    return good;
}

// The model comes first. Names of models that are files as well: an ending tells.
static bool add_model(arguments *list, const char *model) {
    bool is_file = strchr(model, '.') != NULL;
    return take(list, is_file ? whole_path(model) : strdup(model));
}

static char *join(const arguments *list) {
    size_t size = 1;
    for (int i = 0; i < list->argc; i++)
        size += strlen(list->argv[i]) + 1;
    char *text = malloc(size), *end = text;
    if (!text) return NULL;
    *end = '\0';
    for (int i = 0; i < list->argc; i++) {
        if (i > 0) *end++ = SEPARATOR;
        size_t length = strlen(list->argv[i]);
        memcpy(end, list->argv[i], length + 1);
        end += length;
    }
    return text;
}

char *resume_note(int argc, char **argv) {
    option_given given[OPTIONS_MOST];
    arguments list = {0};
    const char *model;
    int count = options_list(argc, argv, given, &model);
    bool good = count >= 0 && model && add_model(&list, model);
    for (int i = 0; good && i < count; i++)
        if (given[i].use != OPTION_ONCE && !is_repeated(given, i, count))
            good = add_option(&list, &given[i]);
    char *text = good ? join(&list) : NULL;
    arguments_clear(&list);
    return text;
}

static bool add_note(arguments *list, const char *note) {
    bool good = true;
    for (const char *at = note; good && at;) {
        const char *end = strchr(at, SEPARATOR);
        good = take(list, end ? strndup(at, (size_t)(end - at)) : strdup(at));
        at = end ? end + 1 : NULL;
    }
    return good;
}

// Complains of what a run that goes on cannot have.
static bool check_given(int argc, char **argv) {
    option_given given[OPTIONS_MOST];
    const char *model;
    int count = options_list(argc, argv, given, &model);
    if (count < 0) return false;
    if (model) {
        command_complain(argv[0], "'%s': a run that goes on has its own model", model);
        return false;
    }
    for (int i = 0; i < count; i++) {
        const char *name = given[i].name;
        bool contradicts = strcmp(name, "out") == 0 || strcmp(name, "no-out") == 0 ||
                           strcmp(name, "overwrite") == 0;
        if (given[i].use != OPTION_FIXED && !contradicts) continue;
        command_complain(argv[0],
                         "--%s would make another run of it; with --resume there may be --memory, "
                         "--epochs, --max-steps, --threads and such",
                         name);
        return false;
    }
    return true;
}

static bool lists(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        size_t found = strcspn(at, ",");
        if (found == length && strncmp(at, name, length) == 0) return true;
        at += found + (at[found] == ',');
    }
    return false;
}

static void append(char *list, size_t room, const char *name) {
    size_t used = strlen(list);
    snprintf(list + used, room - used, "%s%s", used ? "," : "", name);
}

// The fixes that the run may have: exact ones as they were allowed, and of the others those that it
// has, which it must keep.
static bool pin_fixes(arguments *list, const char *allowed, const char *used) {
    char may[256] = "", must[256] = "";
    const snug_fix_info *fix;
    for (int i = 0; (fix = snug_fix_at(i)); i++) {
        bool is_used = lists(used, fix->name);
        bool is_exact =
            fix->fidelity == SNUG_FIDELITY_EXACT && (!allowed || lists(allowed, fix->name));
        if (is_used || is_exact) append(may, sizeof may, fix->name);
        if (is_used) append(must, sizeof must, fix->name);
    }
    return add(list, "fixes", may) && add(list, "require", must);
}

// Where a smaller network was trained in place of the one asked for, it is asked for now.
static bool pin_network(arguments *list, const options *was, const char *folder) {
    snug_run_info info;
    if (snug_run_describe(folder, &info) != SNUG_OK || info.is_file) return true;
    double width = was->request.width_multiplier > 0 ? was->request.width_multiplier : 1;
    if (strcmp(info.model, was->request.model) == 0 && fabs(info.width_multiplier - width) < 1e-6 &&
        info.separable == was->request.separable)
        return true;
    char text[32];
    int at = 0;
    while (list->argv[at] != was->request.model) // reading options has moved it
        at++;
    free(list->argv[at]);
    list->argv[at] = strdup(info.model);
    snprintf(text, sizeof text, "%.9g", info.width_multiplier);
    return list->argv[at] && add(list, "width", text) &&
           (!info.separable || add(list, "separable", NULL));
}

static bool pin(arguments *list, const options *was, const snug_checkpoint *checkpoint) {
    static const char *const notes[][2] = {{"micro_batch", "micro-batch"},
                                           {"precision", "precision"},
                                           {"device", "device"},
                                           {"threads", "threads"}};
    const char *used = snug_checkpoint_note(checkpoint, "fixes");
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        const char *value = snug_checkpoint_note(checkpoint, notes[i][0]);
        if (value && !add(list, notes[i][1], value)) return false;
    }
    return pin_fixes(list, was->request.fixes, used ? used : "");
}

static int expand(int argc, char **argv, const options *given, const snug_checkpoint *checkpoint,
                  arguments *out) {
    const char *note = snug_checkpoint_note(checkpoint, "caller");
    options was;
    if (!note) {
        command_complain(argv[0], "%s is of a program of its own, not of `snug train`",
                         snug_checkpoint_path(checkpoint));
        return EXIT_BAD_FILE;
    }
    bool good = take(out, strdup(argv[0])) && add_note(out, note);
    if (good && !options_read(out->argc, out->argv, OPTIONS_TRAINING, &was)) return EXIT_BAD_FILE;
    good = good && pin(out, &was, checkpoint) && pin_network(out, &was, given->resume);
    for (int i = 1; good && i < argc; i++)
        good = take(out, strdup(argv[i]));
    if (!good) command_complain(argv[0], "no host memory for the run's arguments");
    return good ? EXIT_DONE : EXIT_FAILED;
}

int resume_arguments(int argc, char **argv, const options *given, arguments *out, int64_t *steps) {
    snug_checkpoint *checkpoint;
    *out = (arguments){0};
    *steps = 0;
    if (!check_given(argc, argv)) return EXIT_USAGE;
    snug_status status = snug_checkpoint_newest(given->resume, NULL, NULL, &checkpoint);
    if (status != SNUG_OK) return command_fail(argv[0], status);
    const char *done = snug_checkpoint_note(checkpoint, "loop_steps");
    *steps = done ? strtoll(done, NULL, 10) : 0;
    int result = expand(argc, argv, given, checkpoint, out);
    snug_checkpoint_close(checkpoint);
    return result;
}

#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/stopping.h"
#include "snug/near.h"
#include "snug/size.h"

// What an option's argument is read into.
typedef enum option_kind {
    TEXT,
    FLAG,
    COUNT, // int64_t, at least 1
    SEED,  // uint64_t
    INT,   // int, at least 1
    REAL,  // double, at least 0
    CUSTOM
} option_kind;

typedef struct option_row {
    const char *name;
    option_kind kind;
    unsigned purposes; // of options_read(): whose alone it is; 0: everybody's
    size_t offset;     // into options; CUSTOM: unused
    bool (*read)(const char *command, const char *text, options *out);
    option_use use;
} option_row;

static bool complain(const char *command, const char *name, const char *text,
                     const char *expected) {
    command_complain(command, "--%s '%s': expected %s", name, text, expected);
    return false;
}

static bool complain_status(const char *command) {
    command_complain(command, "%s", snug_error_message());
    return false;
}

static bool read_count(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return end != text && !*end && errno == 0 && value >= 1;
}

static bool read_real(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out) && *out >= 0;
}

static bool read_memory(const char *command, const char *text, options *out) {
    return snug_size_parse(text, &out->request.budget_bytes) == SNUG_OK || complain_status(command);
}

// One sample's extents; an image's are its channels, height and width.
static bool read_input(const char *command, const char *text, options *out) {
    snug_plan_request *request = &out->request;
    const char *at = text;
    int rank = 0;
    bool good = true, more = true;
    while (good && more) {
        char *end;
        long long extent = strtoll(at, &end, 10);
        good = end != at && extent >= 1 && extent <= INT32_MAX && rank < SNUG_SAMPLE_RANK;
        if (good) request->input_dims[rank++] = extent;
        more = *end == 'x';
        good = good && (more || !*end);
        at = end + 1;
    }
    if (!good) return complain(command, "input", text, "extents of one sample, such as 3x224x224");
    request->input_rank = rank;
    out->input_given = true;
    if (rank != 3) return true;
    request->channels = request->input_dims[0];
    request->height = request->input_dims[1];
    request->width = request->input_dims[2];
    return true;
}

static bool read_loss(const char *command, const char *text, options *out) {
    return snug_loss_parse(text, &out->request.loss) == SNUG_OK || complain_status(command);
}

static bool read_class_axis(const char *command, const char *text, options *out) {
    out->request.class_axis = strcmp(text, "-1") == 0 ? -1 : strcmp(text, "1") == 0 ? 1 : 0;
    return out->request.class_axis != 0 || complain(command, "class-axis", text, "1 or -1");
}

// Adds |text| to a list by comma.
static bool append_pattern(const char *command, const char *name, const char *text, char *list,
                           size_t room, const char **field) {
    size_t used = strlen(list), length = strlen(text);
    if (length == 0 || used + length + 2 > room)
        return complain(command, name, text, "names of weights or globs, such as 'layer4.*'");
    snprintf(list + used, room - used, "%s%s", used ? "," : "", text);
    *field = list;
    return true;
}

static bool read_train(const char *command, const char *text, options *out) {
    return append_pattern(command, "train", text, out->train_list, sizeof out->train_list,
                          &out->request.train);
}

static bool read_freeze(const char *command, const char *text, options *out) {
    return append_pattern(command, "freeze", text, out->freeze_list, sizeof out->freeze_list,
                          &out->request.freeze);
}

static bool read_no_decay(const char *command, const char *text, options *out) {
    return append_pattern(command, "no-decay", text, out->no_decay_list, sizeof out->no_decay_list,
                          &out->request.no_decay);
}

static bool read_init(const char *command, const char *text, options *out) {
    (void)command;
    out->request.random_init = strcmp(text, "random") == 0;
    out->train.init = out->request.random_init ? NULL : text;
    return true;
}

static bool read_allow(const char *command, const char *text, options *out) {
    return snug_fidelity_parse(text, &out->request.allow) == SNUG_OK || complain_status(command);
}

static bool read_prefer(const char *command, const char *text, options *out) {
    out->request.prefer_speed = strcmp(text, "speed") == 0;
    return out->request.prefer_speed || strcmp(text, "fidelity") == 0 ||
           complain(command, "prefer", text, "fidelity or speed");
}

static bool read_precision(const char *command, const char *text, options *out) {
    return snug_precision_parse(text, &out->request.precision) == SNUG_OK ||
           complain_status(command);
}

static bool read_cost(const char *command, const char *text, options *out) {
    bool is_model = strcmp(text, "model") == 0;
    out->request.cost = is_model ? SNUG_COST_SOURCE_MODEL : SNUG_COST_SOURCE_MEASURED;
    return is_model || strcmp(text, "measured") == 0 ||
           complain(command, "cost", text, "measured or model");
}

static bool read_optimizer(const char *command, const char *text, options *out) {
    (void)out; // set_defaults() has done it
    return strcmp(text, "sgd") == 0 || strcmp(text, "adam") == 0 || strcmp(text, "adamw") == 0 ||
           complain(command, "optimizer", text, "sgd, adam or adamw");
}

static bool read_betas(const char *command, const char *text, options *out) {
    int used = 0;
    snug_optimizer *optimizer = &out->request.optimizer;
    return (sscanf(text, "%lf,%lf%n", &optimizer->beta1, &optimizer->beta2, &used) == 2 &&
            !text[used] && optimizer->beta1 >= 0 && optimizer->beta1 < 1 && optimizer->beta2 >= 0 &&
            optimizer->beta2 < 1) ||
           complain(command, "betas", text, "two numbers in [0, 1), such as 0.9,0.999");
}

static bool read_schedule(const char *command, const char *text, options *out) {
    out->train.schedule =
        strcmp(text, "cosine") == 0 ? SNUG_LR_SCHEDULE_COSINE : SNUG_LR_SCHEDULE_CONSTANT;
    return out->train.schedule == SNUG_LR_SCHEDULE_COSINE || strcmp(text, "constant") == 0 ||
           complain(command, "schedule", text, "constant or cosine");
}

static bool read_loss_scale(const char *command, const char *text, options *out) {
    bool is_dynamic = strcmp(text, "dynamic") == 0;
    if (is_dynamic) out->train.loss_scale = 0;
    return is_dynamic || (read_real(text, &out->train.loss_scale) && out->train.loss_scale > 0) ||
           complain(command, "loss-scale", text, "dynamic or a number above 0");
}

static bool read_val_split(const char *command, const char *text, options *out) {
    return (read_real(text, &out->val_split) && out->val_split > 0 && out->val_split < 1) ||
           complain(command, "val-split", text, "a share between 0 and 1, such as 0.1");
}

// Steps, or a time with its unit.
static bool read_checkpoint_every(const char *command, const char *text, options *out) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
    snug_train_options *train = &out->train;
    train->checkpoint_steps = 0;
    train->checkpoint_seconds = 0;
    if (strcmp(text, "never") == 0 || read_count(text, &train->checkpoint_steps)) return true;
    train->checkpoint_steps = 0;
    char *end;
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && strcmp(end, units[i].name) == 0 && isfinite(value) && value > 0)
            train->checkpoint_seconds = value * units[i].seconds;
    return train->checkpoint_seconds > 0 ||
           complain(command, "checkpoint-every", text,
                    "a number of steps, a time such as 10min (also s, h), or never");
}

static bool read_resume(const char *command, const char *text, options *out) {
    (void)command;
    out->resume = out->out = text;
    out->train.resume = true;
    return true;
}

static bool read_lr(const char *command, const char *text, options *out) {
    return (read_real(text, &out->train.learning_rate) && out->train.learning_rate > 0) ||
           complain(command, "lr", text, "a number above 0");
}

#define FIELD(name, kind, purposes, field, use)                                                    \
    { name, kind, purposes, offsetof(options, field), NULL, OPTION_##use }
#define READ(name, purposes, function, use)                                                        \
    { name, CUSTOM, purposes, 0, function, OPTION_##use }

enum { ANY = 0, TRAINING = OPTIONS_TRAINING, PREDICTING = OPTIONS_PREDICTING };

static const option_row rows[] = {
    READ("memory", ANY, read_memory, FREE),
    FIELD("batch-size", COUNT, ANY, request.batch_size, FIXED),
    FIELD("micro-batch", COUNT, ANY, request.micro_batch, FREE),
    READ("input", ANY, read_input, FIXED),
    FIELD("output", TEXT, ANY, request.output, FIXED),
    FIELD("classes", COUNT, ANY, request.classes, FIXED),
    READ("loss", ANY, read_loss, FIXED),
    READ("class-axis", ANY, read_class_axis, FIXED),
    READ("train", ANY, read_train, FIXED),
    READ("freeze", ANY, read_freeze, FIXED),
    FIELD("freeze-bn", FLAG, ANY, request.freeze_bn, FIXED),
    READ("init", ANY, read_init, FIXED),
    FIELD("width", REAL, ANY, request.width_multiplier, FIXED),
    FIELD("separable", FLAG, ANY, request.separable, FIXED),
    FIELD("no-drop", FLAG, ANY, request.no_drop, FIXED),
    READ("optimizer", ANY, read_optimizer, FIXED),
    FIELD("momentum", REAL, ANY, request.optimizer.momentum, FIXED),
    FIELD("dampening", REAL, ANY, request.optimizer.dampening, FIXED),
    FIELD("nesterov", FLAG, ANY, request.optimizer.nesterov, FIXED),
    READ("betas", ANY, read_betas, FIXED),
    FIELD("eps", REAL, ANY, request.optimizer.eps, FIXED),
    FIELD("weight-decay", REAL, ANY, request.optimizer.weight_decay, FIXED),
    READ("no-decay", ANY, read_no_decay, FIXED),
    FIELD("clip-norm", REAL, ANY, request.clip_norm, FIXED),
    FIELD("clip-value", REAL, ANY, request.clip_value, FIXED),
    FIELD("gradient-norm", FLAG, ANY, request.gradient_norm, FREE),
    FIELD("label-smoothing", REAL, ANY, request.label_smoothing, FIXED),
    READ("allow", ANY, read_allow, FREE),
    FIELD("fixes", TEXT, ANY, request.fixes, FREE),
    FIELD("require", TEXT, ANY, request.require, FREE),
    READ("prefer", ANY, read_prefer, FREE),
    READ("precision", ANY, read_precision, FREE),
    READ("cost", ANY, read_cost, FREE),
    FIELD("device", TEXT, ANY, device, FREE),
    FIELD("gpu", TEXT, ANY, gpu, ONCE),
    FIELD("html", TEXT, ANY, html, ONCE),
    FIELD("curve", FLAG, ANY, curve, ONCE),
    FIELD("graph", FLAG, ANY, graph, ONCE),
    FIELD("threads", INT, ANY, threads, FREE),
    FIELD("json", FLAG, ANY, json, ONCE),
    FIELD("quiet", FLAG, ANY, quiet, ONCE),
    FIELD("data", TEXT, ANY, data, FREE),
    READ("val-split", ANY, read_val_split, FIXED),
    FIELD("seed", SEED, ANY, train.seed, FIXED),
    FIELD("epochs", COUNT, TRAINING, train.epochs, FREE),
    FIELD("max-steps", COUNT, TRAINING, train.max_steps, FREE),
    READ("lr", TRAINING, read_lr, FIXED),
    READ("schedule", TRAINING, read_schedule, FIXED),
    READ("loss-scale", TRAINING, read_loss_scale, FIXED),
    FIELD("warmup", REAL, TRAINING, train.warmup_epochs, FIXED),
    FIELD("out", TEXT, TRAINING | PREDICTING, out, ONCE),
    FIELD("no-out", FLAG, TRAINING, no_out, ONCE),
    FIELD("no-eval", FLAG, TRAINING, no_eval, FREE),
    FIELD("overwrite", FLAG, TRAINING, train.overwrite, ONCE),
    FIELD("keep-going", FLAG, TRAINING, train.keep_going, FREE),
    READ("checkpoint-every", TRAINING, read_checkpoint_every, FREE),
    FIELD("keep-checkpoints", INT, TRAINING, train.checkpoints_kept, FREE),
    FIELD("logits", FLAG, PREDICTING, logits, ONCE),
    READ("resume", TRAINING, read_resume, ONCE),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool read_row(const char *command, const option_row *row, const char *text, options *out) {
    void *field = (char *)out + row->offset;
    int64_t count;
    char *end;
    switch (row->kind) {
    case TEXT:
        *(const char **)field = text;
        return true;
    case FLAG:
        *(bool *)field = true;
        return true;
    case COUNT:
        return read_count(text, field) ||
               complain(command, row->name, text, "a whole number of at least 1");
    case SEED:
        *(uint64_t *)field = strtoull(text, &end, 10);
        return (end != text && !*end && text[0] != '-') ||
               complain(command, row->name, text, "a whole number of at least 0");
    case INT:
        if (!read_count(text, &count) || count > 4096)
            return complain(command, row->name, text, "a whole number from 1 to 4096");
        *(int *)field = (int)count;
        return true;
    case REAL:
        return read_real(text, field) ||
               complain(command, row->name, text, "a number of at least 0");
    case CUSTOM:
        break;
    }
    return row->read(command, text, out);
}

// Timing takes a while, the first time, and can be stopped.
static void tell_timing(void *context, int64_t kernels) {
    options *given = context;
    stopping_catch();
    if (!given->timing_told && !given->quiet)
        fputs("timing this network's kernels; the times are kept for the next plan\n", stderr);
    given->timing_told = true;
    given->timing_shown = !given->quiet && isatty(STDERR_FILENO);
    if (given->timing_shown) fprintf(stderr, "\rkernel %" PRId64 " ", kernels);
}

// An option as it was given, by its full name, an abbreviation or with '='.
typedef struct given_option {
    const option_row *row;
    const char *text;
} given_option;

// What the defaults are depends on the optimizer: the last one that is named.
static void set_defaults(const given_option *given, int count, options *out) {
    const char *name = "sgd";
    for (int i = 0; i < count; i++)
        if (given[i].row->read == read_optimizer) name = given[i].text;
    snug_optimizer_kind kind = strcmp(name, "adam") == 0    ? SNUG_OPTIMIZER_ADAM
                               : strcmp(name, "adamw") == 0 ? SNUG_OPTIMIZER_ADAMW
                                                            : SNUG_OPTIMIZER_SGD;
    *out = (options){
        .device = "cpu",
        .request = {.allow = SNUG_FIDELITY_STATISTICS, .optimizer = snug_optimizer_defaults(kind)},
        .train = {.epochs = 1,
                  .learning_rate = kind == SNUG_OPTIMIZER_SGD ? 0.1 : 1e-3,
                  .checkpoint_seconds = 600}};
    out->request.on_timing = tell_timing;
    out->request.should_stop = stopping_wanted;
    out->request.context = out;
    if (kind == SNUG_OPTIMIZER_SGD) {
        // Those of torchvision's training script, not torch.optim's zeros.
        out->request.optimizer.momentum = 0.9;
        out->request.optimizer.weight_decay = 1e-4;
    }
}

static bool check(const char *command, const options *out) {
    const snug_optimizer *optimizer = &out->request.optimizer;
    if (optimizer->nesterov && (optimizer->momentum == 0 || optimizer->dampening != 0)) {
        command_complain(command, "--nesterov needs a momentum and no dampening");
        return false;
    }
    if (out->request.label_smoothing >= 1) {
        command_complain(command, "--label-smoothing must be below 1");
        return false;
    }
    if (out->request.label_smoothing > 0 && out->request.loss != SNUG_LOSS_CROSS_ENTROPY) {
        command_complain(command, "--label-smoothing is for cross-entropy, not for %s",
                         snug_loss_name(out->request.loss));
        return false;
    }
    if (out->gpu && strcmp(out->device, "cpu") != 0) {
        command_complain(command, "--gpu plans for a card, which --device %s is not", out->device);
        return false;
    }
    if (out->train.loss_scale != 0 && out->request.precision != SNUG_PRECISION_FLOAT16) {
        command_complain(command, "--loss-scale is for --precision float16: other numbers have the "
                                  "range of float32");
        return false;
    }
    // A run that goes on has a model of its own.
    if (!out->request.model && !out->resume) {
        command_complain(command,
                         "which MODEL? `snug models` lists them; an ONNX file is one, too");
        return false;
    }
    return true;
}

static void complain_option(const char *command, int found, const char *option,
                            const struct option *there_are) {
    const char *names[ROWS + 1] = {NULL}, *near = NULL;
    char name[64];
    for (int i = 0; i < ROWS && there_are[i].name; i++)
        names[i] = there_are[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(option + strspn(option, "-"), "="),
             option + strspn(option, "-"));
    if (found != ':') near = snug_near_match(name, names);
    if (near)
        command_complain(command, "there is no option '%s': did you mean --%s?", option, near);
    else
        command_complain(command, "%s '%s'; `snug %s --help` lists the options",
                         found == ':' ? "a value is missing after" : "there is no option", option,
                         command);
}

// Fills |given|, which has room for |argc|, and tells how many there are; -1 after a complaint.
static int find_options(int argc, char **argv, options_purpose purpose, given_option *given) {
    struct option long_options[ROWS + 1] = {{0}};
    int used = 0, count = 0;
    for (int i = 0; i < ROWS; i++)
        if (rows[i].purposes == 0 || rows[i].purposes & purpose)
            long_options[used++] = (struct option){
                rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, i + 1};
    opterr = 0;
    optind = 1;
    for (int found; (found = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        if (found == '?' || found == ':') {
            complain_option(argv[0], found, argv[optind - 1], long_options);
            return -1;
        }
        given[count++] = (given_option){&rows[found - 1], optarg};
    }
    return count;
}

static bool check_count(int argc, char **argv) {
    if (argc <= OPTIONS_MOST) return true;
    command_complain(argv[0], "more than %d arguments", OPTIONS_MOST);
    return false;
}

int options_list(int argc, char **argv, option_given *out, const char **model) {
    given_option given[OPTIONS_MOST];
    int count = check_count(argc, argv) ? find_options(argc, argv, OPTIONS_TRAINING, given) : -1;
    for (int i = 0; i < count; i++) {
        const option_row *row = given[i].row;
        out[i] = (option_given){.name = row->name,
                                .value = row->kind == FLAG ? NULL : given[i].text,
                                .use = row->use,
                                .adds_up = row->read == read_train || row->read == read_freeze ||
                                           row->read == read_no_decay};
    }
    *model = optind < argc ? argv[optind] : NULL;
    return count;
}

bool options_read(int argc, char **argv, options_purpose purpose, options *out) {
    given_option given[OPTIONS_MOST];
    if (!check_count(argc, argv)) return false;
    int count = find_options(argc, argv, purpose, given);
    if (count < 0) return false;
    set_defaults(given, count, out);
    for (int i = 0; i < count; i++)
        if (!read_row(argv[0], given[i].row, given[i].text, out)) return false;
    if (optind < argc) out->request.model = argv[optind++];
    if (optind < argc && purpose == OPTIONS_PREDICTING && !out->data) out->data = argv[optind++];
    if (optind < argc) {
        command_complain(argv[0], "one MODEL expected, found '%s' as well", argv[optind]);
        return false;
    }
    out->text = out->json ? stderr : stdout;
    if (out->quiet) out->text = fopen("/dev/null", "w");
    if (!out->text) {
        command_complain(argv[0], "cannot write to /dev/null, which --quiet takes");
        return false;
    }
    return check(argv[0], out);
}

// snug train: plans, then trains inside the plan.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/planning.h"
#include "cli/progress.h"
#include "cli/resuming.h"
#include "cli/stopping.h"
#include "snug/size.h"

static void on_step(void *context, const snug_step_event *event) {
    progress_step(context, event);
}

static void on_epoch(void *context, const snug_epoch_event *event) {
    progress_epoch(context, event);
}

// What is not as it was is told whatever else is.
static void on_notice(void *context, const char *text) {
    progress_end(context);
    command_complain("train", "%s", text);
}

static void report_peaks(FILE *text, const snug_plan *plan, const snug_train_result *result) {
    char planned[SNUG_SIZE_TEXT], budget[SNUG_SIZE_TEXT];
    bool equal = result->planned_peak_bytes == result->measured_peak_bytes;
    fprintf(text, "planned peak  %zu bytes (%s) of a budget of %s\nmeasured peak %zu bytes (%s)\n",
            result->planned_peak_bytes, snug_size_print(result->planned_peak_bytes, planned),
            snug_size_print(snug_plan_budget_bytes(plan), budget), result->measured_peak_bytes,
            equal ? "equal" : "DIFFERENT: please report this");
}

static void report_result(const options *given, const snug_plan *plan, const char *use,
                          const snug_train_result *result) {
    FILE *text = given->text;
    fprintf(text, "\n%" PRId64 " steps in %.1f s", result->steps, result->seconds);
    if (isfinite(result->accuracy))
        fprintf(text, ", %s accuracy %.2f %%", use, 100 * result->accuracy);
    fputc('\n', text);
    if (result->steps > result->resumed_steps)
        report_peaks(text, plan, result);
    else if (given->resume)
        fputs("The run had ended: no step was left. More --epochs or --max-steps go on.\n", text);
    if (result->skipped_steps)
        fprintf(text, "skipped %" PRId64 " of the steps: a gradient overflowed float16%s\n",
                result->skipped_steps,
                given->train.loss_scale == 0 ? ",\nand the loss scale was lowered" : "");
    if (given->out) fprintf(text, "weights in %s/weights.safetensors\n", given->out);
    if (given->json)
        printf("{\"event\":\"done\",\"steps\":%" PRId64
               ",\"planned_peak_bytes\":%zu,\"measured_peak_bytes\":%zu,\"seconds\":%.6g}\n",
               result->steps, result->planned_peak_bytes, result->measured_peak_bytes,
               result->seconds);
}

// Says what is held out, and what the accuracy is of where there is nothing else to measure it on.
static void tell_samples(const options *given, const snug_dataset *train,
                         const snug_dataset *test) {
    FILE *text = given->text;
    if (test && given->val_split > 0)
        fprintf(text,
                "%" PRId64 " samples to train on, %" PRId64
                " others, held out by --val-split, to validate on\n\n",
                snug_dataset_samples(train), snug_dataset_samples(test));
    else if (test && strcmp(snug_dataset_use(test), "training") == 0)
        fputs("The data have no test samples: what is measured is the fit to the training\n"
              "samples. --val-split 0.1 holds a tenth of them out.\n\n",
              text);
}

static int train_planned(const snug_plan *plan, options *given) {
    snug_dataset *train = NULL, *test = NULL;
    snug_train_result result = {0};
    snug_status status = planning_open_data(plan, given, SNUG_SPLIT_TRAIN, &train);
    if (status == SNUG_OK && !given->no_eval)
        status = planning_open_data(plan, given, SNUG_SPLIT_TEST, &test);
    if (status == SNUG_OK) {
        tell_samples(given, train, test);
        progress shown = progress_start(given->json, given->text, plan);
        shown.use = test ? snug_dataset_use(test) : NULL;
        given->train.on_step = on_step;
        given->train.on_epoch = on_epoch;
        given->train.on_notice = on_notice;
        given->train.should_stop = stopping_wanted;
        given->train.context = &shown;
        given->train.out = given->out;
        stopping_catch();
        status = snug_train(plan, train, test, &given->train, &result);
        progress_end(&shown);
    }
    if (status == SNUG_OK || (status == SNUG_INTERRUPTED && result.planned_peak_bytes))
        report_result(given, plan, test ? snug_dataset_use(test) : "", &result);
    if (status == SNUG_INTERRUPTED && result.planned_peak_bytes && given->out)
        fprintf(given->text, "`snug train --resume %s` goes on\n", given->out);
    snug_dataset_close(train);
    snug_dataset_close(test);
    return command_fail("train", status);
}

// A new folder under runs/ where --out does not say.
static const char *choose_out(const options *given, const snug_plan *plan, char path[256]) {
    if (given->no_out || given->out) return given->out;
    for (int i = 1; i < 10000; i++) {
        snprintf(path, 256, "runs/%s-%d", snug_plan_model(plan), i);
        if (access(path, F_OK) != 0) return path;
    }
    return NULL;
}

// Complains of arguments that no run can have.
static int check(const options *given) {
    if (!given->data) {
        command_complain("train", "which --data? fashion-mnist, a folder, a file or synthetic");
        return EXIT_USAGE;
    }
    if (given->curve || given->graph) {
        command_complain("train", "--%s is an option of `snug plan`",
                         given->curve ? "curve" : "graph");
        return EXIT_USAGE;
    }
    if (given->gpu) {
        command_complain("train", "--gpu: no GPU device is built in; `snug plan --gpu` plans for "
                                  "a card, `--device` trains on one of `snug devices`");
        return EXIT_USAGE;
    }
    if (given->out && !given->train.overwrite && !given->resume && snug_run_exists(given->out)) {
        command_complain(
            "train", "%s holds an earlier run; --overwrite replaces it, --resume goes on with it",
            given->out);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static int run_given(options *given, int64_t done) {
    char path[256];
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_status status = snug_device_open(given->device, given->threads, &device);
    if (status == SNUG_OK) status = planning_fit_data(given);
    if (status == SNUG_OK) status = planning_make(device, given, &plan);
    // What nothing fits into is told after the table that shows it.
    if (plan) planning_print(plan, given);
    int result = command_fail("train", status);
    if (status == SNUG_OK && given->html) {
        status = snug_plan_html_write(plan, given->html);
        result = command_fail("train", status);
    }
    if (status == SNUG_OK) {
        given->out = choose_out(given, plan, path);
        if (!given->json) fputc('\n', given->text);
        if (given->resume)
            fprintf(given->text, "%s goes on after step %" PRId64 "\n\n", given->resume, done);
        fflush(given->text);
        result = train_planned(plan, given);
    }
    snug_plan_free(plan);
    snug_device_close(device);
    return result;
}

static int run(int argc, char **argv) {
    options given;
    arguments whole = {0};
    int64_t done = 0;
    if (!options_read(argc, argv, OPTIONS_TRAINING, &given)) return EXIT_USAGE;
    int result = EXIT_DONE;
    if (given.resume) {
        result = resume_arguments(argc, argv, &given, &whole, &done);
        argc = whole.argc;
        argv = whole.argv;
        if (result == EXIT_DONE && !options_read(argc, argv, OPTIONS_TRAINING, &given))
            result = EXIT_USAGE;
    }
    if (result == EXIT_DONE) result = check(&given);
    if (result == EXIT_DONE) {
        char *note = resume_note(argc, argv);
        given.train.note = note;
        result = run_given(&given, done);
        free(note);
    }
    arguments_clear(&whole);
    return result;
}

const snug_command snug_command_train = {
    .name = "train",
    .computes = true,
    .summary = "trains a network inside a memory budget",
    .usage = "usage: snug train MODEL --data DATA [--memory 2GiB] [options]\n"
             "       snug train --resume RUN [--memory 2GiB] [options]\n\n"
             "Plans the run, takes one block of memory, and trains inside it.\n\n"
             "  --data DATA           fashion-mnist, a folder with IDX files, or with a folder\n"
             "                        of JPEG and PNG files for each class, a .safetensors\n"
             "                        or .npz file with input and target, x.npy beside\n"
             "                        y.npy, a .csv of numbers (the last column is the\n"
             "                        target), or synthetic\n"
             "  --epochs N            (default 1)\n"
             "  --max-steps N         ends the run early\n"
             "  --lr X                learning rate (default sgd 0.1, else 0.001)\n"
             "  --schedule NAME       constant (default) or cosine\n"
             "  --warmup EPOCHS       linear warm-up (default 0)\n"
             "  --loss-scale X        with --precision float16: dynamic (default: doubled\n"
             "                        after 2000 steps, halved when a gradient overflows)\n"
             "                        or a number\n"
             "  --seed N              (default 0)\n"
             "  --val-split X         holds this share of the training samples out, to\n"
             "                        validate on (default: the data's own test samples)\n"
             "  --no-eval             trains alone\n"
             "  --keep-going          trains on after a loss that is not finite\n"
             "  --checkpoint-every X  steps, or a time (default 10min; also s, h), or never:\n"
             "                        all that --resume needs, in the run's folder\n"
             "  --keep-checkpoints N  the newest so many (default 2)\n"
             "  --resume RUN          goes on with an earlier run's folder, bit for bit; no\n"
             "                        MODEL then, and of the options --memory, --epochs,\n"
             "                        --max-steps, --data, --threads and such\n"
             "  --out DIR             weights.safetensors, plan.json and log.jsonl\n"
             "                        (default runs/MODEL-N); --no-out keeps nothing\n"
             "  --overwrite           replaces an earlier run in DIR\n",
    .options = OPTIONS_PLAN_HELP,
    .run = run,
};

// A loop that loses nothing: it leaves checkpoints and goes on from the newest one that is whole,
// with the same bits as if it had never stopped.
//
//     resume FOLDER STEPS       FOLDER is there; call it again with more steps
#include <snug/checkpoint.h>
#include <snug/train.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32, EVERY = 5, KEPT = 2 };

// Where samples come from: a data set in order, so that a step's number tells where it stands.
typedef struct place {
    snug_dataset *data;
    int64_t next;
    const snug_sample_type *sample;
    unsigned char *input, *target;
} place;

static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    place *at = context;
    for (int64_t i = 0; i < samples; i++) {
        void *input = at->input + (size_t)i * at->sample->inputs[0].bytes;
        int64_t index = at->next++ % snug_dataset_samples(at->data);
        snug_status status = snug_dataset_read(at->data, index, &input,
                                               at->target + (size_t)i * at->sample->target.bytes);
        if (status != SNUG_OK) return status;
    }
    inputs[0] = at->input;
    *target = at->target;
    return SNUG_OK;
}

static void tell(void *context, const char *text) {
    (void)context;
    printf("%s\n", text);
}

// Takes up the newest checkpoint in |folder|, where there is one.
static snug_status take_up(const char *folder, snug_trainer *trainer, place *at) {
    snug_checkpoint *kept;
    snug_status status = snug_checkpoint_newest(folder, tell, NULL, &kept);
    if (status == SNUG_NOT_FOUND) return SNUG_OK;
    if (status != SNUG_OK) return status;
    status = snug_checkpoint_restore(kept, trainer);
    const char *next = snug_checkpoint_note(kept, "next");
    if (next) at->next = atoll(next);
    if (status == SNUG_OK) printf("goes on from %s\n", snug_checkpoint_path(kept));
    snug_checkpoint_close(kept);
    return status;
}

static snug_status train(snug_trainer *trainer, place *at, const char *folder, int64_t steps) {
    snug_batch_source source = {.next = next_samples, .context = at, .most = BATCH};
    snug_status status = take_up(folder, trainer, at);
    double loss = 0;
    while (status == SNUG_OK && snug_trainer_steps(trainer) < steps) {
        status = snug_trainer_step(trainer, &source, 0.05, &loss);
        int64_t done = snug_trainer_steps(trainer);
        if (status != SNUG_OK || (done % EVERY && done != steps)) continue;
        char next[32];
        const char *notes[] = {"next", next, NULL};
        snprintf(next, sizeof next, "%lld", (long long)at->next);
        status = snug_checkpoint_add(folder, done, KEPT, trainer, notes);
    }
    if (status == SNUG_OK) printf("step %lld: loss %.9f\n", (long long)steps, loss);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: resume FOLDER STEPS\n");
        return 2;
    }
    snug_plan_request request = {.model = "simple",
                                 .batch_size = BATCH,
                                 .budget_bytes = (size_t)64 << 20,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .allow = SNUG_FIDELITY_EXACT,
                                 .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAM)};
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    place at = {.next = 0};
    snug_status status = snug_device_open("cpu", 0, &device);
    if (status == SNUG_OK) status = snug_plan_make(device, &request, &plan);
    if (status == SNUG_OK) status = snug_trainer_new(plan, 1, &trainer);
    if (status == SNUG_OK) {
        at.sample = snug_plan_sample(plan);
        snug_dataset_options options = {.name = "synthetic", .sample = at.sample, .samples = 256};
        status = snug_dataset_open(&options, &at.data);
        at.input = malloc(BATCH * at.sample->inputs[0].bytes);
        at.target = malloc(BATCH * at.sample->target.bytes);
        if (!at.input || !at.target) status = SNUG_NOMEM;
    }
    if (status == SNUG_OK) status = train(trainer, &at, argv[1], atoll(argv[2]));
    if (status != SNUG_OK)
        fprintf(stderr, "resume: %s: %s\n", snug_status_name(status), snug_error_message());
    free(at.input);
    free(at.target);
    snug_dataset_close(at.data);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    return status == SNUG_OK ? 0 : 1;
}

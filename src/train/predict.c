// Predictions: the evaluation pass up to the network's output, which needs no targets and no memory
// beside the arena.
#include <math.h>

#include "base/memory.h"
#include "train/trainer.h"

// One sample's output as three extents, the classes in the middle one.
typedef struct rows {
    int64_t outer, classes, inner;
} rows;

static rows rows_of(const snug_plan *plan) {
    rows found = {.outer = 1, .classes = 1, .inner = 1};
    const snug_type *type = &plan->output;
    int axis = plan->class_axis;
    for (int i = 1; i < type->rank; i++)
        *(i < axis ? &found.outer : i == axis ? &found.classes : &found.inner) *= type->dims[i];
    return found;
}

// The elements of |count| classes that are |stride| apart become probabilities.
static void softmax(float *x, int64_t count, int64_t stride) {
    float most = x[0];
    double sum = 0;
    for (int64_t i = 1; i < count; i++)
        if (x[i * stride] > most) most = x[i * stride];
    for (int64_t i = 0; i < count; i++)
        sum += exp((double)x[i * stride] - most);
    for (int64_t i = 0; i < count; i++)
        x[i * stride] = (float)(exp((double)x[i * stride] - most) / sum);
}

static void make_probabilities(const snug_plan *plan, float *sample) {
    if (plan->training.loss == SNUG_LOSS_BCE) {
        int64_t count = snug_type_elements(&plan->output);
        for (int64_t i = 0; i < count; i++)
            sample[i] = (float)(1 / (1 + exp(-(double)sample[i])));
        return;
    }
    rows of = rows_of(plan);
    for (int64_t i = 0; i < of.outer; i++)
        for (int64_t j = 0; j < of.inner; j++)
            softmax(sample + i * of.classes * of.inner + j, of.classes, of.inner);
}

// |from|, channels last, in row-major order.
static void reorder(const snug_type *type, const float *from, float *to) {
    int64_t channels = type->dims[1], places = 1;
    for (int i = 2; i < type->rank; i++)
        places *= type->dims[i];
    for (int64_t i = 0; i < places; i++)
        for (int64_t c = 0; c < channels; c++)
            to[c * places + i] = from[i * channels + c];
}

// Runs the pass on |samples| samples and copies their outputs to |out|. |scratch| has room for one.
static snug_status predict_part(snug_trainer *trainer, const snug_pass *pass,
                                const snug_batch_source *source, int64_t samples,
                                snug_prediction prediction, float *scratch, float *out) {
    const snug_training_graph *built = &pass->built;
    const snug_type *type = &trainer->plan->output;
    bool turned = type->layout == SNUG_CHANNELS_LAST && type->rank >= 3;
    size_t elements = (size_t)snug_type_elements(type), bytes = elements * sizeof *out;
    size_t end = (size_t)built->graph->tensors[built->logits]->producer + 1;
    snug_run_state state = {.seed = trainer->seed, .step = (uint64_t)trainer->steps};
    SNUG_TRY(snug_trainer_feed(trainer, pass, source, samples, false));
    SNUG_TRY(snug_program_run_nodes(trainer->program, pass, 0, end, &state));
    for (int64_t i = 0; i < samples; i++, out += elements) {
        SNUG_TRY(snug_program_read_part(trainer->program, pass, built->logits, (size_t)i * bytes,
                                        turned ? scratch : out, bytes));
        if (turned) reorder(type, scratch, out);
        if (prediction == SNUG_PREDICTION_PROBABILITIES) make_probabilities(trainer->plan, out);
    }
    return SNUG_OK;
}

snug_status snug_trainer_predict(snug_trainer *trainer, const snug_batch_source *source,
                                 int64_t samples, snug_prediction prediction, void *out,
                                 size_t bytes) {
    SNUG_REQUIRE(trainer && source && source->next && out,
                 "a trainer, a source of samples with its function, and a place for the outputs");
    SNUG_REQUIRE(samples > 0, "at least one sample");
    SNUG_REQUIRE((unsigned)prediction <= SNUG_PREDICTION_PROBABILITIES, "a known prediction");
    const snug_plan *plan = trainer->plan;
    size_t each = plan->answer.bytes;
    SNUG_TRY(snug_trainer_check_restored(trainer));
    if (each == 0 || bytes % each != 0 || bytes / each != (size_t)samples)
        return snug_fail(SNUG_INVALID, "%zu bytes for %lld predictions of %zu bytes each", bytes,
                         (long long)samples, each);
    if (prediction == SNUG_PREDICTION_PROBABILITIES && plan->training.loss == SNUG_LOSS_MSE)
        return snug_fail(SNUG_INVALID, "probabilities of a network that was trained on mse: its "
                                       "outputs are numbers");
    const snug_pass *pass = snug_schedule_find(&plan->schedule, SNUG_WHEN_EVALUATE);
    int64_t most = pass->built.samples;
    float *scratch = NULL, *next = out;
    snug_status status = SNUG_NEW(&scratch, each / sizeof *scratch);
    for (int64_t done = 0; done < samples && status == SNUG_OK; done += most) {
        int64_t part = samples - done < most ? samples - done : most;
        status = predict_part(trainer, pass, source, part, prediction, scratch,
                              next + (size_t)done * (each / sizeof *next));
    }
    snug_memory_free(scratch);
    return status;
}

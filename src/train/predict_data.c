// Predictions of a saved network for a data set, as a file of numpy's and for a caller.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sized.h"
#include "base/text.h"
#include "data/element.h"
#include "train/trainer.h"

#define CHUNK_BYTES ((int64_t)2 << 20)

typedef struct prediction {
    const snug_predict_options *options;
    const snug_sample_tensor *answer;
    snug_trainer *trainer;
    snug_loader *loader;
    snug_file file;
    bool has_file;
    float *outputs; // of a chunk
} prediction;

static snug_status next_samples(void *context, int64_t samples, const void **inputs,
                                const void **target) {
    const prediction *self = context;
    if (self->options->should_stop && self->options->should_stop(self->options->context))
        return snug_fail(SNUG_INTERRUPTED, "stopped in a prediction");
    return snug_loader_next(self->loader, samples, inputs, target);
}

// The header of version 1.0: its length makes the numbers begin at a multiple of 64 bytes.
static snug_status write_header(prediction *self, int64_t samples) {
    static const char magic[] = "\x93NUMPY\x01\x00";
    enum { BEFORE = 10 };
    snug_text text = {0};
    snug_text_append(&text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld,",
                     (long long)samples);
    for (int i = 0; i < self->answer->rank; i++)
        snug_text_append(&text, "%s%lld", i ? ", " : " ", (long long)self->answer->dims[i]);
    snug_text_append(&text, "), }");
    size_t end = BEFORE + text.length + 1, padding = (64 - end % 64) % 64;
    snug_text_append(&text, "%*s\n", (int)padding, "");
    snug_status status = snug_text_status(&text);
    unsigned char length[2] = {(unsigned char)(text.length & 0xff),
                               (unsigned char)(text.length >> 8)};
    if (status == SNUG_OK) status = snug_file_write(&self->file, magic, sizeof magic - 1);
    if (status == SNUG_OK) status = snug_file_write(&self->file, length, sizeof length);
    if (status == SNUG_OK) status = snug_file_write(&self->file, text.data, text.length);
    snug_text_clear(&text);
    return status;
}

static snug_status predict_all(prediction *self, int64_t samples, int64_t chunk) {
    snug_batch_source source = {.next = next_samples, .context = self, .most = chunk};
    const snug_predict_options *options = self->options;
    for (int64_t done = 0, part; done < samples; done += part) {
        part = samples - done < chunk ? samples - done : chunk;
        size_t bytes = (size_t)part * self->answer->bytes;
        SNUG_TRY(snug_trainer_predict(self->trainer, &source, part, options->prediction,
                                      self->outputs, bytes));
        if (self->has_file) SNUG_TRY(snug_file_write(&self->file, self->outputs, bytes));
        if (options->on_samples) options->on_samples(options->context, done, part, self->outputs);
    }
    return self->has_file ? snug_file_commit(&self->file) : SNUG_OK;
}

static snug_status run(prediction *self, snug_dataset *data, snug_predict_result *result) {
    int64_t chunk = snug_sample_chunk(snug_dataset_sample(data), CHUNK_BYTES);
    snug_loader_options wanted = {.chunk_samples = chunk};
    SNUG_TRY(snug_loader_start(data, &wanted, &self->loader));
    SNUG_TRY(SNUG_NEW(&self->outputs, (size_t)chunk * self->answer->bytes / sizeof(float)));
    result->samples = snug_dataset_samples(data);
    if (self->options->npy) {
        SNUG_TRY(snug_file_create(self->options->npy, &self->file));
        self->has_file = true;
        SNUG_TRY(write_header(self, result->samples));
    }
    return predict_all(self, result->samples, chunk);
}

snug_status snug_predict_sized(const snug_plan *plan, const char *weights, snug_dataset *data,
                               const snug_predict_options *given, size_t options_bytes,
                               snug_predict_result *out, size_t result_bytes) {
    SNUG_REQUIRE(plan && weights && data && given && out,
                 "a plan, weights, data, options and a place for the result");
    snug_predict_options options;
    snug_predict_result result = {0};
    prediction self = {.options = &options, .answer = snug_plan_output(plan)};
    double began = snug_clock_seconds();
    snug_sized_give(out, result_bytes, &result, sizeof result);
    SNUG_TRY(snug_sized_take(&options, sizeof options, given, options_bytes, "options to predict"));
    SNUG_TRY(snug_trainer_new(plan, 0, &self.trainer));
    snug_status status = snug_trainer_load(self.trainer, weights);
    if (status == SNUG_OK) status = run(&self, data, &result);
    if (status != SNUG_OK && self.has_file) snug_file_abandon(&self.file);
    result.planned_peak_bytes = snug_trainer_planned_peak(self.trainer);
    result.measured_peak_bytes = snug_trainer_measured_peak(self.trainer);
    result.seconds = snug_clock_seconds() - began;
    snug_memory_free(self.outputs);
    snug_loader_stop(self.loader);
    snug_trainer_free(self.trainer);
    snug_sized_give(out, result_bytes, &result, sizeof result);
    return status;
}

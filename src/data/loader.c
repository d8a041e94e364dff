// The loader thread reads the samples of the coming chunk into a ring of samples while the network
// computes. What it delivers depends on the seed and the epoch alone, never on timing.
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/sized.h"
#include "snug/data.h"

struct snug_loader {
    snug_dataset *dataset;
    snug_loader_options options;
    const snug_sample_type *sample;
    uint32_t *order; // of the epoch that the thread reads
    // Two chunks: the consumer holds one, the thread fills the other.
    unsigned char *inputs[2][SNUG_MAX_INPUTS];
    unsigned char *targets[2];
    int64_t chunk;    // samples wanted in the chunk that is being filled; 0: nothing is asked
    int filling;      // the chunk the thread fills
    int64_t position; // samples of the epoch that were asked for
    uint64_t epoch;
    bool ready; // the chunk is full, or failed
    bool stopping;
    snug_status status; // of the thread's last read
    char message[512];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool has_thread;
};

static void shuffle(snug_loader *loader) {
    uint32_t samples = (uint32_t)snug_dataset_samples(loader->dataset);
    for (uint32_t i = 0; i < samples; i++)
        loader->order[i] = i;
    if (!loader->options.shuffle) return;
    for (uint32_t i = samples; i > 1; i--) {
        snug_random_block block = snug_random_at(loader->options.seed, loader->epoch, i);
        uint64_t wide = (uint64_t)block.words[0] << 32 | block.words[1];
        uint32_t other = (uint32_t)(wide % i), kept = loader->order[i - 1];
        loader->order[i - 1] = loader->order[other];
        loader->order[other] = kept;
    }
}

// Reads |count| samples from |position| on into chunk |side|; runs without the lock.
static snug_status fill(snug_loader *loader, int side, int64_t position, int64_t count) {
    const snug_sample_type *sample = loader->sample;
    for (int64_t i = 0; i < count; i++) {
        void *inputs[SNUG_MAX_INPUTS] = {NULL};
        for (int j = 0; j < sample->input_count; j++)
            inputs[j] = loader->inputs[side][j] + (size_t)i * sample->inputs[j].bytes;
        SNUG_TRY(snug_dataset_read(loader->dataset, loader->order[position + i], inputs,
                                   loader->targets[side] + (size_t)i * sample->target.bytes));
    }
    return SNUG_OK;
}

static void *run(void *context) {
    snug_loader *loader = context;
    pthread_mutex_lock(&loader->mutex);
    for (;;) {
        while (!loader->stopping && (loader->ready || loader->chunk == 0))
            pthread_cond_wait(&loader->changed, &loader->mutex);
        if (loader->stopping) break;
        int side = loader->filling;
        int64_t position = loader->position, count = loader->chunk;
        pthread_mutex_unlock(&loader->mutex);
        snug_status status = fill(loader, side, position, count);
        pthread_mutex_lock(&loader->mutex);
        loader->status = status;
        if (status != SNUG_OK)
            strncpy(loader->message, snug_error_message(), sizeof loader->message - 1);
        loader->ready = true;
        pthread_cond_broadcast(&loader->changed);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

// Asks the thread for |count| samples from the current position. Called with the lock held.
static void ask(snug_loader *loader, int64_t count) {
    if (loader->position >= loader->options.epoch_samples) {
        loader->position = 0;
        loader->epoch++;
        shuffle(loader); // the thread waits: it reads |order| only while a chunk is asked for
    }
    int64_t left = loader->options.epoch_samples - loader->position;
    loader->chunk = count < left ? count : left;
    loader->ready = false;
    pthread_cond_broadcast(&loader->changed);
}

static snug_status allocate(snug_loader *loader) {
    size_t chunk = (size_t)loader->options.chunk_samples;
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < loader->sample->input_count; j++)
            SNUG_TRY(SNUG_NEW(&loader->inputs[i][j], chunk * loader->sample->inputs[j].bytes));
        SNUG_TRY(SNUG_NEW(&loader->targets[i], chunk * loader->sample->target.bytes));
    }
    return SNUG_NEW(&loader->order, (size_t)snug_dataset_samples(loader->dataset));
}

snug_status snug_loader_start_sized(snug_dataset *dataset, const snug_loader_options *given,
                                    size_t options_bytes, snug_loader **out) {
    SNUG_REQUIRE(out, "a place for the loader");
    *out = NULL;
    SNUG_REQUIRE(dataset, "a data set");
    snug_loader_options wanted, *options = &wanted;
    SNUG_TRY(
        snug_sized_take(options, sizeof *options, given, options_bytes, "options of the loader"));
    SNUG_TRY(SNUG_NEW(out, 1));
    snug_loader *loader = *out;
    loader->dataset = dataset;
    loader->options = *options;
    int64_t samples = snug_dataset_samples(dataset);
    if (options->epoch_samples == 0) loader->options.epoch_samples = samples;
    loader->sample = snug_dataset_sample(dataset);
    loader->epoch = options->first_epoch;
    loader->position = options->first_sample;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->changed, NULL);
    snug_status status =
        samples > UINT32_MAX || loader->options.epoch_samples > samples ||
                options->chunk_samples < 1 || options->first_sample < 0 ||
                options->first_sample > loader->options.epoch_samples
            ? snug_fail(SNUG_INVALID, "an epoch of %lld of %lld samples",
                        (long long)loader->options.epoch_samples, (long long)samples)
            : allocate(loader);
    if (status == SNUG_OK) {
        shuffle(loader);
        loader->has_thread = pthread_create(&loader->thread, NULL, run, loader) == 0;
        if (!loader->has_thread) status = snug_fail(SNUG_NOMEM, "no thread for the data loader");
    }
    if (status != SNUG_OK) {
        snug_loader_stop(loader);
        *out = NULL;
    }
    return status;
}

void snug_loader_stop(snug_loader *loader) {
    if (!loader) return;
    if (loader->has_thread) {
        pthread_mutex_lock(&loader->mutex);
        loader->stopping = true;
        pthread_cond_broadcast(&loader->changed);
        pthread_mutex_unlock(&loader->mutex);
        pthread_join(loader->thread, NULL);
    }
    pthread_mutex_destroy(&loader->mutex);
    pthread_cond_destroy(&loader->changed);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < SNUG_MAX_INPUTS; j++)
            snug_memory_free(loader->inputs[i][j]);
        snug_memory_free(loader->targets[i]);
    }
    snug_memory_free(loader->order);
    snug_memory_free(loader);
}

snug_status snug_loader_next(snug_loader *loader, int64_t samples, const void **inputs,
                             const void **target) {
    SNUG_REQUIRE(loader && inputs && target, "a loader and places for samples");
    if (samples < 1 || samples > loader->options.chunk_samples)
        return snug_fail(SNUG_INVALID, "1 to %lld samples at a time, not %lld",
                         (long long)loader->options.chunk_samples, (long long)samples);
    pthread_mutex_lock(&loader->mutex);
    // The guess was that this chunk is as large as the last; another one is asked for anew.
    if (loader->chunk == 0) ask(loader, samples);
    while (!loader->ready)
        pthread_cond_wait(&loader->changed, &loader->mutex);
    if (loader->status == SNUG_OK && loader->chunk != samples) {
        ask(loader, samples);
        while (!loader->ready)
            pthread_cond_wait(&loader->changed, &loader->mutex);
    }
    snug_status status = loader->status;
    if (status != SNUG_OK) {
        snug_fail(status, "%s", loader->message);
    } else if (loader->chunk != samples) {
        status = snug_fail(SNUG_INVALID, "%lld samples asked for, the epoch has %lld left",
                           (long long)samples, (long long)loader->chunk);
    } else {
        for (int i = 0; i < loader->sample->input_count; i++)
            inputs[i] = loader->inputs[loader->filling][i];
        *target = loader->targets[loader->filling];
        loader->position += samples;
        loader->filling = 1 - loader->filling;
        ask(loader, samples);
    }
    pthread_mutex_unlock(&loader->mutex);
    return status;
}

// Streams and events. Work on them is done the moment it is asked for, so all they keep is whether
// they are being captured into a graph: a stream joins a capture by waiting for an event that was
// recorded in it, and all of them leave when it ends.
#include <pthread.h>
#include <stdlib.h>

#include "standin/core/state.h"

struct snug_stream {
    int priority;
    uint64_t capture; // its id; 0: none
    uintptr_t graph;
    snug_stream *next; // of all that there ever were: handles are used again, never given back
    bool dead;
};

struct snug_event {
    uint64_t capture;
    uintptr_t graph;
    snug_event *next; // of those that are not in use
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static snug_stream defaults[3]; // CUDA's handles 0, 1 and 2
static snug_stream *streams;
static snug_event *spare_events;
static uint64_t last_capture;

static snug_stream *own(const snug_stream *stream) {
    uintptr_t number = (uintptr_t)stream;
    return number < 3 ? &defaults[number] : (snug_stream *)number;
}

int snug_stream_create(int priority, snug_stream **out) {
    snug_books_make_context(snug_standin_device());
    pthread_mutex_lock(&lock);
    snug_stream *stream = streams;
    while (stream && !stream->dead)
        stream = stream->next;
    if (!stream && (stream = calloc(1, sizeof *stream))) {
        stream->next = streams;
        streams = stream;
    }
    if (stream) {
        stream->dead = false;
        stream->priority = priority;
        stream->capture = 0;
    }
    pthread_mutex_unlock(&lock);
    *out = stream;
    return stream ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

int snug_stream_destroy(snug_stream *stream) {
    pthread_mutex_lock(&lock);
    if ((uintptr_t)stream >= 3) stream->dead = true;
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int snug_stream_priority(const snug_stream *stream) {
    return own(stream)->priority;
}

int snug_stream_begin_capture(snug_stream *stream, uintptr_t graph) {
    snug_stream *self = own(stream);
    pthread_mutex_lock(&lock);
    int status = self->capture ? SNUG_CUDA_INVALID_VALUE : SNUG_CUDA_OK;
    if (status == SNUG_CUDA_OK) {
        self->capture = ++last_capture;
        self->graph = graph;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static void leave(snug_stream *stream, uint64_t capture) {
    if (stream->capture == capture) stream->capture = stream->graph = 0;
}

int snug_stream_end_capture(snug_stream *stream, uintptr_t *graph) {
    pthread_mutex_lock(&lock);
    uint64_t capture = own(stream)->capture;
    *graph = own(stream)->graph;
    for (int i = 0; capture && i < 3; i++)
        leave(&defaults[i], capture);
    for (snug_stream *one = streams; capture && one; one = one->next)
        leave(one, capture);
    pthread_mutex_unlock(&lock);
    return capture ? SNUG_CUDA_OK : SNUG_CUDA_NO_CAPTURE;
}

uint64_t snug_stream_capture(const snug_stream *stream, uintptr_t *graph) {
    pthread_mutex_lock(&lock);
    uint64_t capture = own(stream)->capture;
    if (graph) *graph = own(stream)->graph;
    pthread_mutex_unlock(&lock);
    return capture;
}

int snug_event_create(snug_event **out) {
    pthread_mutex_lock(&lock);
    snug_event *event = spare_events;
    if (event)
        spare_events = event->next;
    else
        event = malloc(sizeof *event);
    pthread_mutex_unlock(&lock);
    if (event) *event = (snug_event){0};
    *out = event;
    return event ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

int snug_event_destroy(snug_event *event) {
    if (!event) return SNUG_CUDA_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    event->next = spare_events;
    spare_events = event;
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int snug_event_record(snug_event *event, const snug_stream *stream) {
    if (!event) return SNUG_CUDA_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    event->capture = own(stream)->capture;
    event->graph = own(stream)->graph;
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

int snug_stream_wait(snug_stream *stream, const snug_event *event) {
    if (!event) return SNUG_CUDA_INVALID_VALUE;
    snug_stream *self = own(stream);
    pthread_mutex_lock(&lock);
    // An event of a capture that has ended since says nothing.
    bool running = false;
    for (int i = 0; i < 3; i++)
        running = running || defaults[i].capture == event->capture;
    for (snug_stream *one = streams; one && !running; one = one->next)
        running = one->capture == event->capture;
    if (event->capture && running && !self->capture) {
        self->capture = event->capture;
        self->graph = event->graph;
    }
    pthread_mutex_unlock(&lock);
    return SNUG_CUDA_OK;
}

// ---- Host functions, one thread for all of a process's, in their order

typedef struct work {
    void (*function)(void *);
    void *argument;
    struct work *next;
} work;

static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER;
static work *first_work, **last_work = &first_work;

static void *run_work(void *unused) {
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&work_lock);
        while (!first_work)
            pthread_cond_wait(&work_there, &work_lock);
        work *one = first_work;
        first_work = one->next;
        if (!first_work) last_work = &first_work;
        pthread_mutex_unlock(&work_lock);
        one->function(one->argument);
        free(one);
    }
    return NULL;
}

static bool start_worker(void) {
    static bool started;
    pthread_t thread;
    if (!started && pthread_create(&thread, NULL, run_work, NULL) == 0) {
        pthread_detach(thread);
        started = true;
    }
    return started;
}

int snug_stream_run(void (*function)(void *), void *argument) {
    work *one = malloc(sizeof *one);
    if (!one) return SNUG_CUDA_OUT_OF_MEMORY;
    *one = (work){.function = function, .argument = argument};
    pthread_mutex_lock(&work_lock);
    bool started = start_worker();
    if (started) {
        *last_work = one;
        last_work = &one->next;
        pthread_cond_signal(&work_there);
    }
    pthread_mutex_unlock(&work_lock);
    if (!started) free(one);
    return started ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

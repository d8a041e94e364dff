#include "standin/nccl/rendezvous.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "standin/nccl/waiting.h"
#include "standin/standin.h"

enum { RING = 4 << 20, PAGE = 4096, ALIGNMENT = 8 };
static const uint64_t MARK = 0x676e697465656d73; // "smeeting"

// A rank's part of the mapped pages. Positions count bytes said since the beginning.
typedef struct box {
    _Atomic uint64_t oldest, end; // messages that are there
    _Atomic uint32_t said;        // wakes those who wait
    snug_waiter waiter;
} __attribute__((aligned(64))) box;

typedef struct hall {
    uint64_t nonce[2];
    _Atomic uint32_t joined;
    box boxes[];
} hall;

struct snug_meeting {
    hall *hall;
    size_t mapped; // bytes
    int fd, ranks, rank;
    pthread_mutex_t lock; // of this rank's ring and the places below
    uint64_t *places;     // where to go on looking: rank * SNUG_MEET_CHANNELS + channel
    bool *given_up;       // ranks that did not answer in time
};

// A message in a ring; its bytes follow.
typedef struct head {
    uint64_t sequence;
    int32_t to;
    uint32_t channel;
    uint64_t size;
} head;

static size_t pages_of(int ranks) {
    size_t bytes = sizeof(hall) + (size_t)ranks * sizeof(box);
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static uint64_t length_of(uint64_t size) {
    return sizeof(head) + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// ---- Coming and going

bool snug_meet_invite(snug_invitation *out) {
    *out = (snug_invitation){.mark = MARK, .pid = getpid(), .fd = -1};
    if (getrandom(out->nonce, sizeof out->nonce, 0) != sizeof out->nonce) return false;
    int fd = memfd_create("snug-nccl", MFD_CLOEXEC);
    if (fd < 0) return false;
    if (ftruncate(fd, PAGE) != 0 || pwrite(fd, out->nonce, sizeof out->nonce, 0) < 0) {
        close(fd);
        return false;
    }
    out->fd = fd;
    return true;
}

// The number may be another file's by now.
static bool is_of(int fd, const snug_invitation *invitation) {
    uint64_t nonce[2] = {0};
    return pread(fd, nonce, sizeof nonce, 0) == sizeof nonce &&
           memcmp(nonce, invitation->nonce, sizeof nonce) == 0;
}

void snug_meet_withdraw(const snug_invitation *invitation) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (invitation->mark != MARK || invitation->pid != getpid()) return;
    pthread_mutex_lock(&lock);
    if (is_of((int)invitation->fd, invitation)) close((int)invitation->fd);
    pthread_mutex_unlock(&lock);
}

// The descriptor of the invitation's memory, or -1.
static int enter(const snug_invitation *invitation) {
    if (invitation->mark != MARK) return -1;
    int fd;
    if (invitation->pid == getpid()) {
        fd = fcntl((int)invitation->fd, F_DUPFD_CLOEXEC, 0);
    } else {
        char path[64];
        snprintf(path, sizeof path, "/proc/%" PRId64 "/fd/%" PRId64, invitation->pid,
                 invitation->fd);
        fd = open(path, O_RDWR | O_CLOEXEC);
    }
    if (fd < 0 || is_of(fd, invitation)) return fd;
    close(fd);
    return -1;
}

static bool map(snug_meeting *self) {
    self->mapped = pages_of(self->ranks);
    // Every rank asks for the same size; what nobody writes takes no memory.
    off_t size = (off_t)(self->mapped + (size_t)self->ranks * RING);
    struct stat now;
    if (fstat(self->fd, &now) != 0 || (now.st_size < size && ftruncate(self->fd, size) != 0))
        return false;
    void *at = mmap(NULL, self->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
    if (at == MAP_FAILED) return false;
    self->hall = at;
    return true;
}

static void destroy(snug_meeting *self) {
    if (self->hall) munmap(self->hall, self->mapped);
    if (self->fd >= 0) close(self->fd);
    free(self->places);
    free(self->given_up);
    free(self);
}

snug_meeting *snug_meet_join(const snug_invitation *invitation, int ranks, int rank) {
    snug_meeting *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->ranks = ranks;
    self->rank = rank;
    self->fd = enter(invitation);
    self->places = calloc((size_t)ranks * SNUG_MEET_CHANNELS, sizeof *self->places);
    self->given_up = calloc((size_t)ranks, sizeof *self->given_up);
    if (self->fd < 0 || !self->places || !self->given_up || !map(self)) {
        destroy(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    snug_waiter_arrive(&self->hall->boxes[rank].waiter);
    atomic_fetch_add(&self->hall->joined, 1);
    snug_wake(&self->hall->joined);
    return self;
}

int snug_meet_all(snug_meeting *self) {
    double end = snug_clock_seconds() + snug_wait_limit();
    for (;;) {
        uint32_t joined = atomic_load(&self->hall->joined);
        if (joined >= (uint32_t)self->ranks || snug_clock_seconds() > end) return (int)joined;
        snug_sleep(&self->hall->joined, joined);
    }
}

void snug_meet_fall_silent(snug_meeting *self) {
    box *own = &self->hall->boxes[self->rank];
    snug_waiter_depart(&own->waiter);
    atomic_fetch_add(&own->said, 1);
    snug_wake(&own->said);
}

void snug_meet_leave(snug_meeting *self) {
    snug_meet_fall_silent(self);
    pthread_mutex_destroy(&self->lock);
    destroy(self);
}

// ---- Rings: read and written through the descriptor, so that no process has the others' bytes
// among its resident pages.

static bool ring_move(const snug_meeting *self, int rank, uint64_t position, void *bytes,
                      size_t size, bool write) {
    off_t ring = (off_t)(self->mapped + (size_t)rank * RING);
    unsigned char *at = bytes;
    while (size > 0) {
        uint64_t offset = position % RING;
        size_t part = size < RING - offset ? size : (size_t)(RING - offset);
        ssize_t moved = write ? pwrite(self->fd, at, part, ring + (off_t)offset)
                              : pread(self->fd, at, part, ring + (off_t)offset);
        if (moved <= 0) return false;
        at += moved;
        position += (uint64_t)moved;
        size -= (size_t)moved;
    }
    return true;
}

void snug_meet_say(snug_meeting *self, snug_message message, const void *bytes, size_t size) {
    if (size > SNUG_MEET_LARGEST) size = 0;
    box *own = &self->hall->boxes[self->rank];
    pthread_mutex_lock(&self->lock);
    uint64_t end = atomic_load(&own->end), oldest = atomic_load(&own->oldest);
    uint64_t next = end + length_of(size);
    head one;
    while (next - oldest > RING && ring_move(self, self->rank, oldest, &one, sizeof one, false))
        oldest += length_of(one.size);
    // Readers look at |oldest| after they have read.
    atomic_store(&own->oldest, oldest);
    atomic_thread_fence(memory_order_seq_cst);
    one = (head){message.sequence, message.to, (uint32_t)message.channel, size};
    if (ring_move(self, self->rank, end, &one, sizeof one, true) &&
        ring_move(self, self->rank, end + sizeof one, (void *)(uintptr_t)bytes, size, true))
        atomic_store(&own->end, next);
    pthread_mutex_unlock(&self->lock);
    atomic_fetch_add(&own->said, 1);
    snug_wake(&own->said);
}

typedef enum found { HEARD, NOT_YET, LOST } found;

// Whether what was just read at |position| may be another message's bytes.
static bool written_over(const box *other, uint64_t position) {
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load(&other->oldest) > position;
}

// Looks for a message among those that are there now.
static found look(snug_meeting *self, const snug_message *message, void *out, size_t *size) {
    const box *other = &self->hall->boxes[message->from];
    uint64_t *place = &self->places[message->from * SNUG_MEET_CHANNELS + (int)message->channel];
    for (;;) {
        uint64_t oldest = atomic_load(&other->oldest), end = atomic_load(&other->end);
        if (*place < oldest) *place = oldest;
        if (*place >= end) return NOT_YET;
        head one;
        bool read = ring_move(self, message->from, *place, &one, sizeof one, false);
        if (written_over(other, *place)) continue;
        if (!read) return LOST;
        uint64_t next = *place + length_of(one.size);
        bool meant =
            one.channel == (uint32_t)message->channel && (one.to == -1 || one.to == self->rank);
        if (meant && one.sequence > message->sequence) return LOST;
        if (meant && one.sequence == message->sequence) {
            size_t part = one.size < *size ? (size_t)one.size : *size;
            read = ring_move(self, message->from, *place + sizeof one, out, part, false);
            if (written_over(other, *place)) continue;
            *place = next;
            *size = read ? part : 0;
            return HEARD;
        }
        *place = next;
    }
}

static void note(const snug_meeting *self, const snug_message *message, const char *why) {
    char text[200];
    snprintf(text, sizeof text,
             "NCCL: rank %d of %d did not get what rank %d sends (%s); it reads as unknown.",
             self->rank, self->ranks, message->from, why);
    snug_standin_note(text);
}

size_t snug_meet_hear(snug_meeting *self, snug_message message, void *out, size_t size) {
    box *other = &self->hall->boxes[message.from];
    snug_wait wait = snug_wait_begin(&other->waiter);
    const char *why = NULL;
    found result = NOT_YET;
    size_t heard = size;
    pthread_mutex_lock(&self->lock);
    while (!why) {
        uint32_t said = atomic_load(&other->said);
        why = self->given_up[message.from] ? "it did not answer before" : snug_wait_vain(&wait);
        // After the reasons not to wait, so that what was said before them is heard.
        result = look(self, &message, out, &heard);
        if (result == HEARD || result == LOST || why) break;
        pthread_mutex_unlock(&self->lock);
        snug_sleep(&other->said, said);
        pthread_mutex_lock(&self->lock);
    }
    if (result == NOT_YET && wait.late) self->given_up[message.from] = true;
    pthread_mutex_unlock(&self->lock);
    snug_wait_end(&wait);
    if (result == HEARD) return heard;
    note(self, &message, result == LOST ? "too much was sent since" : why);
    return 0;
}

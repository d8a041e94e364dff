// Collectives. Nothing is computed, but what is known travels: a message of up to 1 MiB whose bytes
// came from the host gets to the other ranks (rendezvous.h), and what they make of it is known
// there. Everything larger, and everything that a kernel made, is unknown on arrival.
//
// A group (one call is a group of one) goes in two rounds: all that its calls have to say is said,
// which never waits; then what others say is heard. Every rank says something in every small call,
// if only that it knows nothing, so nobody waits for what will not come. A rank whose own
// contribution is unknown hears nobody where that makes the whole unknown, and where ranks
// usually are alike in it: it needs not wait at all.
#include <stdlib.h>
#include <string.h>

#include "standin/nccl/communicator.h"
#include "standin/nccl/reduction.h"

typedef enum kind {
    ALL_REDUCE,
    ALL_GATHER,
    ALL_TO_ALL,
    BROADCAST,
    GATHER,
    REDUCE,
    REDUCE_SCATTER,
    SCATTER,
    SEND,
    RECEIVE,
} kind;

// |parts|: what is said holds a part of |count| for each rank. |to_root|, |from_root|: said to one
// rank, or by one. |reduces|: what is heard is added up.
static const struct {
    bool parts, to_root, from_root, reduces;
} kinds[] = {
    [ALL_REDUCE] = {.reduces = true},
    [ALL_GATHER] = {.parts = false},
    [ALL_TO_ALL] = {.parts = true},
    [BROADCAST] = {.from_root = true},
    [GATHER] = {.to_root = true},
    [REDUCE] = {.to_root = true, .reduces = true},
    [REDUCE_SCATTER] = {.parts = true, .reduces = true},
    [SCATTER] = {.parts = true, .from_root = true},
    [SEND] = {.to_root = true},
    [RECEIVE] = {.from_root = true},
};

typedef struct call {
    kind kind;
    ncclComm_t comm;
    uint64_t from, to; // addresses
    size_t part;       // bytes
    size_t count;      // numbers in a part
    ncclDataType_t type;
    ncclRedOp_t op;
    int peer;      // or root
    bool captured; // into a graph: nothing happens now
    // Between the rounds:
    uint64_t sequence;
    size_t known;        // bytes of what this rank says
    unsigned char *said; // NULL: nothing is known or it is too large
} call;

// ---- Bytes on cards, or in host memory that cards reach.

static bool peek(uint64_t address, void *out, size_t size) {
    snug_memory_about about;
    if (snug_books_find(address, &about) && about.kind >= SNUG_MEMORY_MANAGED) {
        memcpy(out, (const void *)(uintptr_t)address, size);
        return true;
    }
    return snug_known_peek(address, out, size);
}

// How many bytes from |address| on are known: objects of several lengths arrive in buffers of the
// longest. |out| receives them.
static size_t peek_prefix(uint64_t address, unsigned char *out, size_t size) {
    if (size == 0 || peek(address, out, size)) return size;
    size_t known = 0, unknown = size;
    while (known + 1 < unknown) {
        size_t middle = known == 0 ? 1 : known + (unknown - known) / 2;
        *(peek(address, out, middle) ? &known : &unknown) = middle;
    }
    return known;
}

static void poke(uint64_t address, const void *bytes, size_t known, size_t size) {
    snug_memory_about about;
    if (snug_books_find(address, &about) && about.kind >= SNUG_MEMORY_MANAGED) {
        if (known > 0) memcpy((void *)(uintptr_t)address, bytes, known);
        return;
    }
    if (known < size) snug_known_write(address, NULL, size);
    if (known > 0) snug_known_write(address, bytes, known);
}

// ---- The first round

static int ranks_in(const call *self) {
    return kinds[self->kind].parts ? self->comm->ranks : 1;
}

// Bytes of what one rank says.
static size_t message_size(const call *self) {
    return self->part * (size_t)ranks_in(self);
}

static bool travels(const call *self) {
    return !self->captured && self->comm->meeting && message_size(self) > 0 &&
           message_size(self) <= SNUG_MEET_LARGEST;
}

static bool says(const call *self) {
    if (self->kind == RECEIVE) return false;
    return !kinds[self->kind].from_root || self->peer == self->comm->rank;
}

static uint64_t next_of(uint64_t *counts, ncclComm_t comm, int peer) {
    pthread_mutex_lock(&comm->lock);
    uint64_t number = counts[peer]++;
    pthread_mutex_unlock(&comm->lock);
    return number;
}

static bool to_itself(const call *self) {
    return (self->kind == SEND || self->kind == RECEIVE) && self->peer == self->comm->rank;
}

static void say(call *self) {
    ncclComm_t comm = self->comm;
    if (to_itself(self)) return;
    bool point = self->kind == SEND || self->kind == RECEIVE;
    if (self->kind == SEND)
        self->sequence = next_of(comm->sent, comm, self->peer);
    else if (self->kind == RECEIVE)
        self->sequence = next_of(comm->received, comm, self->peer);
    else
        self->sequence = snug_nccl_next(comm);
    if (!travels(self) || !says(self)) return;
    size_t size = message_size(self);
    self->said = malloc(size);
    if (self->said) self->known = peek_prefix(self->from, self->said, size);
    snug_message message = {
        .from = comm->rank,
        .to = point || kinds[self->kind].to_root ? self->peer : -1,
        .channel = point ? SNUG_MEET_POINT : SNUG_MEET_COLLECTIVE,
        .sequence = self->sequence,
    };
    snug_meet_say(comm->meeting, message, self->said, self->known);
}

// ---- The second round

// What |rank| said: up to |size| bytes into |out|. Returns how many are known.
static size_t hear(const call *self, int rank, unsigned char *out, size_t size) {
    bool point = self->kind == RECEIVE;
    if (rank == self->comm->rank && !point) {
        memcpy(out, self->said, self->known);
        return self->known;
    }
    snug_message message = {
        .from = rank,
        .to = self->comm->rank,
        .channel = point ? SNUG_MEET_POINT : SNUG_MEET_COLLECTIVE,
        .sequence = self->sequence,
    };
    return snug_meet_hear(self->comm->meeting, message, out, size);
}

// Adds up everyone's numbers into |sum| (|size| bytes; |other| is as large). Returns whether all of
// them were known.
static bool add_up(const call *self, unsigned char *sum, unsigned char *other, size_t size) {
    size_t numbers = self->count * (size_t)ranks_in(self);
    for (int rank = 0; rank < self->comm->ranks; rank++) {
        if (hear(self, rank, rank == 0 ? sum : other, size) < size) return false;
        if (rank > 0 && !snug_nccl_reduce(sum, other, numbers, self->type, self->op)) return false;
    }
    if (self->op == ncclAvg) snug_nccl_average(sum, numbers, self->type, self->comm->ranks);
    return true;
}

static void finish_reduction(const call *self) {
    size_t size = message_size(self), known = 0, first = 0;
    unsigned char *sum = NULL, *other = NULL;
    if (self->said && self->known == size) {
        sum = malloc(size);
        other = malloc(size);
        if (sum && other && add_up(self, sum, other, size)) known = self->part;
        if (kinds[self->kind].parts) first = self->part * (size_t)self->comm->rank;
    }
    poke(self->to, sum ? sum + first : NULL, known, self->part);
    free(sum);
    free(other);
}

// Puts the bytes of |rank| that are for this one to |to|.
static void finish_from(const call *self, int rank, uint64_t to) {
    size_t size = message_size(self);
    unsigned char *bytes = malloc(size);
    size_t known = bytes ? hear(self, rank, bytes, size) : 0;
    size_t first = kinds[self->kind].parts ? self->part * (size_t)self->comm->rank : 0;
    known = known > first ? known - first : 0;
    if (known > self->part) known = self->part;
    // Behind an object in a buffer of bytes for the longest one there is nothing.
    if (known > 0 && snug_nccl_size(self->type) == 1) {
        memset(bytes + first + known, 0, self->part - known);
        known = self->part;
    }
    poke(to, bytes ? bytes + first : NULL, known, self->part);
    free(bytes);
}

// A part of what this rank itself gave: of whatever size, without a message.
static void copy_own(const call *self, uint64_t to, int from_part) {
    uint64_t from = self->from + self->part * (size_t)from_part;
    if (from != to) snug_known_copy(to, from, self->part);
}

static void finish_gather(const call *self) {
    bool wait = travels(self) && self->known > 0;
    for (int rank = 0; rank < self->comm->ranks; rank++) {
        uint64_t to = self->to + self->part * (size_t)rank;
        if (wait)
            finish_from(self, rank, to);
        else if (rank == self->comm->rank)
            copy_own(self, to, kinds[self->kind].parts ? rank : 0);
        else
            poke(to, NULL, 0, self->part);
    }
}

static void finish(const call *self) {
    int rank = self->comm->rank;
    if (self->kind == SEND || to_itself(self)) return;
    if (kinds[self->kind].to_root && rank != self->peer) return;
    if (self->comm->ranks == 1)
        copy_own(self, self->to, 0);
    else if (kinds[self->kind].from_root && rank == self->peer)
        copy_own(self, self->to, self->kind == SCATTER ? rank : 0);
    else if (self->kind == ALL_GATHER || self->kind == GATHER || self->kind == ALL_TO_ALL)
        finish_gather(self);
    else if (!travels(self))
        poke(self->to, NULL, 0, self->part);
    else if (kinds[self->kind].reduces)
        finish_reduction(self);
    else
        finish_from(self, self->peer, self->to);
}

// ---- Groups

static _Thread_local struct group {
    int depth;
    call *calls;
    size_t count, capacity;
    ncclComm_t *comms; // that wait for their ranks
    size_t comm_count;
} group;

bool snug_nccl_grouped(void) {
    return group.depth > 0;
}

void snug_nccl_wait_later(ncclComm_t comm) {
    ncclComm_t *comms = realloc(group.comms, (group.comm_count + 1) * sizeof(ncclComm_t));
    if (!comms) return;
    group.comms = comms;
    comms[group.comm_count++] = comm;
}

// What a rank sends to itself needs no message: the first that it sends is the first that it
// receives.
static void finish_own(void) {
    size_t next = 0;
    for (size_t i = 0; i < group.count; i++) {
        const call *receive = &group.calls[i], *send = NULL;
        if (receive->kind != RECEIVE || !to_itself(receive)) continue;
        for (; next < group.count && !send; next++)
            if (group.calls[next].kind == SEND && to_itself(&group.calls[next]))
                send = &group.calls[next];
        if (send)
            copy_own(send, receive->to, 0);
        else
            poke(receive->to, NULL, 0, receive->part);
    }
}

static void run_group(void) {
    for (size_t i = 0; i < group.comm_count; i++)
        snug_nccl_meet(group.comms[i]);
    for (size_t i = 0; i < group.count; i++)
        say(&group.calls[i]);
    finish_own();
    for (size_t i = 0; i < group.count; i++) {
        finish(&group.calls[i]);
        free(group.calls[i].said);
    }
    free(group.calls);
    free(group.comms);
    group = (struct group){.depth = group.depth};
}

SNUG_STANDIN_API ncclResult_t ncclGroupStart(void) {
    group.depth++;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclGroupEnd(void) {
    if (group.depth == 0) return ncclInvalidUsage;
    if (group.depth == 1) run_group();
    group.depth--;
    return ncclSuccess;
}

// |estimate| is the time in a structure of sizes and versions before it.
SNUG_STANDIN_API ncclResult_t ncclGroupSimulateEnd(void *estimate) {
    (void)estimate;
    return ncclGroupEnd();
}

static ncclResult_t add(call one, cudaStream_t stream) {
    if (!one.comm || snug_nccl_size(one.type) == 0) return ncclInvalidArgument;
    if (one.peer < 0 || one.peer >= one.comm->ranks) return ncclInvalidArgument;
    one.part = one.count * snug_nccl_size(one.type);
    one.captured = snug_nccl_captures(stream);
    if (group.count == group.capacity) {
        size_t capacity = group.capacity ? 2 * group.capacity : 8;
        call *calls = realloc(group.calls, capacity * sizeof(call));
        if (!calls) return ncclSystemError;
        group.calls = calls;
        group.capacity = capacity;
    }
    group.calls[group.count++] = one;
    if (group.depth == 0) run_group();
    return ncclSuccess;
}

// ---- The interface

#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))

SNUG_STANDIN_API ncclResult_t ncclAllReduce(const void *from, void *to, size_t count,
                                            ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                                            cudaStream_t stream) {
    call one = {ALL_REDUCE,     comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .op = op};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclReduce(const void *from, void *to, size_t count,
                                         ncclDataType_t type, ncclRedOp_t op, int root,
                                         ncclComm_t comm, cudaStream_t stream) {
    call one = {REDUCE,         comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .op = op,      .peer = root};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclReduceScatter(const void *from, void *to, size_t count,
                                                ncclDataType_t type, ncclRedOp_t op,
                                                ncclComm_t comm, cudaStream_t stream) {
    call one = {REDUCE_SCATTER, comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .op = op};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclAllGather(const void *from, void *to, size_t count,
                                            ncclDataType_t type, ncclComm_t comm,
                                            cudaStream_t stream) {
    call one = {ALL_GATHER, comm, ADDRESS(from), ADDRESS(to), .count = count, .type = type};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclAlltoAll(const void *from, void *to, size_t count,
                                           ncclDataType_t type, ncclComm_t comm,
                                           cudaStream_t stream) {
    call one = {ALL_TO_ALL, comm, ADDRESS(from), ADDRESS(to), .count = count, .type = type};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclBroadcast(const void *from, void *to, size_t count,
                                            ncclDataType_t type, int root, ncclComm_t comm,
                                            cudaStream_t stream) {
    call one = {BROADCAST,      comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .peer = root};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclBcast(void *buffer, size_t count, ncclDataType_t type, int root,
                                        ncclComm_t comm, cudaStream_t stream) {
    return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}

SNUG_STANDIN_API ncclResult_t ncclGather(const void *from, void *to, size_t count,
                                         ncclDataType_t type, int root, ncclComm_t comm,
                                         cudaStream_t stream) {
    call one = {GATHER,         comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .peer = root};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclScatter(const void *from, void *to, size_t count,
                                          ncclDataType_t type, int root, ncclComm_t comm,
                                          cudaStream_t stream) {
    call one = {SCATTER,        comm,         ADDRESS(from), ADDRESS(to),
                .count = count, .type = type, .peer = root};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type,
                                       int peer, ncclComm_t comm, cudaStream_t stream) {
    call one = {SEND, comm, ADDRESS(from), 0, .count = count, .type = type, .peer = peer};
    return add(one, stream);
}

SNUG_STANDIN_API ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer,
                                       ncclComm_t comm, cudaStream_t stream) {
    call one = {RECEIVE, comm, 0, ADDRESS(to), .count = count, .type = type, .peer = peer};
    return add(one, stream);
}

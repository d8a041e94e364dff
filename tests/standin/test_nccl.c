// The stand-in of NCCL without PyTorch: processes that exchange, against what the interface says
// must come of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka needs those before it.
#include <cmocka.h>
#include <pthread.h>

#include "standin/ranks.h"

#define SETTINGS "memory=1073741824;capability=86;multiprocessors=28;gpus=8;keep-bytes=67108864"
static const int majors[] = {12, 13};

static void run(int ranks, const char *settings, rank_function *function) {
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_ranks(majors[i], ranks, settings, function), 0);
}

// ---- What arrives

static int broadcasts(const world *self) {
    enum { SIZE = 1000, ROOT = 1 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    unsigned char bytes[SIZE];
    pattern(bytes, SIZE, ROOT);
    bool root = self->rank == ROOT;
    void *from = device_bytes(self, root ? bytes : NULL, SIZE);
    void *to = device_bytes(self, NULL, SIZE);
    double begin = seconds();
    // The root is gone before the others ask.
    if (!root) nap(0.2);
    CHECK(self->ncclBroadcast(from, to, SIZE, INT8, ROOT, comm, NULL) == 0);
    CHECK(device_has(self, to, bytes, SIZE));
    if (root) CHECK(seconds() - begin < 0.15);
    CHECK(self->ncclCommDestroy(comm) == 0);
    return 0;
}

static void test_broadcast(void **state) {
    (void)state;
    run(4, SETTINGS, broadcasts);
}

// Numbers that every type holds exactly, small enough for products.
static double value_of(int rank, size_t i) {
    return (double)((size_t)rank % 3 + i % 4 + 1);
}

static double expected_of(int ranks, size_t i, int op) {
    double result = value_of(0, i);
    for (int rank = 1; rank < ranks; rank++) {
        double value = value_of(rank, i);
        if (op == SUM || op == AVG) result += value;
        if (op == PROD) result *= value;
        if (op == MAX && value > result) result = value;
        if (op == MIN && value < result) result = value;
    }
    return op == AVG ? result / ranks : result;
}

// Half precision by hand: whole numbers and halves of them up to 2047.
static uint16_t half_bits(double value) {
    int exponent = 0;
    while (value >= 2)
        value /= 2, exponent++;
    while (value < 1)
        value *= 2, exponent--;
    return (uint16_t)((exponent + 15) << 10 | (int)((value - 1) * 1024));
}

static size_t put(void *out, int type, double value) {
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    int64_t whole = (int64_t)value;
    uint16_t half = type == FLOAT16 ? half_bits(value) : (uint16_t)(bits >> 16);
    switch (type) {
    case INT8:
    case UINT8:
        memcpy(out, &whole, 1);
        return 1;
    case INT32:
    case UINT32:
        memcpy(out, &whole, 4);
        return 4;
    case INT64:
    case UINT64:
        memcpy(out, &whole, 8);
        return 8;
    case FLOAT16:
    case BFLOAT16:
        memcpy(out, &half, 2);
        return 2;
    case FLOAT32:
        memcpy(out, &single, 4);
        return 4;
    default:
        memcpy(out, &value, 8);
        return 8;
    }
}

static int reduces(const world *self) {
    enum { COUNT = 12 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    for (int type = INT8; type <= BFLOAT16; type++)
        for (int op = SUM; op <= AVG; op++) {
            unsigned char own[COUNT * 8], expected[COUNT * 8];
            size_t size = 0, same = 0;
            for (size_t i = 0; i < COUNT; i++) {
                size += put(own + size, type, value_of(self->rank, i));
                same += put(expected + same, type, expected_of(self->ranks, i, op));
            }
            void *from = device_bytes(self, own, size), *to = device_bytes(self, NULL, size);
            CHECK(self->ncclAllReduce(from, to, COUNT, type, op, comm, NULL) == 0);
            CHECK(device_has(self, to, expected, size));
            // To one rank, and a part to each.
            void *there = device_bytes(self, NULL, size);
            CHECK(self->ncclReduce(from, there, COUNT, type, op, 2, comm, NULL) == 0);
            CHECK(self->rank == 2 ? device_has(self, there, expected, size)
                                  : device_has_zeros(self, there, size));
            size_t part = size / (size_t)self->ranks;
            void *mine = device_bytes(self, NULL, part);
            CHECK(self->ncclReduceScatter(from, mine, COUNT / (size_t)self->ranks, type, op, comm,
                                          NULL) == 0);
            CHECK(device_has(self, mine, expected + part * (size_t)self->rank, part));
            // In place.
            CHECK(self->ncclAllReduce(from, from, COUNT, type, op, comm, NULL) == 0);
            CHECK(device_has(self, from, expected, size));
        }
    return self->ncclCommDestroy(comm);
}

static void test_reductions(void **state) {
    (void)state;
    run(4, SETTINGS, reduces);
}

static int gathers(const world *self) {
    enum { PART = 40 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    size_t all_size = PART * (size_t)self->ranks;
    unsigned char *all = malloc(all_size), *own = malloc(all_size), *expected = malloc(all_size);
    for (int rank = 0; rank < self->ranks; rank++)
        pattern(all + PART * (size_t)rank, PART, rank);
    unsigned char *mine = all + PART * (size_t)self->rank;
    void *from = device_bytes(self, mine, PART), *to = device_bytes(self, NULL, all_size);
    CHECK(self->ncclAllGather(from, to, PART, UINT8, comm, NULL) == 0);
    CHECK(device_has(self, to, all, all_size));
    // In place: the own part lies where it will.
    void *place = device_bytes(self, NULL, all_size);
    char *own_part = (char *)place + PART * (size_t)self->rank;
    CHECK(self->cudaMemcpy(own_part, mine, PART, TO_DEVICE) == 0);
    CHECK(self->ncclAllGather(own_part, place, PART, UINT8, comm, NULL) == 0);
    CHECK(device_has(self, place, all, all_size));
    void *root = device_bytes(self, NULL, all_size);
    CHECK(self->ncclGather(from, root, PART, UINT8, 0, comm, NULL) == 0);
    CHECK(self->rank == 0 ? device_has(self, root, all, all_size)
                          : device_has_zeros(self, root, all_size));
    void *part = device_bytes(self, NULL, PART);
    CHECK(self->ncclScatter(self->rank == 0 ? root : NULL, part, PART, UINT8, 0, comm, NULL) == 0);
    CHECK(device_has(self, part, mine, PART));
    // Every rank has a part for each other one.
    for (int rank = 0; rank < self->ranks; rank++) {
        pattern(own + PART * (size_t)rank, PART, self->rank * 100 + rank);
        pattern(expected + PART * (size_t)rank, PART, rank * 100 + self->rank);
    }
    void *parts = device_bytes(self, own, all_size), *got = device_bytes(self, NULL, all_size);
    CHECK(self->ncclAlltoAll(parts, got, PART, UINT8, comm, NULL) == 0);
    CHECK(device_has(self, got, expected, all_size));
    free(all), free(own), free(expected);
    return self->ncclCommDestroy(comm);
}

static void test_gathers(void **state) {
    (void)state;
    run(3, SETTINGS, gathers);
    run(1, SETTINGS, gathers);
}

// As PyTorch does an all-to-all: one group of sends and receptions, the own part among them.
static int sends(const world *self) {
    enum { SIZE = 64 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    unsigned char bytes[SIZE];
    void *from[8], *to[8];
    CHECK(self->ncclGroupStart() == 0);
    for (int peer = 0; peer < self->ranks; peer++) {
        pattern(bytes, SIZE, self->rank * 10 + peer);
        from[peer] = device_bytes(self, bytes, SIZE);
        to[peer] = device_bytes(self, NULL, SIZE);
        CHECK(self->ncclRecv(to[peer], SIZE, INT8, peer, comm, NULL) == 0);
        CHECK(self->ncclSend(from[peer], SIZE, INT8, peer, comm, NULL) == 0);
    }
    CHECK(self->ncclGroupEnd() == 0);
    for (int peer = 0; peer < self->ranks; peer++) {
        pattern(bytes, SIZE, peer * 10 + self->rank);
        CHECK(device_has(self, to[peer], bytes, SIZE));
    }
    // Several messages between two ranks arrive in their order.
    for (int i = 0; i < 5; i++) {
        pattern(bytes, SIZE, i);
        void *place = device_bytes(self, self->rank == 0 ? bytes : NULL, SIZE);
        if (self->rank == 0) CHECK(self->ncclSend(place, SIZE, INT8, 1, comm, NULL) == 0);
        if (self->rank == 1) CHECK(self->ncclRecv(place, SIZE, INT8, 0, comm, NULL) == 0);
        if (self->rank < 2) CHECK(device_has(self, place, bytes, SIZE));
    }
    return self->ncclCommDestroy(comm);
}

static void test_sends(void **state) {
    (void)state;
    run(3, SETTINGS, sends);
}

// ---- Communicators of communicators

static int is_rank(const world *self, communicator comm, int rank, int ranks) {
    int told_rank = -1, told_ranks = -1;
    CHECK(self->ncclCommUserRank(comm, &told_rank) == 0 && told_rank == rank);
    CHECK(self->ncclCommCount(comm, &told_ranks) == 0 && told_ranks == ranks);
    return 0;
}

static int splits(const world *self) {
    communicator all, half, none, fewer, more;
    CHECK(self->ncclCommInitRank(&all, self->ranks, self->id, self->rank) == 0);
    CHECK(is_rank(self, all, self->rank, 4) == 0);
    // Even and odd ranks, each in descending order.
    CHECK(self->ncclCommSplit(all, self->rank % 2, -self->rank, &half, NULL) == 0);
    CHECK(is_rank(self, half, self->rank < 2, 2) == 0);
    CHECK(sum_is(self, half, self->rank + 1, self->rank % 2 ? 6 : 4) == 0);
    // Some are left out.
    CHECK(self->ncclCommSplit(all, self->rank == 3 ? -1 : 5, self->rank, &none, NULL) == 0);
    CHECK((none == NULL) == (self->rank == 3));
    if (none) CHECK(is_rank(self, none, self->rank, 3) == 0 && sum_is(self, none, 1, 3) == 0);
    int excluded[] = {1};
    fewer = NULL;
    if (self->rank != 1) {
        CHECK(self->ncclCommShrink(all, excluded, 1, &fewer, NULL, 0) == 0);
        CHECK(is_rank(self, fewer, self->rank ? self->rank - 1 : 0, 3) == 0);
        CHECK(sum_is(self, fewer, 10, 30) == 0);
    }
    // The half of even ranks grows by rank 1, which needs the new id: by a broadcast to all.
    unique_id id = {{0}};
    void *place = device_bytes(self, NULL, sizeof id);
    if (self->rank == 0) {
        CHECK(self->ncclCommGetUniqueId(half, &id) == 0);
        CHECK(self->cudaMemcpy(place, &id, sizeof id, TO_DEVICE) == 0);
    }
    CHECK(self->ncclBroadcast(place, place, sizeof id, INT8, 0, all, NULL) == 0);
    CHECK(self->cudaMemcpy(&id, place, sizeof id, TO_HOST) == 0);
    if (self->rank == 1) CHECK(self->ncclCommGrow(NULL, 3, &id, 2, &more, NULL) == 0);
    if (self->rank % 2 == 0)
        CHECK(self->ncclCommGrow(half, 3, self->rank == 0 ? &id : NULL, -1, &more, NULL) == 0);
    if (self->rank != 3) CHECK(sum_is(self, more, 1, 3) == 0);
    return 0;
}

static void test_splits(void **state) {
    (void)state;
    run(4, SETTINGS, splits);
}

// One process with all cards, as DataParallel has them.
static int is_all(const world *self) {
    enum { RANKS = 4 };
    communicator comms[RANKS];
    void *place[RANKS];
    int devices[RANKS] = {3, 1, 0, 2};
    CHECK(self->ncclCommInitAll(comms, RANKS, devices) == 0);
    CHECK(self->ncclGroupStart() == 0);
    for (int i = 0; i < RANKS; i++) {
        int device = -1;
        CHECK(self->ncclCommCuDevice(comms[i], &device) == 0 && device == devices[i]);
        CHECK(self->cudaSetDevice(devices[i]) == 0);
        place[i] = device_bytes(self, &i, sizeof i);
        CHECK(self->ncclAllReduce(place[i], place[i], 1, INT32, SUM, comms[i], NULL) == 0);
    }
    CHECK(self->ncclGroupEnd() == 0);
    for (int i = 0; i < RANKS; i++) {
        int sum = 6;
        CHECK(device_has(self, place[i], &sum, sizeof sum));
        CHECK(self->ncclCommDestroy(comms[i]) == 0);
    }
    return 0;
}

static void test_one_process(void **state) {
    (void)state;
    run(1, SETTINGS, is_all);
}

// ---- Several communicators at once

typedef struct thread {
    const world *self;
    communicator comm;
    int factor, failed;
} thread;

static void *sum_often(void *argument) {
    thread *one = argument;
    for (int i = 1; i <= 100 && !one->failed; i++)
        one->failed = sum_is(one->self, one->comm, i * one->factor * (one->self->rank + 1),
                             i * one->factor * 6);
    return NULL;
}

static int has_threads(const world *self) {
    enum { THREADS = 3 };
    thread threads[THREADS];
    pthread_t ids[THREADS];
    communicator all;
    CHECK(self->ncclCommInitRank(&all, self->ranks, self->id, self->rank) == 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (thread){.self = self, .factor = i + 1};
        CHECK(self->ncclCommSplit(all, 0, self->rank, &threads[i].comm, NULL) == 0);
    }
    // Each rank begins with another one.
    for (int i = 0; i < THREADS; i++) {
        int which = (i + self->rank) % THREADS;
        CHECK(pthread_create(&ids[which], NULL, sum_often, &threads[which]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
        CHECK(threads[i].failed == 0);
        CHECK(self->ncclCommDestroy(threads[i].comm) == 0);
    }
    return self->ncclCommDestroy(all);
}

static void test_threads(void **state) {
    (void)state;
    run(3, SETTINGS, has_threads);
}

// ---- Memory and words

static int has_memory(const world *self) {
    size_t before, after, total;
    void *place = NULL;
    CHECK(self->cudaMemGetInfo(&before, &total) == 0);
    CHECK(self->ncclMemAlloc(&place, 5 << 20) == 0);
    CHECK(self->cudaMemGetInfo(&after, &total) == 0 && before - after == 6 << 20);
    CHECK(self->ncclMemFree(place) == 0);
    CHECK(self->cudaMemGetInfo(&after, &total) == 0 && after == before);
    CHECK(self->ncclMemAlloc(&place, (size_t)4 << 30) == 1);
    int version = 0;
    CHECK(self->ncclGetVersion(&version) == 0 && version >= 22005 && version < 30000);
    CHECK(strcmp(self->ncclGetErrorString(4), "invalid argument") == 0);
    CHECK(self->ncclGroupEnd() == 5);
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, 2, self->id, 2) == 4);
    return 0;
}

static void test_memory(void **state) {
    (void)state;
    run(1, SETTINGS, has_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast), cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_gathers),   cmocka_unit_test(test_sends),
        cmocka_unit_test(test_splits),    cmocka_unit_test(test_one_process),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

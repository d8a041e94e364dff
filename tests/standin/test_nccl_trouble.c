// What NCCL's stand-in does when nothing comes: ranks that know nothing, run ahead, die, are late
// or wait for each other.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka needs those before it.
#include <cmocka.h>
#include <dirent.h>

#include "standin/ranks.h"

#define SETTINGS "memory=1073741824;capability=86;multiprocessors=28;gpus=8;keep-bytes=67108864"
static const int majors[] = {12, 13};

static void run(int ranks, const char *settings, rank_function *function) {
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_ranks(majors[i], ranks, settings, function), 0);
}

// ---- What does not arrive, and is not waited for

static int unknown(const world *self) {
    enum { SIZE = 256, LARGE = 8 << 20 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    unsigned char bytes[SIZE];
    pattern(bytes, SIZE, 1);
    void *mine = device_bytes(self, NULL, SIZE);
    void *large = device_bytes(self, NULL, LARGE);
    if (self->rank == 1) nap(0.5);
    double begin = seconds();
    // A kernel's numbers: nobody waits.
    CHECK(self->ncclAllReduce(mine, mine, SIZE, INT8, SUM, comm, NULL) == 0);
    CHECK(device_has_zeros(self, mine, SIZE));
    CHECK(self->cudaMemcpy(large, bytes, SIZE, TO_DEVICE) == 0);
    CHECK(self->ncclAllReduce(large, large, LARGE, INT8, SUM, comm, NULL) == 0);
    CHECK(device_has_zeros(self, large, SIZE));
    CHECK(seconds() - begin < 0.25);
    // One's are known, the other's not.
    if (self->rank == 0) CHECK(self->cudaMemcpy(mine, bytes, SIZE, TO_DEVICE) == 0);
    CHECK(self->ncclAllReduce(mine, mine, SIZE, INT8, SUM, comm, NULL) == 0);
    CHECK(device_has_zeros(self, mine, SIZE));
    // What is said after it is not mistaken for it.
    CHECK(self->cudaMemcpy(mine, bytes, SIZE, TO_DEVICE) == 0);
    CHECK(self->ncclAllReduce(mine, mine, SIZE, INT8, MAX, comm, NULL) == 0);
    signed char largest[SIZE];
    memcpy(largest, bytes, SIZE);
    CHECK(device_has(self, mine, largest, SIZE));
    return self->ncclCommDestroy(comm);
}

static void test_unknown(void **state) {
    (void)state;
    run(2, SETTINGS, unknown);
}

// As objects of different lengths are gathered: the beginning of each buffer is known.
static int prefixes(const world *self) {
    enum { SIZE = 5000 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    unsigned char bytes[SIZE];
    size_t length = 1 + 1237 * (size_t)self->rank;
    pattern(bytes, SIZE, self->rank);
    void *from = device_bytes(self, NULL, SIZE);
    void *to = device_bytes(self, NULL, SIZE * (size_t)self->ranks);
    CHECK(self->cudaMemcpy(from, bytes, length, TO_DEVICE) == 0);
    CHECK(self->ncclAllGather(from, to, SIZE, INT8, comm, NULL) == 0);
    for (int rank = 0; rank < self->ranks; rank++) {
        pattern(bytes, SIZE, rank);
        const char *at = (const char *)to + SIZE * (size_t)rank;
        length = 1 + 1237 * (size_t)rank;
        CHECK(device_has(self, at, bytes, length));
        CHECK(device_has_zeros(self, at + length, SIZE - length));
    }
    return self->ncclCommDestroy(comm);
}

static void test_prefixes(void **state) {
    (void)state;
    run(4, SETTINGS, prefixes);
}

// A sender that runs ahead writes over its oldest messages; the newest are there.
static int overruns(const world *self) {
    enum { SIZE = 1 << 20, MESSAGES = 20 };
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    unsigned char *bytes = malloc(SIZE);
    void *place = device_bytes(self, NULL, SIZE);
    if (self->rank == 1) nap(0.5);
    for (int i = 0; i < MESSAGES; i++) {
        pattern(bytes, SIZE, i);
        if (self->rank == 0) CHECK(self->cudaMemcpy(place, bytes, SIZE, TO_DEVICE) == 0);
        CHECK(self->ncclBroadcast(place, place, SIZE, INT8, 0, comm, NULL) == 0);
        if (self->rank == 1)
            CHECK(device_has(self, place, bytes, SIZE) ||
                  (i < MESSAGES - 2 && device_has_zeros(self, place, SIZE)));
    }
    free(bytes);
    return self->ncclCommDestroy(comm);
}

static void test_overrun(void **state) {
    (void)state;
    run(2, SETTINGS, overruns);
}

// ---- Ranks that die, are late, or wait for each other

static int dies(const world *self) {
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    if (self->rank == 1) raise(SIGKILL);
    int own = self->rank + 1;
    void *place = device_bytes(self, &own, sizeof own);
    double begin = seconds();
    CHECK(self->ncclAllReduce(place, place, 1, INT32, SUM, comm, NULL) == 0);
    CHECK(device_has_zeros(self, place, sizeof own));
    CHECK(seconds() - begin < 3);
    int error = 7;
    CHECK(self->ncclCommGetAsyncError(comm, &error) == 0 && error == 0);
    return self->ncclCommDestroy(comm);
}

static void test_death(void **state) {
    (void)state;
    run(3, SETTINGS, dies);
}

static int is_late(const world *self) {
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    if (self->rank == 1) {
        nap(3);
        return 0;
    }
    int own = 1;
    void *place = device_bytes(self, &own, sizeof own);
    double begin = seconds();
    CHECK(self->ncclAllReduce(place, place, 1, INT32, SUM, comm, NULL) == 0);
    double first = seconds() - begin;
    CHECK(first > 0.9 && first < 2);
    CHECK(device_has_zeros(self, place, sizeof own));
    // The second time it is not waited for.
    CHECK(self->cudaMemcpy(place, &own, sizeof own, TO_DEVICE) == 0);
    CHECK(self->ncclAllReduce(place, place, 1, INT32, SUM, comm, NULL) == 0);
    CHECK(seconds() - begin - first < 0.5);
    return 0;
}

static void test_lateness(void **state) {
    (void)state;
    run(2, SETTINGS ";wait=1", is_late);
}

// Every rank receives before it sends: on cards nobody's host waits there.
static int waits_in_circle(const world *self) {
    communicator comm;
    CHECK(self->ncclCommInitRank(&comm, self->ranks, self->id, self->rank) == 0);
    int own = self->rank, left = (self->rank + self->ranks - 1) % self->ranks;
    int right = (self->rank + 1) % self->ranks;
    void *from = device_bytes(self, &own, sizeof own), *to = device_bytes(self, NULL, sizeof own);
    double begin = seconds();
    CHECK(self->ncclRecv(to, 1, INT32, left, comm, NULL) == 0);
    CHECK(self->ncclSend(from, 1, INT32, right, comm, NULL) == 0);
    CHECK(seconds() - begin < 5);
    // What comes after it is in order again.
    own = 100 + self->rank;
    CHECK(self->cudaMemcpy(from, &own, sizeof own, TO_DEVICE) == 0);
    CHECK(self->ncclGroupStart() == 0);
    CHECK(self->ncclRecv(to, 1, INT32, left, comm, NULL) == 0);
    CHECK(self->ncclSend(from, 1, INT32, right, comm, NULL) == 0);
    CHECK(self->ncclGroupEnd() == 0);
    own = 100 + left;
    CHECK(device_has(self, to, &own, sizeof own));
    return self->ncclCommDestroy(comm);
}

static void test_circle(void **state) {
    (void)state;
    run(3, SETTINGS ";wait=60", waits_in_circle);
}

// ---- Nothing is left

static int count_entries(const char *folder) {
    DIR *entries = opendir(folder);
    int count = 0;
    while (entries && readdir(entries))
        count++;
    if (entries) closedir(entries);
    return count;
}

static int comes_and_goes(const world *self) {
    communicator all, half;
    int before = 0;
    CHECK(self->ncclCommInitRank(&all, self->ranks, self->id, self->rank) == 0);
    for (int i = 0; i < 5; i++) {
        CHECK(self->ncclCommSplit(all, 0, self->rank, &half, NULL) == 0);
        CHECK(sum_is(self, half, 1, self->ranks) == 0);
        CHECK(self->ncclCommDestroy(half) == 0);
        if (i == 0) before = count_entries("/proc/self/fd");
    }
    CHECK(count_entries("/proc/self/fd") == before);
    return self->ncclCommDestroy(all);
}

static void test_nothing_left(void **state) {
    (void)state;
    char folder[] = "/tmp/test_nccl.XXXXXX";
    assert_non_null(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    int in_memory = count_entries("/dev/shm");
    run(3, SETTINGS, comes_and_goes);
    run(3, SETTINGS, dies);
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(folder), 0); // empty
    assert_in_range(count_entries("/dev/shm"), 0, in_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_overrun),      cmocka_unit_test(test_death),
        cmocka_unit_test(test_lateness),     cmocka_unit_test(test_circle),
        cmocka_unit_test(test_nothing_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

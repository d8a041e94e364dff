// A wait is in vain when the other process has ended, when it waits for us (through others, if
// need be), or when the time is up. For the second each process keeps a board, shared memory of
// its own that says whom it waits for; others read it through /proc/PID/fd as they follow the
// chain. On real cards such a circle is none, since the host does not wait there: going on without
// the bytes is what comes closest.
#include "standin/nccl/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "standin/standin.h"

enum { TURN_MS = 100, LONGEST_CHAIN = 4096 };

typedef struct board {
    _Atomic int32_t pid, board; // waited for; 0: nobody
    _Atomic uint64_t wait;      // counts waits
} board;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static board *own; // of |owner|: a child has its own
static int own_fd = -1;
static pid_t owner;

static void make_board(void) {
    pthread_mutex_lock(&lock);
    if (owner != getpid()) {
        owner = getpid();
        own = NULL;
        own_fd = memfd_create("snug-waits", MFD_CLOEXEC);
        if (own_fd >= 0 && ftruncate(own_fd, sizeof *own) == 0) {
            void *at = mmap(NULL, sizeof *own, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);
            if (at != MAP_FAILED) own = at;
        }
    }
    pthread_mutex_unlock(&lock);
}

void snug_waiter_arrive(snug_waiter *self) {
    make_board();
    atomic_store(&self->board, own_fd);
    atomic_store(&self->pid, (int32_t)getpid());
}

void snug_waiter_depart(snug_waiter *self) {
    atomic_store(&self->pid, -1);
}

double snug_wait_limit(void) {
    return snug_standin_settings_get()->wait_seconds;
}

// ---- Reasons

// A process that has ended but that nobody has waited for is dead as well.
static bool lives(int32_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return false;
    text[length] = '\0';
    // "PID (NAME) STATE ...", where a name may have parentheses.
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] != 'Z' && name_end[2] != 'X';
}

static bool read_board(int32_t pid, int32_t fd, board *out) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, (int)fd);
    int at = open(path, O_RDONLY | O_CLOEXEC);
    if (at < 0) return false;
    bool whole = read(at, out, sizeof *out) == sizeof *out;
    close(at);
    return whole;
}

// A number of the circle of waits that leads back to this process; 0 where there is none.
static uint64_t follow(const snug_waiter *other) {
    int32_t self = (int32_t)getpid();
    int32_t pid = atomic_load(&other->pid), fd = atomic_load(&other->board);
    uint64_t circle = 1;
    for (int hops = 0; pid > 0 && pid != self && hops < LONGEST_CHAIN; hops++) {
        board next;
        if (!read_board(pid, fd, &next)) return 0;
        circle = circle * 31 + (uint64_t)pid * 1009 + next.wait;
        pid = next.pid;
        fd = next.board;
        if (pid == self) return circle;
    }
    return 0;
}

snug_wait snug_wait_begin(snug_waiter *other) {
    return (snug_wait){.other = other, .begin = snug_clock_seconds()};
}

const char *snug_wait_vain(snug_wait *self) {
    int turn = self->turns++;
    int32_t pid = atomic_load(&self->other->pid);
    if (pid == -1) return "it has left the communicator";
    if (turn == 0) return NULL;
    if (turn == 1 && own) {
        atomic_fetch_add(&own->wait, 1);
        atomic_store(&own->board, atomic_load(&self->other->board));
        atomic_store(&own->pid, pid);
    }
    self->late = snug_clock_seconds() - self->begin > snug_wait_limit();
    if (self->late) return "not in time";
    if (pid > 0 && !lives(pid)) return "its process has ended";
    // Seen twice, so that it is not one that is just being left.
    uint64_t circle = follow(self->other), before = self->circle;
    self->circle = circle;
    return circle && circle == before ? "it waits for this one in turn" : NULL;
}

void snug_wait_end(snug_wait *self) {
    if (self->turns > 1 && own) atomic_store(&own->pid, 0);
}

// ---- Sleeping

void snug_sleep(_Atomic uint32_t *word, uint32_t seen) {
    struct timespec turn = {.tv_nsec = TURN_MS * 1000000L};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &turn, NULL, 0);
}

void snug_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

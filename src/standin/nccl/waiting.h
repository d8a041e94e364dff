// Waiting for other processes: by futex in shared memory, in short turns, between which is asked
// whether it is in vain.
#ifndef SNUG_STANDIN_WAITING_H
#define SNUG_STANDIN_WAITING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Who may be waited for, in shared memory. |pid| 0: not there yet; -1: gone by itself. |board|: the
// descriptor by which others read for whom that process waits.
typedef struct snug_waiter {
    _Atomic int32_t pid, board;
} snug_waiter;

void snug_waiter_arrive(snug_waiter *self);
void snug_waiter_depart(snug_waiter *self);

// Seconds that a rank waits for another that lives.
double snug_wait_limit(void);

typedef struct snug_wait {
    snug_waiter *other;
    double begin;
    int turns;
    uint64_t circle; // what the last look at the chain of waiting processes gave; 0: no circle
    bool late;       // out of time: later waits need not try
} snug_wait;

snug_wait snug_wait_begin(snug_waiter *other);
// NULL while it may still come, else the reason.
const char *snug_wait_vain(snug_wait *self);
void snug_wait_end(snug_wait *self);

// Sleeps until |*word| is no longer |seen| and somebody wakes, a tenth of a second at most.
void snug_sleep(_Atomic uint32_t *word, uint32_t seen);
void snug_wake(_Atomic uint32_t *word);

#endif

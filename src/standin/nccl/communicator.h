// A communicator of the stand-in: who its ranks are, and where they meet.
#ifndef SNUG_STANDIN_COMMUNICATOR_H
#define SNUG_STANDIN_COMMUNICATOR_H

#include <pthread.h>

#include "standin/nccl/nccl_types.h"
#include "standin/nccl/rendezvous.h"

struct ncclComm {
    int ranks, rank, device;
    snug_meeting *meeting;      // NULL: one rank, or the others cannot be reached
    snug_invitation invitation; // by which the ranks came
    pthread_mutex_t lock;       // of the counts
    uint64_t collectives;       // so far, splits included: the same for every rank
    uint64_t shrinkings;
    uint64_t *sent, *received; // messages to and from each rank
    bool asked_to_grow;        // |growth| is the invitation of the next ncclCommGrow
    snug_invitation growth;
};

// Whether ncclGroupStart is open in this thread: what waits for other ranks waits at its end.
bool snug_nccl_grouped(void);
// |comm| waits for its ranks at the end of the group, or now.
void snug_nccl_wait_later(ncclComm_t comm);
// Waits until all ranks have joined.
void snug_nccl_meet(ncclComm_t comm);
// The next number of the channel of collectives.
uint64_t snug_nccl_next(ncclComm_t comm);

// Whether what is launched on |stream| goes into a graph now, to happen later if at all.
bool snug_nccl_captures(cudaStream_t stream);

#endif

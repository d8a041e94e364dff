// Communicators: made from a unique id or from other communicators, asked, and left again.
//
// NCCL's own buffers on the card are not counted, since their number and size depend on how the
// cards are connected (a note says so). Public figures for one communicator: 544 MB for 2 and 688
// MB for 3 or 4 A100 with NVLink (github.com/NVIDIA/nccl/issues/964), over 3 GB for all-to-all
// among 8 H100 (issue 1685 there).
#include "standin/nccl/communicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_COLOR = -1 };

static ncclComm_t new_communicator(int ranks, int rank) {
    ncclComm_t self = calloc(1, sizeof *self);
    if (!self) return NULL;
    *self = (struct ncclComm){.ranks = ranks, .rank = rank, .device = snug_standin_device()};
    self->sent = calloc((size_t)ranks, sizeof *self->sent);
    self->received = calloc((size_t)ranks, sizeof *self->received);
    if (!self->sent || !self->received) {
        free(self->sent);
        free(self->received);
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    if (ranks > 1)
        snug_standin_note("NCCL's own buffers on the card are not counted: some 550 to 700 MB for "
                          "each communicator were measured on A100 with NVLink, much less where "
                          "cards talk through PCIe.");
    return self;
}

uint64_t snug_nccl_next(ncclComm_t comm) {
    pthread_mutex_lock(&comm->lock);
    uint64_t number = comm->collectives++;
    pthread_mutex_unlock(&comm->lock);
    return number;
}

void snug_nccl_meet(ncclComm_t comm) {
    if (!comm->meeting) return;
    int joined = snug_meet_all(comm->meeting);
    if (joined >= comm->ranks) {
        snug_meet_withdraw(&comm->invitation);
        return;
    }
    char text[160];
    snprintf(text, sizeof text,
             "NCCL: only %d of %d ranks of a communicator came in time; what the others send is "
             "unknown.",
             joined, comm->ranks);
    snug_standin_note(text);
}

static ncclResult_t join(ncclComm_t *out, int ranks, const snug_invitation *invitation, int rank) {
    ncclComm_t self = new_communicator(ranks, rank);
    if (!self) return ncclSystemError;
    self->invitation = *invitation;
    if (ranks > 1) {
        self->meeting = snug_meet_join(invitation, ranks, rank);
        if (!self->meeting)
            snug_standin_note("NCCL: ranks could not reach each other (the process that made the "
                              "unique id has ended, or is on another machine); what they send is "
                              "unknown.");
        else if (snug_nccl_grouped())
            snug_nccl_wait_later(self);
        else
            snug_nccl_meet(self);
    }
    *out = self;
    return ncclSuccess;
}

// ---- From a unique id

static snug_invitation invitation_of(const ncclUniqueId *id) {
    snug_invitation invitation;
    memcpy(&invitation, id->internal, sizeof invitation);
    return invitation;
}

SNUG_STANDIN_API ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    if (!id) return ncclInvalidArgument;
    snug_invitation invitation;
    if (!snug_meet_invite(&invitation)) return ncclSystemError;
    memset(id, 0, sizeof *id);
    memcpy(id->internal, &invitation, sizeof invitation);
    return ncclSuccess;
}

static ncclResult_t init(ncclComm_t *comm, int ranks, const ncclUniqueId *id, int rank) {
    if (!comm || !id || ranks < 1 || rank < 0 || rank >= ranks) return ncclInvalidArgument;
    snug_invitation invitation = invitation_of(id);
    return join(comm, ranks, &invitation, rank);
}

SNUG_STANDIN_API ncclResult_t ncclCommInitRank(ncclComm_t *comm, int ranks, ncclUniqueId id,
                                               int rank) {
    return init(comm, ranks, &id, rank);
}

SNUG_STANDIN_API ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id,
                                                     int rank, ncclConfig_t *config) {
    (void)config;
    return init(comm, ranks, &id, rank);
}

// Several ids only speed the real library's start up.
SNUG_STANDIN_API ncclResult_t ncclCommInitRankScalable(ncclComm_t *comm, int ranks, int rank,
                                                       int ids, ncclUniqueId *id,
                                                       ncclConfig_t *config) {
    (void)config;
    if (ids < 1) return ncclInvalidArgument;
    return init(comm, ranks, id, rank);
}

SNUG_STANDIN_API ncclResult_t ncclCommDestroy(ncclComm_t comm);

SNUG_STANDIN_API ncclResult_t ncclCommInitAll(ncclComm_t *comms, int count, const int *devices) {
    if (!comms || count < 1) return ncclInvalidArgument;
    snug_invitation invitation;
    if (!snug_meet_invite(&invitation)) return ncclSystemError;
    ncclResult_t result = ncclSuccess;
    for (int i = 0; i < count; i++)
        comms[i] = NULL;
    for (int i = 0; i < count && result == ncclSuccess; i++) {
        comms[i] = new_communicator(count, i);
        if (comms[i]) comms[i]->device = devices ? devices[i] : i;
        if (comms[i] && count > 1) comms[i]->meeting = snug_meet_join(&invitation, count, i);
        if (!comms[i] || (count > 1 && !comms[i]->meeting)) result = ncclSystemError;
    }
    snug_meet_withdraw(&invitation);
    for (int i = 0; i < count && result != ncclSuccess; i++) {
        if (comms[i]) ncclCommDestroy(comms[i]);
        comms[i] = NULL;
    }
    return result;
}

// ---- From other communicators: every rank that takes part says where it would go and gives an
// invitation, and the first rank's of each new communicator is taken.

typedef struct wish {
    int32_t color, key;
    snug_invitation invitation;
} wish;

typedef struct place {
    int rank; // in the old communicator
    wish wish;
} place;

static int by_key(const void *left, const void *right) {
    const place *a = left, *b = right;
    if (a->wish.key != b->wish.key) return a->wish.key < b->wish.key ? -1 : 1;
    return a->rank < b->rank ? -1 : 1;
}

// Says |own| and hears of all ranks of |comm| but those of |away| (may be NULL). |places| receives
// those of the same color in the order of their new ranks. Returns how many.
static int gather_wishes(ncclComm_t comm, wish own, const bool *away, place *places) {
    snug_message message = {.from = comm->rank, .to = -1};
    message.channel = away ? SNUG_MEET_SHRINK : SNUG_MEET_COLLECTIVE;
    message.sequence = away ? comm->shrinkings++ : snug_nccl_next(comm);
    if (comm->meeting) snug_meet_say(comm->meeting, message, &own, sizeof own);
    int count = 0;
    for (int rank = 0; rank < comm->ranks; rank++) {
        if (away && away[rank]) continue;
        wish other = own;
        message.from = rank;
        if (rank != comm->rank) {
            if (!comm->meeting) continue;
            if (snug_meet_hear(comm->meeting, message, &other, sizeof other) != sizeof other)
                continue;
        }
        if (other.color == own.color) places[count++] = (place){rank, other};
    }
    qsort(places, (size_t)count, sizeof *places, by_key);
    return count;
}

static ncclResult_t regroup(ncclComm_t comm, int color, int key, const bool *away,
                            ncclComm_t *out) {
    *out = NULL;
    place *places = calloc((size_t)comm->ranks, sizeof *places);
    wish own = {color, key, {0}};
    if (!places || !snug_meet_invite(&own.invitation)) {
        free(places);
        return ncclSystemError;
    }
    int count = gather_wishes(comm, own, away, places), rank = 0;
    while (rank < count && places[rank].rank != comm->rank)
        rank++;
    snug_invitation first = places[0].wish.invitation;
    free(places);
    ncclResult_t result = ncclSuccess;
    if (color != NO_COLOR) result = join(out, count, &first, rank);
    // The first rank's is withdrawn when the others have come (snug_nccl_meet).
    if (rank != 0 || color == NO_COLOR || count == 1) snug_meet_withdraw(&own.invitation);
    return result;
}

SNUG_STANDIN_API ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *out,
                                            ncclConfig_t *config) {
    (void)config;
    if (!comm || !out || color < NO_COLOR) return ncclInvalidArgument;
    return regroup(comm, color, key, NULL, out);
}

SNUG_STANDIN_API ncclResult_t ncclCommShrink(ncclComm_t comm, const int *excluded, int count,
                                             ncclComm_t *out, ncclConfig_t *config, int flags) {
    (void)config, (void)flags;
    if (!comm || !out || count < 0 || (count > 0 && !excluded)) return ncclInvalidArgument;
    bool *away = calloc((size_t)comm->ranks, sizeof *away);
    if (!away) return ncclSystemError;
    for (int i = 0; i < count; i++)
        if (excluded[i] >= 0 && excluded[i] < comm->ranks) away[excluded[i]] = true;
    ncclResult_t result =
        away[comm->rank] ? ncclInvalidUsage : regroup(comm, 0, comm->rank, away, out);
    free(away);
    return result;
}

SNUG_STANDIN_API ncclResult_t ncclCommGetUniqueId(ncclComm_t comm, ncclUniqueId *id) {
    if (!comm || !id) return ncclInvalidArgument;
    ncclResult_t result = ncclGetUniqueId(id);
    if (result != ncclSuccess) return result;
    comm->growth = invitation_of(id);
    comm->asked_to_grow = true;
    return ncclSuccess;
}

// Ranks that are there already learn the new id from the one that made it; each says what it has.
SNUG_STANDIN_API ncclResult_t ncclCommGrow(ncclComm_t comm, int ranks, const ncclUniqueId *id,
                                           int rank, ncclComm_t *out, ncclConfig_t *config) {
    if (!comm) return id ? ncclCommInitRankConfig(out, ranks, *id, rank, config) : ncclInvalidUsage;
    if (!out || ranks <= comm->ranks) return ncclInvalidArgument;
    place *places = calloc((size_t)comm->ranks, sizeof *places);
    if (!places) return ncclSystemError;
    wish own = {.key = comm->rank};
    if (id && comm->asked_to_grow) own.invitation = comm->growth;
    comm->asked_to_grow = false;
    int count = gather_wishes(comm, own, NULL, places);
    snug_invitation found = {0};
    for (int i = 0; i < count; i++)
        if (places[i].wish.invitation.mark != 0) found = places[i].wish.invitation;
    free(places);
    return join(out, ranks, &found, comm->rank);
}

// ---- Asking and leaving

SNUG_STANDIN_API ncclResult_t ncclCommCount(ncclComm_t comm, int *count) {
    if (!comm || !count) return ncclInvalidArgument;
    *count = comm->ranks;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommCuDevice(ncclComm_t comm, int *device) {
    if (!comm || !device) return ncclInvalidArgument;
    *device = comm->device;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank) {
    if (!comm || !rank) return ncclInvalidArgument;
    *rank = comm->rank;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error) {
    if (!comm || !error) return ncclInvalidArgument;
    *error = ncclSuccess;
    return ncclSuccess;
}

SNUG_STANDIN_API ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    if (!comm) return ncclSuccess;
    if (comm->meeting) snug_meet_leave(comm->meeting);
    pthread_mutex_destroy(&comm->lock);
    free(comm->sent);
    free(comm->received);
    free(comm);
    return ncclSuccess;
}

// Another thread may be in the midst of a call with it, so its memory stays.
SNUG_STANDIN_API ncclResult_t ncclCommAbort(ncclComm_t comm) {
    if (comm && comm->meeting) snug_meet_fall_silent(comm->meeting);
    return ncclSuccess;
}

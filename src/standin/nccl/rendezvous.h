// Where the processes of a communicator's ranks meet, so that bytes which came from the host get
// from one to the other.
//
// A meeting is anonymous shared memory (memfd) of the process that made its invitation; the
// others open it through /proc/PID/fd. No file is made, and the kernel takes the memory back with
// the last process, however that ends. Each rank has a ring in it that it alone writes: messages
// in order, the oldest written over. Saying never waits; hearing waits until the other has said
// it, ends, waits for us in turn, or the time is up.
#ifndef SNUG_STANDIN_RENDEZVOUS_H
#define SNUG_STANDIN_RENDEZVOUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Larger messages do not travel.
enum { SNUG_MEET_LARGEST = 1 << 20 };

// What lies in a unique id.
typedef struct snug_invitation {
    uint64_t mark;
    int64_t pid, fd;
    uint64_t nonce[2];
} snug_invitation;

typedef struct snug_meeting snug_meeting;

// Each with its own count of messages. Ranks that a shrinking leaves out take no part in it.
typedef enum snug_channel {
    SNUG_MEET_COLLECTIVE,
    SNUG_MEET_POINT,
    SNUG_MEET_SHRINK,
    SNUG_MEET_CHANNELS,
} snug_channel;

typedef struct snug_message {
    int from;
    int to; // -1: everyone
    snug_channel channel;
    uint64_t sequence; // grows with each message of a channel from |from| to |to|
} snug_message;

// false where the system gives no memory for it.
bool snug_meet_invite(snug_invitation *out);
// Nobody else is to come by it. Where this process made it and it is still open.
void snug_meet_withdraw(const snug_invitation *invitation);
// NULL where the inviting process is gone or the host has no memory. The caller owns the result
// and gives it to snug_meet_leave. Does not wait.
snug_meeting *snug_meet_join(const snug_invitation *invitation, int ranks, int rank);
// Waits until every rank has joined. Returns how many have.
int snug_meet_all(snug_meeting *self);
// Others need not wait for this rank any longer.
void snug_meet_fall_silent(snug_meeting *self);
// Falls silent and frees |self|.
void snug_meet_leave(snug_meeting *self);

// |size| 0 says that nothing is known. From any thread, of one process for each rank.
void snug_meet_say(snug_meeting *self, snug_message message, const void *bytes, size_t size);
// Waits for the message to |self|'s rank and copies up to |size| bytes of it. Returns how many
// were said; 0 also where it did not come (a note tells why).
size_t snug_meet_hear(snug_meeting *self, snug_message message, void *out, size_t size);

#endif

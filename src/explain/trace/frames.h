// What stacks of a snapshot tell: who asked for memory, and in which part of training.
#ifndef SNUG_EXPLAIN_TRACE_FRAMES_H
#define SNUG_EXPLAIN_TRACE_FRAMES_H

#include "base/status.h"
#include "explain/snapshot/snapshot.h"

// Where in a training script an allocation was made.
typedef enum snug_place {
    SNUG_PLACE_NONE, // no Python on the stack: not recorded, or made by the backward pass's thread
    SNUG_PLACE_USER, // the user's code, outside any network
    SNUG_PLACE_LOAD, // weights come onto the device
    SNUG_PLACE_FORWARD,
    SNUG_PLACE_EVALUATE, // a forward pass of a function named so
    SNUG_PLACE_BACKWARD,
    SNUG_PLACE_BUCKETS,         // gradients of several weights in one, as DistributedDataParallel's
    SNUG_PLACE_OPTIMIZER,       // temporaries of optimizer.step(), and momentum
    SNUG_PLACE_OPTIMIZER_STATE, // made by its first step
    SNUG_PLACE_WORKSPACE,       // asked for by a library
} snug_place;

// What sharding (FSDP, DeepSpeed's ZeRO) makes while it gathers a layer or gives gradients away.
typedef enum snug_shard { SNUG_SHARD_NONE, SNUG_SHARD_WEIGHTS, SNUG_SHARD_GRADIENTS } snug_shard;

typedef struct snug_stack_about {
    uint8_t place; // snug_place
    uint8_t shard; // snug_shard
    bool no_grad, attention, convolution;
    bool loss;            // made by a loss, not by a network that a loss was asked of
    bool builds;          // in somebody's __init__()
    snug_frame_id user;   // innermost frame of the user's own code, 0: none
    snug_frame_id caller; // outermost of the user's functions: the loop, most often; 0: none
    snug_stack_id python; // equal for stacks with the same Python frames; 0: none has any
} snug_stack_about;

// What a frame means to who looks for loops around it.
typedef enum snug_frame_role {
    SNUG_FRAME_NATIVE, // C++
    SNUG_FRAME_PLAIN,
    SNUG_FRAME_CLOSED, // a loop further in is no training loop: a module's call, an optimizer's
                       // step
} snug_frame_role;

// Of every stack what it tells, and its Python frames alone: C++ frames lie between them in numbers
// that differ, and behind the outermost of them some of Python's.
typedef struct snug_stacks {
    snug_stack_about *about; // by stack
    uint8_t *roles;          // snug_frame_role by frame
    // Python stack |i| is python_frames[python_starts[i]] up to python_starts[i + 1], outermost
    // frame first; 0 is empty.
    size_t *python_starts;
    snug_frame_id *python_frames;
    size_t python_count;
} snug_stacks;

// The caller clears |*out|, also after a failure.
snug_status snug_stacks_judge(const snug_snapshot *snapshot, snug_stacks *out);
void snug_stacks_clear(snug_stacks *stacks);

#endif

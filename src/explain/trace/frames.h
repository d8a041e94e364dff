// What stacks of a snapshot tell: who asked for memory, and in which part of training.
#ifndef SNUG_EXPLAIN_TRACE_FRAMES_H
#define SNUG_EXPLAIN_TRACE_FRAMES_H

#include "explain/snapshot/snapshot.h"

// Where in a training script an allocation was made.
typedef enum snug_place {
    SNUG_PLACE_NONE, // the stack is empty: not recorded, or made by the backward pass's own thread
    SNUG_PLACE_USER, // the user's code, outside any network
    SNUG_PLACE_LOAD, // weights come onto the device
    SNUG_PLACE_FORWARD,
    SNUG_PLACE_EVALUATE, // a forward pass of a function named so
    SNUG_PLACE_BACKWARD,
    SNUG_PLACE_OPTIMIZER,       // temporaries of optimizer.step(), and momentum
    SNUG_PLACE_OPTIMIZER_STATE, // made by its first step
    SNUG_PLACE_WORKSPACE,       // asked for by a library
} snug_place;

typedef struct snug_stack_about {
    uint8_t place; // snug_place
    bool no_grad, attention, convolution, loss;
    snug_frame_id user;   // innermost frame of the user's own code, 0: none
    snug_frame_id caller; // outermost of the user's functions: the loop, most often; 0: none
} snug_stack_about;

// One for each stack of |snapshot|; the caller frees |*out| with snug_memory_free().
snug_status snug_stacks_judge(const snug_snapshot *snapshot, snug_stack_about **out);

// Whether |frame| is the call of a network's module.
bool snug_frame_is_call(const snug_snapshot *snapshot, snug_frame_id frame);

#endif

// Who speaks in a text, and what can be done about its memory in that tool's own terms: training, a
// maker of images, a language model's server and a Mac need different first fixes. A tool is one
// const descriptor in src/explain/advice/tools/<tool>_advice.c, gathered by the build into
// snug_tools; its rows are the levers that it has, with where it tells of them.
#ifndef SNUG_EXPLAIN_ADVICE_ADVICE_H
#define SNUG_EXPLAIN_ADVICE_ADVICE_H

#include "explain/causes/cause.h"

// A row. Fixes may hold {possible}, the tokens that there is room for, and {share}, the share of
// the card that is free; a row that needs what the text does not tell is left out.
typedef struct snug_lever {
    const char *causes;     // the causes that it helps against, with spaces between
    snug_shortage shortage; // only against this one; 0: any
    snug_use use;           // only where the program does this; 0: any
    bool not_training;      // only where it does not train
    bool not_loading;       // not while weights come onto the device, before any step
    bool evaluating;        // only where it failed while evaluating
    bool is_batch;          // only where the batch is not one sample already
    bool is_16_bit;         // only where 16-bit types are not in use already
    const char *when;       // words (snug_facts_mention) without which it is of no use; NULL: none
    const char *unless;     // words (snug_facts_mention) that show it is of no use; NULL: none
    const char *fix, *why;
    const char *source; // where the tool tells of it
} snug_lever;

// How exact a tool is as the one that speaks.
typedef enum snug_tool_rank {
    SNUG_TOOL_PROGRAM, // that people start: a server, a web interface
    SNUG_TOOL_ENGINE,  // that programs are made of, and a program by itself
    SNUG_TOOL_TRAINER, // that runs the user's loop
    SNUG_TOOL_LIBRARY,
    SNUG_TOOL_PLATFORM, // a device, a container
} snug_tool_rank;

typedef struct snug_tool {
    const char *name;
    snug_tool_rank rank;
    snug_use use;             // what its programs do unless the text tells otherwise
    bool other_framework;     // PyTorch's settings are of no use to it
    const char *words;        // squeezed, between bars, none of which stands in other texts
    const snug_lever *levers; // best first; ends with {0}
} snug_tool;

extern const snug_tool *const snug_tools[]; // ends with NULL

// Fills |facts| with what the text around its message tells of who speaks: tools, use, PyTorch's
// age, the platform, types. |own|: the name of the tool whose format the message has, or NULL.
void snug_speaker_find(const char *own, snug_facts *facts);

// Tells the levers of the tools of |facts| against |cause|, the most exact tool's first.
void snug_levers_tell(const snug_facts *facts, const char *cause, snug_advice *advice);

#endif

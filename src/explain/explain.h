// What causes are judged by, and how findings come to be. A reader (of messages, of snapshots)
// fills facts and hands them to snug_explanation_add(), which asks every cause, ranks the answers
// and collects fixes.
//
//     bytes -> reader -> facts -> causes -> finding -> report
#ifndef SNUG_EXPLAIN_EXPLAIN_H
#define SNUG_EXPLAIN_EXPLAIN_H

#include "base/status.h"
#include "snug/explain.h"

// A place in someone's program. Texts are borrowed from whoever filled the facts.
typedef struct snug_site {
    const char *file; // NULL: unknown
    long line;        // 0: unknown
    const char *function;
    const char *code;        // the line's text, NULL: not seen
    snug_amount bytes;       // live at the peak from here
    double bytes_per_period; // growth from iteration to iteration; 0: none
} snug_site;

// Where the failing allocation was asked for, as far as a stack tells.
typedef enum snug_run_phase {
    SNUG_PHASE_UNKNOWN,
    SNUG_PHASE_LOAD,      // weights or a checkpoint come onto the device
    SNUG_PHASE_FORWARD,   // of training, as far as one can tell
    SNUG_PHASE_EVALUATE,  // a validation, test or inference loop
    SNUG_PHASE_BACKWARD,  // loss.backward()
    SNUG_PHASE_OPTIMIZER, // optimizer.step()
} snug_run_phase;

// What was too small, where a text names it itself.
typedef enum snug_shortage {
    SNUG_SHORTAGE_UNKNOWN,  // of the device's memory, as far as one can tell
    SNUG_SHORTAGE_CACHE,    // beside the weights nothing is left for a server's keys and values
    SNUG_SHORTAGE_CONTEXT,  // keys and values of one request are more than there is room for
    SNUG_SHORTAGE_SHARE,    // the share of the card that a server wants at its start is not free
    SNUG_SHORTAGE_REQUESTS, // requests at once, or the tokens of their prompts
    SNUG_SHORTAGE_HOST,     // the host refused an allocation
    SNUG_SHORTAGE_KILLED,   // a process was killed, as the kernel does when the host is full
    SNUG_SHORTAGE_COMMIT,   // Windows' commit limit: memory and page file together
    SNUG_SHORTAGE_SHARED,   // /dev/shm
    SNUG_SHORTAGE_PINNED,   // page-locked memory of the host
    SNUG_SHORTAGE_BLOCK,    // one allocation may not be so large on this device
    SNUG_SHORTAGE_GATHERED, // predictions that an evaluation gathers on the device
} snug_shortage;

// What a program does with its network, which decides what can be done about its memory.
typedef enum snug_use {
    SNUG_USE_UNKNOWN,
    SNUG_USE_TRAINING,
    SNUG_USE_INFERENCE,
    SNUG_USE_IMAGES, // makes images or videos
    SNUG_USE_SERVER, // a language model answers
} snug_use;

// Versions of PyTorch, as far as they matter to what its allocator can do.
typedef enum snug_torch_age {
    SNUG_TORCH_UNKNOWN,
    SNUG_TORCH_EARLY,  // before 1.10: no setting against fragmentation
    SNUG_TORCH_MIDDLE, // before 2.1: max_split_size_mb
    SNUG_TORCH_RECENT, // expandable_segments
} snug_torch_age;

// A card of nvidia-smi's table.
typedef struct snug_card_row {
    int gpu;
    uint64_t used, total; // bytes
} snug_card_row;

struct snug_tool; // advice/advice.h

enum { SNUG_MAX_SITES = 8, SNUG_MAX_CARD_ROWS = 16, SNUG_MAX_TOOLS = 4 };

// Everything a cause may ask. Zero-initialise with SNUG_FACTS_INIT; what stays unset is unknown.
typedef struct snug_facts {
    bool is_snapshot;
    const char *format, *source;
    size_t line;
    int gpu;
    long pid;
    snug_figures figures;
    snug_amount elsewhere;    // capacity - free - reserved: other processes and CUDA itself
    snug_amount usable;       // the smaller of capacity and limit
    snug_amount demand;       // requested on top of what was live
    snug_amount attainable;   // what this process's tensors could have: reserved + free
    snug_amount within_reach; // free, on the device and in the allocator's cache
    bool limit_unset;         // the text says that there is no limit
    bool other_framework;     // not PyTorch: its settings are of no use here
    bool host;                // the memory is the CPU's
    snug_shortage shortage;
    snug_use use;
    const struct snug_tool *tools[SNUG_MAX_TOOLS]; // who speaks, the most exact first
    size_t tool_count;
    const char *device; // "CUDA", "HIP", "XPU", "MPS", "CPU", NULL: unknown

    // The stack of the failing request.
    snug_run_phase phase;
    snug_site user; // innermost line of the user's own code
    bool no_grad;   // the stack or the code around shows no_grad or inference_mode
    bool attention, convolution, retain_graph;
    snug_site kept;      // a line seen that keeps the graph of every step: `total += loss`
    const char *masked;  // an error that may hide an out-of-memory; its name
    double masked_share; // how often one does, 0..1
    const char *library; // "cuDNN", "cuBLAS": asks for workspace, not for tensors

    // What the text around tells. |around|: it, squeezed, lower case; borrowed, no end mark.
    const char *around;
    size_t around_length;
    snug_torch_age torch;
    bool windows, half;      // Windows' paths; 16-bit types are in use already
    bool no_expandable;      // the platform has no expandable segments, as the text says
    int other_gpu;           // another card that the text shows; -1: none
    bool other_gpu_is_empty; // as nvidia-smi's table has it
    snug_card_row cards[SNUG_MAX_CARD_ROWS];
    size_t card_count;
    int64_t tokens, tokens_possible; // of a context, wanted and with room for; 0: unknown
    snug_amount host_used;           // of the host's memory, as a log told last
    const char *others;              // what other ranks of the same run tell, or NULL
    const char *model;               // a network of torchvision's names, NULL: none seen
    const char *settings;            // PYTORCH_CUDA_ALLOC_CONF where it was set, NULL: unknown
    int64_t batch_size;              // 0: unknown
    int64_t iterations;              // steps that went well before the failure; -1: unknown
    int64_t epochs;                  // the same; -1: unknown
    bool notebook;                   // cells of a kernel that keeps its variables
    double log_growth;    // bytes a step by which printed memory figures grow; 0: unknown
    size_t errors_before; // out-of-memory errors earlier in the same text
    size_t processes;     // others that the message lists on the device; 0: not told
    bool own_by_number;   // the text gives this process a number: it cannot tell whose it is
    bool tells_hint;      // the text advises max_split_size_mb or expandable_segments
    size_t repeats;

    // Snapshots. |period_known|: an iteration could be told from the trace.
    bool has_trace, has_stacks, period_known;
    double certainty;    // the most that a cause can be sure of with what is known, 0..1; 0: all
    snug_amount lasting; // live at the peak and older than its iteration, where no stack tells more
    bool only_made;      // nothing in the trace was freed, and there are no stacks
    double growth_per_period;          // bytes that stay, from iteration to iteration
    size_t growing_periods, periods;   // iterations seen; those that ended with more
    snug_site growing[SNUG_MAX_SITES]; // largest growth first
    size_t growing_count;
    bool growth_has_history;           // what grows is activations (with grad_fn stacks)
    snug_site largest[SNUG_MAX_SITES]; // at the peak, largest first
    size_t largest_count;
    snug_amount weights, gradients, optimizer, activations, workspace, unclassified; // at the peak
    snug_amount peak, usual_peak;  // of the trace; median over its iterations
    snug_amount largest_iteration; // the peak of the largest iteration before the last
    snug_amount between;           // the least that is live in the last one: what stays
    const char *what_if;           // settings that a replay found to succeed, or NULL
    snug_amount what_if_reserved;  // peak reserved under them
    bool what_if_fraction;         // they need set_per_process_memory_fraction()
    size_t what_if_tried;          // how many were replayed beside those recorded; 0: no replay
    snug_site loop;           // outermost of the user's functions that led there: the loop, mostly
    snug_amount growing_live; // live at the failure, from the sites that grow
    snug_amount stale;        // live at the failure, left by an earlier iteration or failed attempt
    size_t stale_rounds;      // iterations that left a good part of it; 0: unknown
    bool stale_graph;         // many layers' outputs are among it, as a graph keeps them
    snug_amount saved;        // the same, kept for a backward pass by a function that evaluates
    snug_amount most_reserved; // by this process, earlier in the trace
    double
        last_scale; // how much larger the last iteration's tensors are than any before; 0: unknown
    bool workspace_request;   // a library asked, for its own use
    snug_amount private_free; // in pools of their own, as CUDA graphs', for nobody else to have
    const char *user_metadata;
    const char *detail, *detail_json; // as in snug_finding
} snug_facts;

#define SNUG_FACTS_INIT                                                                            \
    ((snug_facts){.gpu = -1, .pid = -1, .iterations = -1, .epochs = -1, .other_gpu = -1})

// Whether the text around the message has |words| (squeezed), or one of several between bars.
bool snug_facts_mention(const snug_facts *facts, const char *words);

// Whether the program only applies a network: it has no gradients and no optimizer.
static inline bool snug_facts_is_inference(const snug_facts *facts) {
    return facts->use == SNUG_USE_INFERENCE || facts->use == SNUG_USE_IMAGES ||
           facts->use == SNUG_USE_SERVER;
}

static inline snug_amount snug_amount_of(uint64_t bytes) {
    return (snug_amount){.known = true, .bytes = bytes};
}

// Readers turn a file's bytes into facts. A reader is one const descriptor in
// src/explain/readers/<reader>_reader.c, gathered by the build into snug_readers.
typedef struct snug_reader {
    const char *name; // in errors
    // Whether |bytes| are this reader's to read, by their beginning; one reader's at most.
    bool (*matches)(const char *bytes, size_t length);
    // Adds a finding an error (snug_explanation_add); SNUG_BAD_FILE says what is wrong. |name| is
    // the file's.
    snug_status (*read)(const char *bytes, size_t length, const char *name,
                        snug_explanation *explanation);
} snug_reader;

extern const snug_reader *const snug_readers[]; // ends with NULL

// Works out what follows from the figures that are known: unallocated from reserved and allocated,
// other processes from capacity, free and process, and so on. Contradictions leave unknowns.
void snug_facts_complete(snug_facts *facts);

// An explanation without findings, about the file |name| (copied).
snug_status snug_explanation_new(const char *name, snug_explanation **out);

// Judges |facts| (completed first, on a copy) and appends the finding. Everything is copied.
snug_status snug_explanation_add(snug_explanation *explanation, const snug_facts *facts);

// Copies |text| into the explanation, which frees it. NULL gives NULL.
snug_status snug_explanation_keep(snug_explanation *explanation, const char *text,
                                  const char **out);

#endif

// Words in file and function names. Each frame is judged once, each stack once from its frames.
#include "explain/trace/frames.h"

#include <string.h>

#include "base/memory.h"
#include "explain/script_words.h"

typedef enum frame_role {
    ROLE_OTHER,
    ROLE_USER,     // the user's own code
    ROLE_NATIVE,   // C++, without a place in Python
    ROLE_LIBRARY,  // Python that is installed
    ROLE_MODULE,   // torch.nn, or another forward()
    ROLE_CALL,     // nn.Module's __call__
    ROLE_LOAD,     // of weights
    ROLE_BACKWARD, // autograd
    ROLE_OPTIMIZER,
    ROLE_STATE, // an optimizer's _init_group
    ROLE_WORKSPACE,
} frame_role;

enum { WORD_NO_GRAD = 1, WORD_ATTENTION = 2, WORD_CONVOLUTION = 4, WORD_LOSS = 8, WORD_EVAL = 16 };

typedef struct frame_about {
    uint8_t role, words;
} frame_about;

static bool holds_any(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strstr(text, *words)) return true;
    return false;
}

static bool is_any(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return true;
    return false;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_installed(const char *file) {
    return snug_file_is_installed(file, strlen(file));
}

static bool is_python(const char *file) {
    return ends_with(file, ".py") || strncmp(file, "<ipython", 8) == 0 || strchr(file, '[') ||
           strcmp(file, "<stdin>") == 0;
}

static frame_role native_role(const char *function) {
    static const char *const backward[] = {"autograd::Engine", "Backward0::apply", "AccumulateGrad",
                                           "Backward1::apply", NULL};
    static const char *const workspace[] = {
        "orkspace", "raw_cudnn_", "run_conv_plan", "getCurrentCUDABlas", "cublasLt",
        "cufft",    "cusolver",   "cub::",         "ncclComm",           NULL};
    if (holds_any(function, workspace)) return ROLE_WORKSPACE;
    return holds_any(function, backward) ? ROLE_BACKWARD : ROLE_NATIVE;
}

static frame_role library_role(const char *file, const char *function) {
    static const char *const calls[] = {"_call_impl", "_wrapped_call_impl", "__call__",
                                        "_slow_forward", NULL};
    static const char *const states[] = {"_init_group", "init_state", "init_group", "_init_state",
                                         NULL};
    static const char *const backward[] = {"autograd/__init__", "autograd\\__init__",
                                           "autograd/graph.py", NULL};
    if (snug_file_is_optimizer(file, strlen(file)))
        return is_any(function, states) ? ROLE_STATE : ROLE_OPTIMIZER;
    if (snug_function_loads(function, strlen(function))) return ROLE_LOAD;
    bool module = strstr(file, "/nn/") || strncmp(file, "torch/nn/", 9) == 0;
    if (strcmp(function, "__init__") == 0 && module) return ROLE_LOAD;
    if (holds_any(file, backward) || strcmp(function, "backward") == 0) return ROLE_BACKWARD;
    if (is_any(function, calls) && (module || strstr(file, "module"))) return ROLE_CALL;
    if (module || strcmp(function, "forward") == 0) return ROLE_MODULE;
    return ROLE_LIBRARY;
}

static uint8_t words_of(const char *file, const char *function, bool user) {
    size_t file_length = strlen(file), length = strlen(function);
    uint8_t words = 0;
    if (snug_frame_is_no_grad(file, file_length, function, length)) words |= WORD_NO_GRAD;
    if (snug_name_is_attention(function, length) || snug_name_is_attention(file, file_length))
        words |= WORD_ATTENTION;
    if (strstr(file, "conv.py") || strstr(function, "conv")) words |= WORD_CONVOLUTION;
    if (strstr(function, "loss") || strstr(function, "cross_entropy") || ends_with(file, "loss.py"))
        words |= WORD_LOSS;
    if (user && snug_function_evaluates(function, length)) words |= WORD_EVAL;
    return words;
}

static frame_about judge_frame(const snug_snapshot *snapshot, const snug_frame *frame) {
    const char *file = snug_snapshot_text(snapshot, frame->file);
    const char *function = snug_snapshot_text(snapshot, frame->function);
    frame_about about = {0};
    bool python = is_python(file), user = python && !is_installed(file);
    about.words = words_of(file, function, user);
    if (user)
        about.role = strcmp(function, "forward") == 0 ? ROLE_MODULE : ROLE_USER;
    else
        about.role = (uint8_t)(python ? library_role(file, function) : native_role(function));
    return about;
}

bool snug_frame_is_call(const snug_snapshot *snapshot, snug_frame_id frame) {
    const snug_frame *found = &snapshot->frames[frame];
    const char *file = snug_snapshot_text(snapshot, found->file);
    return is_python(file) && is_installed(file) &&
           library_role(file, snug_snapshot_text(snapshot, found->function)) == ROLE_CALL;
}

// Roles that a stack has anywhere, as bits.
static unsigned roles_of(const snug_snapshot *snapshot, const frame_about *frames,
                         const snug_frame_id *stack, size_t count, snug_stack_about *about) {
    unsigned roles = 0;
    for (size_t i = 0; i < count; i++) {
        const frame_about *frame = &frames[stack[i]];
        const snug_frame *place = &snapshot->frames[stack[i]];
        const char *file = snug_snapshot_text(snapshot, place->file);
        roles |= 1u << frame->role;
        about->no_grad |= (frame->words & WORD_NO_GRAD) != 0;
        about->attention |= (frame->words & WORD_ATTENTION) != 0;
        about->convolution |= (frame->words & WORD_CONVOLUTION) != 0;
        about->loss |= (frame->words & WORD_LOSS) != 0;
        if (frame->words & WORD_EVAL) roles |= 1u << 31;
        if (!is_python(file) || is_installed(file)) continue;
        if (about->user == 0) about->user = stack[i];
        const char *function = snug_snapshot_text(snapshot, place->function);
        if (strcmp(function, "<module>") != 0 && strcmp(function, "main") != 0)
            about->caller = stack[i];
    }
    if (about->caller == 0) about->caller = about->user;
    return roles;
}

static snug_place place_of(unsigned roles, size_t count) {
    if (count == 0) return SNUG_PLACE_NONE;
    if (roles & 1u << ROLE_STATE) return SNUG_PLACE_OPTIMIZER_STATE;
    if (roles & 1u << ROLE_WORKSPACE) return SNUG_PLACE_WORKSPACE;
    if (roles & 1u << ROLE_OPTIMIZER) return SNUG_PLACE_OPTIMIZER;
    if (roles & 1u << ROLE_BACKWARD) return SNUG_PLACE_BACKWARD;
    if (roles & 1u << ROLE_LOAD) return SNUG_PLACE_LOAD;
    bool forward = (roles & (1u << ROLE_CALL | 1u << ROLE_MODULE)) != 0;
    if (forward && roles & 1u << 31) return SNUG_PLACE_EVALUATE;
    if (forward) return SNUG_PLACE_FORWARD;
    // C++ frames alone: nothing of a script is on the stack.
    return roles & (1u << ROLE_USER | 1u << ROLE_LIBRARY) ? SNUG_PLACE_USER : SNUG_PLACE_NONE;
}

snug_status snug_stacks_judge(const snug_snapshot *snapshot, snug_stack_about **out) {
    frame_about *frames = NULL;
    *out = NULL;
    SNUG_TRY(SNUG_NEW(&frames, snapshot->frame_count));
    for (size_t i = 0; i < snapshot->frame_count; i++)
        frames[i] = judge_frame(snapshot, &snapshot->frames[i]);
    snug_status status = SNUG_NEW(out, snapshot->stack_count);
    for (size_t i = 0; status == SNUG_OK && i < snapshot->stack_count; i++) {
        size_t count;
        const snug_frame_id *stack = snug_snapshot_stack(snapshot, (snug_stack_id)i, &count);
        snug_stack_about *about = &(*out)[i];
        about->place = (uint8_t)place_of(roles_of(snapshot, frames, stack, count, about), count);
    }
    snug_memory_free(frames);
    return status;
}

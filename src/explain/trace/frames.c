// Words in file and function names. Each frame is judged once, each stack once from its frames.
#include "explain/trace/frames.h"

#include <string.h>

#include "base/memory.h"
#include "explain/script_words.h"

typedef enum frame_role {
    ROLE_OTHER,
    ROLE_USER,    // the user's own code
    ROLE_NATIVE,  // C++, without a place in Python
    ROLE_LIBRARY, // Python that is installed
    ROLE_MODULE,  // torch.nn, or another forward()
    ROLE_CALL,    // nn.Module's __call__
    ROLE_LOAD,    // of weights
    ROLE_BUILD,   // another __init__()
    ROLE_BUCKETS,
    ROLE_CLOSURE,  // what an optimizer's step() calls to compute the loss
    ROLE_BACKWARD, // autograd
    ROLE_OPTIMIZER,
    ROLE_STATE, // an optimizer's _init_group
    ROLE_WORKSPACE,
} frame_role;

enum { WORD_NO_GRAD = 1, WORD_ATTENTION = 2, WORD_CONVOLUTION = 4, WORD_LOSS = 8, WORD_EVAL = 16 };

typedef struct frame_about {
    uint8_t role, words, shard;
    bool user, native;
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
    return ends_with(file, ".py") || *file == '<' || strchr(file, '[');
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

// DistributedDataParallel and its like keep gradients in buckets that their constructor makes.
static bool makes_buckets(const char *file, const char *function) {
    static const char *const functions[] = {"_ddp_init_helper", "_pre_forward", "_build_buckets",
                                            "_setup_flat_params", NULL};
    return ends_with(file, "distributed.py") && is_any(function, functions);
}

// FSDP of both kinds, and ZeRO's third stage: whole layers are there for a moment.
static snug_shard shard_of(const char *file, const char *function) {
    static const char *const files[] = {"/fsdp/", "_composable/fsdp", "deepspeed/runtime/zero",
                                        "fairscale/nn/data_parallel", NULL};
    static const char *const gathers[] = {"all_gather", "alloc_storage", "unshard",
                                          "rebuild_full_param", NULL};
    if (!holds_any(file, files)) return SNUG_SHARD_NONE;
    if (holds_any(function, gathers)) return SNUG_SHARD_WEIGHTS;
    return strstr(function, "reduce") ? SNUG_SHARD_GRADIENTS : SNUG_SHARD_NONE;
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
    if (makes_buckets(file, function)) return ROLE_BUCKETS;
    if (strstr(file, "torchinductor_")) return ROLE_MODULE; // what torch.compile wrote
    bool module = strstr(file, "/nn/") || strncmp(file, "torch/nn/", 9) == 0;
    if (strcmp(function, "__init__") == 0 && module) return ROLE_LOAD;
    if (holds_any(file, backward) || strcmp(function, "backward") == 0) return ROLE_BACKWARD;
    if (is_any(function, calls) && (module || strstr(file, "module"))) return ROLE_CALL;
    if (module || strcmp(function, "forward") == 0) return ROLE_MODULE;
    return ROLE_LIBRARY;
}

// The user's own code: an optimizer of its own has a file that is named after it.
static frame_role user_role(const char *file, const char *function) {
    static const char *const steps[] = {"step",       "_step",       "update",
                                        "init_state", "_init_state", NULL};
    const char *name = strrchr(file, '/');
    if (strcmp(function, "forward") == 0) return ROLE_MODULE;
    if (strcmp(function, "__init__") == 0) return ROLE_BUILD;
    if (strstr(name ? name : file, "optim") && is_any(function, steps)) return ROLE_OPTIMIZER;
    return ROLE_USER;
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
        about.role = (uint8_t)user_role(file, function);
    else
        about.role = (uint8_t)(python ? library_role(file, function) : native_role(function));
    if (about.role == ROLE_LIBRARY && strcmp(function, "__init__") == 0) about.role = ROLE_BUILD;
    if (about.role == ROLE_LIBRARY && strcmp(function, "closure") == 0) about.role = ROLE_CLOSURE;
    about.shard = (uint8_t)(user ? SNUG_SHARD_NONE : shard_of(file, function));
    about.user = user;
    about.native = !python;
    return about;
}

static snug_frame_role role_of(const frame_about *frame) {
    if (frame->native) return SNUG_FRAME_NATIVE;
    switch ((frame_role)frame->role) {
    case ROLE_MODULE:
    case ROLE_CALL:
    case ROLE_LOAD:
    case ROLE_BACKWARD:
    case ROLE_OPTIMIZER:
    case ROLE_STATE:
        return SNUG_FRAME_CLOSED;
    default:
        return SNUG_FRAME_PLAIN;
    }
}

// The part of training that the frame says it is in, NONE where it does not say.
static snug_place place_of_role(uint8_t role) {
    switch ((frame_role)role) {
    case ROLE_STATE:
        return SNUG_PLACE_OPTIMIZER_STATE;
    case ROLE_OPTIMIZER:
        return SNUG_PLACE_OPTIMIZER;
    case ROLE_BACKWARD:
        return SNUG_PLACE_BACKWARD;
    case ROLE_LOAD:
        return SNUG_PLACE_LOAD;
    case ROLE_BUCKETS:
        return SNUG_PLACE_BUCKETS;
    case ROLE_CALL:
    case ROLE_MODULE:
        return SNUG_PLACE_FORWARD;
    default:
        return SNUG_PLACE_NONE;
    }
}

// The innermost frame that says where it is counts: a training step may run inside an optimizer's
// step() as its closure, as the user's lines do. But a forward pass inside a backward pass is a
// checkpoint's second one, and what loads may call a module's method.
static snug_place add_place(snug_place place, snug_place outer) {
    if (place == SNUG_PLACE_NONE) return outer;
    if (place == SNUG_PLACE_FORWARD &&
        (outer == SNUG_PLACE_BACKWARD || outer == SNUG_PLACE_LOAD || outer == SNUG_PLACE_BUCKETS))
        return outer;
    return place;
}

// Reads a stack's frames from the innermost out.
static void judge_stack(const snug_snapshot *snapshot, const frame_about *frames,
                        const snug_frame_id *stack, size_t count, snug_stack_about *about) {
    bool python = false, workspace = false, evaluates = false, closure = false;
    snug_place place = SNUG_PLACE_NONE;
    for (size_t i = 0; i < count; i++) {
        const frame_about *frame = &frames[stack[i]];
        python |= !frame->native;
        workspace |= frame->role == ROLE_WORKSPACE;
        // Sharding works under no_grad() of its own, which says nothing of the program.
        if (about->shard == SNUG_SHARD_NONE) about->shard = frame->shard;
        about->no_grad |= (frame->words & WORD_NO_GRAD) && !about->shard;
        about->attention |= (frame->words & WORD_ATTENTION) != 0;
        about->convolution |= (frame->words & WORD_CONVOLUTION) != 0;
        about->loss |= (frame->words & WORD_LOSS) && place == SNUG_PLACE_NONE;
        about->builds |= frame->role == ROLE_BUILD && place == SNUG_PLACE_NONE;
        evaluates |= (frame->words & WORD_EVAL) != 0;
        closure |= frame->role == ROLE_USER || frame->role == ROLE_CLOSURE;
        if (frame->role != ROLE_OPTIMIZER || !closure)
            place = add_place(place, place_of_role(frame->role));
        if (!frame->user) continue;
        if (about->user == 0) about->user = stack[i];
        const char *function = snug_snapshot_text(snapshot, snapshot->frames[stack[i]].function);
        if (strcmp(function, "<module>") != 0 && strcmp(function, "main") != 0)
            about->caller = stack[i];
    }
    if (about->caller == 0) about->caller = about->user;
    if (place == SNUG_PLACE_FORWARD && evaluates) place = SNUG_PLACE_EVALUATE;
    if (place == SNUG_PLACE_NONE && python) place = SNUG_PLACE_USER;
    if (workspace && place != SNUG_PLACE_OPTIMIZER_STATE) place = SNUG_PLACE_WORKSPACE;
    about->place = (uint8_t)place;
}

// While Python stacks are gathered: a hash of those that there are.
typedef struct python_table {
    snug_stacks *out;
    uint32_t *slots; // Python stack + 1
    size_t slot_count;
    size_t frame_count, frame_capacity, start_capacity;
} python_table;

// The slot of the Python stack whose frames lie behind all others.
static uint32_t *find_slot(const python_table *table, size_t length) {
    const snug_stacks *out = table->out;
    const snug_frame_id *frames = out->python_frames + table->frame_count;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ frames[i]) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & (table->slot_count - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (table->slot_count - 1)) {
        size_t other = table->slots[at] - 1, start = out->python_starts[other];
        if (out->python_starts[other + 1] - start == length &&
            memcmp(out->python_frames + start, frames, length * sizeof *frames) == 0)
            break;
    }
    return &table->slots[at];
}

static snug_status add_python(python_table *table, const snug_frame_id *stack, size_t count,
                              snug_stack_id *out) {
    snug_stacks *stacks = table->out;
    size_t length = 0;
    SNUG_TRY(SNUG_GROW(&stacks->python_frames, &table->frame_capacity, table->frame_count + count));
    for (size_t i = count; i-- > 0;)
        if (stacks->roles[stack[i]] != SNUG_FRAME_NATIVE)
            stacks->python_frames[table->frame_count + length++] = stack[i];
    *out = 0;
    if (length == 0) return SNUG_OK;
    uint32_t *slot = find_slot(table, length);
    if (*slot == 0) {
        SNUG_TRY(
            SNUG_GROW(&stacks->python_starts, &table->start_capacity, stacks->python_count + 2));
        table->frame_count += length;
        stacks->python_starts[stacks->python_count + 1] = table->frame_count;
        *slot = (uint32_t)++stacks->python_count;
    }
    *out = *slot - 1;
    return SNUG_OK;
}

static snug_status gather_python(const snug_snapshot *snapshot, snug_stacks *out) {
    python_table table = {.out = out, .slot_count = 64};
    while (table.slot_count < snapshot->stack_count * 2)
        table.slot_count *= 2;
    snug_status status = SNUG_NEW(&table.slots, table.slot_count);
    if (status == SNUG_OK)
        status = SNUG_GROW(&out->python_starts, &table.start_capacity, (size_t)2);
    if (status == SNUG_OK) {
        out->python_starts[0] = out->python_starts[1] = 0;
        out->python_count = 1;
    }
    for (size_t i = 0; status == SNUG_OK && i < snapshot->stack_count; i++) {
        size_t count;
        const snug_frame_id *stack = snug_snapshot_stack(snapshot, (snug_stack_id)i, &count);
        status = add_python(&table, stack, count, &out->about[i].python);
    }
    snug_memory_free(table.slots);
    return status;
}

static snug_status judge_stacks(const snug_snapshot *snapshot, frame_about *frames,
                                snug_stacks *out) {
    SNUG_TRY(SNUG_NEW(&out->roles, snapshot->frame_count));
    SNUG_TRY(SNUG_NEW(&out->about, snapshot->stack_count));
    for (size_t i = 0; i < snapshot->frame_count; i++) {
        frames[i] = judge_frame(snapshot, &snapshot->frames[i]);
        out->roles[i] = (uint8_t)role_of(&frames[i]);
    }
    for (size_t i = 0; i < snapshot->stack_count; i++) {
        size_t count;
        const snug_frame_id *stack = snug_snapshot_stack(snapshot, (snug_stack_id)i, &count);
        judge_stack(snapshot, frames, stack, count, &out->about[i]);
    }
    return gather_python(snapshot, out);
}

snug_status snug_stacks_judge(const snug_snapshot *snapshot, snug_stacks *out) {
    frame_about *frames = NULL;
    *out = (snug_stacks){0};
    snug_status status = SNUG_NEW(&frames, snapshot->frame_count);
    if (status == SNUG_OK) status = judge_stacks(snapshot, frames, out);
    snug_memory_free(frames);
    return status;
}

void snug_stacks_clear(snug_stacks *stacks) {
    snug_memory_free(stacks->about);
    snug_memory_free(stacks->roles);
    snug_memory_free(stacks->python_starts);
    snug_memory_free(stacks->python_frames);
    *stacks = (snug_stacks){0};
}

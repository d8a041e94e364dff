#include "plan/program.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "ops/reference.h"

enum { COPY_BYTES = 64 * 1024 };

// A node with its kernel and addresses.
typedef struct snug_command {
    const snug_kernel *kernel; // NULL for views
    snug_call call;
    size_t end; // of its highest buffer, from the arena's start
} snug_command;

typedef struct bound_pass {
    const snug_pass *pass;
    snug_command *commands; // by node
    snug_view *views;       // of all commands
} bound_pass;

struct snug_program {
    snug_device *device;
    const snug_schedule *schedule;
    unsigned char *arena; // NULL: released
    unsigned char *kept;  // what is persistent, while the arena is released
    size_t high_water;
    bound_pass *passes; // by stage of the schedule
};

// Where |id| lies, from the arena's start. A view of a persistent tensor has no storage of its own.
static size_t place_of(const snug_program *program, const snug_pass *pass, snug_tensor_id id) {
    const snug_graph *graph = pass->built.graph;
    int32_t storage = pass->lifetimes.storage_of[id];
    while (storage < 0 && graph->tensors[id]->producer != SNUG_NO_NODE) {
        id = graph->nodes[graph->tensors[id]->producer]->inputs[0];
        storage = pass->lifetimes.storage_of[id];
    }
    if (storage >= 0) return program->schedule->persistent.bytes + pass->offsets[storage];
    const snug_tensor *tensor = graph->tensors[id];
    const snug_slot *slot = snug_persistent_find(&program->schedule->persistent,
                                                 snug_role_space(tensor->role), tensor->name);
    assert(slot);
    return slot->offset;
}

static snug_view bind_tensor(const snug_program *program, const snug_pass *pass, snug_tensor_id id,
                             size_t *end) {
    if (id == SNUG_NO_TENSOR) return (snug_view){0};
    const snug_type *type = snug_graph_type(pass->built.graph, id);
    size_t place = place_of(program, pass, id);
    if (place + snug_type_bytes(type) > *end) *end = place + snug_type_bytes(type);
    return (snug_view){.data = program->arena + place, .type = *type};
}

static snug_status bind_node(snug_program *program, const snug_pass *pass, snug_node_id id,
                             snug_view *views, snug_command *command) {
    const snug_node *node = pass->built.graph->nodes[id];
    if (node->op->is_view) return SNUG_OK;
    SNUG_TRY(snug_device_prepare(program->device, pass->built.graph, node, &command->kernel));
    if (command->kernel->workspace_bytes != pass->workspace_bytes[id])
        return snug_fail(SNUG_INTERNAL,
                         "the workspace of %s changed after planning: %zu bytes, "
                         "planned %zu",
                         node->op->name, command->kernel->workspace_bytes,
                         pass->workspace_bytes[id]);
    SNUG_TRY(program->device->device_class->finish(program->device, command->kernel));
    for (int i = 0; i < node->input_count; i++)
        views[i] = bind_tensor(program, pass, node->inputs[i], &command->end);
    for (int i = 0; i < node->output_count; i++)
        views[node->input_count + i] = bind_tensor(program, pass, node->outputs[i], &command->end);
    command->call = (snug_call){.attributes = node->attributes,
                                .inputs = views,
                                .input_count = node->input_count,
                                .outputs = views + node->input_count,
                                .output_count = node->output_count};
    if (pass->workspace_bytes[id] == 0) return SNUG_OK;
    size_t place = program->schedule->persistent.bytes + pass->workspace_offsets[id];
    command->call.workspace = program->arena + place;
    if (place + pass->workspace_bytes[id] > command->end)
        command->end = place + pass->workspace_bytes[id];
    return SNUG_OK;
}

static snug_status bind_pass(snug_program *program, const snug_pass *pass, bound_pass *bound) {
    const snug_graph *graph = pass->built.graph;
    if (!graph) return SNUG_OK;
    bound->pass = pass;
    size_t views = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        views += (size_t)(graph->nodes[i]->input_count + graph->nodes[i]->output_count);
    SNUG_TRY(SNUG_NEW(&bound->commands, graph->node_count));
    SNUG_TRY(SNUG_NEW(&bound->views, views));
    snug_view *next = bound->views;
    for (size_t i = 0; i < graph->node_count; i++) {
        SNUG_TRY(bind_node(program, pass, (snug_node_id)i, next, &bound->commands[i]));
        next += graph->nodes[i]->input_count + graph->nodes[i]->output_count;
    }
    return SNUG_OK;
}

static snug_status bind_all(snug_program *program) {
    for (size_t i = 0; i < program->schedule->stage_count; i++)
        SNUG_TRY(bind_pass(program, &program->schedule->stages[i].pass, &program->passes[i]));
    return SNUG_OK;
}

snug_status snug_program_new(snug_device *device, const snug_schedule *schedule,
                             snug_program **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    snug_program *program = *out;
    program->device = device;
    program->schedule = schedule;
    device->programs++;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&program->passes, schedule->stage_count), failed);
    SNUG_TRY_GOTO(
        device->device_class->allocate(device, schedule->peak_bytes, (void **)&program->arena),
        failed);
    SNUG_TRY_GOTO(bind_all(program), failed);
    return SNUG_OK;
failed:
    snug_program_free(program);
    *out = NULL;
    return status;
}

static void unbind(snug_program *program) {
    for (size_t i = 0; program->passes && i < program->schedule->stage_count; i++) {
        snug_memory_free(program->passes[i].commands);
        snug_memory_free(program->passes[i].views);
        program->passes[i] = (bound_pass){0};
    }
}

void snug_program_free(snug_program *program) {
    if (!program) return;
    program->device->programs--;
    unbind(program);
    snug_memory_free(program->passes);
    snug_memory_free(program->kept);
    if (program->arena)
        program->device->device_class->release(program->device, program->arena,
                                               program->schedule->peak_bytes);
    snug_memory_free(program);
}

bool snug_program_is_released(const snug_program *program) {
    return program->kept != NULL;
}

snug_status snug_program_release(snug_program *program) {
    size_t bytes = program->schedule->persistent.bytes;
    const snug_device_class *device_class = program->device->device_class;
    if (program->kept) return SNUG_OK;
    SNUG_TRY(SNUG_NEW(&program->kept, bytes + 1));
    snug_status status = device_class->read(program->device, program->kept, program->arena, bytes);
    if (status != SNUG_OK) {
        snug_memory_free(program->kept);
        program->kept = NULL;
        return status;
    }
    unbind(program);
    device_class->release(program->device, program->arena, program->schedule->peak_bytes);
    program->arena = NULL;
    return SNUG_OK;
}

snug_status snug_program_restore(snug_program *program) {
    const snug_device_class *device_class = program->device->device_class;
    if (!program->kept) return SNUG_OK;
    snug_status status;
    SNUG_TRY_GOTO(device_class->allocate(program->device, program->schedule->peak_bytes,
                                         (void **)&program->arena),
                  failed);
    SNUG_TRY_GOTO(bind_all(program), failed);
    SNUG_TRY_GOTO(device_class->write(program->device, program->arena, program->kept,
                                      program->schedule->persistent.bytes),
                  failed);
    snug_memory_free(program->kept);
    program->kept = NULL;
    return SNUG_OK;
failed:
    unbind(program);
    if (program->arena)
        device_class->release(program->device, program->arena, program->schedule->peak_bytes);
    program->arena = NULL;
    return status;
}

static void touch(snug_program *program, size_t end) {
    if (end > program->high_water) program->high_water = end;
}

static snug_status run_command(snug_program *program, snug_command *command,
                               const snug_run_state *state) {
    if (!command->kernel) return SNUG_OK;
    touch(program, command->end);
    command->call.state = state;
    return program->device->device_class->run(program->device, command->kernel, &command->call);
}

snug_status snug_program_run_nodes(snug_program *program, const snug_pass *pass, size_t begin,
                                   size_t end, const snug_run_state *state) {
    bound_pass *bound = NULL;
    for (size_t i = 0; i < program->schedule->stage_count; i++)
        if (program->passes[i].pass == pass) bound = &program->passes[i];
    assert(bound);
    const snug_graph *graph = pass->built.graph;
    assert(begin <= end && end <= graph->node_count);
    for (size_t i = begin; i < end; i++) {
        snug_status status = run_command(program, &bound->commands[i], state);
        if (status != SNUG_OK)
            return snug_fail_context(status, "%s at '%s'", graph->nodes[i]->op->name,
                                     graph->nodes[i]->scope);
    }
    return SNUG_OK;
}

snug_status snug_program_run(snug_program *program, const snug_pass *pass,
                             const snug_run_state *state) {
    return snug_program_run_nodes(program, pass, 0, pass->built.graph->node_count, state);
}

snug_status snug_program_write(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                               size_t offset, const void *from, size_t bytes) {
    assert(offset + bytes <= snug_type_bytes(snug_graph_type(pass->built.graph, id)));
    size_t place = place_of(program, pass, id) + offset;
    touch(program, place + bytes);
    return program->device->device_class->write(program->device, program->arena + place, from,
                                                bytes);
}

snug_status snug_program_read(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                              void *to, size_t bytes) {
    assert(bytes == snug_type_bytes(snug_graph_type(pass->built.graph, id)));
    size_t place = place_of(program, pass, id);
    return program->device->device_class->read(program->device, to, program->arena + place, bytes);
}

snug_status snug_program_read_part(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                                   size_t offset, void *to, size_t bytes) {
    assert(offset + bytes <= snug_type_bytes(snug_graph_type(pass->built.graph, id)));
    size_t place = place_of(program, pass, id) + offset;
    return program->device->device_class->read(program->device, to, program->arena + place, bytes);
}

snug_status snug_program_write_slot(snug_program *program, const snug_slot *slot, size_t offset,
                                    const void *from, size_t bytes) {
    assert(offset <= slot->bytes && bytes <= slot->bytes - offset);
    touch(program, slot->offset + offset + bytes);
    return program->device->device_class->write(
        program->device, program->arena + slot->offset + offset, from, bytes);
}

snug_status snug_program_read_slot(snug_program *program, const snug_slot *slot, size_t offset,
                                   void *to, size_t bytes) {
    assert(offset <= slot->bytes && bytes <= slot->bytes - offset);
    return program->device->device_class->read(program->device, to,
                                               program->arena + slot->offset + offset, bytes);
}

size_t snug_program_measured_peak(const snug_program *program) {
    // Buffers end on the alignment that the plan gave them.
    return snug_size_align(program->high_water, SNUG_ARENA_ALIGNMENT);
}

// Numbers are drawn as float32; a constant may be of any type.
static double initial_value(const snug_init *init, uint64_t seed, uint64_t stream,
                            uint64_t element) {
    if (init->kind == SNUG_INIT_CONSTANT) return init->a;
    snug_random_block block = snug_random_at(seed ^ stream, element, 0);
    if (init->kind == SNUG_INIT_UNIFORM)
        return (float)(init->a + (init->b - init->a) * snug_random_uniform(block.words[0]));
    assert(init->kind == SNUG_INIT_NORMAL);
    double normal[2];
    snug_random_normal(block.words[0], block.words[1], normal);
    return (float)(init->a + init->b * normal[0]);
}

// From where it is mapped, a piece at a time.
static snug_status copy_slot(snug_program *program, const snug_slot *slot) {
    for (size_t done = 0; done < slot->bytes; done += COPY_BYTES) {
        size_t left = slot->bytes - done;
        SNUG_TRY(snug_program_write_slot(program, slot, done, (const char *)slot->init.data + done,
                                         left < COPY_BYTES ? left : COPY_BYTES));
    }
    return SNUG_OK;
}

// Elements |first| on, as many as |bytes| have room for, in the slot's own type. Codes of 8-bit
// optimizer state start as zeros, whose value is zero.
static void fill_staging(const snug_slot *slot, uint64_t seed, uint64_t first, void *staging,
                         size_t bytes) {
    uint64_t stream = snug_hash_text(slot->name);
    size_t count = bytes / snug_dtype_bytes(slot->type.dtype);
    for (size_t i = 0; i < count; i++)
        snug_reference_store(staging, slot->type.dtype, (int64_t)i,
                             initial_value(&slot->init, seed, stream, first + i));
}

static snug_status initialise_slot(snug_program *program, const snug_slot *slot, uint64_t seed,
                                   void *staging) {
    if (slot->init.kind == SNUG_INIT_DATA) return copy_slot(program, slot);
    for (size_t done = 0; done < slot->bytes;) {
        size_t bytes = slot->bytes - done < COPY_BYTES ? slot->bytes - done : COPY_BYTES;
        fill_staging(slot, seed, done / snug_dtype_bytes(slot->type.dtype), staging, bytes);
        SNUG_TRY(snug_program_write_slot(program, slot, done, staging, bytes));
        done += bytes;
    }
    return SNUG_OK;
}

snug_status snug_program_initialise(snug_program *program, uint64_t seed) {
    double *staging = NULL; // aligned for every type
    SNUG_TRY(SNUG_NEW(&staging, COPY_BYTES / sizeof *staging));
    const snug_persistent *persistent = &program->schedule->persistent;
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < persistent->count && status == SNUG_OK; i++)
        status = initialise_slot(program, &persistent->slots[i], seed, staging);
    snug_memory_free(staging);
    return status;
}

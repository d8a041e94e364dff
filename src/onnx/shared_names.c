// Parameters that several modules share. PyTorch's exporters write such a parameter once, under one
// of its names; state_dict() has all of them. What the other names are follows from the modules
// that use it: the older exporter names a node "/blocks/blocks.0/head/MatMul", the newer one keeps
// the names of the modules beside it, and all of state_dict()'s names in the graph's signature.
//
// Where there is no signature a module counts that does nothing but what one layer does, so that a
// network's function that reads another module's weight gives no name. The older exporter leaves
// out modules that are not called themselves ("/embed" for encoder.embed, where encoder is a
// ModuleDict) and numbers names that come again ("/norm_1"): a module is that of a parameter that
// it uses, where this explains the difference.
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "onnx/export.h"
#include "onnx/state.h"

static bool is_of_layer(const snug_onnx_node *node) {
    static const char *const ops[] = {
        "Gather",  "MatMul",   "Gemm", "Transpose", "Conv", "ConvTranspose",      "Add",  "Cast",
        "Reshape", "Identity", "Pad",  "PRelu",     "Mul",  "LayerNormalization", "Shape"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (node->domain[0] == '\0' && strcmp(node->op, ops[i]) == 0) return true;
    return false;
}

// "/blocks.0/blocks.0.1/MatMul": a part that goes on where the one before it ended takes its place,
// and the last part is the operator.
static void module_of_name(const char *name, snug_text *path) {
    const char *previous = NULL;
    size_t previous_length = 0;
    if (name[0] != '/') return;
    for (const char *at = name + 1, *end; (end = strchr(at, '/')); at = end + 1) {
        size_t length = (size_t)(end - at);
        bool goes_on = previous && length > previous_length && at[previous_length] == '.' &&
                       strncmp(at, previous, previous_length) == 0;
        size_t skipped = goes_on ? previous_length : 0;
        snug_text_append(path, "%s%.*s", goes_on || !previous ? "" : ".", (int)(length - skipped),
                         at + skipped);
        previous = at;
        previous_length = length;
    }
}

// "['', 'blocks.0', 'blocks.0.head', 'linear']": paths, the last is the operator.
static void module_of_scopes(const char *scopes, snug_text *path) {
    const char *module = NULL, *next = NULL;
    size_t length = 0, next_length = 0;
    for (const char *at = scopes, *end; (at = strchr(at, '\'')); at = end + 1) {
        end = strchr(at + 1, '\'');
        if (!end) break;
        module = next;
        length = next_length;
        next = at + 1;
        next_length = (size_t)(end - next);
    }
    if (module) snug_text_append(path, "%.*s", (int)length, module);
}

// The path of the module that |node| is in, "" where it is not told or the whole network.
static snug_status module_of(const snug_onnx_node *node, snug_pool *pool, const char **out) {
    snug_text path = {0};
    char *kept = NULL;
    if (node->scopes && node->scopes[0])
        module_of_scopes(node->scopes, &path);
    else
        module_of_name(node->name, &path);
    snug_status status = snug_text_status(&path);
    if (status == SNUG_OK) status = snug_pool_text(pool, snug_text_view(&path), &kept);
    snug_text_clear(&path);
    *out = kept;
    return status;
}

typedef struct finder {
    const snug_onnx_graph *graph;
    snug_pool *pool;
    const char **modules;         // by node
    snug_onnx_names initializers; // -> their number + 1
    snug_onnx_names others;       // modules that do more than a layer
    snug_onnx_names signature;    // the names that state_dict() has, where the file tells
    snug_onnx_names known;        // names of parameters, those found included
    // Without a signature: modules by the parameters that they use.
    snug_onnx_names pairs;  // "module\nowner" of those that fit
    snug_onnx_names claims; // of owners: how many modules
    snug_onnx_names paths;  // of modules: the owner that fewest claim
    snug_onnx_shared *found;
    size_t count, capacity;
} finder;

// Lines "p_head_weight: PARAMETER target='head.weight'"; buffers likewise.
static snug_status read_signature(finder *self) {
    static const char before[] = " target='";
    const char *at = self->graph->signature;
    while (at && (at = strstr(at, before))) {
        const char *name = at + sizeof before - 1, *end = strchr(name, '\'');
        char *kept = NULL;
        if (!end) break;
        SNUG_TRY(snug_pool_print(self->pool, &kept, "%.*s", (int)(end - name), name));
        SNUG_TRY(snug_onnx_names_put(&self->signature, kept, self));
        at = end;
    }
    return SNUG_OK;
}

static snug_status prepare(finder *self, const bool *is_state) {
    const snug_onnx_graph *graph = self->graph;
    SNUG_TRY(SNUG_NEW(&self->modules, graph->node_count + 1));
    SNUG_TRY(read_signature(self));
    for (size_t i = 0; i < graph->node_count; i++) {
        SNUG_TRY(module_of(&graph->nodes[i], self->pool, &self->modules[i]));
        if (!is_of_layer(&graph->nodes[i]) &&
            !snug_onnx_names_find(&self->others, self->modules[i]))
            SNUG_TRY(snug_onnx_names_put(&self->others, self->modules[i], self));
    }
    for (size_t i = 0; i < graph->initializer_count; i++) {
        const char *name = graph->initializers[i].name;
        if (snug_onnx_names_find(&self->known, name)) continue;
        SNUG_TRY(snug_onnx_names_put(&self->known, name, self));
        if (is_state[i])
            SNUG_TRY(snug_onnx_names_put(&self->initializers, name, (void *)(uintptr_t)(i + 1)));
    }
    return SNUG_OK;
}

// The segment before |end| of a path that starts at |path|: where it begins.
static const char *segment_before(const char *path, const char *end) {
    while (end > path && end[-1] != '.')
        end--;
    return end;
}

// The length of a segment without the number that the exporter gave it.
static size_t plain_length(const char *segment, size_t length) {
    size_t digits = 0;
    while (digits < length && segment[length - 1 - digits] >= '0' &&
           segment[length - 1 - digits] <= '9')
        digits++;
    bool is_numbered = digits > 0 && digits + 1 < length && segment[length - 1 - digits] == '_';
    return is_numbered ? length - digits - 1 : length;
}

static bool is_segment(const char *wanted, size_t length, const char *found, size_t found_length) {
    size_t plain = plain_length(wanted, length);
    return (length == found_length && strncmp(wanted, found, length) == 0) ||
           (plain == found_length && strncmp(wanted, found, plain) == 0);
}

// Whether |module| may be the first |length| characters of |owner|: its segments stand there in
// their order, the last one last.
static bool fits(const char *module, const char *owner, size_t length) {
    const char *end = module + strlen(module), *owner_end = owner + length;
    bool is_last = true;
    while (end > module) {
        if (owner_end <= owner) return false;
        const char *segment = segment_before(module, end),
                   *other = segment_before(owner, owner_end);
        bool same =
            is_segment(segment, (size_t)(end - segment), other, (size_t)(owner_end - other));
        if (is_last && !same) return false;
        is_last = false;
        if (same) end = segment > module ? segment - 1 : module;
        owner_end = other > owner ? other - 1 : owner;
    }
    return true;
}

// What is called for each use of a parameter in a module.
typedef snug_status use_function(finder *self, const char *module, const char *name, size_t owner);

static snug_status each_use(finder *self, use_function *function) {
    for (size_t i = 0; i < self->graph->node_count; i++) {
        const snug_onnx_node *node = &self->graph->nodes[i];
        for (size_t j = 0; j < node->input_count; j++) {
            const char *name = node->inputs[j], *dot = strrchr(name, '.');
            if (!self->modules[i][0] || !dot || !snug_onnx_names_find(&self->initializers, name))
                continue;
            SNUG_TRY(function(self, self->modules[i], name, (size_t)(dot - name)));
        }
    }
    return SNUG_OK;
}

static snug_status claim(finder *self, const char *module, const char *name, size_t owner) {
    char *pair = NULL;
    if (!fits(module, name, owner)) return SNUG_OK;
    SNUG_TRY(snug_pool_print(self->pool, &pair, "%s\n%.*s", module, (int)owner, name));
    if (snug_onnx_names_find(&self->pairs, pair)) return SNUG_OK;
    SNUG_TRY(snug_onnx_names_put(&self->pairs, pair, self));
    const char *path = strchr(pair, '\n') + 1;
    uintptr_t claims = (uintptr_t)snug_onnx_names_find(&self->claims, path);
    return snug_onnx_names_put(&self->claims, path, (void *)(claims + 1));
}

static snug_status choose_path(finder *self, const char *module, const char *name, size_t owner) {
    char *path = NULL;
    if (!fits(module, name, owner)) return SNUG_OK;
    SNUG_TRY(snug_pool_print(self->pool, &path, "%.*s", (int)owner, name));
    const char *other = snug_onnx_names_find(&self->paths, module);
    if (other && (uintptr_t)snug_onnx_names_find(&self->claims, other) <=
                     (uintptr_t)snug_onnx_names_find(&self->claims, path))
        return SNUG_OK;
    return snug_onnx_names_put(&self->paths, module, path);
}

// A parameter has the name that the module that uses it gives it, where that is another.
static snug_status note_use(finder *self, const char *module, const char *name, size_t owner) {
    bool is_told = self->signature.count > 0;
    const char *path = snug_onnx_names_find(&self->paths, module);
    char *second = NULL;
    if (!is_told && snug_onnx_names_find(&self->others, module)) return SNUG_OK;
    SNUG_TRY(snug_pool_print(self->pool, &second, "%s%s", path ? path : module, name + owner));
    if (snug_onnx_names_find(&self->known, second)) return SNUG_OK;
    if (is_told && !snug_onnx_names_find(&self->signature, second)) return SNUG_OK;
    uintptr_t initializer = (uintptr_t)snug_onnx_names_find(&self->initializers, name);
    SNUG_TRY(SNUG_GROW(&self->found, &self->capacity, self->count + 1));
    self->found[self->count++] = (snug_onnx_shared){.name = second, .initializer = initializer - 1};
    return snug_onnx_names_put(&self->known, second, self);
}

static snug_status find(finder *self, const bool *is_state) {
    SNUG_TRY(prepare(self, is_state));
    if (self->signature.count == 0) {
        SNUG_TRY(each_use(self, claim));
        SNUG_TRY(each_use(self, choose_path));
    }
    return each_use(self, note_use);
}

snug_status snug_onnx_find_shared(const snug_onnx_graph *graph, snug_pool *pool,
                                  snug_onnx_shared **out, size_t *count) {
    finder self = {.graph = graph, .pool = pool};
    bool *is_state = NULL;
    snug_status status = SNUG_NEW(&is_state, graph->initializer_count + 1);
    if (status == SNUG_OK) status = snug_onnx_find_state(graph, is_state);
    if (status == SNUG_OK) status = find(&self, is_state);
    snug_memory_free(is_state);
    snug_memory_free(self.modules);
    snug_onnx_names_clear(&self.initializers);
    snug_onnx_names_clear(&self.others);
    snug_onnx_names_clear(&self.signature);
    snug_onnx_names_clear(&self.known);
    snug_onnx_names_clear(&self.pairs);
    snug_onnx_names_clear(&self.claims);
    snug_onnx_names_clear(&self.paths);
    if (status != SNUG_OK) {
        snug_memory_free(self.found);
        self.found = NULL;
        self.count = 0;
    }
    *out = self.found;
    *count = self.count;
    return status;
}

// What becomes of the initializers: parameters that learn, running statistics, constants. Few files
// say which is which, but where a value goes does.
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "onnx/state.h"
#include "ops/reference.h"

enum {
    ALL = 0xFF,
    USES = 31, // the bits of snug_onnx_use_kind
    // Beside the kinds of use, of a value:
    NEEDED = 32,    // an output depends on it
    STATIC = 64,    // computed of initializers alone
    GROUPED = 128,  // a group norm before its scale, as exporters write it out,
    SCALED = 256,   // and after that
    LEARNED = 4096, // computed of what certainly is a weight
    // What the document declares of it:
    PARAMETER = 512,
    BUFFER = 1024,
    FOLDED = 2048
};

// Bit i: input i.
typedef struct positions {
    const char *op;
    unsigned weights, operands, statistics;
    unsigned passes; // what becomes of the output becomes of these
    unsigned norms;
} positions;

static const positions table[] = {
    {"Conv", 6, 0, 0, 0, 0},
    {"ConvTranspose", 6, 0, 0, 0, 0},
    {"Gemm", 7, 0, 0, 0, 0},
    {"MatMul", 3, 0, 0, 0, 0},
    {"Einsum", ALL, 0, 0, 0, 0},
    {"BatchNormalization", 0, 0, 24, 0, 6},
    {"LayerNormalization", 0, 0, 0, 0, 6},
    {"GroupNormalization", 0, 0, 0, 0, 6},
    {"InstanceNormalization", 0, 0, 0, 0, 6},
    {"RMSNormalization", 0, 0, 0, 0, 2},
    {"PRelu", 2, 0, 0, 0, 0},
    {"RNN", 14, 32, 0, 0, 0},
    {"GRU", 14, 32, 0, 0, 0},
    {"LSTM", 142, 96, 0, 0, 0}, // with peepholes
    {"Gather", 1, 0, 0, 0, 0},
    {"Add", 0, 3, 0, 0, 0},
    {"Mul", 0, 3, 0, 0, 0},
    {"Sum", 0, ALL, 0, 0, 0},
    {"Where", 0, 6, 0, 0, 0},
    {"Concat", 0, ALL, 0, ALL, 0},
    {"Transpose", 0, 0, 0, 1, 0},
    {"Reshape", 0, 0, 0, 1, 0},
    {"Flatten", 0, 0, 0, 1, 0},
    {"Squeeze", 0, 0, 0, 1, 0},
    {"Unsqueeze", 0, 0, 0, 1, 0},
    {"Cast", 0, 0, 0, 1, 0},
    {"CastLike", 0, 0, 0, 1, 0},
    {"Identity", 0, 0, 0, 1, 0},
    {"Expand", 0, 1, 0, 1, 0},
    {"Tile", 0, 1, 0, 1, 0},
    {"Slice", 0, 0, 0, 1, 0},
    {"Split", 0, 0, 0, 1, 0},
    {"Pad", 0, 0, 0, 1, 0},
    {"Resize", 0, 0, 0, 1, 0},
    {"SplitToSequence", 0, 0, 0, 1, 0},
    {"SequenceConstruct", 0, 0, 0, ALL, 0},
    {"SequenceInsert", 0, 0, 0, 3, 0},
    {"SequenceErase", 0, 0, 0, 1, 0},
    {"SequenceAt", 0, 0, 0, 1, 0},
    {"ConcatFromSequence", 0, 1, 0, 1, 0},
};
enum { POSITIONS = sizeof table / sizeof *table };

static const positions *positions_of(const snug_onnx_node *node) {
    for (int i = 0; i < POSITIONS && node->domain[0] == '\0'; i++)
        if (strcmp(table[i].op, node->op) == 0) return &table[i];
    return NULL;
}

static unsigned flags_of(const snug_onnx_names *uses, const char *name) {
    return (unsigned)(uintptr_t)snug_onnx_names_find(uses, name);
}

static snug_status add_flags(snug_onnx_names *uses, const char *name, unsigned flags) {
    unsigned before = flags_of(uses, name);
    if (!name[0] || (before | flags) == before) return SNUG_OK;
    return snug_onnx_names_put(uses, name, (void *)(uintptr_t)(before | flags));
}

typedef struct finder {
    snug_onnx_import *import;
    snug_onnx_names *uses;
    unsigned char **functions; // by function: of its inputs, once known
    int depth;
} finder;

static snug_status visit_nodes(finder *self, snug_onnx_names *uses, const snug_onnx_node *nodes,
                               size_t count, bool *needed);

// How the inputs of |function| are used; what its results are used for is not known here, and taken
// for arithmetic.
static snug_status visit_function(finder *self, const snug_onnx_function *function,
                                  const unsigned char **out) {
    unsigned char **known = &self->functions[function - self->import->document->functions];
    *out = *known;
    if (*known || self->depth >= SNUG_ONNX_MAX_DEPTH) return SNUG_OK;
    snug_onnx_names uses = {0};
    SNUG_TRY(snug_pool_new(&self->import->pool, function->input_count + 1, (void **)known));
    *out = *known;
    snug_status status = SNUG_OK;
    for (size_t i = 0; status == SNUG_OK && i < function->output_count; i++)
        status = add_flags(&uses, function->outputs[i], SNUG_ONNX_USE_OPERAND | NEEDED);
    self->depth++;
    if (status == SNUG_OK)
        status = visit_nodes(self, &uses, function->nodes, function->node_count, NULL);
    self->depth--;
    for (size_t i = 0; i < function->input_count; i++)
        (*known)[i] = (unsigned char)(flags_of(&uses, function->inputs[i]) & USES);
    snug_onnx_names_clear(&uses);
    return status;
}

static snug_status visit_branches(finder *self, snug_onnx_names *uses, const snug_onnx_node *node) {
    for (size_t i = 0; i < node->attribute_count; i++) {
        const snug_onnx_graph *branch = node->attributes[i].graph;
        if (!branch) continue;
        for (size_t j = 0; j < branch->output_count; j++)
            SNUG_TRY(add_flags(uses, branch->outputs[j].name, SNUG_ONNX_USE_OPERAND | NEEDED));
        SNUG_TRY(visit_nodes(self, uses, branch->nodes, branch->node_count, NULL));
        // A loop's body has the inputs of its node, number for number.
        bool is_loop = node->domain[0] == '\0' && snug_onnx_is_loop(node->op);
        for (size_t j = 0; is_loop && j < branch->input_count && j < node->input_count; j++)
            SNUG_TRY(
                add_flags(uses, node->inputs[j], flags_of(uses, branch->inputs[j].name) & USES));
    }
    return SNUG_OK;
}

// Marks what is computed of initializers alone, and group norms that are written out: the norm of
// an instance under another shape, back to its own, times a vector, plus a vector.
static snug_status mark_node(snug_onnx_names *uses, const snug_onnx_node *node) {
    unsigned first = node->input_count ? flags_of(uses, node->inputs[0]) : 0, marks = STATIC;
    bool is_plain = node->domain[0] == '\0';
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i][0]) marks &= flags_of(uses, node->inputs[i]);
    for (size_t i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].graph) marks = 0; // a branch sees values that are no inputs
    if (node->input_count == 0 && (!is_plain || strcmp(node->op, "Constant") != 0)) marks = 0;
    const positions *found = positions_of(node);
    for (size_t i = 0; i < node->input_count; i++) {
        unsigned own = flags_of(uses, node->inputs[i]);
        bool is_weight = found && i < 8 && found->weights >> i & 1 && own & STATIC;
        if (is_weight || own & LEARNED) marks |= LEARNED;
    }
    if (is_plain && strcmp(node->op, "InstanceNormalization") == 0) marks |= GROUPED;
    if (is_plain && strcmp(node->op, "Reshape") == 0) marks |= first & GROUPED;
    if (is_plain && strcmp(node->op, "Mul") == 0 && first & GROUPED) marks |= SCALED;
    for (size_t i = 0; marks && i < node->output_count; i++)
        SNUG_TRY(add_flags(uses, node->outputs[i], marks));
    return SNUG_OK;
}

static snug_status mark_graph(snug_onnx_names *uses, const snug_onnx_graph *graph) {
    static const unsigned declared[] = {[SNUG_ONNX_PARAMETER] = PARAMETER,
                                        [SNUG_ONNX_BUFFER] = BUFFER,
                                        [SNUG_ONNX_TRANSIENT] = BUFFER,
                                        [SNUG_ONNX_FOLDED] = FOLDED};
    for (size_t i = 0; i < graph->declared_count; i++)
        SNUG_TRY(add_flags(uses, graph->declared[i].name, declared[graph->declared[i].declared]));
    for (size_t i = 0; i < graph->initializer_count; i++)
        SNUG_TRY(add_flags(uses, graph->initializers[i].name, STATIC));
    for (size_t i = 0; i < graph->node_count; i++)
        SNUG_TRY(mark_node(uses, &graph->nodes[i]));
    return SNUG_OK;
}

// What the marks say of input |index|, whose node's results are used as |of_outputs| says.
static unsigned flags_by_marks(const snug_onnx_names *uses, const snug_onnx_node *node,
                               size_t index, unsigned of_outputs) {
    unsigned flags = 0;
    bool is_static = node->output_count && flags_of(uses, node->outputs[0]) & STATIC;
    // Whatever makes a weight of parameters, such as a weight norm.
    if (is_static && of_outputs & USES) flags |= SNUG_ONNX_USE_OPERAND;
    if (node->domain[0] || node->input_count != 2 || index > 1) return flags;
    unsigned other = flags_of(uses, node->inputs[1 - index]);
    bool is_affine = (other & GROUPED && strcmp(node->op, "Mul") == 0) ||
                     (other & SCALED && strcmp(node->op, "Add") == 0);
    // A temperature; what the network's input alone is divided by is a mean or a deviation.
    bool divides = strcmp(node->op, "Sub") == 0 || strcmp(node->op, "Div") == 0;
    if (!(flags_of(uses, node->inputs[index]) & STATIC)) return flags;
    if (is_affine) flags |= SNUG_ONNX_USE_AFFINE;
    if (divides && other & LEARNED) flags |= SNUG_ONNX_USE_OPERAND;
    return flags;
}

static unsigned flags_at(const positions *found, size_t input, unsigned of_outputs) {
    unsigned bit = input < 8 ? 1U << input : 128, flags = NEEDED;
    if (!found) return flags;
    if (found->weights & bit) flags |= SNUG_ONNX_USE_WEIGHT;
    if (found->operands & bit) flags |= SNUG_ONNX_USE_OPERAND;
    if (found->statistics & bit) flags |= SNUG_ONNX_USE_STATISTIC;
    if (found->norms & bit) flags |= SNUG_ONNX_USE_NORM;
    if (found->passes & bit) flags |= of_outputs & USES;
    return flags;
}

static snug_status visit_node(finder *self, snug_onnx_names *uses, const snug_onnx_node *node,
                              bool *needed) {
    unsigned of_outputs = 0;
    for (size_t i = 0; i < node->output_count; i++)
        of_outputs |= flags_of(uses, node->outputs[i]);
    *needed = of_outputs & NEEDED;
    if (!*needed) return SNUG_OK;
    const positions *found = positions_of(node);
    const unsigned char *of_function = NULL;
    snug_onnx_meaning meaning = snug_onnx_meaning_of(self->import, node);
    if (meaning.function) SNUG_TRY(visit_function(self, meaning.function, &of_function));
    for (size_t i = 0; i < node->input_count; i++) {
        bool is_formal = of_function && i < meaning.function->input_count;
        unsigned flags = is_formal ? of_function[i] | NEEDED : flags_at(found, i, of_outputs);
        flags |= flags_by_marks(uses, node, i, of_outputs);
        SNUG_TRY(add_flags(uses, node->inputs[i], flags));
    }
    return visit_branches(self, uses, node);
}

static snug_status visit_nodes(finder *self, snug_onnx_names *uses, const snug_onnx_node *nodes,
                               size_t count, bool *needed) {
    for (size_t i = count; i-- > 0;) {
        bool is_needed;
        SNUG_TRY(visit_node(self, uses, &nodes[i], &is_needed));
        if (needed) needed[i] = is_needed;
    }
    return SNUG_OK;
}

snug_status snug_onnx_find_uses(snug_onnx_import *import, const snug_onnx_graph *graph,
                                const char *const *outputs, size_t output_count, bool *needed) {
    finder self = {.import = import};
    SNUG_TRY(snug_pool_new(&import->pool,
                           (import->document->function_count + 1) * sizeof *self.functions,
                           (void **)&self.functions));
    SNUG_TRY(mark_graph(&import->uses, graph));
    for (size_t i = 0; i < output_count; i++)
        SNUG_TRY(add_flags(&import->uses, outputs[i], NEEDED));
    return visit_nodes(&self, &import->uses, graph->nodes, graph->node_count, needed);
}

// PyTorch's are "onnx::Add_12", "/layer/Constant_output_0", "val_3" and "_lifted_tensor_constant0";
// TensorFlow's "const_fold_opt__12".
bool snug_onnx_is_anonymous(const char *name) {
    static const char *const parts[] = {"onnx::", "onstant", "const_", "lifted_tensor", "scalar_"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i])) return true;
    if (strncmp(name, "val_", 4) == 0) name += 4;
    return name[0] == '/' || name[strspn(name, "0123456789")] == '\0';
}

snug_status snug_onnx_find_spectral(const snug_onnx_names *initializers, const char *name,
                                    bool *out) {
    size_t length = strlen(name);
    *out = false;
    if (length < 3 ||
        (strcmp(name + length - 2, "_u") != 0 && strcmp(name + length - 2, "_v") != 0))
        return SNUG_OK;
    *out = strstr(name, ".parametrizations.") && name[length - 3] == '.';
    snug_text original = {0};
    snug_text_append(&original, "%.*s_orig", (int)length - 2, name);
    snug_status status = snug_text_status(&original);
    if (status == SNUG_OK && snug_onnx_names_find(initializers, original.data)) *out = true;
    snug_text_clear(&original);
    return status;
}

static bool is_uniform(const snug_onnx_tensor *tensor) {
    size_t size = snug_dtype_bytes(tensor->type.dtype);
    const char *at = tensor->data;
    return tensor->bytes >= size && memcmp(at, at + size, tensor->bytes - size) == 0;
}

// Whether all elements are 0, or all are 1: what a norm without scale and bias is written with.
static bool is_neutral(const snug_onnx_tensor *tensor) {
    int64_t element = 0; // the file's may lie anywhere
    if (!tensor->data || !is_uniform(tensor)) return false;
    memcpy(&element, tensor->data, snug_dtype_bytes(tensor->type.dtype));
    double value = snug_reference_load(&element, tensor->type.dtype, 0);
    return value == 0 || value == 1;
}

static bool is_vector(const snug_type *type) {
    int long_dims = 0;
    for (int i = 0; i < type->rank; i++)
        long_dims += type->dims[i] > 1;
    return long_dims == 1;
}

// The zero that is repeated to the state that a recurrent layer starts from, where one is written
// out: a product takes it, too.
static bool is_initial_state(const snug_onnx_tensor *tensor) {
    return is_neutral(tensor) && snug_type_elements(&tensor->type) == 1;
}

static snug_role role_of(const snug_onnx_tensor *tensor, unsigned uses) {
    bool has_name = !snug_onnx_is_anonymous(tensor->name) && !(uses & FOLDED), learns = false;
    if (!snug_dtype_is_float(tensor->type.dtype)) return SNUG_ROLE_CONSTANT;
    if (uses & SNUG_ONNX_USE_STATISTIC) return SNUG_ROLE_STATISTIC;
    if (uses & (PARAMETER | BUFFER))
        return uses & PARAMETER ? SNUG_ROLE_WEIGHT : SNUG_ROLE_CONSTANT;
    if (uses & SNUG_ONNX_USE_WEIGHT) learns = has_name || !is_initial_state(tensor);
    if (uses & SNUG_ONNX_USE_OPERAND) learns = learns || has_name;
    if (uses & SNUG_ONNX_USE_NORM) learns = learns || has_name || !is_neutral(tensor);
    if (uses & SNUG_ONNX_USE_AFFINE) learns = learns || has_name || is_vector(&tensor->type);
    return learns ? SNUG_ROLE_WEIGHT : SNUG_ROLE_CONSTANT;
}

static snug_status new_initializer(snug_onnx_import *import, const snug_onnx_tensor *tensor,
                                   unsigned uses, snug_onnx_slot **out) {
    static const char nothing[8]; // no element, but known
    SNUG_TRY(snug_onnx_slot_new(import, out));
    snug_onnx_slot *slot = *out;
    slot->initializer = tensor;
    slot->role = role_of(tensor, uses);
    bool is_spectral;
    SNUG_TRY(snug_onnx_find_spectral(&import->uses, tensor->name, &is_spectral));
    if (is_spectral) slot->role = SNUG_ROLE_CONSTANT;
    slot->operand.is_present = true;
    slot->operand.type = tensor->type;
    slot->operand.name = tensor->name;
    slot->operand.is_weight = slot->role == SNUG_ROLE_WEIGHT;
    if (slot->role == SNUG_ROLE_CONSTANT)
        slot->operand.data = tensor->data ? tensor->data : nothing;
    return SNUG_OK;
}

snug_status snug_onnx_unshare(snug_onnx_import *import, const snug_onnx_scope *scope,
                              const snug_onnx_node *node, const snug_onnx_slot *slot,
                              snug_onnx_slot **out) {
    *out = NULL;
    bool is_identity = node->domain[0] == '\0' && strcmp(node->op, "Identity") == 0 &&
                       node->output_count == 1 && !scope->outer && !scope->function;
    bool is_parameter = slot && slot->initializer && slot->role != SNUG_ROLE_CONSTANT;
    bool is_fresh = is_parameter && snug_type_elements(&slot->initializer->type) > 1 &&
                    is_uniform(slot->initializer);
    if (!is_identity || !is_fresh || snug_onnx_is_anonymous(node->outputs[0])) return SNUG_OK;
    snug_onnx_tensor *twin = NULL;
    SNUG_TRY(snug_pool_new(&import->pool, sizeof *twin, (void **)&twin));
    *twin = *slot->initializer;
    twin->name = node->outputs[0];
    return new_initializer(import, twin, flags_of(&import->uses, twin->name), out);
}

static snug_status define_initializer(snug_onnx_import *import, snug_onnx_scope *scope,
                                      const snug_onnx_tensor *tensor) {
    unsigned uses = flags_of(&import->uses, tensor->name);
    if (!(uses & NEEDED)) return SNUG_OK;
    if (!tensor->is_known)
        return snug_fail(SNUG_UNSUPPORTED, "initializer \"%.200s\" has elements of type %d",
                         tensor->name, tensor->data_type);
    snug_onnx_slot *slot = NULL;
    SNUG_TRY(new_initializer(import, tensor, uses, &slot));
    return snug_onnx_define(scope, tensor->name, slot);
}

snug_status snug_onnx_define_initializers(snug_onnx_import *import, snug_onnx_scope *scope,
                                          const snug_onnx_graph *graph) {
    for (size_t i = 0; i < graph->initializer_count; i++)
        SNUG_TRY(define_initializer(import, scope, &graph->initializers[i]));
    return SNUG_OK;
}

bool snug_onnx_is_used(const snug_onnx_call *call, size_t index) {
    const snug_onnx_node *node = call->node;
    const snug_onnx_names *uses = &call->import->uses;
    if (index >= node->output_count || !node->outputs[index][0]) return false;
    // Names inside functions and branches are not in the table: then nothing of the node is.
    bool is_told = false;
    for (size_t i = 0; i < node->output_count; i++)
        is_told = is_told || flags_of(uses, node->outputs[i]) & NEEDED;
    return !is_told || flags_of(uses, node->outputs[index]) & NEEDED;
}

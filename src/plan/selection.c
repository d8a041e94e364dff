#include "plan/selection.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "snug/near.h"

enum { PATTERN_BYTES = 512, NEAR_NAMES = 512, LISTED_NAMES = 20 };

// Copies the pattern at |*list| and moves on to the next; false at the end.
static bool next_pattern(const char **list, char pattern[PATTERN_BYTES]) {
    while (*list && **list == ',')
        (*list)++;
    if (!*list || !**list) return false;
    size_t length = strcspn(*list, ",");
    snprintf(pattern, PATTERN_BYTES, "%.*s", (int)length, *list);
    *list += length;
    return true;
}

// "fc" stands for "fc.weight" and "fc.bias", too: a module's name for all that is in it.
static bool matches(const char *pattern, const char *name) {
    char inside[PATTERN_BYTES + 2];
    snprintf(inside, sizeof inside, "%s.*", pattern);
    return fnmatch(pattern, name, 0) == 0 || fnmatch(inside, name, 0) == 0;
}

static bool matches_any(const char *list, const char *name) {
    char pattern[PATTERN_BYTES];
    while (next_pattern(&list, pattern))
        if (matches(pattern, name)) return true;
    return false;
}

static bool lists_word(const char *list, const char *word) {
    char pattern[PATTERN_BYTES];
    while (next_pattern(&list, pattern))
        if (strcmp(pattern, word) == 0) return true;
    return false;
}

static bool is_learner(const snug_tensor *tensor) {
    return tensor->role == SNUG_ROLE_WEIGHT && tensor->trainable;
}

// Tells the names that there are, or those of the modules that they are in where they are many.
static snug_status refuse_pattern(const char *option, const char *pattern, const char *const *names,
                                  int count) {
    const char *near = snug_near_match(pattern, names);
    const char *last = "";
    size_t last_length = 0;
    snug_text list = {0};
    int listed = 0;
    for (int i = 0; i < count && listed < LISTED_NAMES; i++) {
        size_t length = count > LISTED_NAMES ? strcspn(names[i], ".") : strlen(names[i]);
        if (length == last_length && strncmp(names[i], last, length) == 0) continue;
        snug_text_append(&list, "%s%.*s", listed++ ? ", " : "", (int)length, names[i]);
        last = names[i];
        last_length = length;
    }
    snug_status status = snug_fail(
        SNUG_INVALID,
        "`%s=%s` matches no weight of the network%s%s%s: names and globs such as 'layer4.*' "
        "expected, of %s%s",
        option, pattern, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
        snug_text_view(&list), listed == LISTED_NAMES ? " ..." : "");
    snug_text_clear(&list);
    return status;
}

// |words|: what is no pattern, or NULL.
static snug_status check_patterns(const snug_graph *graph, const char *list, const char *option,
                                  const char *words) {
    char pattern[PATTERN_BYTES];
    for (const char *at = list; at && *at; at += at[0] == ',' ? 1 : strcspn(at, ","))
        if (strcspn(at, ",") >= PATTERN_BYTES)
            return snug_fail(SNUG_INVALID, "`%s` has a pattern of more than %d bytes", option,
                             PATTERN_BYTES - 1);
    while (next_pattern(&list, pattern)) {
        bool found = words && lists_word(words, pattern);
        const char *names[NEAR_NAMES + 1] = {NULL};
        int count = 0;
        for (size_t i = 0; i < graph->tensor_count && !found; i++) {
            if (!is_learner(graph->tensors[i])) continue;
            found = matches(pattern, graph->tensors[i]->name);
            if (count < NEAR_NAMES) names[count++] = graph->tensors[i]->name;
        }
        if (found) continue;
        return refuse_pattern(option, pattern, names, count);
    }
    return SNUG_OK;
}

// |reached[t]|: a gradient can come from the logits to tensor t.
static void mark_reached(const snug_graph *graph, snug_tensor_id logits, bool *reached) {
    reached[logits] = true;
    for (size_t i = graph->node_count; i-- > 0;) {
        const snug_node *node = graph->nodes[i];
        bool any = false;
        for (int j = 0; j < node->output_count && node->op->gradient; j++)
            any = any || reached[node->outputs[j]];
        for (int j = 0; j < node->input_count && any; j++)
            if (node->inputs[j] != SNUG_NO_TENSOR) reached[node->inputs[j]] = true;
    }
}

// The network's own tensor that |id| is, through what only copies it.
static snug_tensor *source_of(const snug_graph *graph, snug_tensor_id id) {
    while (graph->tensors[id]->producer != SNUG_NO_NODE &&
           graph->nodes[graph->tensors[id]->producer]->input_count == 1)
        id = graph->nodes[graph->tensors[id]->producer]->inputs[0];
    return graph->tensors[id];
}

// Marks the weights that |list| leaves out of weight decay. A bias is what its operator says is
// one, and whatever has one dimension and is no norm's: exporters write biases as additions.
static void mark_no_decay(const snug_graph *graph, const char *list) {
    bool norms = lists_word(list, "norms"), biases = lists_word(list, "biases");
    for (size_t i = 0; i < graph->tensor_count; i++) {
        snug_tensor *tensor = graph->tensors[i];
        if (!is_learner(tensor)) continue;
        tensor->no_decay = matches_any(list, tensor->name) || (biases && tensor->type.rank <= 1);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        for (int j = 0; j < node->input_count && j < SNUG_ROLES; j++) {
            snug_input_role role = node->op->roles[j];
            if (node->inputs[j] == SNUG_NO_TENSOR) continue;
            snug_tensor *tensor = source_of(graph, node->inputs[j]);
            if (!is_learner(tensor) || matches_any(list, tensor->name)) continue;
            if (role == SNUG_INPUT_SCALE || role == SNUG_INPUT_SHIFT) tensor->no_decay = norms;
            if (role == SNUG_INPUT_BIAS) tensor->no_decay = biases;
        }
    }
}

snug_status snug_training_select(const snug_training *training, snug_graph *graph,
                                 snug_tensor_id logits, bool must_learn) {
    bool *reached = NULL, any = !must_learn;
    if (logits == SNUG_NO_TENSOR) return graph->status;
    SNUG_TRY(check_patterns(graph, training->train, "train", NULL));
    SNUG_TRY(check_patterns(graph, training->freeze, "freeze", NULL));
    SNUG_TRY(check_patterns(graph, training->no_decay, "no_decay", "norms,biases"));
    SNUG_TRY(SNUG_NEW(&reached, graph->tensor_count));
    mark_reached(graph, logits, reached);
    for (size_t i = 0; i < graph->tensor_count; i++) {
        snug_tensor *tensor = graph->tensors[i];
        if (!is_learner(tensor)) continue;
        bool chosen = (!training->train || matches_any(training->train, tensor->name)) &&
                      !matches_any(training->freeze, tensor->name);
        tensor->trainable = chosen && reached[i];
        any = any || tensor->trainable;
    }
    snug_memory_free(reached);
    if (training->no_decay) mark_no_decay(graph, training->no_decay);
    if (any) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "no weight is left to learn: `train` and `freeze` choose");
}

void snug_training_count(const snug_graph *graph, int64_t *all, int64_t *learning) {
    *all = *learning = 0;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (tensor->role != SNUG_ROLE_WEIGHT) continue;
        *all += snug_type_elements(&tensor->type);
        if (tensor->trainable) *learning += snug_type_elements(&tensor->type);
    }
}

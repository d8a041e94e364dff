// The graphs of a plan's passes as text, and graphs as they are being made.
#include <stdlib.h>

#include "graph/print.h"
#include "io/file.h"
#include "plan/graph_dump.h"
#include "plan/plan.h"

static void append_pass(const char *name, const snug_pass *pass, snug_text *text) {
    snug_text_append(text, "# %s: %lld samples, %zu nodes\n", name, (long long)pass->built.samples,
                     pass->built.graph->node_count);
    snug_graph_print(pass->built.graph, text);
}

snug_status snug_plan_graph(const snug_plan *plan, char **out) {
    SNUG_REQUIRE(plan && out, "a plan and a place for the text");
    snug_text text = {0};
    *out = NULL;
    for (size_t i = 0; i < plan->schedule.stage_count; i++)
        append_pass(plan->schedule.stages[i].name, &plan->schedule.stages[i].pass, &text);
    snug_status status = snug_text_status(&text);
    if (status == SNUG_OK)
        *out = text.data;
    else
        snug_text_clear(&text);
    return status;
}

#ifdef SNUG_DEBUG
void snug_graph_dump(const snug_graph *graph, const char *rewrite) {
    static int count; // plans of several threads may number alike; whoever debugs has one
    const char *folder = getenv("SNUG_GRAPH_DUMP");
    if (!folder) return;
    snug_text path = {0}, text = {0};
    snug_text_append(&path, "%s/%06d-%s.txt", folder, ++count, rewrite);
    if (snug_graph_print(graph, &text) == SNUG_OK && snug_text_status(&path) == SNUG_OK)
        snug_file_write_text(path.data, snug_text_view(&text));
    snug_text_clear(&path);
    snug_text_clear(&text);
}
#endif

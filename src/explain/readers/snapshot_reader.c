// Memory snapshots of PyTorch.
#include "explain/explanation.h"
#include "explain/snapshot/snapshot.h"
#include "explain/trace/analysis.h"
#include "explain/trace/what_if.h"
#include "io/pickle.h"

// The trace under other settings, where it was asked for. A trace that is missing or contradicts
// itself is no failure: the report says so.
static snug_status add_what_if(const snug_snapshot *snapshot, int device, snug_facts *facts,
                               snug_text *detail, snug_text *json) {
    snug_what_if what_if;
    snug_status status = snug_what_if_make(snapshot, device, &what_if);
    if (status == SNUG_NOT_FOUND || status == SNUG_INVALID) {
        snug_text_append(detail,
                         "\nThe trace under other settings\n  There is none: the snapshot's "
                         "trace is missing, or contradicts itself.\n  Call "
                         "torch.cuda.memory._record_memory_history() before training.\n");
        snug_text_append(json, ",\"what_if\":null");
        return SNUG_OK;
    }
    if (status != SNUG_OK) return status;
    snug_what_if_tell(&what_if, facts);
    snug_what_if_append_text(&what_if, detail);
    snug_text_append(json, ",");
    snug_what_if_append_json(&what_if, json);
    return SNUG_OK;
}

// Free pieces that together would have held what failed look like fragmentation, which a replay
// under other settings can tell: it speaks for the causes, whether its table was asked for or not.
static snug_status replay_scattered(const snug_analysis *analysis, snug_facts *facts) {
    const snug_figures *figures = &facts->figures;
    uint64_t held = analysis->timeline.reserved - analysis->timeline.live;
    snug_what_if what_if;
    if (!figures->requested.known || analysis->timeline.reserved < analysis->timeline.live ||
        figures->largest_free.bytes >= figures->requested.bytes || held < figures->requested.bytes)
        return SNUG_OK;
    snug_status status = snug_what_if_make(analysis->snapshot, analysis->timeline.device, &what_if);
    if (status == SNUG_NOT_FOUND || status == SNUG_INVALID) return SNUG_OK;
    if (status == SNUG_OK) snug_what_if_tell(&what_if, facts);
    return status;
}

static snug_status add_finding(const snug_analysis *analysis, const char *name,
                               snug_explanation *explanation) {
    snug_facts facts = SNUG_FACTS_INIT;
    snug_text detail = {0}, json = {0};
    facts.format = "pytorch-snapshot";
    facts.source = name;
    snug_status status = snug_analysis_tell(analysis, &facts);
    snug_analysis_append_text(analysis, &detail);
    snug_analysis_append_json(analysis, &json);
    if (status == SNUG_OK && explanation->options.what_if)
        status =
            add_what_if(analysis->snapshot, facts.gpu < 0 ? 0 : facts.gpu, &facts, &detail, &json);
    else if (status == SNUG_OK)
        status = replay_scattered(analysis, &facts);
    if (status == SNUG_OK) status = snug_text_status(&detail);
    if (status == SNUG_OK) status = snug_text_status(&json);
    facts.detail = snug_text_view(&detail);
    facts.detail_json = snug_text_view(&json);
    if (status == SNUG_OK) status = snug_explanation_add(explanation, &facts);
    snug_text_clear(&detail);
    snug_text_clear(&json);
    return status;
}

static snug_status explain(const snug_snapshot *snapshot, const char *name,
                           snug_explanation *explanation) {
    snug_analysis analysis;
    if (snapshot->segment_count == 0 && snapshot->entry_count == 0)
        return snug_fail(SNUG_BAD_FILE,
                         "'%s' is a memory snapshot without segments and without a trace: nothing "
                         "was on the device, and nothing recorded",
                         name);
    snug_status status = snug_analysis_make(snapshot, snug_analysis_device(snapshot), &analysis);
    if (status == SNUG_OK) status = add_finding(&analysis, name, explanation);
    snug_analysis_clear(&analysis);
    return status;
}

static snug_status read_snapshot(const char *bytes, size_t length, const char *name,
                                 snug_explanation *explanation) {
    snug_snapshot *snapshot = NULL;
    snug_status status = snug_snapshot_read(bytes, length, &snapshot);
    if (status != SNUG_OK) return snug_fail_context(status, "'%s'", name);
    status = explain(snapshot, name, explanation);
    snug_snapshot_free(snapshot);
    return status;
}

const snug_reader snug_reader_snapshot = {
    .name = "snapshot", .matches = snug_pickle_matches, .read = read_snapshot};

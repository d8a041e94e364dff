// Memory snapshots of PyTorch.
#include "explain/snapshot.h"
#include "explain/analysis.h"
#include "explain/explain.h"
#include "io/pickle.h"

static snug_status add_finding(const snug_analysis *analysis, const char *name,
                               snug_explanation *explanation) {
    snug_facts facts = SNUG_FACTS_INIT;
    snug_text detail = {0}, json = {0};
    facts.format = "pytorch-snapshot";
    facts.source = name;
    snug_analysis_tell(analysis, &facts);
    snug_analysis_append_text(analysis, &detail);
    snug_analysis_append_json(analysis, &json);
    snug_status status = snug_text_status(&detail);
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

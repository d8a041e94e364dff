// Memory snapshots of PyTorch.
#include "explain/explain.h"
#include "explain/snapshot.h"
#include "io/pickle.h"

static snug_status read_snapshot(const char *bytes, size_t length, const char *name,
                                 snug_explanation *explanation) {
    snug_snapshot *snapshot = NULL;
    snug_status status = snug_snapshot_read(bytes, length, &snapshot);
    if (status != SNUG_OK) return snug_fail_context(status, "'%s'", name);
    snug_facts facts = SNUG_FACTS_INIT;
    facts.is_snapshot = true;
    facts.format = "pytorch-snapshot";
    facts.source = name;
    status = snug_explanation_add(explanation, &facts);
    snug_snapshot_free(snapshot);
    return status;
}

const snug_reader snug_reader_snapshot = {
    .name = "snapshot", .matches = snug_pickle_matches, .read = read_snapshot};

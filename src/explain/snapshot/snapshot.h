// Files of memory snapshots, as torch.cuda.memory._dump_snapshot() writes them.
//
//     pickle -> snapshot -> timeline, groups, iterations -> facts
#ifndef SNUG_EXPLAIN_SNAPSHOT_SNAPSHOT_H
#define SNUG_EXPLAIN_SNAPSHOT_SNAPSHOT_H

#include "base/status.h"
#include "torch_allocator/memory_snapshot.h"

// Reads a pickle of protocol 2 to 5, by Python or by PyTorch's own pickler, of |length| bytes,
// which are borrowed during the call. Nothing in it is executed. Time is linear in |length|; memory
// stays within twice |length| (and 64 MiB), else the file is refused. SNUG_BAD_FILE names the byte,
// or the path of the value, that is wrong ("device_traces[0][17].size: expected ..."); SNUG_NOMEM.
// The caller frees |*out| with snug_snapshot_free(). A snapshot is read-only afterwards: several
// threads may use one.
snug_status snug_snapshot_read(const char *bytes, size_t length, snug_snapshot **out);
void snug_snapshot_free(snug_snapshot *snapshot);

#endif

// What the page draws of a snapshot, as members of a JSON object: how memory went over the trace
// and how it lay in the end. Bounded however large the snapshot is, to about a megabyte; what is
// left out for that is told.
#ifndef SNUG_EXPLAIN_REPORT_DRAWING_H
#define SNUG_EXPLAIN_REPORT_DRAWING_H

#include "base/text.h"
#include "explain/trace/analysis.h"

// "timeline": live bytes by kind at the moments of most and of least live bytes of each stretch of
// the trace, with the most bytes reserved in it; failures; the position explained.
void snug_timeline_append_json(const snug_analysis *analysis, snug_text *out);

// "layout": the largest segments, by address, with their blocks as
// [offset, bytes to its end, bytes used, kind, place, tensors]. Kinds count as snug_kind, with
// SNUG_KINDS for memory that awaits its free; places are those of "places". Small neighbours are
// one block of several tensors; what lies between blocks is free.
void snug_memory_layout_append_json(const snug_analysis *analysis, snug_text *out);

#endif

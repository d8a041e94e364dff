// Segments: coarse choices of what to recompute, where a search starts on a large graph. The
// forward pass is cut where few bytes are alive; what crosses a cut stays, the rest of a segment is
// made again when the backward pass comes to it (Chen et al. 2016, "Training deep nets with
// sublinear memory cost"); in segments of segments where two lengths are given.
#ifndef SNUG_PLAN_SEGMENTS_H
#define SNUG_PLAN_SEGMENTS_H

#include "plan/sequence.h"

typedef struct snug_segments {
    const snug_sequence *sequence; // borrowed
    int32_t *first, *last; // by candidate: its producer, its last reader in the forward pass
    double *dearness;      // by candidate: seconds to make it again for each of its bytes
    double *by_dearness;   // the same, sorted
    size_t *crossing;      // by node: bytes that are needed past it in the forward pass
    size_t bytes;          // of all candidates
} snug_segments;

// What to keep. Segments hold at least |coarse| bytes of results, and are cut again into ones of
// |fine| bytes where that is not 0. Results dearer than all but the share |cheap| of them are kept.
typedef struct snug_segment_lengths {
    size_t coarse, fine;
    double cheap;
} snug_segment_lengths;

snug_status snug_segments_new(const snug_sequence *sequence, snug_segments *out);
void snug_segments_clear(snug_segments *segments);

// Sets |drops| of the sequence's candidates.
void snug_segments_drop(const snug_segments *segments, const snug_segment_lengths *lengths,
                        uint8_t *drops);

#endif

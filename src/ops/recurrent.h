// One direction of a recurrent layer over all steps of time, as ONNX defines it: a plain one
// (Elman, 1990), GRU (Cho et al., 2014) or LSTM (Hochreiter and Schmidhuber, 1997; peepholes: Gers
// and Schmidhuber, 2000).
//
// x is (T, B, I), hidden states are (B, H); G gates of H rows each in the weights, in ONNX's order:
// LSTM i, o, f, c; GRU z, r, h. S states: an LSTM's hidden state and its cell's, else one. With x'
// = x W^T + bias and h' = h R^T, f, g and h the activations:
//
//   plain  h = f(x' + h')
//   GRU    z = f(x'z + h'z)    r = f(x'r + h'r)    h = (1 - z) n + z h
//          n = g(x'h + (r h) R_h^T), or where the reset comes |after|: g(x'h + r (h'h + extra))
//   LSTM   i = f(x'i + h'i + Pi c)    f = f(x'f + h'f + Pf c), or 1 - i where |coupled|
//          c = f c + i g(x'c + h'c)    o = f(x'o + h'o + Po c), the new c    h = o h(c)
#ifndef SNUG_OPS_RECURRENT_H
#define SNUG_OPS_RECURRENT_H

#include "graph/op.h"

typedef enum snug_recurrent_cell {
    SNUG_CELL_PLAIN,
    SNUG_CELL_GRU,
    SNUG_CELL_LSTM
} snug_recurrent_cell;

typedef enum snug_recurrent_activation {
    SNUG_RECURRENT_TANH,
    SNUG_RECURRENT_SIGMOID,
    SNUG_RECURRENT_RELU,
    SNUG_RECURRENT_AFFINE,           // alpha x + beta
    SNUG_RECURRENT_LEAKY_RELU,       // alpha, not negative
    SNUG_RECURRENT_THRESHOLDED_RELU, // x above alpha, else 0
    SNUG_RECURRENT_SCALED_TANH,      // alpha tanh(beta x)
    SNUG_RECURRENT_HARD_SIGMOID,     // alpha x + beta within [0, 1]
    SNUG_RECURRENT_ELU,              // alpha, not negative
    SNUG_RECURRENT_SOFTSIGN,
    SNUG_RECURRENT_SOFTPLUS,
    SNUG_RECURRENT_ACTIVATIONS // their number
} snug_recurrent_activation;

enum { SNUG_RECURRENT_MOST_ACTIVATIONS = 3 };

typedef struct snug_recurrent_attributes {
    int64_t cell;    // snug_recurrent_cell
    int64_t reverse; // from each sequence's last step to its first
    int64_t after;   // GRU: ONNX's linear_before_reset
    int64_t coupled; // LSTM: ONNX's input_forget
    int64_t activations[SNUG_RECURRENT_MOST_ACTIVATIONS]; // f, [g, [h]]: snug_recurrent_activation
    double alpha[SNUG_RECURRENT_MOST_ACTIVATIONS], beta[SNUG_RECURRENT_MOST_ACTIVATIONS];
    double clip; // an activation's argument stays within [-clip, clip]; 0: anywhere
} snug_recurrent_attributes;

// recurrent.c: (x (T, B, I), W (G*H, I), R (G*H, H), initial (S, B, H), [bias (G*H)], [extra],
// [lengths (B)]) -> y (T, B, H), final (S, B, H), gates (T, B, G*H), kept. |extra|: an LSTM's
// peepholes (3*H: i, o, f), or the recurrent bias of a GRU's n (H) where the reset comes |after|.
// |lengths|: int32 or int64, how many steps a sample has; y is 0 behind them, and a sample's final
// state is that of its last step. |gates| (after their activations) and |kept| (T, B, H) are for
// the gradient: an LSTM's c, or what r multiplies where the reset comes |after|; else (1). A plain
// layer's gate is y: its |gates| are (1).
extern const snug_op snug_op_recurrent;
// recurrent_backward.c: (gates, y, kept, R, initial, [extra], [lengths], [dy], [dfinal]) -> dgates,
// the gradient of x W^T + bias; dR; dinitial; dextra, or (1) where there is no extra. |gates| of a
// plain layer is y.
extern const snug_op snug_op_recurrent_backward;

typedef struct snug_recurrent_shape {
    int64_t steps, batch, hidden, gates, states; // T, B, H, G, S
    bool keeps;                                  // |kept| has a row for each of y
} snug_recurrent_shape;

static inline int64_t snug_recurrent_gates(int64_t cell) {
    return cell == SNUG_CELL_LSTM ? 4 : cell == SNUG_CELL_GRU ? 3 : 1;
}

// Of a layer with initial states and T x B x ... as the first two of |x|.
static inline snug_recurrent_shape snug_recurrent_shape_of(const snug_recurrent_attributes *layer,
                                                           const snug_type *x,
                                                           const snug_type *initial) {
    return (snug_recurrent_shape){.steps = x->dims[0],
                                  .batch = x->dims[1],
                                  .hidden = initial->dims[2],
                                  .gates = snug_recurrent_gates(layer->cell),
                                  .states = layer->cell == SNUG_CELL_LSTM ? 2 : 1,
                                  .keeps = layer->cell == SNUG_CELL_LSTM ||
                                           (layer->cell == SNUG_CELL_GRU && layer->after)};
}

// What both operators have in common; |gates| is x or the gates, by |width| its last dimension.
// SNUG_INVALID says what does not fit.
snug_status snug_recurrent_check(const snug_recurrent_attributes *layer, const snug_type *x,
                                 const snug_type *r, const snug_type *initial,
                                 const snug_type *extra, const snug_type *lengths);

// Activation |which| of |layer| at x, and its derivative by its result. What |clip| cuts off has
// none: its result is that of a bound.
double snug_recurrent_activate(const snug_recurrent_attributes *layer, int which, double x);
double snug_recurrent_slope(const snug_recurrent_attributes *layer, int which, double y);

// The steps of sample |index|; |lengths| may be NULL.
snug_status snug_recurrent_length(const snug_view *lengths, int64_t steps, int64_t index,
                                  int64_t *out);
// Input |index|, or NULL where it is absent; rank 0 is as good as that.
static inline const snug_view *snug_recurrent_input(const snug_call *call, int index) {
    bool is_there =
        index < call->input_count && call->inputs[index].data && call->inputs[index].type.rank > 0;
    return is_there ? &call->inputs[index] : NULL;
}
// Where the |number|-th of a sample's |length| steps is in time.
static inline int64_t snug_recurrent_time(const snug_recurrent_attributes *layer, int64_t length,
                                          int64_t number) {
    return layer->reverse ? length - 1 - number : number;
}

extern const snug_attribute snug_recurrent_table[];

#endif

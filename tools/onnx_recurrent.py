"""Cases of ONNX's recurrent operators and loops for tools/onnx_cases.py, by a plain reading of
their specification: what the suite of the ONNX project leaves out (clipping, other activations,
coupled gates, a reset after the product, sequences of several lengths)."""

import numpy as np

from onnx import TensorProto as T
from onnx import helper as h

n = h.make_node
random = np.random.RandomState(3)
STEPS, BATCH, FEATURES, HIDDEN = 4, 3, 2, 3
GATES = {'RNN': 1, 'GRU': 3, 'LSTM': 4}
DEFAULTS = {'RNN': ['Tanh'], 'GRU': ['Sigmoid', 'Tanh'], 'LSTM': ['Sigmoid', 'Tanh', 'Tanh']}


def draw(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


CURVES = {
    'Tanh': lambda x, a, b: np.tanh(x),
    'Sigmoid': lambda x, a, b: 1 / (1 + np.exp(-x)),
    'Relu': lambda x, a, b: np.maximum(x, 0),
    'Affine': lambda x, a, b: a * x + b,
    'LeakyRelu': lambda x, a, b: np.where(x > 0, x, a * x),
    'ThresholdedRelu': lambda x, a, b: np.where(x > a, x, 0),
    'ScaledTanh': lambda x, a, b: a * np.tanh(b * x),
    'HardSigmoid': lambda x, a, b: np.clip(a * x + b, 0, 1),
    'Elu': lambda x, a, b: np.where(x > 0, x, a * np.expm1(x)),
    'Softsign': lambda x, a, b: x / (1 + np.abs(x)),
    'Softplus': lambda x, a, b: np.log1p(np.exp(x)),
}


class Cell:
    """One direction: parameters of it alone; |curves|: (name, alpha, beta) of f, g and h."""

    def __init__(self, op, w, r, b, p, curves, clip=None, before=True, coupled=False):
        self.op, self.w, self.r, self.p = op, w, r, p
        self.wb, self.rb = b[: len(w)], b[len(w) :]
        self.curves, self.clip, self.before, self.coupled = curves, clip, before, coupled

    def curve(self, which, x):
        name, alpha, beta = self.curves[which]
        return CURVES[name](
            x if self.clip is None else np.clip(x, -self.clip, self.clip), alpha, beta
        )

    def step(self, x, state, cell):
        own, other = self.w @ x + self.wb, self.r @ state + self.rb
        if self.op == 'RNN':
            return self.curve(0, own + other), cell
        if self.op == 'GRU':
            z, reset = np.split(self.curve(0, (own + other)[: 2 * HIDDEN]), 2)
            part = slice(2 * HIDDEN, None)
            through = (
                self.r[part] @ (reset * state) + self.rb[part]
                if self.before
                else reset * other[part]
            )
            return (1 - z) * self.curve(1, own[part] + through) + z * state, cell
        i, o, f, c = np.split(own + other, 4)
        i = self.curve(0, i + self.p[0] * cell)
        f = 1 - i if self.coupled else self.curve(0, f + self.p[2] * cell)
        cell = f * cell + i * self.curve(1, c)
        return self.curve(0, o + self.p[1] * cell) * self.curve(2, cell), cell

    def run(self, x, length, state, cell, backwards):
        """|x|: a sample's steps."""
        y = np.zeros((len(x), HIDDEN))
        for t in range(length)[:: -1 if backwards else 1]:
            state, cell = self.step(x[t].astype(np.float64), state, cell)
            y[t] = state
        return y, state, cell


def recurrent(
    case,
    name,
    op,
    direction='forward',
    lengths=None,
    curves=None,
    peepholes=False,
    states=True,
    layout=0,
    **settings,
):
    """Writes the case |name|."""
    directions, gates = 2 if direction == 'bidirectional' else 1, GATES[op]
    curves = curves or [(f, 0, 0) for f in DEFAULTS[op] * directions]
    x, b = draw(STEPS, BATCH, FEATURES), draw(directions, 2 * gates * HIDDEN)
    w, r = draw(directions, gates * HIDDEN, FEATURES), draw(directions, gates * HIDDEN, HIDDEN)
    p = draw(directions, 3, HIDDEN) * peepholes
    h0 = draw(directions, BATCH, HIDDEN) * states
    c0 = draw(directions, BATCH, HIDDEN) * states
    y = np.zeros((STEPS, directions, BATCH, HIDDEN))
    finals = np.zeros((2, directions, BATCH, HIDDEN))
    each = len(curves) // directions
    for d in range(directions):
        cell = Cell(
            op,
            w[d],
            r[d],
            b[d],
            p[d],
            curves[d * each : (d + 1) * each],
            settings.get('clip'),
            not settings.get('linear_before_reset'),
            settings.get('input_forget'),
        )
        for s in range(BATCH):
            y[:, d, s], finals[0, d, s], finals[1, d, s] = cell.run(
                x[:, s],
                lengths[s] if lengths else STEPS,
                h0[d, s].astype(np.float64),
                c0[d, s].astype(np.float64),
                direction == 'reverse' or d == 1,
            )
    if layout:
        x, h0, c0 = (np.swapaxes(a, 0, 1).copy() for a in (x, h0, c0))
        y, finals = y.transpose(2, 0, 1, 3), finals.swapaxes(1, 2)
    inputs = {'x': x, 'w': w, 'r': r, 'b': b}
    names = ['x', 'w', 'r', 'b', '', '', '', '']
    optional = [
        (4, 'lengths', lengths and np.array(lengths, np.int32)),
        (5, 'h0', h0 if states else None),
        (6, 'c0', c0 if states and op == 'LSTM' else None),
        (7, 'p', p.reshape(directions, -1) if peepholes else None),
    ]
    for at, label, value in optional:
        if value is not None:
            names[at], inputs[label] = label, value
    while not names[-1]:
        names.pop()
    outputs = {'y': y, 'y_h': finals[0]} | ({'y_c': finals[1]} if op == 'LSTM' else {})
    parameters = {}
    if curves:
        used = [
            (
                'alpha',
                1,
                ('Affine', 'LeakyRelu', 'ThresholdedRelu', 'ScaledTanh', 'HardSigmoid', 'Elu'),
            ),
            ('beta', 2, ('Affine', 'ScaledTanh', 'HardSigmoid')),
        ]
        for label, at, takers in used:
            given = [float(c[at]) for c in curves if c[0] in takers]
            parameters |= {f'activation_{label}': given} if given else {}
        parameters['activations'] = [c[0] for c in curves]
    node = n(
        op,
        names,
        list(outputs),
        hidden_size=HIDDEN,
        direction=direction,
        **parameters,
        **settings,
        **({'layout': 1} if layout else {}),
    )
    case(name, [node], inputs, {k: v.astype(np.float32) for k, v in outputs.items()}, opset=14)


def write_recurrent(case):
    odd = [('HardSigmoid', 0.3, 0.4), ('Elu', 0.7, 0), ('ScaledTanh', 1.2, 0.8)]
    recurrent(case, 'lstm_all', 'LSTM', 'bidirectional', [4, 1, 3], peepholes=True)
    recurrent(
        case,
        'lstm_coupled',
        'LSTM',
        'reverse',
        clip=0.4,
        input_forget=1,
        curves=odd,
        peepholes=True,
    )
    recurrent(case, 'lstm_batch_first', 'LSTM', 'bidirectional', [2, 4, 0], layout=1)
    recurrent(case, 'gru_after', 'GRU', 'bidirectional', [1, 4, 2], linear_before_reset=1)
    recurrent(case, 'gru_before', 'GRU', 'reverse', [3, 1, 4], clip=0.5)
    recurrent(
        case,
        'gru_curves',
        'GRU',
        states=False,
        linear_before_reset=1,
        curves=[('Affine', 0.4, 0.1), ('Softsign', 0, 0)],
    )
    recurrent(
        case,
        'rnn_all',
        'RNN',
        'bidirectional',
        [4, 2, 3],
        curves=[('Softplus', 0, 0), ('LeakyRelu', 0.2, 0)],
    )
    recurrent(case, 'rnn_threshold', 'RNN', layout=1, curves=[('ThresholdedRelu', 0.1, 0)])


def info(name, kind, shape=None):
    return h.make_tensor_value_info(name, kind, shape)


def write_loops(case):
    x = draw(4, 3)
    F, I, B = T.FLOAT, T.INT64, T.BOOL  # noqa: E741
    known = [h.make_tensor('four', I, [], [4]), h.make_tensor('yes', B, [], [1])]
    # Each row plus what was before, the outer x seen from within; the rows are collected.
    body = h.make_graph(
        [
            n('Gather', ['x', 'i'], ['row'], axis=0),
            n('Add', ['row', 'before'], ['sum']),
            n('Mul', ['sum', 'sum'], ['square']),
            n('Identity', ['on'], ['goes_on']),
        ],
        'body',
        [info('i', I, []), info('on', B, []), info('before', F, [3])],
        [info('goes_on', B, []), info('sum', F, [3]), info('square', F, [3])],
    )
    sums = np.cumsum(x, 0, dtype=np.float32)
    start = h.make_tensor('start', F, [3], [0.0] * 3)
    case(
        'loop',
        [n('Loop', ['four', 'yes', 'start'], ['last', 'squares'], body=body)],
        {'x': x},
        {'last': sums[3], 'squares': sums**2},
        [*known, start],
        opset=16,
    )
    # Until the counter that it carries is 3, without a trip count.
    body = h.make_graph(
        [
            n('Add', ['count', 'one'], ['next']),
            n('Less', ['next', 'three'], ['goes_on']),
            n('Mul', ['a', 'a'], ['b']),
        ],
        'body',
        [info('i', I, []), info('on', B, []), info('count', I, []), info('a', F, None)],
        [info('goes_on', B, []), info('next', I, []), info('b', F, None)],
        [h.make_tensor('one', I, [], [1]), h.make_tensor('three', I, [], [3])],
    )
    case(
        'loop_until',
        [n('Loop', ['', 'yes', 'zero', 'x'], ['times', 'y'], body=body)],
        {'x': x},
        {'times': np.array(3), 'y': x**8},
        [known[1], h.make_tensor('zero', I, [], [0])],
        opset=16,
    )
    # Columns from the last, collected from the last along the second dimension.
    body = h.make_graph(
        [n('Add', ['state', 'column'], ['sum']), n('Identity', ['sum'], ['out'])],
        'body',
        [info('state', F, [4]), info('column', F, [4])],
        [info('sum', F, [4]), info('out', F, [4])],
    )
    sums = np.cumsum(x[:, ::-1], 1, dtype=np.float32)
    case(
        'scan_backwards',
        [
            n(
                'Scan',
                ['zero', 'x'],
                ['last', 'y'],
                body=body,
                num_scan_inputs=1,
                scan_input_axes=[1],
                scan_input_directions=[1],
                scan_output_axes=[1],
                scan_output_directions=[1],
            )
        ],
        {'x': x},
        {'last': sums[:, -1], 'y': sums[:, ::-1].copy()},
        [h.make_tensor('zero', F, [4], [0.0] * 4)],
        opset=16,
    )
    # A loop in a loop that collects a sequence.
    inner = h.make_graph(
        [n('Add', ['a', 'x'], ['b']), n('Identity', ['on'], ['goes_on'])],
        'inner',
        [info('j', I, []), info('on', B, []), info('a', F, None)],
        [info('goes_on', B, []), info('b', F, None)],
    )
    outer = h.make_graph(
        [
            n('Loop', ['i', 'yes', 'x'], ['more'], body=inner),
            n('SequenceInsert', ['s', 'more'], ['t']),
            n('Identity', ['on'], ['goes_on']),
        ],
        'outer',
        [info('i', I, []), info('on', B, []), h.make_tensor_sequence_value_info('s', F, None)],
        [info('goes_on', B, []), h.make_tensor_sequence_value_info('t', F, None)],
    )
    case(
        'loop_in_loop',
        [
            n('SequenceEmpty', [], ['none']),
            n('Loop', ['four', 'yes', 'none'], ['all'], body=outer),
            n('ConcatFromSequence', ['all'], ['y'], axis=0),
        ],
        {'x': x},
        {'y': np.concatenate([x, 2 * x, 3 * x, 4 * x])},
        known,
        opset=16,
    )

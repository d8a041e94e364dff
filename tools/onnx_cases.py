#!/usr/bin/env python3
"""Writes tests/onnx/cases: small ONNX models with inputs and expected outputs, which onnx-
conformance runs. They hold what the suite of the ONNX project does not: functions, branches,
shape arithmetic, typed and external data, old opsets. Needs the Python packages onnx and numpy.

Writes also tests/fuzz/corpus/onnx: models that are wrong, or that exercise many operators at once.

usage: onnx_cases.py tests/onnx/cases tests/fuzz/corpus/onnx"""

import os
import sys

import numpy as np
from onnx_recurrent import write_loops, write_recurrent

from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx import save_model

F, I, B = T.FLOAT, T.INT64, T.BOOL  # noqa: E741
out = sys.argv[1]
random = np.random.RandomState(7)


def f32(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


def value(name, array, symbols=None):
    return h.make_tensor_value_info(
        name, h.np_dtype_to_tensor_dtype(array.dtype), symbols or list(array.shape)
    )


def case(
    name,
    nodes,
    inputs,
    outputs,
    initializers=(),
    opset=20,
    functions=(),
    ir=9,
    symbols=None,
    domains=(),
    external=None,
    listed=(),
):
    """|inputs| and |outputs|: name to array. |symbols|: name to open shape. |listed|: initializers
    that are inputs, too."""
    folder = os.path.join(out, name)
    data = os.path.join(folder, 'test_data_set_0')
    os.makedirs(data, exist_ok=True)
    symbols = symbols or {}
    graph = h.make_graph(
        nodes,
        name,
        [value(n, a, symbols.get(n)) for n, a in inputs.items()]
        + [h.make_tensor_value_info(t.name, t.data_type, t.dims) for t in listed],
        [value(n, a, symbols.get(n)) for n, a in outputs.items()],
        list(initializers),
    )
    model = h.make_model(
        graph,
        functions=list(functions),
        ir_version=ir,
        producer_name='snug',
        opset_imports=[h.make_opsetid('', opset)] + [h.make_opsetid(d, 1) for d in domains],
    )
    if external:
        save_model(
            model,
            os.path.join(folder, 'model.onnx'),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=external,
            size_threshold=0,
        )
    else:
        save_model(model, os.path.join(folder, 'model.onnx'))
    for kind, values in (('input', inputs), ('output', outputs)):
        for i, (n, a) in enumerate(values.items()):
            with open(os.path.join(data, f'{kind}_{i}.pb'), 'wb') as file:
                file.write(nh.from_array(a, n).SerializeToString())


def constant(name, array):
    return h.make_node('Constant', [], [name], value=nh.from_array(np.asarray(array), name))


def init(name, array):
    return nh.from_array(np.asarray(array), name)


n = h.make_node
x, y = f32(2, 3), f32(2, 3)

# --- How data is written ---
w = f32(3)
case('raw_data', [n('Add', ['x', 'w'], ['y'])], {'x': x}, {'y': x + w}, [init('w', w)])
case(
    'float_data',
    [n('Add', ['x', 'w'], ['y'])],
    {'x': x},
    {'y': x + w},
    [h.make_tensor('w', F, [3], w.tolist())],
)
half = w.astype(np.float16)
case(
    'float16_in_int32_data',
    [n('Cast', ['w'], ['v'], to=F), n('Add', ['x', 'v'], ['y'])],
    {'x': x},
    {'y': x + half.astype(np.float32)},
    [h.make_tensor('w', T.FLOAT16, [3], half.tolist())],
)
case(
    'double_data',
    [n('Cast', ['w'], ['v'], to=F), n('Add', ['x', 'v'], ['y'])],
    {'x': x},
    {'y': x + 0.5},
    [h.make_tensor('w', T.DOUBLE, [1], [0.5])],
)
case(
    'int64_data',
    [n('Reshape', ['x', 's'], ['y'])],
    {'x': x},
    {'y': x.reshape(3, 2)},
    [h.make_tensor('s', I, [2], [3, -1])],
)
case(
    'external_data',
    [n('Add', ['x', 'w'], ['a']), n('Mul', ['a', 'v'], ['y'])],
    {'x': x},
    {'y': (x + w) * y},
    [init('w', w), init('v', y)],
    external='weights.bin',
)
case(
    'initializer_listed_as_input',
    [n('Add', ['x', 'w'], ['y'])],
    {'x': x},
    {'y': x + w},
    [init('w', w)],
    ir=3,
    listed=[init('w', w)],
    opset=8,
)

# --- Functions ---
leaky = h.make_function(
    'own',
    'LeakyTwice',
    ['a'],
    ['c'],
    [n('Add', ['a', 'a'], ['b']), n('Relu', ['b'], ['c'])],
    [h.make_opsetid('', 20)],
)
case(
    'function',
    [n('LeakyTwice', ['x'], ['y'], domain='own')],
    {'x': x},
    {'y': np.maximum(2 * x, 0)},
    functions=[leaky],
    domains=['own'],
)
shaped = h.make_function(
    'own',
    'To',
    ['a'],
    ['c'],
    [h.make_node('Constant', [], ['s']), n('Reshape', ['a', 's'], ['c'])],
    [h.make_opsetid('', 20)],
    ['shape'],
)
shaped.node[0].attribute.add(name='value_ints', ref_attr_name='shape', type=7)
case(
    'function_with_attribute',
    [
        n('To', ['x'], ['a'], domain='own', shape=[3, 2]),
        n('To', ['a'], ['y'], domain='own', shape=[6]),
    ],
    {'x': x},
    {'y': x.reshape(6)},
    functions=[shaped],
    domains=['own'],
)
outer = h.make_function(
    'own',
    'Outer',
    ['a'],
    ['d'],
    [n('LeakyTwice', ['a'], ['b'], domain='own'), n('LeakyTwice', ['b'], ['d'], domain='own')],
    [h.make_opsetid('', 20), h.make_opsetid('own', 1)],
)
case(
    'function_in_function',
    [n('Outer', ['x'], ['y'], domain='own')],
    {'x': x},
    {'y': 2 * np.maximum(2 * x, 0)},
    functions=[outer, leaky],
    domains=['own'],
)
defaulted = h.make_function(
    'own', 'Flat', ['a'], ['c'], [n('Flatten', ['a'], ['c'])], [h.make_opsetid('', 20)]
)
defaulted.attribute_proto.add(name='from', i=2, type=2)
defaulted.node[0].attribute.add(name='axis', ref_attr_name='from', type=2)
deep = f32(2, 3, 2, 2)
case(
    'function_default',
    [n('Flat', ['x'], ['a'], domain='own'), n('Flat', ['x'], ['b'], domain='own', **{'from': 3})],
    {'x': deep},
    {'a': deep.reshape(6, 4), 'b': deep.reshape(12, 2)},
    functions=[defaulted],
    domains=['own'],
)
one = h.make_function(
    'own', 'Same', ['a'], ['c'], [n('Add', ['a', 'a'], ['c'])], [h.make_opsetid('', 20)]
)
two = h.make_function(
    'own',
    'Same',
    ['a'],
    ['c'],
    [n('Mul', ['a', 'a'], ['c'])],
    [h.make_opsetid('', 20)],
    overload='squared',
)
squared = n('Same', ['a'], ['y'], domain='own')
squared.overload = 'squared'
case(
    'function_overload',
    [n('Same', ['x'], ['a'], domain='own'), squared],
    {'x': x},
    {'y': 4 * x * x},
    functions=[one, two],
    domains=['own'],
    ir=10,
)

# --- Branches ---


def branch(name, node):
    return h.make_graph([node], name, [], [h.make_tensor_value_info(node.output[0], F, None)])


for taken in (True, False):
    case(
        'if_' + str(taken).lower(),
        [
            constant('c', np.array(taken)),
            n(
                'If',
                ['c'],
                ['y'],
                then_branch=branch('then', n('Add', ['x', 'x'], ['t'])),
                else_branch=branch('else', n('Relu', ['x'], ['e'])),
            ),
        ],
        {'x': x},
        {'y': 2 * x if taken else np.maximum(x, 0)},
    )
case(
    'if_with_initializer',
    [
        constant('c', np.array(True)),
        n(
            'If',
            ['c'],
            ['y'],
            then_branch=h.make_graph(
                [n('Mul', ['x', 'w'], ['t'])],
                'then',
                [],
                [h.make_tensor_value_info('t', F, None)],
                [init('w', w)],
            ),
            else_branch=branch('else', n('Relu', ['x'], ['e'])),
        ),
    ],
    {'x': x},
    {'y': x * w},
)

# --- Shape arithmetic ---
z = f32(1, 4, 2)
case(
    'shape_of_part',
    [n('Shape', ['x'], ['s'], start=1), n('Reshape', ['x', 's'], ['y'])],
    {'x': z},
    {'y': z.reshape(4, 2)},
)
case(
    'expand_to_shape',
    [n('Shape', ['a'], ['s']), n('Expand', ['x', 's'], ['y'])],
    {'x': f32(1, 3) * 0 + w, 'a': y},
    {'y': np.broadcast_to(w, (2, 3)).copy()},
)
case(
    'filled',
    [
        n('Shape', ['x'], ['s']),
        n('ConstantOfShape', ['s'], ['c'], value=init('v', np.array([2], np.float32))),
        n('Add', ['x', 'c'], ['y']),
    ],
    {'x': x},
    {'y': x + 2},
)
case(
    'range_as_values',
    [
        constant('a', np.int64(0)),
        constant('b', np.int64(3)),
        constant('c', np.int64(1)),
        n('Range', ['a', 'b', 'c'], ['r']),
        n('Cast', ['r'], ['f'], to=F),
        n('Add', ['x', 'f'], ['y']),
    ],
    {'x': x},
    {'y': x + np.arange(3, dtype=np.float32)},
)
flat = f32(6)
case(
    'symbols',
    [n('Shape', ['x'], ['s']), n('Reshape', ['a', 's'], ['y'])],
    {'x': x, 'a': flat},
    {'y': flat.reshape(2, 3)},
    symbols={'x': ['batch', 3], 'a': ['n'], 'y': ['batch', 3]},
)
case('zero_size', [n('Add', ['x', 'x'], ['y'])], {'x': f32(0, 3)}, {'y': f32(0, 3)})

# --- Opsets ---
case(
    'opset7_reshape',
    [n('Reshape', ['x', 's'], ['y'])],
    {'x': x},
    {'y': x.reshape(1, 6)},
    [init('s', np.array([1, 6]))],
    opset=7,
    ir=3,
    listed=[init('s', np.array([1, 6]))],
)
case(
    'opset11_unsqueeze',
    [n('Unsqueeze', ['x'], ['a'], axes=[0, 3]), n('Squeeze', ['a'], ['y'], axes=[0])],
    {'x': x},
    {'y': x.reshape(2, 3, 1)},
    opset=11,
)
case(
    'opset13_unsqueeze',
    [constant('a', np.array([-1])), n('Unsqueeze', ['x', 'a'], ['y'])],
    {'x': x},
    {'y': x.reshape(2, 3, 1)},
    opset=13,
)
case(
    'opset21_identity',
    [n('Identity', ['x'], ['a']), n('Flatten', ['a'], ['y'], axis=0)],
    {'x': x},
    {'y': x.reshape(1, 6)},
    opset=21,
    ir=10,
)
case(
    'casts',
    [
        n('Cast', ['x'], ['i'], to=T.INT32),
        n('Cast', ['i'], ['b'], to=B),
        n('Cast', ['b'], ['y'], to=F),
    ],
    {'x': 3 * x},
    {'y': ((3 * x).astype(np.int32) != 0).astype(np.float32)},
)
case(
    'images',
    [n('Relu', ['x'], ['a']), n('Add', ['a', 'b'], ['y'])],
    {'x': deep, 'b': f32(3, 1, 1) * 0 + np.array([1, 2, 3], np.float32).reshape(3, 1, 1)},
    {'y': np.maximum(deep, 0) + np.array([1, 2, 3], np.float32).reshape(3, 1, 1)},
)

write_recurrent(case)
write_loops(case)

# --- For the fuzzer: files that are wrong ---
corpus = sys.argv[2]
os.makedirs(corpus, exist_ok=True)


def file(name, data):
    with open(os.path.join(corpus, name), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.SerializeToString())


def model(nodes, initializers=(), inputs=(('x', F, ['n', 3]),), opset=20, functions=(), domains=()):
    graph = h.make_graph(
        nodes,
        'g',
        [h.make_tensor_value_info(*i) for i in inputs],
        [h.make_tensor_value_info('y', F, None)],
        list(initializers),
    )
    return h.make_model(
        graph,
        functions=list(functions),
        ir_version=9,
        opset_imports=[h.make_opsetid('', opset)] + [h.make_opsetid(d, 1) for d in domains],
    )


good = model([n('Relu', ['x'], ['y'])])
whole = good.SerializeToString()
file('empty', b'')
file('truncated', whole[:-5])
file('two_graphs', whole + whole)
file('long_number', b'\x08' + b'\xff' * 12)
file('long_field', b'\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f')
file('group', b'\x3b\x3c')
file('field_zero', b'\x02\x00')
file(
    'cycle', model([n('Add', ['x', 'b'], ['a']), n('Relu', ['a'], ['b']), n('Relu', ['b'], ['y'])])
)
file('itself', model([n('Relu', ['y'], ['y'])]))
file('twice', model([n('Relu', ['x'], ['y']), n('Relu', ['x'], ['y'])]))
bad = init('w', w)
bad.dims[:] = [-3]
file('negative_size', model([n('Add', ['x', 'w'], ['y'])], [bad]))
bad.dims[:] = [2**62, 2**62]
file('huge_size', model([n('Add', ['x', 'w'], ['y'])], [bad]))
bad.dims[:] = [1] * 40
file('many_dimensions', model([n('Add', ['x', 'w'], ['y'])], [bad]))
bad.dims[:] = [3]
bad.data_type = 99
file('unknown_type', model([n('Add', ['x', 'w'], ['y'])], [bad]))
escaping = T(name='w', dims=[3], data_type=F, data_location=1)
escaping.external_data.add(key='location', value='../../etc/passwd')
file('external_escape', model([n('Add', ['x', 'w'], ['y'])], [escaping]))
for name, shape in (
    ('huge_fill', [2**40, 2**40]),
    ('large_fill', [2**16, 2**16]),
    ('negative_fill', [-1, 4]),
):
    file(
        name,
        model(
            [
                constant('s', np.array(shape)),
                n('ConstantOfShape', ['s'], ['c']),
                n('Shape', ['c'], ['t']),
                n('Expand', ['x', 't'], ['y']),
            ]
        ),
    )
file(
    'huge_range',
    model(
        [
            constant('a', np.int64(0)),
            constant('b', np.int64(2**62)),
            constant('c', np.int64(1)),
            n('Range', ['a', 'b', 'c'], ['r']),
            n('Cast', ['r'], ['y'], to=F),
        ]
    ),
)
file('huge_tile', model([constant('r', np.array([2**30, 2**30])), n('Tile', ['x', 'r'], ['y'])]))
own = h.make_function(
    'own', 'F', ['a'], ['c'], [n('F', ['a'], ['c'], domain='own')], [h.make_opsetid('own', 1)]
)
file(
    'endless_function',
    model([n('F', ['x'], ['y'], domain='own')], functions=[own], domains=['own']),
)
nested = n('Relu', ['x'], ['y'])
for _ in range(20):
    nested = n(
        'If',
        ['c'],
        ['y'],
        then_branch=branch('t', nested),
        else_branch=branch('e', n('Relu', ['x'], ['y'])),
    )
bytes_of = h.make_graph([n('Relu', ['x'], ['y'])], 'g', [], []).SerializeToString()


def field(number, data):
    length, varint = len(data), b''
    while length >= 0x80:
        varint, length = varint + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + data


for _ in range(60):  # deeper than the Python package can write
    attribute = field(1, b'then_branch') + field(6, bytes_of) + b'\xa0\x01\x05'
    bytes_of = field(1, field(4, b'If') + field(5, attribute))
file('nested_deep', b'\x08\x09' + field(7, bytes_of))
file('nested_branches', model([constant('c', np.array(True)), nested]))

# --- For the fuzzer: many operators in few bytes ---
small = [
    constant('i1', np.array([1])),
    constant('i0', np.array([0])),
    constant('two', np.array([2, 2])),
]
file(
    'elementwise',
    model(
        [
            n(o, ['x'], [o])
            for o in 'Abs Neg Exp Log Sqrt Reciprocal Erf Sin Cos Relu Elu Selu Celu Gelu '
            'Sigmoid Tanh HardSwish Mish Softplus Softsign Softmax LogSoftmax '
            'LeakyRelu Clip'.split()
        ]
        + [n('Sum', 'Abs Neg Exp Gelu Softmax Clip'.split(), ['y'])]
    ),
)
file(
    'shapes',
    model(
        small
        + [
            n('Unsqueeze', ['x', 'i1'], ['a']),
            n('Squeeze', ['a', 'i1'], ['b']),
            n('Transpose', ['b'], ['c'], perm=[1, 0]),
            n('Concat', ['c', 'c'], ['d'], axis=1),
            n('Split', ['d'], ['e', 'f'], axis=1, num_outputs=2),
            n('Tile', ['e', 'two'], ['g']),
            n('Slice', ['g', 'i0', 'i1', 'i1'], ['k']),
            n('Gather', ['k', 'i0'], ['l'], axis=1),
            n('ReduceSum', ['l', 'i0'], ['m']),
            n('Pad', ['m', 'p'], ['o']),
            n('ArgMax', ['o'], ['q']),
            n('Cast', ['q'], ['y'], to=F),
        ],
        [init('p', np.array([0, 1, 0, 1]))],
    ),
)
images = (('x', F, ['n', 2, 4, 4]),)
file(
    'images',
    model(
        [
            n('Conv', ['x', 'w'], ['a'], pads=[1, 1, 1, 1]),
            n('BatchNormalization', ['a', 's', 's', 's', 's'], ['b']),
            n('MaxPool', ['b'], ['c'], kernel_shape=[2, 2], strides=[2, 2]),
            n('Resize', ['c', '', 'f'], ['d']),
            n('ConvTranspose', ['d', 'w'], ['e']),
            n('AveragePool', ['e'], ['k'], kernel_shape=[2, 2]),
            n('InstanceNormalization', ['k', 's', 's'], ['l']),
            n('GlobalAveragePool', ['l'], ['m']),
            n('Flatten', ['m'], ['o']),
            n('Gemm', ['o', 'g'], ['y']),
        ],
        [
            init('w', f32(2, 2, 3, 3)),
            init('s', f32(2) + 2),
            init('g', f32(2, 3)),
            init('f', np.array([1, 1, 2, 2], np.float32)),
        ],
        images,
    ),
)
file(
    'value_heads',
    model(
        [n('Attention', ['x', 'x', 'v'], ['y'], is_causal=1)],
        (),
        (('x', F, [1, 2, 3, 4]), ('v', F, [1, 0, 3, 4])),
        opset=23,
    ),
)
file(
    'sequences',
    model(
        [
            n('Gather', ['table', 'x'], ['a']),
            n('LayerNormalization', ['a', 's', 's'], ['b']),
            n('MatMul', ['b', 'w'], ['c']),
            n('Attention', ['c', 'c', 'c'], ['d'], q_num_heads=2, kv_num_heads=2),
            n('Einsum', ['d', 'w'], ['e'], equation='bij,jk->bik'),
            n('Dropout', ['e'], ['f']),
            n('RMSNormalization', ['f', 's'], ['y']),
        ],
        [init('table', f32(5, 4)), init('s', f32(4)), init('w', f32(4, 4))],
        (('x', I, ['n', 3]),),
        opset=24,
    ),
)

# --- Sequences: lists of values at import ---
x = f32(5, 4)
places = [init(f'at{i}', np.array(i)) for i in (-2, -1, 0, 1)]
first, last = n('SequenceAt', ['s', 'at0'], ['a']), n('SequenceAt', ['s', 'at-1'], ['b'])
joined = n('Concat', ['b', 'a'], ['y'], axis=0)
split = n('SplitToSequence', ['x', 'parts'], ['s'])
case(
    'sequence_split',
    [split, first, last, joined],
    {'x': x},
    {'y': np.concatenate([x[2:], x[:2]])},
    places + [init('parts', np.array([2, 3]))],
)
case(
    'sequence_split_by_length',
    [split, first, last, joined],
    {'x': x},
    {'y': np.concatenate([x[4:], x[:2]])},
    places + [init('parts', np.array(2))],
)
for keep in (0, 1):
    case(
        f'sequence_split_keepdims_{keep}',
        [n('SplitToSequence', ['x'], ['s'], axis=1, keepdims=keep), first, last, joined],
        {'x': x},
        {'y': np.concatenate([x[:, 3:], x[:, :1]]).reshape((10, 1) if keep else 10)},
        places,
        opset=11,
    )
insert = [
    n('SequenceEmpty', [], ['e']),
    n('SequenceInsert', ['e', 'x'], ['f']),
    n('Mul', ['x', 'x'], ['z']),
    n('SequenceInsert', ['f', 'z', 'at0'], ['g']),
]
case(
    'sequence_insert',
    insert + [n('Identity', ['g'], ['s']), first, last, joined],
    {'x': x},
    {'y': np.concatenate([x, x * x])},
    places,
)
case(
    'sequence_erase',
    insert + [n('SequenceErase', ['g', 'at-2'], ['h']), n('SequenceAt', ['h', 'at0'], ['y'])],
    {'x': x},
    {'y': x},
    places,
)
case(
    'sequence_length',
    insert
    + [
        n('SequenceLength', ['g'], ['l']),
        n('Cast', ['l'], ['c'], to=F),
        n('Add', ['x', 'c'], ['y']),
    ],
    {'x': x},
    {'y': x + 2},
    places,
)
# From the end, a place is before the element that is there.
case(
    'sequence_insert_negative',
    insert + [n('SequenceInsert', ['g', 'z', 'at-1'], ['s']), first, last, joined],
    {'x': x},
    {'y': np.concatenate([x, x * x])},
    places,
)
make = n('SequenceConstruct', ['x', 'x', 'x'], ['s'])
case(
    'sequence_concat',
    [make, n('ConcatFromSequence', ['s'], ['y'], axis=-1)],
    {'x': x},
    {'y': np.concatenate([x, x, x], -1)},
)
case(
    'sequence_stack',
    [make, n('ConcatFromSequence', ['s'], ['y'], axis=-1, new_axis=1)],
    {'x': x},
    {'y': np.stack([x, x, x], -1)},
)
case(
    'sequence_of_known',
    [
        n('Shape', ['x'], ['d']),
        n('SplitToSequence', ['d'], ['s']),
        n('SequenceErase', ['s'], ['r']),
        n('SequenceInsert', ['r', 'open'], ['q']),
        n('ConcatFromSequence', ['q'], ['t'], axis=0),
        n('Unsqueeze', ['x', 'axis'], ['z']),
        n('Reshape', ['z', 't'], ['y']),
    ],
    {'x': x},
    {'y': x},
    [init('open', np.array([-1])), init('axis', np.array([1]))],
)

# --- For the fuzzer: sequences that are wrong, and large ones ---
file('sequence_as_tensor', model([n('SequenceConstruct', ['x'], ['s']), n('Relu', ['s'], ['y'])]))
file('sequence_as_output', model([n('SequenceConstruct', ['x'], ['y'])]))
file(
    'sequence_outside',
    model(
        [n('SequenceConstruct', ['x'], ['s']), n('SequenceAt', ['s', 'i'], ['y'])],
        [init('i', np.array(3))],
    ),
)
file(
    'sequence_parts',
    model(
        [n('SplitToSequence', ['x'], [f's{i}'], axis=1) for i in range(20)]
        + [n('SequenceAt', ['s19', 'i'], ['y'])],
        [init('i', np.array(0))],
    ),
)

#!/usr/bin/env python3
"""Writes tests/onnx/cases: small ONNX models with inputs and expected outputs, which onnx-conformance
runs. They hold what the suite of the ONNX project does not: functions, branches, shape arithmetic,
typed and external data, old opsets. Needs the Python packages onnx and numpy.

usage: onnx_cases.py FOLDER"""
import os
import sys

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx import save_model

F, I, B = T.FLOAT, T.INT64, T.BOOL
out = sys.argv[1]
random = np.random.RandomState(7)


def f32(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


def value(name, array, symbols=None):
    return h.make_tensor_value_info(name, h.np_dtype_to_tensor_dtype(array.dtype),
                                    symbols or list(array.shape))


def case(name, nodes, inputs, outputs, initializers=(), opset=20, functions=(), ir=9, symbols=None,
         domains=(), external=None, listed=()):
    """|inputs| and |outputs|: name to array. |symbols|: name to open shape. |listed|: initializers
    that are inputs, too."""
    folder = os.path.join(out, name)
    data = os.path.join(folder, 'test_data_set_0')
    os.makedirs(data, exist_ok=True)
    symbols = symbols or {}
    graph = h.make_graph(
        nodes, name,
        [value(n, a, symbols.get(n)) for n, a in inputs.items()] +
        [h.make_tensor_value_info(t.name, t.data_type, t.dims) for t in listed],
        [value(n, a, symbols.get(n)) for n, a in outputs.items()], list(initializers))
    model = h.make_model(graph, functions=list(functions), ir_version=ir, producer_name='snug',
                         opset_imports=[h.make_opsetid('', opset)] +
                         [h.make_opsetid(d, 1) for d in domains])
    if external:
        save_model(model, os.path.join(folder, 'model.onnx'), save_as_external_data=True,
                   all_tensors_to_one_file=True, location=external, size_threshold=0)
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
case('float_data', [n('Add', ['x', 'w'], ['y'])], {'x': x}, {'y': x + w},
     [h.make_tensor('w', F, [3], w.tolist())])
half = w.astype(np.float16)
case('float16_in_int32_data',
     [n('Cast', ['w'], ['v'], to=F), n('Add', ['x', 'v'], ['y'])], {'x': x},
     {'y': x + half.astype(np.float32)}, [h.make_tensor('w', T.FLOAT16, [3], half.tolist())])
case('double_data', [n('Cast', ['w'], ['v'], to=F), n('Add', ['x', 'v'], ['y'])], {'x': x},
     {'y': x + 0.5}, [h.make_tensor('w', T.DOUBLE, [1], [0.5])])
case('int64_data', [n('Reshape', ['x', 's'], ['y'])], {'x': x}, {'y': x.reshape(3, 2)},
     [h.make_tensor('s', I, [2], [3, -1])])
case('external_data', [n('Add', ['x', 'w'], ['a']), n('Mul', ['a', 'v'], ['y'])], {'x': x},
     {'y': (x + w) * y}, [init('w', w), init('v', y)], external='weights.bin')
case('initializer_listed_as_input', [n('Add', ['x', 'w'], ['y'])], {'x': x}, {'y': x + w},
     [init('w', w)], ir=3, listed=[init('w', w)], opset=8)

# --- Functions ---
leaky = h.make_function('own', 'LeakyTwice', ['a'], ['c'],
                        [n('Add', ['a', 'a'], ['b']), n('Relu', ['b'], ['c'])],
                        [h.make_opsetid('', 20)])
case('function', [n('LeakyTwice', ['x'], ['y'], domain='own')], {'x': x},
     {'y': np.maximum(2 * x, 0)}, functions=[leaky], domains=['own'])
shaped = h.make_function('own', 'To', ['a'], ['c'], [
    h.make_node('Constant', [], ['s']),
    n('Reshape', ['a', 's'], ['c'])], [h.make_opsetid('', 20)], ['shape'])
shaped.node[0].attribute.add(name='value_ints', ref_attr_name='shape', type=7)
case('function_with_attribute',
     [n('To', ['x'], ['a'], domain='own', shape=[3, 2]),
      n('To', ['a'], ['y'], domain='own', shape=[6])], {'x': x}, {'y': x.reshape(6)},
     functions=[shaped], domains=['own'])
outer = h.make_function('own', 'Outer', ['a'], ['d'], [
    n('LeakyTwice', ['a'], ['b'], domain='own'), n('LeakyTwice', ['b'], ['d'], domain='own')],
    [h.make_opsetid('', 20), h.make_opsetid('own', 1)])
case('function_in_function', [n('Outer', ['x'], ['y'], domain='own')], {'x': x},
     {'y': 2 * np.maximum(2 * x, 0)}, functions=[outer, leaky], domains=['own'])
defaulted = h.make_function('own', 'Flat', ['a'], ['c'], [n('Flatten', ['a'], ['c'])],
                            [h.make_opsetid('', 20)])
defaulted.attribute_proto.add(name='from', i=2, type=2)
defaulted.node[0].attribute.add(name='axis', ref_attr_name='from', type=2)
deep = f32(2, 3, 2, 2)
case('function_default',
     [n('Flat', ['x'], ['a'], domain='own'), n('Flat', ['x'], ['b'], domain='own', **{'from': 3})],
     {'x': deep}, {'a': deep.reshape(6, 4), 'b': deep.reshape(12, 2)}, functions=[defaulted],
     domains=['own'])
one = h.make_function('own', 'Same', ['a'], ['c'], [n('Add', ['a', 'a'], ['c'])],
                      [h.make_opsetid('', 20)])
two = h.make_function('own', 'Same', ['a'], ['c'], [n('Mul', ['a', 'a'], ['c'])],
                      [h.make_opsetid('', 20)], overload='squared')
squared = n('Same', ['a'], ['y'], domain='own')
squared.overload = 'squared'
case('function_overload', [n('Same', ['x'], ['a'], domain='own'), squared], {'x': x},
     {'y': 4 * x * x}, functions=[one, two], domains=['own'], ir=10)

# --- Branches ---


def branch(name, node):
    return h.make_graph([node], name, [], [h.make_tensor_value_info(node.output[0], F, None)])


for taken in (True, False):
    case('if_' + str(taken).lower(),
         [constant('c', np.array(taken)),
          n('If', ['c'], ['y'], then_branch=branch('then', n('Add', ['x', 'x'], ['t'])),
            else_branch=branch('else', n('Relu', ['x'], ['e'])))],
         {'x': x}, {'y': 2 * x if taken else np.maximum(x, 0)})
case('if_with_initializer',
     [constant('c', np.array(True)),
      n('If', ['c'], ['y'],
        then_branch=h.make_graph([n('Mul', ['x', 'w'], ['t'])], 'then', [],
                                 [h.make_tensor_value_info('t', F, None)], [init('w', w)]),
        else_branch=branch('else', n('Relu', ['x'], ['e'])))], {'x': x}, {'y': x * w})

# --- Shape arithmetic ---
z = f32(1, 4, 2)
case('shape_of_part', [n('Shape', ['x'], ['s'], start=1), n('Reshape', ['x', 's'], ['y'])],
     {'x': z}, {'y': z.reshape(4, 2)})
case('expand_to_shape', [n('Shape', ['a'], ['s']), n('Expand', ['x', 's'], ['y'])],
     {'x': f32(1, 3) * 0 + w, 'a': y}, {'y': np.broadcast_to(w, (2, 3)).copy()})
case('filled', [n('Shape', ['x'], ['s']),
                n('ConstantOfShape', ['s'], ['c'], value=init('v', np.array([2], np.float32))),
                n('Add', ['x', 'c'], ['y'])], {'x': x}, {'y': x + 2})
case('range_as_values', [constant('a', np.int64(0)), constant('b', np.int64(3)),
                         constant('c', np.int64(1)), n('Range', ['a', 'b', 'c'], ['r']),
                         n('Cast', ['r'], ['f'], to=F), n('Add', ['x', 'f'], ['y'])], {'x': x},
     {'y': x + np.arange(3, dtype=np.float32)})
flat = f32(6)
case('symbols', [n('Shape', ['x'], ['s']), n('Reshape', ['a', 's'], ['y'])],
     {'x': x, 'a': flat}, {'y': flat.reshape(2, 3)},
     symbols={'x': ['batch', 3], 'a': ['n'], 'y': ['batch', 3]})
case('zero_size', [n('Add', ['x', 'x'], ['y'])], {'x': f32(0, 3)}, {'y': f32(0, 3)})

# --- Opsets ---
case('opset7_reshape', [n('Reshape', ['x', 's'], ['y'])], {'x': x}, {'y': x.reshape(1, 6)},
     [init('s', np.array([1, 6]))], opset=7, ir=3, listed=[init('s', np.array([1, 6]))])
case('opset11_unsqueeze', [n('Unsqueeze', ['x'], ['a'], axes=[0, 3]),
                           n('Squeeze', ['a'], ['y'], axes=[0])], {'x': x},
     {'y': x.reshape(2, 3, 1)}, opset=11)
case('opset13_unsqueeze', [constant('a', np.array([-1])), n('Unsqueeze', ['x', 'a'], ['y'])],
     {'x': x}, {'y': x.reshape(2, 3, 1)}, opset=13)
case('opset21_identity', [n('Identity', ['x'], ['a']), n('Flatten', ['a'], ['y'], axis=0)],
     {'x': x}, {'y': x.reshape(1, 6)}, opset=21, ir=10)
case('casts', [n('Cast', ['x'], ['i'], to=T.INT32), n('Cast', ['i'], ['b'], to=B),
               n('Cast', ['b'], ['y'], to=F)], {'x': 3 * x},
     {'y': ((3 * x).astype(np.int32) != 0).astype(np.float32)})
case('images', [n('Relu', ['x'], ['a']), n('Add', ['a', 'b'], ['y'])],
     {'x': deep, 'b': f32(3, 1, 1) * 0 + np.array([1, 2, 3], np.float32).reshape(3, 1, 1)},
     {'y': np.maximum(deep, 0) + np.array([1, 2, 3], np.float32).reshape(3, 1, 1)})

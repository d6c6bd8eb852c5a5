#!/usr/bin/env bash
# ONNX Runtime 1.32.0 (PyPI), CPU: MaxPool keeps a NaN if it is the last one of its window, at the lower right, and else
# loses it: of 2x2 windows three in four do. With a stride of 3 all do, and windows of nothing but NaN become -3.4e38.
# GlobalMaxPool keeps one of 64.
#
# Guessed: NaN, at every place, as of the same runtime's ReLU and as of numpy.max. (Of GlobalMaxPool of one NaN nothing
# was guessed. Known: MaxPool of nothing but NaN is NaN in ONNX Runtime, by OpenVINO's issue 35935, and ReduceMax goes
# by the number of NaN, by ONNX Runtime's issue 10514.) Seen (AMD EPYC, 2026-11-30), one NaN at each of the 64 places of
# an 8x8 map of zeros in turn, and 16x16 maps of nothing but NaN, the global one 8x8:
#
#     kernel, stride, padding              2, 2, 0   2, 1, 0   3, 2, 1   3, 1, 1   3, 2, 0   3, 3, 0   global   ReLU
#     windows that hold the NaN            64        196       121       484       81        36        64       64
#     of them NaN                          16        49        16        56        9         0         1        64
#     nothing but NaN: outputs that        none      none      none      the last  none      all       none     none
#       are not NaN                                                      column
#
# Most likely a window's numbers go through x86's maximum one after the other, which takes its second operand if either
# is NaN, so that the next number replaces the NaN. Padding at the right is such a number, at the bottom not. So a
# network that overflows at a few places has finite logits behind its pooling, and a shift of the image by a pixel
# decides it. A client that is evaluated by its ONNX file is counted, where training's own framework would have seen
# that it diverged. NaN is looked for in the weights, not in the logits. Exits 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import sys
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

SIDE, WIDE = 8, 16


def runner(side, node):
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, side, side])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.reshape(1, 1, side, side)})[0][0, 0]


def pooling(side, kernel, stride, padding):
    return runner(side, helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[kernel] * 2, strides=[stride] * 2,
                                         pads=[padding] * 4))


def one_nan(place):
    x = np.zeros(SIDE * SIDE, np.float32)
    x[place] = np.nan
    return x


def windows_with(place, kernel, stride, padding, outputs):
    """Outputs whose window holds the place, and whether it is the window's last one, padding at the right included."""
    row, column = divmod(place, SIDE)
    return {(i, j): (row, column) == (min(i * stride - padding + kernel, SIDE) - 1, j * stride - padding + kernel - 1)
            for i in range(outputs) for j in range(outputs)
            if 0 <= row - (i * stride - padding) < kernel and 0 <= column - (j * stride - padding) < kernel}


print("onnxruntime", onnxruntime.__version__)
as_seen = True
for (kernel, stride, padding), finite_columns in (((2, 2, 0), []), ((2, 1, 0), []), ((3, 2, 1), []),
                                                  ((3, 1, 1), [WIDE - 1]), ((3, 2, 0), []), ((3, 3, 0), range(5))):
    pool = pooling(SIDE, kernel, stride, padding)
    held = kept = 0
    for place in range(SIDE * SIDE):
        y = pool(one_nan(place))
        windows = windows_with(place, kernel, stride, padding, len(y))
        nan = {(int(i), int(j)) for i, j in zip(*np.nonzero(np.isnan(y)))}
        held, kept = held + len(windows), kept + len(nan)
        as_seen &= nan == {window for window, last in windows.items() if last and stride < 3}
    y = pooling(WIDE, kernel, stride, padding)(np.full(WIDE * WIDE, np.nan, np.float32))
    finite = y[~np.isnan(y)]
    print(f"{kernel}, {stride}, {padding}: {held} windows hold the NaN, {kept} are NaN; of nothing but NaN not NaN are "
          f"columns {np.flatnonzero(~np.isnan(y).any(axis=0))} {np.unique(finite)}", flush=True)
    as_seen &= np.flatnonzero(~np.isnan(y).any(axis=0)).tolist() == list(finite_columns)
    as_seen &= finite.size == len(y) * len(finite_columns) and (finite == np.finfo(np.float32).min).all()
for operator, wanted in (("Relu", SIDE * SIDE), ("GlobalMaxPool", 1)):
    run = runner(SIDE, helper.make_node(operator, ["x"], ["y"]))
    kept = [place for place in range(SIDE * SIDE) if np.isnan(run(one_nan(place))).any()]
    whole = np.isnan(run(np.full(SIDE * SIDE, np.nan, np.float32))).all()
    print(f"{operator} keeps {len(kept)} of {SIDE * SIDE}, the last at {kept[-1]}; nothing but NaN: {whole}")
    as_seen &= len(kept) == wanted and kept[-1] == SIDE * SIDE - 1 and bool(whole)
sys.exit(0 if as_seen else 1)
PYTHON

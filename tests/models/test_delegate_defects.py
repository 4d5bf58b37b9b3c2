"""What TensorFlow Lite's own GPU delegate gets wrong, as models that only right semantics pass.

Each is compiled, run by the interpreter, and compared with LiteRT on the CPU.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tflite

import tflgpuc
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.litert import LiteRt
from tflgpuc.verification import TOLERANCE

ACTIVATION = tflite.ActivationFunctionType
POOL = Table(
    "Pool2DOptions",
    {
        "padding": tflite.Padding.VALID,
        "stride_w": 2,
        "stride_h": 2,
        "filter_width": 3,
        "filter_height": 3,
    },
)
SAME_POOL = Table("Pool2DOptions", {**POOL.fields, "padding": tflite.Padding.SAME})
CONV = Table(
    "Conv2DOptions",
    {
        "padding": tflite.Padding.VALID,
        "stride_w": 1,
        "stride_h": 1,
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
    },
)


class Model:
    """A model under construction; methods give positions of tensors."""

    def __init__(self):
        self.tensors, self.operators, self.inputs = [], [], []

    def input(self, *shape, name="x"):
        self.inputs.append(self._tensor(Tensor(name, shape)))
        return self.inputs[-1]

    def constant(self, data, dtype=np.float32):
        array = np.asarray(data, dtype)
        name = f"constant{len(self.tensors)}"
        return self._tensor(Tensor(name, array.shape, array.dtype.name, array))

    def op(self, opcode, inputs, shape, options=None, dtype="float32"):
        out = self._tensor(Tensor(f"{opcode.lower()}{len(self.tensors)}", shape, dtype))
        self.operators.append(Operator(opcode, inputs, (out,), options))
        return out

    def file(self, *outputs):
        return write(Subgraph(self.tensors, self.operators, tuple(self.inputs), outputs))

    def _tensor(self, tensor):
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def agree(tmp_path, data, *arrays):
    """Asserts that outputs are LiteRT's; gives them."""
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    bundle = tflgpuc.compile(path)
    named = {p["name"]: a for p, a in zip(bundle.manifest["inputs"], arrays, strict=True)}
    wanted = LiteRt(path).run(named)
    with bundle.runner() as runner:
        made = list(runner.run(named).values())
    for want, got in zip(wanted, made, strict=True):
        assert np.isfinite(want).all(), "the test's own inputs make no sense"
        scale = max(1.0, float(np.abs(want).max()))
        np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE["f32"] * scale)
    return made


def uniform(*shape, low=-1.0, high=1.0):
    return np.random.default_rng(len(shape)).uniform(low, high, shape).astype(np.float32)


def paddings(model, *rows):
    return model.constant(rows, np.int32)


# --- 1 to 4: paddings ---


def test_paddings_of_rank_3_leave_the_batch_alone(tmp_path):
    m = Model()
    x = m.input(2, 4, 5)
    made = m.op("PAD", (x, paddings(m, (0, 0), (1, 2), (3, 0))), (2, 7, 8))
    (y,) = agree(tmp_path, m.file(made), uniform(2, 4, 5))
    assert y.shape == (2, 7, 8)
    assert (y[:, 0] == 0).all() and (y[:, :, :3] == 0).all()


def test_paddings_of_rank_3_may_pad_the_batch(tmp_path):
    m = Model()
    x = m.input(2, 4, 5)
    made = m.op("PAD", (x, paddings(m, (1, 2), (0, 1), (0, 2))), (5, 5, 7))
    (y,) = agree(tmp_path, m.file(made), uniform(2, 4, 5))
    assert (y[0] == 0).all() and (y[3:] == 0).all() and (y[1, :4, :5] != 0).all()


@pytest.mark.parametrize("value", [1.5, -2.0, 0.0])
def test_padv2_pads_with_its_constant(tmp_path, value):
    m = Model()
    x = m.input(1, 3, 4, 5)
    rows = paddings(m, (0, 0), (1, 1), (2, 0), (0, 2))
    made = m.op("PADV2", (x, rows, m.constant(value)), (1, 5, 6, 7))
    (y,) = agree(tmp_path, m.file(made), uniform(1, 3, 4, 5))
    assert (y[0, 0] == value).all() and (y[..., 5:] == value).all()


@pytest.mark.parametrize("opcode", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"])
def test_padv2_of_another_constant_is_no_zero_padding(tmp_path, opcode):
    m = Model()
    x = m.input(1, 5, 6, 3)
    rows = paddings(m, (0, 0), (1, 1), (1, 1), (0, 0))
    padded = m.op("PADV2", (x, rows, m.constant(2.5)), (1, 7, 8, 3))
    bias = m.constant(np.zeros(3))
    match opcode:
        case "CONV_2D":
            made = m.op(opcode, (padded, m.constant(uniform(3, 3, 3, 3)), bias), (1, 5, 6, 3), CONV)
        case "DEPTHWISE_CONV_2D":
            options = Table("DepthwiseConv2DOptions", {**CONV.fields, "depth_multiplier": 1})
            weights = m.constant(uniform(1, 3, 3, 3))
            made = m.op(opcode, (padded, weights, bias), (1, 5, 6, 3), options)
        case _:
            made = m.op(opcode, (padded,), (1, 3, 3, 3), POOL)
    agree(tmp_path, m.file(made), uniform(1, 5, 6, 3))


@pytest.mark.parametrize("opcode", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])
@pytest.mark.parametrize("options", [POOL, SAME_POOL], ids=["valid", "same"])
def test_padding_before_a_pool_is_pooled(tmp_path, opcode, options):
    """Zeros count in an average, and are the maximum of negative numbers."""
    m = Model()
    x = m.input(1, 5, 5, 3)
    padded = m.op("PAD", (x, paddings(m, (0, 0), (1, 1), (1, 1), (0, 0))), (1, 7, 7, 3))
    size = 3 if options is POOL else 4
    made = m.op(opcode, (padded,), (1, size, size, 3), options)
    (y,) = agree(tmp_path, m.file(made), uniform(1, 5, 5, 3, low=-2, high=-1))
    if opcode == "MAX_POOL_2D":
        assert (y[0, 0] == 0).all()
    if opcode == "AVERAGE_POOL_2D" and options is POOL:
        assert (y[0, 0, 0] > -1).all()


# --- 5 to 7: attributes and operators ---


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_batch_matmul_transposes_its_operands(tmp_path, adj_x, adj_y, constant):
    m = Model()
    left = (2, 4, 3) if adj_x else (2, 3, 4)
    right = (2, 5, 4) if adj_y else (2, 4, 5)
    x = m.input(*left)
    b = uniform(*right, low=-0.5, high=1.5)
    y = m.constant(b) if constant else m.input(*right, name="y")
    options = Table("BatchMatMulOptions", {"adj_x": adj_x, "adj_y": adj_y})
    made = m.op("BATCH_MATMUL", (x, y), (2, 3, 5), options)
    agree(tmp_path, m.file(made), uniform(*left), *([] if constant else [b]))


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
def test_batch_matmul_of_square_matrices(tmp_path, adj_x, adj_y):
    """Where shapes say nothing of what is transposed."""
    m = Model()
    operands = (m.input(1, 2, 5, 5), m.input(1, 2, 5, 5, name="y"))
    options = Table("BatchMatMulOptions", {"adj_x": adj_x, "adj_y": adj_y})
    made = m.op("BATCH_MATMUL", operands, (1, 2, 5, 5), options)
    a, b = uniform(1, 2, 5, 5), uniform(1, 2, 5, 5, low=-2)
    (y,) = agree(tmp_path, m.file(made), a, b)
    left = a.swapaxes(-1, -2) if adj_x else a
    right = b.swapaxes(-1, -2) if adj_y else b
    np.testing.assert_allclose(y, left @ right, rtol=0, atol=1e-4)


def gelu(tmp_path, approximate):
    m = Model()
    x = m.input(1, 1, 9, 7)
    made = m.op("GELU", (x,), (1, 1, 9, 7), Table("GeluOptions", {"approximate": approximate}))
    return agree(
        tmp_path, m.file(made), np.linspace(-4, 4, 63).astype(np.float32).reshape(1, 1, 9, 7)
    )


def test_gelu_is_exact_or_approximate_as_asked(tmp_path):
    (exact,), (approximate,) = gelu(tmp_path, False), gelu(tmp_path, True)
    # They differ by more than the tolerance, so that agreeing with both means something.
    assert np.abs(exact - approximate).max() > 3e-4


def test_floor(tmp_path):
    m = Model()
    made = m.op("FLOOR", (m.input(2, 6),), (2, 6))
    x = np.array([[-2.5, -2, -0.5, -0.0, 0.5, 2], [1e9, -1e9, 7.9999, -7.0001, 1, 0]], np.float32)
    (y,) = agree(tmp_path, m.file(made), x)
    np.testing.assert_array_equal(y, np.floor(x))


@pytest.mark.parametrize(
    ("opcode", "function"), [("FLOOR_DIV", np.floor_divide), ("FLOOR_MOD", np.mod)]
)
def test_floor_div_and_floor_mod_round_down(tmp_path, opcode, function):
    m = Model()
    made = m.op(opcode, (m.input(1, 2, 2, 3), m.input(1, 2, 2, 3, name="y")), (1, 2, 2, 3))
    a = np.array([7, -7, 7, -7, 6, -6, 0.5, -0.5, 0, 5.5, -5.5, 1], np.float32)
    b = np.array([3, 3, -3, -3, 3, 3, 2, 2, 2, -2, -2, 4], np.float32)
    shape = (1, 2, 2, 3)
    (y,) = agree(tmp_path, m.file(made), a.reshape(shape), b.reshape(shape))
    np.testing.assert_allclose(y, function(a, b).reshape(shape))


# --- 8: NaN from padding lanes ---

LEAKY = ("LOG", "RSQRT", "DIV", "POW")


def unbounded(m, opcode, x, shape):
    """An op that is finite on positive numbers and isn't on zeros."""
    match opcode:
        case "DIV":
            return m.op(opcode, (m.constant(np.float32(1)), x), shape, Table("DivOptions", {}))
        case "POW":
            return m.op(opcode, (x, m.constant(np.float32(-1.5))), shape)
    return m.op(opcode, (x,), shape)


def mixed(m, consumer, x, shape):
    """An op that mixes the channels of ``x``."""
    *_, channels = shape
    axis = m.constant([len(shape) - 1], np.int32)
    reduced = (*shape[:-1], 1)
    match consumer:
        case "CONV_2D":
            operands = (x, m.constant(uniform(6, 1, 1, channels)), m.constant(np.zeros(6)))
            return m.op(consumer, operands, (*shape[:-1], 6), CONV)
        case "FULLY_CONNECTED":
            operands = (x, m.constant(uniform(3, channels)), m.constant(np.zeros(3)))
            options = Table("FullyConnectedOptions", {"keep_num_dims": True})
            return m.op(consumer, operands, (*shape[:-1], 3), options)
        case "SOFTMAX":
            return m.op(consumer, (x,), shape, Table("SoftmaxOptions", {"beta": 1.0}))
        case "BATCH_MATMUL":
            operands = (x, m.constant(uniform(*shape[:-2], channels, 2)))
            return m.op(consumer, operands, (*shape[:-1], 2), Table("BatchMatMulOptions", {}))
    return m.op(consumer, (x, axis), reduced, Table("ReducerOptions", {"keep_dims": True}))


CONSUMERS = (
    "CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD",
    "BATCH_MATMUL",
)  # fmt: skip


@pytest.mark.parametrize(("opcode", "consumer"), list(itertools.product(LEAKY, CONSUMERS)))
def test_padding_lanes_do_not_leak(tmp_path, opcode, consumer):
    for channels in (3, 5):
        m = Model()
        shape = (1, 2, 3, channels)
        x = m.input(*shape)
        m_out = mixed(m, consumer, unbounded(m, opcode, x, shape), shape)
        agree(tmp_path, m.file(m_out), uniform(*shape, low=0.5, high=2))


def test_padding_lanes_do_not_leak_through_chains(tmp_path):
    """0 / 0 between two runtime tensors, joined with another before a convolution reads it."""
    m = Model()
    shape = (1, 3, 3, 3)
    x, y = m.input(*shape), m.input(*shape, name="y")
    ratio = m.op("DIV", (x, y), shape, Table("DivOptions", {}))
    log = m.op("LOG", (ratio,), shape)
    joined = m.op(
        "CONCATENATION", (log, x), (1, 3, 3, 6), Table("ConcatenationOptions", {"axis": 3})
    )
    filter, bias = m.constant(uniform(5, 3, 3, 6)), m.constant(np.zeros(5))
    made = m.op("CONV_2D", (joined, filter, bias), (1, 1, 1, 5), CONV)
    positive = uniform(*shape, low=0.5, high=2)
    agree(tmp_path, m.file(made), positive, positive[:, ::-1].copy())


# --- 10 and 11: shapes that don't say enough ---


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2])
def test_concatenation_goes_along_its_axis(tmp_path, axis):
    """All axes of the operands are equal, so that their shapes give no hint."""
    m = Model()
    shape = [2, 2, 2, 2]
    operands = (m.input(*shape), m.input(*shape, name="y"))
    made_shape = list(shape)
    made_shape[axis] = 4
    made = m.op(
        "CONCATENATION", operands, made_shape, Table("ConcatenationOptions", {"axis": axis})
    )
    a, b = uniform(*shape), uniform(*shape, low=2, high=3)
    (y,) = agree(tmp_path, m.file(made), a, b)
    np.testing.assert_array_equal(y, np.concatenate([a, b], axis))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_concatenation_of_one_value_has_no_hint_at_all(tmp_path, axis):
    m = Model()
    x = m.input(1, 3, 3, 3)
    options = Table("ConcatenationOptions", {"axis": axis})
    first = m.op("CONCATENATION", (x,), (1, 3, 3, 3), options)
    twice = [3 if a else 1 for a in range(4)]
    twice[axis] = 6
    made = m.op("CONCATENATION", (first, x), twice, options)
    (y,) = agree(tmp_path, m.file(made), uniform(1, 3, 3, 3))
    assert y.shape == tuple(twice)


@pytest.mark.parametrize("other", [(1, 4, 4, 8), (1, 4, 4, 2), (1, 3, 4, 5)])
def test_sums_of_unequal_channels_are_refused(tmp_path, other):
    """TFLite knows no sum that extends the narrower operand with zeros."""
    m = Model()
    operands = (m.input(1, 4, 4, 5), m.input(*other, name="y"))
    data = m.file(m.op("ADD", operands, (1, 4, 4, 8), Table("AddOptions", {})))
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with pytest.raises(tflgpuc.ModelError, match="LiteRT refuses it"):
        LiteRt(path)
    with pytest.raises(tflgpuc.ModelError, match="add"):
        tflgpuc.compile(path)

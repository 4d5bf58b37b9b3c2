"""Graph optimisations: what each makes of the spellings it knows, that it computes the same, and where
it must not apply."""

from __future__ import annotations

import numpy as np
import pytest

import tflgpuc.ir.graph.ops  # noqa: F401
from tests.passes.test_graph_passes import bodies, conv, names, run
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.exp import Exp
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.pow import Pow
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.rsqrt import Rsqrt
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.squared_difference import SquaredDifference
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.sampling import constant, runtime, weights


def num(value):
    return constant(np.array(value, np.float32))


def add(a, b):
    return Add(lhs=a, rhs=b).result


def sub(a, b):
    return Sub(lhs=a, rhs=b).result


def mul(a, b):
    return Mul(lhs=a, rhs=b).result


def div(a, b):
    return Div(lhs=a, rhs=b).result


X = runtime(1, 4, 4, 8, name="x")


# --- identities ---


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (add(X, num(0.0)), []),
        (sub(X, num(0.0)), []),
        (mul(num(1.0), X), []),
        (div(X, num(1.0)), []),
        (mul(X, num(-1.0)), ["neg"]),
        (div(X, num(4.0)), ["mul"]),
        (div(X, num(3.0)), ["div"]),
        (Neg(x=Neg(x=X).result).result, []),
        (add(X, Neg(x=Exp(x=X).result).result), ["exp", "sub"]),
        (sub(X, Neg(x=Exp(x=X).result).result), ["exp", "add"]),
        (Pow(lhs=X, rhs=num(2.0)).result, ["square"]),
        (Pow(lhs=X, rhs=num(1.0)).result, []),
        (Pow(lhs=Exp(x=X).result, rhs=num(0.5)).result, ["exp", "sqrt"]),
        (Pow(lhs=Exp(x=X).result, rhs=num(-0.5)).result, ["exp", "rsqrt"]),
        (div(num(1.0), Sqrt(x=Exp(x=X).result).result), ["exp", "rsqrt"]),
        (Relu(x=Relu6(x=X).result).result, ["relu6"]),
        (Relu6(x=Relu(x=X).result).result, ["relu6"]),
        (Maximum(lhs=X, rhs=num(0.0)).result, ["relu"]),
        (Minimum(lhs=Maximum(lhs=X, rhs=num(0.0)).result, rhs=num(6.0)).result, ["relu6"]),
        (Maximum(lhs=Minimum(lhs=X, rhs=num(1.0)).result, rhs=num(-1.0)).result, ["relu_n1_to_1"]),
        (Minimum(lhs=Maximum(lhs=X, rhs=num(-2.0)).result, rhs=num(3.0)).result,
         ["maximum", "minimum"]),
    ],
)  # fmt: skip
def test_identities(value, left):
    assert names(run("canonicalize", value)) == left


def test_a_sum_that_broadcasts_stays():
    x = runtime(1, 1, 1, 8)
    zeros = constant(np.zeros((1, 2, 2, 8), np.float32))
    assert names(run("canonicalize", Add(lhs=x, rhs=zeros).result)) == ["add"]


def test_casts_join_only_where_nothing_is_lost():
    there = Cast(input=X, in_data_type="FLOAT32", out_data_type="INT32").result
    back = Cast(input=there, in_data_type="INT32", out_data_type="FLOAT32").result
    assert names(run("canonicalize", back)) == ["cast", "cast"]


# --- movement ---


def turned(x, *perm):
    return Transpose(input=x, perm=constant(list(perm))).result


def cut(x, begin, size):
    return Slice(input=x, begin=constant(begin), size=constant(size)).result


def test_transpositions_join_and_cancel():
    x = runtime(1, 2, 3, 4)
    assert names(run("canonicalize", turned(turned(x, 0, 2, 1, 3), 0, 2, 1, 3))) == []
    assert names(run("canonicalize", turned(turned(x, 0, 2, 1, 3), 0, 3, 1, 2))) == ["transpose"]
    assert names(run("canonicalize", turned(runtime(1, 5, 1, 4), 0, 2, 1, 3))) == ["reshape"]


def test_elementwise_ops_lose_the_moves_around_them():
    x = runtime(1, 2, 3, 4)
    there = Exp(x=Neg(x=turned(x, 0, 3, 1, 2)).result).result
    assert names(run("canonicalize", turned(there, 0, 2, 3, 1))) == ["neg", "exp"]
    assert names(run("canonicalize", turned(there, 0, 3, 2, 1))) == [
        "transpose",
        "neg",
        "exp",
        "transpose",
    ]
    flat = Exp(x=Reshape(tensor=x, new_shape=(6, 4)).result).result
    assert names(run("canonicalize", Reshape(tensor=flat, new_shape=(1, 2, 3, 4)).result)) == [
        "exp"
    ]


def test_slices_and_concatenations_join():
    x, y = runtime(1, 2, 2, 8, name="x"), runtime(1, 2, 2, 4, name="y")
    inner = cut(x, [0, 0, 0, 2], [1, 2, 2, 6])
    assert names(run("canonicalize", cut(inner, [0, 1, 0, 1], [1, 1, 2, 3]))) == ["slice"]
    both = Concatenation(values=(x, y), axis=3).result
    assert names(run("canonicalize", cut(both, [0, 0, 0, 8], [1, 2, 2, 4]))) == []
    assert names(run("canonicalize", cut(both, [0, 0, 0, 6], [1, 2, 2, 4]))) == [
        "concatenation",
        "slice",
    ]
    three = Concatenation(values=(both, x), axis=3).result
    (made,) = run("canonicalize", three).ops
    assert len(made.values) == 3
    halves = [cut(x, [0, 0, 0, c], [1, 2, 2, 4]) for c in (0, 4)]
    assert names(run("canonicalize", Concatenation(values=tuple(halves), axis=3).result)) == []
    swapped = Concatenation(values=tuple(reversed(halves)), axis=3).result
    assert names(run("canonicalize", swapped)) == ["slice", "slice", "concatenation"]


def test_a_resized_pixel_broadcasts():
    pixel = runtime(1, 1, 1, 8, name="pixel")
    wide = ResizeBilinear(input=pixel, size=constant([4, 4])).result
    assert names(run("canonicalize", mul(X, wide))) == ["mul"]


# --- common subexpressions ---


def test_equal_ops_are_computed_once():
    one, two = conv(X, (4, 1, 1, 8)), conv(X, (4, 1, 1, 8))
    total = add(Exp(x=one).result, Tanh(x=two).result)
    assert names(run("cse", total)) == ["conv_2d", "exp", "tanh", "add"]
    other = conv(X, (4, 1, 1, 8), fused_activation_function="RELU")
    assert names(run("cse", add(one, other))) == ["conv_2d", "conv_2d", "add"]


def test_cheap_ops_of_one_value_stay_in_their_kernels():
    one, two = conv(Relu(x=X).result, (4, 1, 1, 8)), conv(Relu(x=X).result, (8, 1, 1, 8))
    assert names(run("cse", one, two)) == ["relu", "conv_2d", "relu", "conv_2d"]
    # Of values that turn out to be one they would else keep it from its own kernel.
    one, two = (Relu(x=conv(X, (4, 1, 1, 8))).result for _ in range(2))
    total = add(Exp(x=one).result, Tanh(x=two).result)
    assert names(run("cse", total)) == ["conv_2d", "relu", "exp", "tanh", "add"]


# --- scales and shifts ---

PER_CHANNEL = constant(np.linspace(0.5, 2, 8).astype(np.float32))


def layers(x, channels=8):
    yield conv(x, (8, 3, 3, 8))
    filter = weights(1, 3, 3, channels)
    yield DepthwiseConv2D(input=x, filter=filter, bias=weights(channels), padding="SAME").result
    shape = constant([1, 8, 8, channels])
    yield TransposeConv(
        output_shape=shape, weights=weights(8, 2, 2, 8), input=x, stride_w=2, stride_h=2
    ).result


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("by", [PER_CHANNEL, num(3.0)])
def test_scales_join_layers(kind, by):
    assert len(names(run("substitute", mul(list(layers(X))[kind], by)))) == 1
    assert len(names(run("substitute", div(list(layers(X))[kind], by)))) == 1
    assert len(names(run("substitute", list(layers(mul(X, by)))[kind]))) == 1


def test_scales_and_shifts_join_fully_connected_layers():
    x = runtime(2, 8)
    first = FullyConnected(input=add(mul(x, PER_CHANNEL), num(2.0)), weights=weights(8, 8)).result
    assert names(run("substitute", add(mul(first, PER_CHANNEL), PER_CHANNEL))) == [
        "fully_connected"
    ]


def test_shifts_join_only_layers_that_pad_nothing():
    shifted = sub(X, PER_CHANNEL)
    assert names(run("substitute", conv(shifted, (4, 3, 3, 8), padding="VALID"))) == ["conv_2d"]
    assert names(run("substitute", conv(shifted, (4, 3, 3, 8)))) == ["sub", "conv_2d"]
    amounts = constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = Pad(input=shifted, paddings=amounts).result
    made = run("substitute", conv(padded, (4, 3, 3, 8), padding="VALID"))
    assert names(made) == ["sub", "conv_2d"]


def test_scales_stay_behind_activations_and_for_other_readers():
    active = conv(X, (8, 1, 1, 8), fused_activation_function="RELU")
    assert names(run("substitute", mul(active, num(-2.0)))) == ["conv_2d", "mul"]
    value = conv(X, (8, 1, 1, 8))
    assert names(run("substitute", mul(value, num(2.0)), value)) == ["conv_2d", "mul"]
    rows = constant(np.ones((1, 4, 4, 1), np.float32) * 2)
    assert names(run("substitute", mul(value, rows))) == ["conv_2d"]
    uneven = constant(np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1))
    assert names(run("substitute", mul(value, uneven))) == ["conv_2d", "mul"]


# --- functions ---


def clamped(x):
    return Relu6(x=add(x, num(3.0))).result


Y = add(X, runtime(1, 4, 4, 8, name="y"))
CUBE = mul(mul(X, X), X)
GELU = mul(add(X, mul(CUBE, num(0.044715))), num(np.sqrt(2 / np.pi)))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (mul(mul(X, clamped(X)), num(1 / 6)), "hard_swish"),
        (mul(X, mul(clamped(X), num(0.16666667))), "hard_swish"),
        (mul(X, div(clamped(X), num(6.0))), "hard_swish"),
        (div(mul(Y, clamped(Y)), num(6.0)), "hard_swish"),
        (mul(mul(X, num(0.5)), add(Tanh(x=GELU).result, num(1.0))), "gelu"),
        (mul(num(0.5), mul(X, add(num(1.0), Tanh(x=GELU).result))), "gelu"),
        (div(num(1.0), add(Exp(x=Neg(x=X).result).result, num(1.0))), "logistic"),
    ],
)
def test_activations_are_recognised(value, name):
    found = names(run("canonicalize,substitute", value))
    assert found[-1] == name and set(found[:-1]) <= {"add"}


def test_other_formulas_stay():
    made = run("substitute", mul(mul(X, clamped(X)), num(0.2)))
    assert names(made) == ["add", "relu6", "mul", "mul"]


@pytest.mark.parametrize("shift", [False, True])
def test_softmax_is_recognised(shift):
    scaled = mul(X, num(0.25))
    most = ReduceMax(input=scaled, axis=constant([3]), keep_dims=True).result
    raised = Exp(x=sub(scaled, most) if shift else scaled).result
    total = Sum(input=raised, axis=constant([-1]), keep_dims=True).result
    assert names(run("substitute", div(raised, total))) == ["softmax"]
    rows = Sum(input=raised, axis=constant([1]), keep_dims=True).result
    assert "softmax" not in names(run("substitute", div(raised, rows)))


# --- normalisation ---


@pytest.mark.parametrize("axes", [[3], [1, 2]])
@pytest.mark.parametrize("form", range(5))
def test_normalisations_are_recognised(axes, form):
    axis = constant(axes)
    mean = Mean(input=X, axis=axis, keep_dims=True).result
    centred = sub(X, mean)
    squares = [
        SquaredDifference(lhs=X, rhs=mean).result,
        Square(x=centred).result,
        mul(centred, centred),
        SquaredDifference(lhs=mean, rhs=X).result,
        SquaredDifference(lhs=X, rhs=mean).result,
    ][form]
    variance = add(Mean(input=squares, axis=axis, keep_dims=True).result, num(1e-5))
    inverse = Rsqrt(x=variance).result
    scale = mul(inverse, PER_CHANNEL)
    value = [
        mul(centred, inverse),
        div(centred, Sqrt(x=variance).result),
        add(mul(mul(centred, inverse), PER_CHANNEL), PER_CHANNEL),
        add(mul(X, scale), sub(PER_CHANNEL, mul(mean, scale))),
        add(mul(X, scale), mul(Neg(x=mean).result, scale)),
    ][form]
    found = names(run("canonicalize,substitute", value))
    assert found == ["normalize", *[["mul", "add"], ["mul"], []][[2, 2, 0, 0, 1][form]]]


def test_a_variance_of_something_else_is_no_normalisation():
    axis = constant([3])
    mean = Mean(input=X, axis=axis, keep_dims=True).result
    other = Mean(input=Square(x=X).result, axis=axis, keep_dims=True).result
    value = mul(sub(X, mean), Rsqrt(x=add(other, num(1e-5))).result)
    assert "normalize" not in names(run("substitute", value))


# --- dense chains ---


def test_squeeze_and_excite_is_one_dispatch_and_a_product():
    pooled = AveragePool2D(input=X, filter_width=4, filter_height=4, padding="VALID").result
    squeezed = Relu(x=conv(pooled, (4, 1, 1, 8))).result
    gate = Logistic(x=conv(squeezed, (8, 1, 1, 4))).result
    made = run("optimize", mul(X, gate))
    assert bodies(made) == [["dense_chain", "logistic"], ["mul"]]


def test_fully_connected_layers_of_one_row_are_one_dispatch():
    x = runtime(1, 8)
    first = FullyConnected(input=x, weights=weights(16, 8), bias=weights(16)).result
    second = FullyConnected(input=Tanh(x=first).result, weights=weights(4, 16)).result
    third = FullyConnected(input=Relu(x=second).result, weights=weights(5, 4)).result
    assert [b for b in bodies(run("optimize", third)) if b != ["reshape"]] == [["dense_chain"]]
    rows = FullyConnected(input=runtime(2, 8), weights=weights(16, 8)).result
    twice = FullyConnected(input=rows, weights=weights(4, 16)).result
    assert bodies(run("optimize", twice)) == [["fully_connected"], ["fully_connected"]]


def test_layers_that_others_read_or_that_are_large_stay():
    pixel = runtime(1, 1, 1, 8)
    first = conv(pixel, (4, 1, 1, 8))
    made = run("optimize", conv(Relu(x=first).result, (8, 1, 1, 4)), first)
    assert ["dense_chain"] not in bodies(made)
    wide = conv(conv(runtime(1, 1, 1, 1024), (1024, 1, 1, 1024)), (1024, 1, 1, 1024))
    assert ["dense_chain"] not in bodies(run("optimize", wide))


def test_global_pooling_is_a_mean():
    whole = AveragePool2D(input=X, filter_width=4, filter_height=4, padding="VALID").result
    assert names(run("substitute", whole)) == ["mean"]
    part = AveragePool2D(
        input=X, filter_width=3, filter_height=4, padding="VALID", stride_w=2
    ).result
    assert names(run("substitute", part)) == ["average_pool_2d"]


# --- convolutions of concatenations ---


def test_a_repeated_pixel_is_multiplied_once():
    pixel = runtime(1, 1, 1, 3, name="pixel")
    wide = ResizeBilinear(input=pixel, size=constant([4, 4])).result
    both = Concatenation(values=(wide, X), axis=3).result
    made = run("substitute", conv(both, (4, 1, 1, 11)))
    assert names(made) == ["conv_2d", "conv_2d", "add"]
    assert made.ops[-1].rhs.type.shape == (1, 1, 1, 4)
    assert names(run("substitute", conv(both, (4, 3, 3, 11))))[-2:] == ["concatenation", "conv_2d"]


def test_a_pixel_listed_twice_keeps_its_own_weights():
    pixel = runtime(1, 1, 1, 4, name="pixel")
    wide = ResizeBilinear(input=pixel, size=constant([4, 4])).result
    three = Concatenation(values=(wide, X, wide), axis=3).result
    made = run("substitute", conv(three, (4, 1, 1, 16)))
    assert names(made).count("concatenation") == 0


# --- siblings ---


def heads(x, *channels):
    """Convolutions of one input, each made one column."""
    made = [conv(x, (c, 1, 1, 8)) for c in channels]
    return [Reshape(tensor=v, new_shape=(1, v.type.size, 1)).result for v in made]


def test_siblings_are_one_convolution_whose_slices_are_read():
    joined = Concatenation(values=tuple(heads(X, 4, 8)), axis=1).result
    made = run("substitute", joined)
    assert names(made).count("conv_2d") == 1
    wide = run("optimize", joined)
    assert [b[-1] for b in bodies(wide)] == ["conv_2d", "concatenation"]


def test_at_most_one_sibling_leaves_part_of_a_slice():
    a, b, c = heads(X, 2, 8, 6)
    made = run("substitute", Concatenation(values=(a, b), axis=1).result)
    assert names(made).count("conv_2d") == 1
    first = next(op for op in made.ops if op.name == "tfl.conv_2d")
    assert first.filter.type.shape[0] == 10
    ragged = run("substitute", Concatenation(values=(a, c), axis=1).result)
    assert names(ragged).count("conv_2d") == 2


def test_siblings_that_only_get_another_name_stay():
    rows = [Reshape(tensor=conv(X, (4, 1, 1, 8)), new_shape=(1, 16, 4)).result for _ in range(2)]
    made = run("substitute", Concatenation(values=tuple(rows), axis=1).result)
    assert names(made).count("conv_2d") == 2


def test_siblings_that_others_read_stay():
    one, two = conv(X, (8, 1, 1, 8)), conv(X, (4, 1, 1, 8))
    joined = Concatenation(values=(one, two), axis=3).result
    assert names(run("substitute", joined, one)).count("conv_2d") == 2
    other = conv(X, (4, 3, 3, 8))
    joined = Concatenation(values=(one, other), axis=3).result
    assert names(run("substitute", joined)).count("conv_2d") == 2


def test_scales_of_one_pixel_are_read_from_one_convolution():
    style = runtime(1, 1, 1, 8, name="style")
    scale, shift = conv(style, (8, 1, 1, 8)), conv(style, (8, 1, 1, 8))
    shifted = add(mul(Exp(x=X).result, scale), Neg(x=shift).result)
    assert names(run("substitute", shifted)).count("conv_2d") == 2
    shifted = add(mul(Exp(x=X).result, scale), shift)
    assert bodies(run("optimize", shifted))[0] == ["conv_2d"]
    assert names(run("substitute", shifted)).count("slice") == 2


def test_a_pooling_is_computed_where_it_is_added():
    pooled = MaxPool2D(input=X, filter_width=2, filter_height=2, stride_w=2, stride_h=2).result
    made = run("optimize", add(pooled, conv(X, (8, 3, 3, 8), stride_w=2, stride_h=2)))
    assert bodies(made) == [["max_pool_2d", "conv_2d", "add"]]

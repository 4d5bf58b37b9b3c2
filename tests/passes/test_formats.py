"""Images in place of inputs, and other forms of outputs: parsed, refused, folded, and right."""

from __future__ import annotations

import numpy as np
import pytest

from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import Quantization, TensorType
from tflgpuc.ir.image_formats import InputFormat, OutputFormat, input_format, output_format
from tflgpuc.ir.schedule import Schedule
from tflgpuc.passes.formats import apply_formats, image_input, output_graph
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import default_passes
from tflgpuc.targets import load_target

RNG = np.random.default_rng(7)


def image(width: int, height: int) -> Array:
    return RNG.integers(0, 256, (1, height, width, 4), np.uint8)


def prepared(text: str, type: TensorType, pixels: Array) -> Array:
    """What the reference of a format makes of an image."""
    return image_input("x", input_format("x", text), type).evaluate([pixels])[0]


def formed(text: str, array: Array, type: TensorType | None = None) -> list[Array]:
    """What the reference of a format makes of an output."""
    known = type or TensorType("f32", array.shape)
    return output_graph("y", output_format("y", text), known).evaluate([array])


def compiled(graph: Graph, target: str = "generic-gles31") -> Schedule:
    return PassManager(default_passes(), check=True).run(graph, load_target(target))


def ran(schedule: Schedule, *arrays: Array) -> list[Array]:
    return list(
        interpret_schedule(schedule, dict(zip(schedule.inputs, arrays, strict=True))).values()
    )


def conv(channels: int = 3, outputs: int = 8) -> Graph:
    """A convolution of an image, with padding, and a sigmoid."""
    x = runtime(1, 9, 12, channels, name="x")
    made = Conv2D(
        input=x, filter=weights(outputs, 3, 3, channels), bias=weights(outputs), stride_w=2,
        stride_h=2, padding="SAME",
    )  # fmt: skip
    squashed = Logistic(x=made.result, names=("y",))
    return Graph((x,), (*parameters(made), made, squashed), (squashed.result,))


def parameters(op: Conv2D) -> list:
    return [v.op for v in (op.filter, op.bias) if v is not None]


# --- text ---


def test_a_format_is_read_and_written():
    text = "rgba8,size=640x480,scale=1/127.5:2:0.5,bias=-1,order=bgr,resize=nearest"
    made = input_format("x", text)
    assert made == InputFormat(
        size=(640, 480), scale=(1 / 127.5, 2.0, 0.5), bias=(-1.0,), order="bgr", resize="nearest"
    )
    assert input_format("x", str(made)) == made
    assert str(InputFormat()) == "rgba8"
    for text in ("rgba8,scale=255.0,bias=0.5", "argmax", "top_k:5", "f32"):
        assert str(output_format("y", text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("png", "no format 'png'; there is rgba8"),
        ("rgba8,scale", "scale= is not a number such as 1/127.5"),
        ("rgba8,scale=1/0", "scale=1/0 is not"),
        ("rgba8,scale=1,2", "no option '2' of formats; there are size, scale"),
        ("rgba8,bias=nan", "bias=nan is not"),
        ("rgba8,bias=1e999", "bias=1e999 is not"),
        ("rgba8,size=640", "size=640 is not WIDTHxHEIGHT"),
        ("rgba8,size=0x480", "size=0x480 is not WIDTHxHEIGHT"),
        ("rgba8,order=rbg", "order=rbg is not rgb or bgr"),
        ("rgba8,resize=cubic", "resize=cubic is not bilinear, nearest or none"),
        ("rgba8,source=screen", "source=screen is not buffer"),
        ("rgba8,scale=1,scale=2", "scale is given twice"),
    ],
)
def test_wrong_input_formats(text, problem):
    with pytest.raises(UsageError) as error:
        input_format("x", text)
    assert str(error.value).startswith("input 'x': ") and problem in str(error.value)


@pytest.mark.parametrize("text", ["mask", "top_k", "top_k:0", "top_k:x", "argmax:3", "f32,scale=2"])
def test_wrong_output_formats(text):
    with pytest.raises(UsageError, match="output 'y': "):
        output_format("y", text)


@pytest.mark.parametrize(
    ("text", "type", "problem"),
    [
        ("rgba8", TensorType("f32", (1, 4, 4, 2)), "rgba8 is for [1, height, width, 1, 3 or 4]"),
        ("rgba8", TensorType("f32", (2, 4, 4, 3)), "rgba8 is for [1, height"),
        ("rgba8", TensorType("i32", (1, 4, 4, 3)), "rgba8 is for f32, u8 and i8"),
        ("rgba8,scale=1:2", TensorType("f32", (1, 4, 4, 3)), "scale has 2 numbers for 3 channels"),
        ("rgba8,order=bgr", TensorType("f32", (1, 4, 4, 1)), "order=bgr is for 3 channels"),
        ("rgba8,size=8x4,resize=none", TensorType("f32", (1, 4, 4, 3)), "the model wants 4x4"),
    ],
)
def test_inputs_that_no_image_fits(text, type, problem):
    with pytest.raises(UsageError) as error:
        image_input("x", input_format("x", text), type)
    assert str(error.value).startswith("input 'x'") and problem in str(error.value)


@pytest.mark.parametrize(
    ("text", "shape"), [("rgba8", (1, 5)), ("rgba8,bias=1:2", (1, 2, 2, 3)), ("top_k:6", (1, 5))]
)
def test_outputs_that_a_format_does_not_fit(text, shape):
    with pytest.raises(UsageError, match="output 'y'"):
        formed(text, np.zeros(shape, np.float32))


def test_names_have_to_be_known():
    with pytest.raises(UsageError, match="no input 'z'; there are 'x'"):
        apply_formats(conv(), {"z": InputFormat()}, {})
    with pytest.raises(UsageError, match="no output 'z'; there are 'y'"):
        apply_formats(conv(), {}, {"z": OutputFormat("argmax")})


# --- what they mean, spelt once more ---


def test_colours_scale_and_bias():
    pixels = image(4, 3)
    rgb = pixels[..., :3].astype(np.float32)
    type = TensorType("f32", (1, 3, 4, 3))
    np.testing.assert_array_equal(prepared("rgba8", type, pixels), rgb)
    made = prepared("rgba8,scale=1/2:1/4:1,bias=-1:0:3,order=bgr", type, pixels)
    np.testing.assert_allclose(made, rgb[..., ::-1] * [0.5, 0.25, 1] + [-1, 0, 3], 1e-6)
    four = prepared("rgba8,scale=1/255", TensorType("f32", (1, 3, 4, 4)), pixels)
    np.testing.assert_allclose(four, pixels / 255, 1e-6)
    grey = prepared("rgba8", TensorType("f32", (1, 3, 4, 1)), pixels)
    np.testing.assert_allclose(grey[..., 0], rgb @ [0.299, 0.587, 0.114], 1e-5)


def bilinear(pixels: Array, width: int, height: int) -> Array:
    """Output (x, y) lies at ((x + 0.5) * W / width - 0.5, ...) of the image, kept inside it."""

    def taps(old: int, new: int) -> tuple[Array, Array, Array]:
        at = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
        first = at.astype(int)
        return first, np.minimum(first + 1, old - 1), at - first

    top, bottom, down = taps(pixels.shape[1], height)
    left, right, across = taps(pixels.shape[2], width)
    rows = pixels[:, top] + (pixels[:, bottom] - pixels[:, top]) * down[:, None, None]
    return rows[:, :, left] + (rows[:, :, right] - rows[:, :, left]) * across[:, None]


def test_resizing():
    pixels = image(7, 5)
    type = TensorType("f32", (1, 3, 4, 3))
    rgb = pixels[..., :3].astype(np.float64)
    made = prepared("rgba8,size=7x5", type, pixels)
    np.testing.assert_allclose(made, bilinear(rgb, 4, 3), 1e-4, 1e-3)
    nearest = prepared("rgba8,size=7x5,resize=nearest", type, pixels)
    rows, columns = ((np.arange(n) + 0.5) * old / n for n, old in ((3, 5), (4, 7)))
    np.testing.assert_array_equal(nearest, rgb[:, rows.astype(int)][:, :, columns.astype(int)])


def test_quantised_inputs():
    pixels = image(4, 3)
    rgb = pixels[..., :3].astype(np.int64)
    u8 = TensorType("u8", (1, 3, 4, 3), quantization=Quantization((0.0078125,), (128,)))
    i8 = TensorType("i8", (1, 3, 4, 3), quantization=Quantization((0.017,), (-14,)))
    np.testing.assert_array_equal(prepared("rgba8", u8, pixels), rgb)
    np.testing.assert_array_equal(prepared("rgba8", i8, pixels), rgb - 128)
    bare = TensorType("i8", (1, 3, 4, 3))
    np.testing.assert_array_equal(prepared("rgba8", bare, pixels), rgb - 128)
    made = prepared("rgba8,scale=1/127.5,bias=-1", u8, pixels)
    wanted = np.clip(np.rint((rgb / 127.5 - 1) / 0.0078125) + 128, 0, 255)
    assert made.dtype == np.uint8 and np.abs(made - wanted).max() <= 1


def test_outputs_as_images():
    grey = RNG.uniform(-0.2, 1.2, (1, 3, 4, 1)).astype(np.float32)
    (made,) = formed("rgba8,scale=255", grey)
    byte = np.clip(np.rint(grey.astype(np.float64) * 255), 0, 255)
    assert made.dtype == np.uint8 and made.shape == (1, 3, 4, 4)
    np.testing.assert_array_equal(made[..., :3], np.repeat(byte, 3, -1))
    assert (made[..., 3] == 255).all()
    two = np.concatenate([grey, 1 - grey], -1)
    (made,) = formed("rgba8,scale=100:50,bias=10:20", two)
    np.testing.assert_allclose(made[..., 1:2], (1 - grey) * 50 + 20, atol=0.51)
    assert not made[..., 2].any() and (made[..., 3] == 255).all()
    colours = RNG.uniform(-1, 1, (1, 2, 2, 4)).astype(np.float32)
    (made,) = formed("rgba8,scale=127.5,bias=127.5", colours)
    np.testing.assert_allclose(made, (colours + 1) * 127.5, atol=0.51)


def test_places_of_the_greatest():
    scores = RNG.permutation(60).reshape(1, 3, 4, 5).astype(np.float32)
    (made,) = formed("argmax", scores)
    assert made.dtype == np.int32
    np.testing.assert_array_equal(made, scores.argmax(-1))
    values, places = formed("top_k:2", scores)
    np.testing.assert_array_equal(places, np.argsort(-scores, -1)[..., :2])
    np.testing.assert_array_equal(values, -np.sort(-scores, -1)[..., :2])


def test_quantised_outputs_as_real_numbers():
    steps = np.arange(-4, 4, dtype=np.int8).reshape(1, 8)
    type = TensorType("i8", (1, 8), quantization=Quantization((0.5,), (-2,)))
    (made,) = formed("f32", steps, type)
    np.testing.assert_array_equal(made, (steps.astype(np.float32) + 2) / 2)
    (place,) = formed("argmax", steps, type)
    assert place.tolist() == [7]


# --- in a graph ---


@pytest.mark.parametrize("target", ["generic-gles31", "llvmpipe"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "text",
    ["rgba8", "rgba8,scale=1/127.5,bias=-1", "rgba8,size=20x17,scale=1/255,bias=-0.5"],
)
def test_an_image_is_folded_into_the_first_dispatch(text, channels, target):
    graph = conv(channels)
    format = input_format("x", text)
    plain, made = (compiled(g, target) for g in (graph, apply_formats(graph, {"x": format}, {})))
    assert len(made.steps) == len(plain.steps) == 1
    width, height = format.size or (12, 9)
    pixels = image(width, height)
    given = prepared(text, graph.inputs[0].type, pixels)
    np.testing.assert_allclose(ran(made, pixels)[0], ran(plain, given)[0], 1e-4, 1e-5)


def test_zero_padding_comes_after_the_bias():
    """Taps outside of the image are 0, not what a black pixel becomes."""
    graph = apply_formats(conv(), {"x": InputFormat(bias=(1.0,))}, {})
    schedule = compiled(graph)
    pixels = np.zeros((1, 9, 12, 4), np.uint8)
    np.testing.assert_allclose(ran(schedule, pixels)[0], graph.evaluate([pixels])[0], 1e-5)


def test_an_output_image_is_stored_as_words():
    schedule = compiled(
        apply_formats(conv(outputs=1), {}, {"y": OutputFormat("rgba8", scale=(255.0,))})
    )
    last = schedule.dispatches[-1]
    assert len(schedule.steps) == 2 and last.kernel.buffers[0].storage == "u32"
    x = RNG.uniform(-1, 1, (1, 9, 12, 3)).astype(np.float32)
    (mask,) = ran(schedule, x)
    wanted = conv(outputs=1).evaluate([x])[0] * 255
    np.testing.assert_allclose(mask[..., :3], np.repeat(wanted, 3, -1), atol=0.51)


def test_several_outputs_keep_their_order():
    graph = conv()
    schedule = compiled(apply_formats(graph, {}, {"y": OutputFormat("top_k", 3)}))
    assert list(schedule.outputs) == ["y", "y_indices"]
    x = RNG.uniform(-1, 1, (1, 9, 12, 3)).astype(np.float32)
    values, places = ran(schedule, x)
    right = graph.evaluate([x])[0]
    np.testing.assert_array_equal(places, np.argsort(-right, -1, kind="stable")[..., :3])
    np.testing.assert_allclose(values, np.take_along_axis(right, places, -1), 1e-5)


def test_golden(golden):
    x = Value(TensorType("f32", (1, 2, 4, 3)), "x")
    made = Conv2D(input=x, filter=weights(4, 1, 1, 3), bias=None)
    graph = Graph((x,), (made.filter.op, made), (made.result,))
    formats = {"x": input_format("x", "rgba8,scale=1/127.5,bias=-1,order=bgr")}
    (dispatch,) = compiled(apply_formats(graph, formats, {})).dispatches
    golden("image_conv.comp", print_glsl(dispatch.kernel, ["an RGBA8 image into a convolution"]))

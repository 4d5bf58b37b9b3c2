"""The claims of docs/model-guide.md, each as a pair of small models that differ in one thing.

    python -m benchmarks.guide [--pair NAME] [--runs N] [--json FILE]

Ratios are the first model's figure over the second's. CPU seconds are those of the process, the driver's
threads included, the least of several runs, the two models in turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from benchmarks.common import Row, child, report
from benchmarks.synthetic import Maker, save
from tflgpuc import compile
from tflgpuc.advice import advise
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.random_inputs import ports_of, random_inputs

SIDE, LAYERS = 56, 4


def _ints(made: Maker, *numbers: int) -> Value:
    """A constant of whole numbers."""
    data = np.array(numbers, np.int32)
    constant = Constant(data=data, type=TensorType("i32", data.shape))
    made.ops.append(constant)
    return constant.result


def _pointwise(made: Maker, x: Value, channels: int) -> Value:
    """A 1x1 convolution."""
    return made.add(Conv2D(input=x, filter=made.weights(channels, 1, 1, x.type.shape[-1])))


def stack(channels: int, batch: int = 1) -> Graph:
    """3x3 convolutions, one after another."""
    made = Maker((batch, SIDE, SIDE, channels))
    x = made.input
    for _ in range(LAYERS):
        x = made.add(Conv2D(input=x, filter=made.weights(channels, 3, 3, channels)))
    return made.graph(x)


def activated(kind: type[HardSwish] | type[Relu] | None) -> Graph:
    """1x1 convolutions, an activation after each."""
    made = Maker((1, SIDE, SIDE, 32))
    x = made.input
    for _ in range(LAYERS):
        x = _pointwise(made, x, 32)
        x = x if kind is None else made.add(kind(x=x))
    return made.graph(x)


def turned(transposes: bool) -> Graph:
    """1x1 convolutions, between them perhaps a change of rows and columns."""
    made = Maker((1, SIDE, SIDE, 32))
    x = made.input
    for i in range(LAYERS):
        x = _pointwise(made, x, 32)
        if transposes and i < LAYERS - 1:
            x = made.add(Transpose(input=x, perm=_ints(made, 0, 2, 1, 3)))
    return made.graph(x)


def reshaped(split: bool) -> Graph:
    """Two 1x1 convolutions of equal work, between them perhaps a reshape of pairs of pixels."""
    made = Maker((1, SIDE, SIDE, 32))
    x = _pointwise(made, made.input, 32)
    if split:
        x = made.add(Reshape(tensor=x, shape=_ints(made, 1, SIDE, SIDE // 2, 64)))
    return made.graph(_pointwise(made, x, 32))


def resized(before: bool) -> Graph:
    """A 1x1 convolution to few channels, before or after doubling the size."""
    made = Maker((1, SIDE, SIDE, 32))
    x = made.input

    def grow(x: Value) -> Value:
        return made.add(ResizeBilinear(input=x, size=_ints(made, 2 * SIDE, 2 * SIDE)))

    x = _pointwise(made, grow(x), 4) if before else grow(_pointwise(made, x, 4))
    return made.graph(x)


def depthwise(sizes: tuple[int, ...]) -> Graph:
    """Depthwise convolutions of some sizes, one after another."""
    made = Maker((1, SIDE, SIDE, 32))
    x = made.input
    for size in sizes:
        x = made.add(DepthwiseConv2D(input=x, filter=made.weights(1, size, size, 32)))
    return made.graph(x)


def classified(pool: bool) -> Graph:
    """A fully connected layer on all pixels, or on their mean."""
    made = Maker((1, 14, 14, 64))
    x = made.input
    if pool:
        x = made.add(AveragePool2D(input=x, filter_width=14, filter_height=14, padding="VALID"))
    x = made.add(Reshape(tensor=x, shape=_ints(made, 1, x.type.size)))
    x = made.add(FullyConnected(input=x, weights=made.weights(256, x.type.size)))
    return made.graph(x)


def joined(channels: int) -> Graph:
    """Two layers' results side by side, and a layer that reads both."""
    made = Maker((1, SIDE, SIDE, channels))
    one = _pointwise(made, made.input, channels)
    two = made.add(HardSwish(x=_pointwise(made, one, channels)))
    x = made.add(Concatenation(values=(one, two), axis=3))
    return made.graph(_pointwise(made, x, channels))


def expanded(times: int) -> Graph:
    """Layers of ``64 / times`` channels, ``times`` squared as many: the same work."""
    width = 64 // times
    made = Maker((1, 14, 14, width))
    x = made.input
    for _ in range(2 * times * times):
        x = _pointwise(made, x, width)
        x = made.add(HardSwish(x=x))
    return made.graph(x)


Make = Callable[[], Graph]
PAIRS: dict[str, tuple[Make, Make]] = {
    "30 : 32 channels": (lambda: stack(30), lambda: stack(32)),
    "33 : 36 channels": (lambda: stack(33), lambda: stack(36)),
    "relu : none": (lambda: activated(Relu), lambda: activated(None)),
    "hard_swish : relu": (lambda: activated(HardSwish), lambda: activated(Relu)),
    "transposes : none": (lambda: turned(True), lambda: turned(False)),
    "reshape of channels : none": (lambda: reshaped(True), lambda: reshaped(False)),
    "resize before : after a layer": (lambda: resized(True), lambda: resized(False)),
    "batch 4 : 1": (lambda: stack(32, 4), lambda: stack(32)),
    "depthwise 5x5 : two 3x3": (lambda: depthwise((5,)), lambda: depthwise((3, 3))),
    "depthwise 7x7 : 5x5": (lambda: depthwise((7,)), lambda: depthwise((5,))),
    "depthwise 9x9 : 3x3": (lambda: depthwise((9,)), lambda: depthwise((3,))),
    "fc of pixels : of their mean": (lambda: classified(False), lambda: classified(True)),
    "concat 30+30 : 32+32": (lambda: joined(30), lambda: joined(32)),
    "32 narrow : 2 wide layers": (lambda: expanded(4), lambda: expanded(1)),
}


def measure(models: list[str], target: str, device: str, library: str, runs: int) -> Row:
    """The least CPU seconds of a run of each model."""
    options = {"library": library} if device == "gles" else {}
    bundles = [compile(m, target=target) for m in models]
    runners = [b.runner(device, **options) for b in bundles]
    feeds = [random_inputs(ports_of(b.manifest["inputs"], None), 0) for b in bundles]
    least = [float("inf")] * len(models)
    for _ in range(runs + 1):
        for i, (runner, feed) in enumerate(zip(runners, feeds, strict=True)):
            start = time.process_time()
            runner.run(feed)
            least[i] = min(least[i], time.process_time() - start)
    for runner in runners:
        runner.close()
    return {"seconds": least}


def row(name: str, folder: Path, job: Row, phone: str) -> Row:
    """The figures of one pair."""
    files = [save(make(), folder / f"{i}.tflite") for i, make in enumerate(PAIRS[name])]
    first, second = (advise(file, phone) for file in files)
    made: Row = {
        "pair": name,
        "dispatches": f"{first['dispatches']} : {second['dispatches']}",
        "predicted": first["predicted_us"] / second["predicted_us"],
    }
    found = child("benchmarks.guide", {"models": [str(f) for f in files], **job})
    if "error" in found:
        return {**made, "note": found["error"]}
    one, two = found["seconds"]
    return {**made, "ms": 1e3 * one, "ms of 2nd": 1e3 * two, "CPU": one / two}


@click.command()
@click.option("--pair", "names", multiple=True, type=click.Choice(list(PAIRS)), help="Only this.")
@click.option("--phone", default="generic-gles31", show_default=True, help="Predicted for.")
@click.option("--target", default="llvmpipe", show_default=True, help="Measured with.")
@click.option("--device", default="gles", show_default=True)
@click.option("--library", default="system", show_default=True, help="The OpenGL ES library.")
@click.option("--runs", default=15, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    names: tuple[str, ...],
    phone: str,
    target: str,
    device: str,
    library: str,
    runs: int,
    file: Path | None,
) -> None:
    """Dispatches, predicted times and CPU seconds of pairs of models, as ratios."""
    job = {"target": target, "device": device, "library": library, "runs": runs}
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, Path(folder), job, phone) for name in names or PAIRS]
    report(f"pairs of models, predicted for {phone}, measured as {target} on {device}", rows, file)


if __name__ == "__main__":
    main()

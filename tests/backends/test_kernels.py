"""Every sample of every op computes its reference on every device, interpreted or printed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tflgpuc.ir.graph.ops  # noqa: F401  it fills OPS
from gles_process import GlesProcess, missing
from support import webgpu
from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.msl import print_msl
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.backends.runtime.msl import MslLibrary, check, find_clang
from tflgpuc.backends.wgsl import print_wgsl
from tflgpuc.ir.errors import DeviceError, UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import OPS, Array, Op
from tflgpuc.ir.graph.types import NUMPY, TensorType
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.shader import Kernel
from tflgpuc.passes.base import Pass
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.partition import Partition
from tflgpuc.passes.pipeline import default_passes
from tflgpuc.targets import load_target

Bytes = NDArray[np.uint8]
Launch = Callable[[Kernel, list[Bytes]], None]

TARGET = load_target("generic-gles31")
# Off by at most this much of the largest value, or of 1 where none is as large.
TOLERANCE = {"f32": 1e-4, "f16": 1e-2}
# No kernel computes these: they are folded, or the CPU runs them.
UNSUPPORTED = {"tfl.complex_abs", "tfl.densify", "tfl.imag", "tfl.real", "tfl.rfft2d"}

# Ops that only passes make may have no samples.
SAMPLED = {name for name, op in OPS.items() if any(True for _ in op.samples())}

each_op = pytest.mark.parametrize("name", sorted(SAMPLED - UNSUPPORTED))
each_precision = pytest.mark.parametrize("precision", list(TOLERANCE))


@dataclass(frozen=True, eq=False)
class Case:
    """A sample of an op, compiled, with what it is given and what it should give."""

    label: str
    schedule: Schedule
    inputs: dict[str, Array]
    right: list[Array]

    def check(self, made: list[Array], precision: str) -> None:
        for found, right in zip(made, self.right, strict=True):
            off = TOLERANCE[precision] * max(1.0, float(np.abs(right).max(initial=0.0)))
            np.testing.assert_allclose(found, right, rtol=0, atol=off, err_msg=self.label)


@functools.cache
def cases(name: str, precision: str) -> tuple[Case, ...]:
    """The samples of an op that the GPU can run; those of its samples that hold no floats can't."""
    found = []
    for i, op in enumerate(OPS[name].samples()):
        graph = _graph(op)
        try:
            schedule = PassManager(_on_gpu(precision)).run(graph, TARGET)
        except UnsupportedError:
            continue
        low, high = getattr(OPS[name], "domain", (-1, 1))
        rng = np.random.default_rng(i)
        # Values that storage holds exactly: steps such as floor's then fall on the same side.
        storage = np.float16 if precision == "f16" else np.float32
        integers = _integers(op, low, high)
        xs = [_random(rng, v.type, low, high, storage, integers) for v in graph.inputs]
        given = dict(zip(schedule.inputs, xs, strict=True))
        found.append(Case(f"{name}, sample {i}", schedule, given, graph.evaluate(xs)))
    return tuple(found)


def _on_gpu(precision: str) -> list[Pass]:
    """The passes of a plain compile that refuses what only the CPU can run."""
    passes = default_passes(precision)
    return [replace(p, cpu=False) if isinstance(p, Partition) else p for p in passes]


def _integers(op: Op, low: float, high: float) -> list[int]:
    """What integers to draw: 0 and 1 are valid as indices and counts too; divisors aren't 0."""
    if not op.elementwise:
        return [0, 1]
    return [n for n in range(-9, 10) if n and (low < 0 or low <= n <= high)]


def _random(
    rng: np.random.Generator,
    type: TensorType,
    low: float,
    high: float,
    storage: Any,
    integers: list[int],
) -> Array:
    dtype = NUMPY[type.dtype]
    if dtype.kind == "f":
        return rng.uniform(low, high, type.shape).astype(storage).astype(dtype)
    return rng.choice([0, 1] if dtype.kind in "bu" else integers, type.shape).astype(dtype)


def _graph(op: Op) -> Graph:
    operands = dict.fromkeys(op.operands)
    constants = dict.fromkeys(v.op for v in operands if v.op is not None)
    return Graph(tuple(v for v in operands if v.op is None), (*constants, op), op.results)


def run(case: Case, launch: Launch) -> list[Array]:
    """The outputs, each tensor in memory of its own that starts as NaNs."""
    schedule = case.schedule
    memory = {
        name: np.full(tensor.type.bytes, 0xFF, np.uint8)
        for name, tensor in schedule.tensors.items()
    }
    for name, array in case.inputs.items():
        schedule.tensors[name].type.array(memory[name])[...] = array
    for step in schedule.steps:
        bound = []
        for tensor in step.tensors:
            if tensor is None:
                assert step.constants is not None
                bound.append(step.constants.reshape(-1).view(np.uint8))
            else:
                bound.append(memory[tensor])
        launch(step.kernel, bound)
    types = [schedule.tensors[name].type for name in schedule.outputs.values()]
    return [
        type.array(memory[name])
        for name, type in zip(schedule.outputs.values(), types, strict=True)
    ]


@functools.cache
def metal(precision: str) -> tuple[str, dict[Kernel, str]]:
    """One Metal file of the kernels of all cases, each once, and the name that each has in it."""
    distinct: dict[str, Kernel] = {}
    names: dict[Kernel, str] = {}
    for op in sorted(OPS):
        for case in cases(op, precision):
            for kernel in case.schedule.kernels():
                first = distinct.setdefault(_text(kernel), kernel)
                names[kernel] = names.setdefault(first, f"{first.name}_no{len(distinct)}")
    kernels = [(replace(k, name=names[k]), [names[k]]) for k in distinct.values()]
    return print_msl(kernels), names


def _text(kernel: Kernel) -> str:
    return print_msl([(replace(kernel, name="unnamed"), [])])


@pytest.fixture(scope="module")
def clang(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The compiler, with a cache of these tests' own."""
    try:
        found = find_clang()
    except DeviceError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield found


@pytest.fixture(scope="module")
def on_metal(clang: str) -> Callable[[str], Launch]:
    @functools.cache
    def prepared(precision: str) -> Launch:
        source, names = metal(precision)
        library = MslLibrary(source)

        def launch(kernel: Kernel, arrays: list[Bytes]) -> None:
            bound = {i: (array, 0) for i, array in enumerate(arrays)}
            library.dispatch(names[kernel], bound, kernel.groups, kernel.size)

        return launch

    return prepared


@pytest.fixture(scope="module")
def on_gles() -> Iterator[Launch]:
    reason = missing("system")
    if reason is not None:
        pytest.skip(reason)
    with GlesProcess("system") as device:

        @functools.cache
        def compiled(text: str) -> int:
            program: int = device.call("compile", "kernel", text)
            return program

        def launch(kernel: Kernel, arrays: list[Bytes]) -> None:
            buffers = [device.call("buffer", a.size, a) for a in arrays]
            ranges = [(i, b, 0, arrays[i].size) for i, b in enumerate(buffers)]
            device.call("dispatch", compiled(print_glsl(kernel)), ranges, kernel.groups)
            for declared, buffer, array in zip(kernel.buffers, buffers, arrays, strict=True):
                if declared.access != "read":
                    array[:] = device.call("read", buffer, 0, array.size)

        yield launch


def on_webgpu(kernel: Kernel, arrays: list[Bytes]) -> None:
    webgpu.launch(kernel, print_wgsl(kernel), arrays)


def test_the_ops_that_no_kernel_computes() -> None:
    assert {name for name in SAMPLED if not cases(name, "f32")} == UNSUPPORTED


@each_precision
@each_op
def test_interpreted(name: str, precision: str) -> None:
    for case in cases(name, precision):
        made = interpret_schedule(case.schedule, case.inputs)
        case.check([made[output] for output in case.schedule.outputs], precision)


@each_precision
@each_op
def test_on_metal(on_metal: Callable[[str], Launch], name: str, precision: str) -> None:
    for case in cases(name, precision):
        case.check(run(case, on_metal(precision)), precision)


@each_precision
@each_op
def test_on_gles(on_gles: Launch, name: str, precision: str, pytestconfig: pytest.Config) -> None:
    # Drivers take longest to compile; how halves are kept is the same for all samples.
    step = 1 if precision == "f32" or pytestconfig.getoption("--sweep") else 4
    for case in cases(name, precision)[::step]:
        case.check(run(case, on_gles), precision)


@each_precision
@each_op
def test_on_webgpu(name: str, precision: str, pytestconfig: pytest.Config) -> None:
    webgpu.webgpu()
    # As above; what an op's samples differ in is seen on the other devices.
    few = (
        slice(None) if pytestconfig.getoption("--sweep") else slice(3 if precision == "f32" else 1)
    )
    for case in cases(name, precision)[few]:
        case.check(run(case, on_webgpu), precision)


@each_precision
def test_metal_is_strictly_right(clang: str, precision: str) -> None:
    assert check(metal(precision)[0]) == ""

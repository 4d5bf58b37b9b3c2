"""The rules of ``inspect --advise``: each looks at a schedule and the model's own operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tflgpuc.ir.graph.graph import Module
from tflgpuc.ir.graph.op import Op, Source, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.schedule import CpuStep, Dispatch, Schedule
from tflgpuc.ir.target import Target
from tflgpuc.passes.cost import predict

# What costs less than this share of the time isn't worth a model's retraining.
WORTH = 0.02
# Above this share launches, not work, decide how long a model takes.
LAUNCH_BOUND = 0.3
# Convolutions of an image's channels have kernels of their own.
IMAGE_CHANNELS = 4
WIDE_WINDOW = 25
UNROLLED = 8
MOVEMENT = {
    "TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "SPLIT",
    "STRIDED_SLICE", "CONCATENATION", "PACK", "UNPACK", "TILE", "BROADCAST_TO", "GATHER", "SPLIT_V",
    "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "REVERSE_V2",
}  # fmt: skip
POINTWISE = {
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "RELU", "RELU6", "RELU_N1_TO_1", "PRELU",
    "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH", "LOGISTIC", "TANH", "EXP", "LOG", "SQRT", "RSQRT",
    "SQUARE", "SQUARED_DIFFERENCE", "POW", "ABS", "NEG", "SIN", "COS", "FLOOR", "ROUND", "CEIL",
}  # fmt: skip
RESIZES = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}


@dataclass(frozen=True)
class Advice:
    """A finding: ``ops`` are the TFLite operators or tensors, ``share`` what it costs of the time.

    The time is the predicted one, and the share an upper bound.
    """

    rule: str
    ops: tuple[str, ...]
    share: float
    cost: str
    advice: str


@dataclass(frozen=True)
class Plan:
    """A schedule with what each step is predicted to take, and the operators behind it."""

    schedule: Schedule
    target: Target
    operators: dict[tuple[int, int], Op]
    dispatches: tuple[tuple[Dispatch, float], ...]
    crossing: tuple[tuple[CpuStep, float], ...]

    @classmethod
    def of(cls, module: Module, schedule: Schedule, target: Target) -> Plan:
        """The plan of a schedule made of a module."""
        operators = {
            (s.subgraph, s.operator): op
            for graph in module.graphs
            for op in graph.ops
            if not isinstance(op, Constant)
            for s in op.sources
        }
        dispatches = tuple((d, _seconds(d, target)) for d in schedule.dispatches)
        crossing = tuple((s, _crossing(s, schedule, target)) for s in schedule.segments)
        return cls(schedule, target, operators, dispatches, crossing)

    @property
    def seconds(self) -> float:
        """The whole run, the CPU's own work left out but not the way there."""
        return sum(s for _, s in (*self.dispatches, *self.crossing)) or self.target.costs.launch

    def ops(self, dispatch: Dispatch) -> Iterator[tuple[Source, Op]]:
        """The model's operators in a dispatch."""
        for source in dispatch.sources:
            op = self.operators.get((source.subgraph, source.operator))
            if op is not None:
                yield source, op

    def finding(
        self, rule: str, steps: Iterable[tuple[Iterable[object], float]], cost: str, advice: str
    ) -> Iterator[Advice]:
        """One finding about some operators or tensors and the seconds they cost, if it's worth a word."""
        found = list(steps)
        share = sum(s for _, s in found) / self.seconds
        if share >= WORTH:
            counted = f"{len(found)} dispatch{'' if len(found) == 1 else 'es'}"
            names = dict.fromkeys(str(s) for sources, _ in found for s in sources)
            yield Advice(rule, tuple(names), share, f"{counted}: {cost}", advice)


def _seconds(dispatch: Dispatch, target: Target) -> float:
    """What choosing the kernel estimated, or an estimate where there was nothing to choose."""
    if dispatch.candidates:
        return dispatch.candidates[0].seconds
    return predict(dispatch.kernel, target).seconds


def _crossing(step: CpuStep, schedule: Schedule, target: Target) -> float:
    """To the CPU and back: a wait for each way and the bytes that are copied."""
    moved = sum(schedule.tensors[n].type.bytes for n in step.reads() | step.writes())
    return 2 * target.costs.wait + moved / target.costs.copy_rate


def on_cpu(plan: Plan) -> Iterator[Advice]:
    """Segments that the CPU runs."""
    for step, seconds in plan.crossing:
        reason = "; ".join(step.reason.splitlines()) or "cheaper there than to split the model"
        yield Advice(
            "cpu",
            tuple(str(s) for s in step.sources),
            seconds / plan.seconds,
            f"{1e6 * seconds:.0f} us to the CPU and back, beside its own work: {reason}",
            "replace these operators with ones that have kernels, or move them to the model's end",
        )


def copies(plan: Plan) -> Iterator[Advice]:
    """Dispatches that only change a tensor's layout or type."""
    found = [(d, s) for d, s in plan.dispatches if d.op == "gpu.copy"]
    border = set(plan.schedule.inputs) | set(plan.schedule.outputs.values())
    at_border = []
    for dispatch, seconds in found:
        ports = sorted(border & (dispatch.reads() | dispatch.writes()))
        if ports:
            at_border.append(([f"tensor {name!r}" for name in ports], seconds))
    within = [(d.sources, s) for d, s in found if not border & (d.reads() | d.writes())]
    yield from plan.finding(
        "border copies", at_border,
        "from or to the model's row-major tensors, which the GPU has in another layout",
        "take images as RGBA8 (--input-format), give masks and classes (--output-format), "
        "and drop outputs that nobody reads",
    )  # fmt: skip
    yield from plan.finding(
        "copies", within, "a change of layout in the model's middle",
        "keep tensors to four axes, channels last",
    )  # fmt: skip


def channels(plan: Plan) -> Iterator[Advice]:
    """Convolutions whose channels leave lanes of a vec4 empty."""
    found = []
    widths: dict[str, None] = {}
    for dispatch, seconds in plan.dispatches:
        lanes = [(s, *_used(op)) for s, op in plan.ops(dispatch)]
        sources = [s for s, used, _ in lanes if used < 1]
        if sources:
            found.append((sources, seconds * (1 - min(used for _, used, _ in lanes))))
            widths |= dict.fromkeys(text for _, used, text in lanes if used < 1)
    yield from plan.finding(
        "channels", found,
        f"empty lanes; channels in and out: {', '.join(widths)}",
        "use multiples of 4 channels; a wider layer costs nothing up to the next multiple",
    )  # fmt: skip


def _used(op: Op) -> tuple[float, str]:
    """The share of lanes that do something, and the channels."""
    if not isinstance(op, Conv2D | DepthwiseConv2D | TransposeConv):
        return 1.0, ""
    into, out = op.input.type.shape[-1], op.result.type.shape[-1]
    used = out / (-(-out // 4) * 4)
    if not isinstance(op, DepthwiseConv2D) and into > IMAGE_CHANNELS:
        used *= into / (-(-into // 4) * 4)
    return used, f"{into}->{out}"


def windows(plan: Plan) -> Iterator[Advice]:
    """Depthwise convolutions with many taps."""
    found = []
    for dispatch, seconds in plan.dispatches:
        for source, op in plan.ops(dispatch):
            if isinstance(op, DepthwiseConv2D) and op.kernel[0] * op.kernel[1] > WIDE_WINDOW:
                found.append(([source], seconds))
                break
    yield from plan.finding(
        "large windows", found, "depthwise convolution of more than 25 taps",
        "stack small windows, or work at half the size: cost grows with the taps",
    )  # fmt: skip


def groups(plan: Plan) -> Iterator[Advice]:
    """Grouped convolutions whose groups share vec4s."""
    found = []
    for dispatch, seconds in plan.dispatches:
        for source, op in plan.ops(dispatch):
            if not isinstance(op, Conv2D):
                continue
            into, each = op.input.type.shape[-1], op.filter.type.shape[-1]
            out = op.result.type.shape[-1] * each // into
            if each != into and (each % 4 or out % 4):
                found.append(([source], seconds))
    yield from plan.finding(
        "groups", found, "grouped convolution with groups that are no multiple of 4 channels",
        "give each group a multiple of 4 channels, in and out",
    )  # fmt: skip


def resizes(plan: Plan) -> Iterator[Advice]:
    """Enlarging what the model gives."""
    outputs = set(plan.schedule.outputs.values())
    found = []
    for dispatch, seconds in plan.dispatches:
        last = [s for s in dispatch.sources if s.opcode in RESIZES]
        # Its copy to the output, where it has one, carries the same source.
        at_end = outputs & dispatch.writes() or any(
            set(last) & set(d.sources) and outputs & d.writes() for d, _ in plan.dispatches
        )
        grown = any(
            op.result.type.size > op.operands[0].type.size
            for s, op in plan.ops(dispatch)
            if s in last
        )
        if last and at_end and grown:
            found.append((last, seconds))
    yield from plan.finding(
        "resizes", found, "enlarging the model's outputs",
        "give the small tensor, and let the display's own sampler enlarge it",
    )  # fmt: skip


def movement(plan: Plan) -> Iterator[Advice]:
    """Dispatches that compute nothing."""
    found = [
        (d.sources, s)
        for d, s in plan.dispatches
        if d.op != "gpu.copy" and d.sources and all(x.opcode in MOVEMENT for x in d.sources)
    ]
    yield from plan.finding(
        "data movement", found, "moving data and nothing else",
        "keep one layout: drop transposes left by a converter, and join at multiples of 4 channels",
    )  # fmt: skip


def elementwise(plan: Plan) -> Iterator[Advice]:
    """Elementwise operators that found no kernel to be applied in."""
    found = [
        (d.sources, s)
        for d, s in plan.dispatches
        if d.sources and all(x.opcode in POINTWISE for x in d.sources)
    ]
    yield from plan.finding(
        "elementwise", found, "elementwise operators alone",
        "apply them directly to what a layer gives, where that has no other reader",
    )  # fmt: skip


def batches(plan: Plan) -> Iterator[Advice]:
    """Inputs of more than one image."""
    tensors = [plan.schedule.tensors[name] for name in plan.schedule.inputs]
    wide = [t for t in tensors if t.type.rank == 4 and t.type.shape[0] > 1]
    if wide:
        most = max(t.type.shape[0] for t in wide)
        yield Advice(
            "batch",
            tuple(f"input {t.name}" for t in wide),
            1 - 1 / most,
            f"{most} images a run take about {most} times the work of one",
            "compile for a batch of 1 (--input-shape) where an app has one image at a time",
        )


def loops(plan: Plan) -> Iterator[Advice]:
    """Operators that take many dispatches, such as recurrent layers."""
    steps: dict[Source, list[float]] = {}
    for dispatch, seconds in plan.dispatches:
        for source in dispatch.sources:
            steps.setdefault(source, []).append(seconds)
    many = {source: times for source, times in steps.items() if len(times) >= UNROLLED}
    for source, times in many.items():
        yield from plan.finding(
            "unrolled loops", [([source], t) for t in times], "one after another",
            "fewer time steps, or a convolution over time, which runs at once",
        )  # fmt: skip


def launches(plan: Plan) -> Iterator[Advice]:
    """Models of many small dispatches."""
    total = len(plan.dispatches) * plan.target.costs.launch
    share = total / plan.seconds
    small = [d for d, s in plan.dispatches if s < 2 * plan.target.costs.launch]
    if share >= LAUNCH_BOUND and len(small) > 2:
        yield Advice(
            "launches",
            tuple(dict.fromkeys(str(s) for d in small for s in d.sources)),
            share,
            f"{len(plan.dispatches)} launches take {1e6 * total:.0f} us, {len(small)} of them longer "
            "than their work",
            "fewer and wider layers: a launch costs as much as the work of a small layer",
        )


def weights(plan: Plan) -> Iterator[Advice]:
    """Layers that mostly wait for their weights, and what halves would save."""
    found, total = [], 0.0
    for dispatch, seconds in plan.dispatches:
        data = dispatch.constants
        if data is None or not any(isinstance(op, FullyConnected) for _, op in plan.ops(dispatch)):
            continue
        read = min(seconds, data.nbytes / plan.target.costs.gpu_bytes)
        if read > seconds / 4:
            found.append((dispatch.sources, read))
            total += data.nbytes
    yield from plan.finding(
        "weights", [(sources, read / 2) for sources, read in found],
        f"reading {total / 1e6:.1f} MB of f32 weights, each used once",
        "--precision f16 halves the bytes; a mean over space before the layer has fewer weights",
    )  # fmt: skip


def quantised(plan: Plan) -> Iterator[Advice]:
    """8-bit arithmetic, which is done in floats."""
    found = []
    for dispatch, seconds in plan.dispatches:
        sources = [s for s, op in plan.ops(dispatch) if dispatch.macs and _is_quantised(op)]
        if sources:
            found.append((sources, seconds))
    yield from plan.finding(
        "quantised", found,
        "8-bit arithmetic, done in floats that round like TFLite's integers",
        "compare with the float model at --precision f16: the arithmetic is the same floats",
    )  # fmt: skip


def _is_quantised(op: Op) -> bool:
    values: tuple[Value, ...] = (*op.operands, *op.results)
    return any(v.type.quantization and v.type.dtype in ("i8", "u8", "i16") for v in values[-1:])


RULES: tuple[Callable[[Plan], Iterator[Advice]], ...] = (
    on_cpu, copies, channels, windows, groups, resizes, movement, elementwise, batches, loops, launches,
    weights, quantised,
)  # fmt: skip

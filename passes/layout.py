"""Lays tensors out on the GPU: PHWC4 where four axes suffice, else row-major; copies at the border."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tflgpuc.backends.kernels.catalogue import definition, padding_lanes
from tflgpuc.backends.kernels.view import PACKED
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.types import DType, Lanes, TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.fuse import wrapped


class Layout(GraphPass, name="layout"):
    """Lays tensors out in slices of four channels, with copies wherever the CPU's side begins."""

    def run(self, graph: Graph, target: Target) -> Graph:
        sides = _Sides(graph)
        for value in graph.inputs:
            sides.arrived(value, value)
        for op in graph.ops:
            match op:
                case Segment():
                    moved = replace(op, inputs=tuple(sides.on_host(v) for v in op.inputs))
                    sides.ops.append(moved)
                    for before, after in zip(op.results, moved.results, strict=True):
                        sides.arrived(before, after)
                case _:
                    sides.run_on_gpu(op)
        named = [*(graph.output_names or (v.name for v in graph.outputs))]
        named += [s.name for s in graph.states][: len(graph.outputs) - len(named)]
        outputs = [
            sides.on_host(value, name) for value, name in zip(graph.outputs, named, strict=True)
        ]
        return replace(graph, ops=tuple(sides.ops), outputs=tuple(outputs))


@dataclass
class _Sides:
    """What each value is to GPU ops, and to the CPU: row-major, in the model's own element type."""

    graph: Graph
    ops: list[Op] = field(default_factory=list)
    gpu: dict[Value, Value] = field(default_factory=dict)
    host: dict[Value, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uses = self.graph.uses()
        self.readers: dict[Value, list[Fused]] = {}
        for op in self.graph.ops:
            if isinstance(op, Fused):
                for value in op.inputs:
                    self.readers.setdefault(value, []).append(op)

    def arrived(self, value: Value, made: Value) -> None:
        """Notes a value that the CPU's side gives, and copies it where a kernel reads it."""
        self.host[value] = made
        if value not in self.readers or made.type.layout != "nhwc":
            return
        if self._is_read_as_it_is(value):
            self.gpu[value] = made
        else:
            self.gpu[value] = self._copied(made, on_gpu(value.type, "zero"), made.name)

    def _is_read_as_it_is(self, value: Value) -> bool:
        """Whether the only kernel that reads the value reads it from row-major memory as well."""
        (reader, *others) = self.readers[value]
        if others or value.type.rank > 4:
            return False
        inner = reader.body.inputs[reader.inputs.index(value)]
        if value.type.dtype not in ("f32", "i32"):
            # Words are taken apart once, by what is computed where it is read.
            at_root = inner in reader.root.operands and not reader.root.elementwise
            if at_root or value.type.dtype not in PACKED:
                return False
        found = definition(reader.root)
        if inner in reader.root.operands and (found is None or not found.row_major):
            return False
        # Windows overlap and tiles share: more than a few channels are better copied once.
        return not reader.root.macs() or value.type.nhwc[3] <= 4

    def run_on_gpu(self, old: Op) -> None:
        """Appends an op with its results in the layout of kernels."""
        op = old.with_operands(self.gpu)
        if isinstance(op, Fused) and op.types[0].layout == "nhwc":
            if self._is_written_as_it_is(old.results[0]):
                self.ops.append(op)
                self.host[old.results[0]] = op.result
                return
            op = replace(op, types=(on_gpu(op.types[0], padding_lanes(op)),))
        self.ops.append(op)
        self.gpu.update(zip(old.results, op.results, strict=True))

    def _is_written_as_it_is(self, value: Value) -> bool:
        """Whether a kernel's result is an output and nothing else, so that it is stored as one."""
        results = self.graph.outputs[: len(self.graph.outputs) - len(self.graph.states)]
        type = value.type
        if value not in results or self.uses[value] != 1 or type.rank > 4:
            return False
        if type.dtype in ("i8", "u8"):
            # Pixels that are words are stored whole, by kernels that make vec4s.
            made = value.op
            return isinstance(made, Fused) and made.root.elementwise and type.shape[-1:] == (4,)
        return type.dtype in ("f32", "i32")

    def on_host(self, value: Value, name: str = "") -> Value:
        """A value as the CPU's side reads it."""
        if value not in self.host:
            made = self.gpu[value]
            self.host[value] = self._copied(made, value.type, name or value.name)
        return self.host[value]

    def _copied(self, value: Value, type: TensorType, name: str) -> Value:
        sources = value.op.sources if value.op else ()
        made = wrapped(Copy(input=value, sources=sources, names=(name,)))
        copied = replace(made, types=(type,))
        self.ops.append(copied)
        return copied.result


def on_gpu(type: TensorType, lanes: Lanes) -> TensorType:
    """A tensor as kernels keep it: floats as f32, integers and bools as i32."""
    dtype: DType = "f32" if type.dtype in ("f32", "f16") else "i32"
    return type.stored(dtype, "phwc4", lanes) if type.rank <= 4 else type.stored(dtype, "nhwc")

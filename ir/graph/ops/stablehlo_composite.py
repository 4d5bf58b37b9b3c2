"""An operation that says of what simpler ones it consists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tflgpuc.ir.graph.control import check_operands
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class StablehloComposite(Op, name="tfl.stablehlo_composite", tflite="STABLEHLO_COMPOSITE"):
    """Runs ``decomposition``; ``called`` is the operation's own name, such as ``odml.group_norm``.

    ``composite_attributes`` are a FlexBuffer with what the name alone doesn't say.
    """

    inputs: tuple[Value, ...]
    decomposition: Graph
    called: str = ""
    composite_attributes: bytes = b""
    version: int = 0

    @classmethod
    def from_tflite(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "called": options.get("name") or "",
            "composite_attributes": options.get("composite_attributes") or b"",
            "version": options.get("version", 0),
        }

    def to_tflite(self) -> Mapping[str, Any]:
        return {
            "name": self.called,
            "composite_attributes": self.composite_attributes,
            "version": self.version,
        }

    def infer(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.decomposition.outputs)

    def verify(self) -> None:
        check_operands(self.inputs, self.decomposition, "decomposition")

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        return tuple(self.decomposition.evaluate(inputs))

    @classmethod
    def samples(cls) -> Iterator[StablehloComposite]:
        x = Value(TensorType("f32", (2, 3)), "x")
        square = Square(x=x)
        inner = Graph((x,), (square,), square.results, name="square", output_names=("out",))
        yield cls(inputs=(runtime(2, 3),), decomposition=inner, called="test.square")

"""What an operation is, and how one is declared: a dataclass in a file of its own."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.types import NUMPY, DType, Lanes, Quantization, TensorType
from tflgpuc.ir.shader import Expr

if typing.TYPE_CHECKING:
    from tflgpuc.ir.graph.graph import Graph

Array = NDArray[Any]
Kind = Literal["operand", "optional", "variadic", "region", "attribute"]
KINDS: dict[str, Kind] = {
    "Value": "operand",
    "Value | None": "optional",
    "tuple[Value, ...]": "variadic",
    "Graph": "region",
}
BASE_FIELDS = ("sources", "names", "quantization")
HOOKS = {
    "infer", "verify", "reference", "samples", "expr", "from_tflite", "to_tflite", "of_options", "macs",
    "padding_lanes",
}  # fmt: skip
OPS: dict[str, type[Op]] = {}
TFLITE_OPS: dict[str, type[Op]] = {}


_PROVENANCE: ContextVar[tuple[Source, ...]] = ContextVar("provenance", default=())


@contextmanager
def provenance(sources: tuple[Source, ...]) -> Iterator[None]:
    """Ops made inside, unless told otherwise, come from these TFLite operators."""
    token = _PROVENANCE.set(sources)
    try:
        yield
    finally:
        _PROVENANCE.reset(token)


class NotStatic(VerifyError):
    """An operand that has to be a constant for this op to have a type isn't one."""


@dataclass(frozen=True)
class Source:
    """The TFLite operator that something comes from."""

    subgraph: int
    operator: int
    opcode: str
    outputs: tuple[str, ...] = ()
    version: int = 1

    def __str__(self) -> str:
        custom = self.opcode.startswith("CUSTOM:")
        opcode = self.opcode.removeprefix("CUSTOM:") if custom else self.opcode.lower()
        return f"subgraph {self.subgraph}, op {self.operator} ({opcode} {self.label!r})"

    @property
    def label(self) -> str:
        """The first output tensor's name, the closest thing TFLite has to a layer's name.

        Converters join the names of what they fused with semicolons; the first is the result's.
        """
        return self.outputs[0].split(";")[0] if self.outputs else ""


@dataclass(frozen=True, eq=False)
class Value:
    """An SSA value: made once, by one result of an op or as an input of a graph."""

    type: TensorType
    name: str = ""
    op: Op | None = None
    index: int = 0

    @property
    def constant(self) -> Array | None:
        """The data where the value is a constant."""
        return getattr(self.op, "data", None) if self.op else None

    def static(self, what: str) -> Array:
        """The constant's data; raises NotStatic naming ``what`` where there is none."""
        data = self.constant
        if data is None:
            raise NotStatic(f"{what} is computed at run time")
        return data

    def __repr__(self) -> str:
        return f"<{self.name or 'value'}: {self.type}>"


@dataclass_transform(frozen_default=True, eq_default=False, kw_only_default=True)
@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """Subclass it to declare an operation; all fields are keywords.

    Fields typed ``Value``, ``Value | None`` or ``tuple[Value, ...]`` are operands in TFLite's order,
    ``Graph`` fields are regions, the rest are attributes, named as in TFLite's options table so that
    importing needs no code. The hooks are those of ``HOOKS``; nothing else is looked up by name.
    """

    name: ClassVar[str] = ""
    tflite: ClassVar[str] = ""
    elementwise: ClassVar[bool] = False
    # Whether its result is right where 8- and 16-bit integers are computed as 32-bit ones.
    narrow: ClassVar[bool] = False
    # The operands that it updates: their new values are results behind TFLite's own, in this order.
    states: ClassVar[tuple[str, ...]] = ()
    # Element types that it computes with though TFLite's operator doesn't.
    beyond: ClassVar[tuple[DType, ...]] = ()

    sources: tuple[Source, ...] = ()
    names: tuple[str, ...] = ()
    quantization: tuple[Quantization | None, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources:
            object.__setattr__(self, "sources", _PROVENANCE.get())

    def __init_subclass__(cls, name: str = "", tflite: str = "") -> None:
        for attr, member in vars(cls).items():
            if attr in HOOKS:
                continue
            if inspect.isfunction(member) or isinstance(member, classmethod):
                close = difflib.get_close_matches(attr.strip("_"), HOOKS, 1, 0.8)
                if close:
                    raise TypeError(
                        f"{cls.__name__}.{attr}: is {close[0]} meant? Nothing would call it."
                    )
        own = vars(cls).get("__annotations__", {}).values()
        if not all(str(a).startswith("ClassVar") for a in own):
            dataclasses.dataclass(frozen=True, eq=False, kw_only=True)(cls)
        if name:
            if name in OPS:
                raise TypeError(f"{cls.__name__}: {OPS[name].__name__} is already named {name}")
            cls.name, cls.tflite = name, tflite
            OPS[name] = cls
            if tflite:
                TFLITE_OPS[tflite] = cls

    # --- what a subclass declares ---

    def infer(self) -> TensorType | tuple[TensorType, ...]:
        """The results' types, from operands and attributes."""
        raise TypeError(f"{self.name} declares no infer()")

    def verify(self) -> None:
        """Raises VerifyError where operands or attributes do not fit."""

    def reference(self, *operands: Any) -> Array | tuple[Array, ...]:
        """The results in NumPy, one argument per operand field: what kernels are tested against."""
        raise TypeError(f"{self.name} declares no reference()")

    @classmethod
    def samples(cls) -> Iterator[Op]:
        """A few instances for the tests that every op gets."""
        raise TypeError(f"{cls.name} declares no samples()")

    @classmethod
    def from_tflite(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Attributes from a decoded options table; by default those that have the same names."""
        return {k: v for k, v in options.items() if cls.kinds().get(k) == "attribute"}

    def to_tflite(self) -> Mapping[str, Any]:
        """The options table that ``from_tflite`` reads as this op's attributes."""
        return self.attributes

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> type[Op]:
        """The class of an operator with this opcode and these options, where it has several."""
        return cls

    def expr(self, *operands: Any) -> Expr:
        """An elementwise op's result as a shader expression of its operands' vec4s."""
        raise TypeError(f"{self.name} declares no expr()")

    def padding_lanes(self, *operands: Lanes) -> Lanes:
        """What the result holds in PHWC4 padding lanes, given what the operands do."""
        return "any"

    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return 0

    # --- what follows from the declaration ---

    @classmethod
    @functools.cache
    def kinds(cls) -> dict[str, Kind]:
        """Each field of the declaration, and what it is."""
        found: dict[str, Kind] = {}
        for f in dataclasses.fields(cls):
            if f.name not in BASE_FIELDS:
                # Annotations are text (PEP 563), so a field's kind needs no import of its class.
                assert isinstance(f.type, str), f"{cls.__module__} lacks the annotations import"
                found[f.name] = KINDS.get(f.type, "attribute")
        return found

    @property
    def operands(self) -> tuple[Value, ...]:
        """Every operand that is there, in declaration order."""
        found: list[Value] = []
        for field, kind in self.kinds().items():
            value = getattr(self, field)
            if kind == "variadic":
                found.extend(value)
            elif kind in ("operand", "optional") and value is not None:
                found.append(value)
        return tuple(found)

    @property
    def attributes(self) -> dict[str, Any]:
        """Attribute names and values, in declaration order."""
        return {k: getattr(self, k) for k, kind in self.kinds().items() if kind == "attribute"}

    @property
    def regions(self) -> dict[str, Graph]:
        """The graphs nested in this op."""
        return {k: getattr(self, k) for k, kind in self.kinds().items() if kind == "region"}

    @functools.cached_property
    def results(self) -> tuple[Value, ...]:
        """The values that this op defines."""
        inferred = self.infer()
        listed = (inferred,) if isinstance(inferred, TensorType) else inferred
        made = []
        for i, type in enumerate(listed):
            if i < len(self.quantization) and self.quantization[i] is not None:
                type = dataclasses.replace(type, quantization=self.quantization[i])
            made.append(Value(type, self.names[i] if i < len(self.names) else "", self, i))
        return tuple(made)

    @property
    def result(self) -> Value:
        """The only value that this op defines."""
        (only,) = self.results
        return only

    def with_operands(self, new: Mapping[Value, Value]) -> Op:
        """This op reading ``new[v]`` where it reads ``v``; itself where nothing moves."""
        moved: dict[str, Any] = {}
        for field, kind in self.kinds().items():
            value = getattr(self, field)
            if kind == "variadic" and any(v in new for v in value):
                moved[field] = tuple(new.get(v, v) for v in value)
            elif kind in ("operand", "optional") and value in new:
                moved[field] = new[value]
        return dataclasses.replace(self, **moved) if moved else self

    def evaluate(self, arrays: Mapping[Value, Array]) -> tuple[Array, ...]:
        """The results from the operands' arrays, through ``reference``, in the inferred types."""
        args: list[Any] = []
        for field, kind in self.kinds().items():
            value = getattr(self, field)
            if kind == "variadic":
                args.append([arrays[v] for v in value])
            elif kind in ("operand", "optional"):
                args.append(None if value is None else arrays[value])
        with np.errstate(all="ignore"):
            made = self.reference(*args)
            listed = made if isinstance(made, tuple) else (made,)
            types = (NUMPY.get(v.type.dtype) for v in self.results)
            return tuple(np.asarray(a, t) for a, t in zip(listed, types, strict=True))

    def check(self, condition: bool, message: str) -> None:
        """Raises VerifyError, naming this op, unless the condition holds."""
        if not condition:
            raise VerifyError(f"{self.describe()}: {message}")

    def describe(self) -> str:
        """The op for a message: its TFLite operator where it has one, else its own name."""
        return str(self.sources[0]) if self.sources else self.name


def merged_sources(*ops: Op) -> tuple[Source, ...]:
    """The sources of several ops, each once, in order."""
    return tuple(dict.fromkeys(s for op in ops for s in op.sources))


def load_ops(package: types.ModuleType) -> None:
    """Imports every module of ``package``, and so registers the ops that they declare."""
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)

"""What a generated host needs to know of a bundle: its manifest by numbers, and what is copied when."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.manifest import Json
from tflgpuc.ir.errors import LimitError, UsageError
from tflgpuc.ir.schedule import WEIGHTS

# What hosts keep offsets and sizes in.
_LARGEST = 2**32 - 1

# Bytes of an element, as hosts see tensors.
BYTES = {
    "f16": 2, "f32": 4, "f64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8,
    "u8": 1, "u16": 2, "u32": 4, "u64": 8, "bool": 1, "c64": 8, "c128": 16,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A range of the buffer that ``plan.buffers`` has at ``buffer``."""

    buffer: int
    offset: int
    bytes: int


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model; ``dynamic`` where its shape is only known in a run."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    place: Place | None
    dynamic: bool

    @property
    def count(self) -> int:
        """The number of elements; 0 where it is only known in a run."""
        return 0 if self.dynamic else math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes of the row-major array, without padding."""
        return self.count * BYTES[self.dtype]


@dataclass(frozen=True)
class Port:
    """An input or output of the model.

    ``own`` says that its buffer is nothing else's, so that another can stand in for it. ``host`` is the
    number of its host tensor, None where the CPU's side has none.
    """

    name: str
    field: str
    tensor: Tensor
    own: bool
    host: int | None


@dataclass(frozen=True)
class Dispatch:
    """A launch; ``bindings`` in the order of the binding points."""

    program: int
    barrier: bool
    groups: tuple[int, int, int]
    bindings: tuple[Place, ...]
    comment: str


@dataclass(frozen=True)
class Segment:
    """What the CPU runs before dispatch ``before``: numbers of host tensors.

    ``fetch`` are those of ``inputs`` that have to be read from the GPU first, ``upload`` those of
    ``outputs`` that the GPU reads.
    """

    before: int
    file: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    fetch: tuple[int, ...]
    upload: tuple[int, ...]


@dataclass(frozen=True)
class State:
    """What is kept from run to run. ``initial`` is a range of the weights, None zeros.

    ``host`` and ``next_host`` are host tensors where the value is the CPU's, else None.
    """

    name: str
    tensor: Tensor
    next: Tensor
    host: int | None
    next_host: int | None
    initial: Place | None

    @property
    def moves(self) -> bool:
        """Whether the new value lies elsewhere and is copied at the end of a run."""
        return self.tensor.name != self.next.name


@dataclass(frozen=True)
class Program:
    """A shader: its name, and its file in the bundle."""

    name: str
    file: str


@dataclass(frozen=True)
class Plan:
    """A bundle for one language; positions in the tuples are the numbers that others refer to."""

    model: str
    compiler: str
    model_digest: str
    digest: str
    buffers: tuple[tuple[str, int], ...]
    weights: int
    programs: tuple[Program, ...]
    dispatches: tuple[Dispatch, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    host: tuple[Tensor, ...]
    states: tuple[State, ...]
    segments: tuple[Segment, ...]

    @property
    def largest_binding(self) -> int:
        """Bytes of the largest range that a dispatch binds."""
        return max((b.bytes for d in self.dispatches for b in d.bindings), default=0)

    @property
    def alignment(self) -> int:
        """The largest power of two, up to 256, that divides every offset bound."""
        bits = 256
        for dispatch in self.dispatches:
            for place in dispatch.bindings:
                bits |= place.offset
        return bits & -bits

    @property
    def most_bindings(self) -> int:
        """The most ranges that a dispatch binds."""
        return max((len(d.bindings) for d in self.dispatches), default=1)


def make_plan(
    manifest: Json, bundle: BundleFiles, language: str, namer: Callable[[], Callable[[str], str]]
) -> Plan:
    """The plan of a bundle for hosts that run its shaders in ``language``.

    ``namer`` makes a function that makes names legal and unique. Raises UsageError where the bundle lacks
    the language or a tensor's type has no counterpart in an app, LimitError beyond 4 GiB.
    """
    return _Planner(manifest, bundle, language).plan(namer)


class _Planner:
    def __init__(self, manifest: Json, bundle: BundleFiles, language: str) -> None:
        self.manifest = manifest
        self.bundle = bundle
        self.language = language
        self.buffers = {b["name"]: i for i, b in enumerate(manifest["buffers"])}
        self.json = {t["name"]: t for t in manifest["tensors"]}
        self.host: dict[str, int] = {}
        steps = [s for s in manifest["steps"] if s["type"] == "segment"]
        self.made_on_cpu = {name for s in steps for name in s["outputs"]}

    def plan(self, namer: Callable[[], Callable[[str], str]]) -> Plan:
        m = self.manifest
        for b in m["buffers"]:
            if b["bytes"] > _LARGEST:
                raise LimitError(f"buffer {b['name']}: {b['bytes']} bytes; hosts take 4 GiB")
        programs = self._programs()
        segments = [s for s in m["steps"] if s["type"] == "segment"]
        for name in self._on_cpu(segments):
            self.host.setdefault(name, len(self.host))
        numbers = {p.name: i for i, p in enumerate(programs)}
        return Plan(
            model=m["model"]["name"],
            compiler=m["compiler"],
            model_digest=m["model"]["sha256"],
            digest=self._digest(programs),
            buffers=tuple((b["name"], b["bytes"]) for b in m["buffers"]),
            weights=self.buffers[WEIGHTS],
            programs=programs,
            dispatches=tuple(
                self._dispatch(s, numbers[s["program"]])
                for s in m["steps"]
                if s["type"] == "dispatch"
            ),
            inputs=self._ports("inputs", namer()),
            outputs=self._ports("outputs", namer()),
            host=tuple(self._tensor(name) for name in self.host),
            states=tuple(self._state(s) for s in m["states"]),
            segments=tuple(self._segments()),
        )

    def _programs(self) -> tuple[Program, ...]:
        made = []
        for p in self.manifest["programs"]:
            if self.language not in p["entry"]:
                raise UsageError(f"the host needs {self.language}: add it to --emit")
            if self.language == "glsl" and any("row" in b for b in p["bindings"]):
                raise UsageError("the host binds no textures: compile the model with the host")
            made.append(Program(p["name"], p["entry"][self.language]["file"]))
        return tuple(made)

    def _digest(self, programs: tuple[Program, ...]) -> str:
        """What identifies the compiled programs: the SHA-256 of all shaders' texts."""
        made = hashlib.sha256()
        for program in programs:
            text = self.bundle.bytes(program.file)
            made.update(len(text).to_bytes(8, "little") + text)
        return made.hexdigest()

    def _on_cpu(self, segments: list[Json]) -> list[str]:
        """Names of the tensors that the CPU's side holds in a run."""
        m = self.manifest
        names = [p["tensor"] for p in (*m["inputs"], *m["outputs"]) if p["buffer"] is None]
        kept = [s[key] for s in m["states"] for key in ("tensor", "next")]
        names += [name for name in kept if self.json[name]["buffer"] is None]
        return names + [n for s in segments for n in (*s["inputs"], *s["outputs"])]

    def _place(self, json: Json) -> Place | None:
        if json["buffer"] is None:
            return None
        return Place(self.buffers[json["buffer"]], json["offset"], json["bytes"])

    def _tensor(self, name: str) -> Tensor:
        t = self.json[name]
        if t["dtype"] not in BYTES:
            raise UsageError(f"tensor {name!r}: hosts can't pass {t['dtype']} tensors")
        place, shape = self._place(t), tuple(t["shape"])
        # TFLite says the same of a scalar as of a shape that it doesn't know.
        unknown = place is None and not shape and name in self.made_on_cpu
        return Tensor(name, t["dtype"], shape, place, unknown or -1 in shape)

    def _ports(self, key: str, namer: Callable[[str], str]) -> tuple[Port, ...]:
        return tuple(
            Port(
                p["name"],
                namer(p["name"]),
                self._tensor(p["tensor"]),
                self._owns(p, key.removesuffix("s")),
                self.host.get(p["tensor"]),
            )
            for p in self.manifest[key]
        )

    def _owns(self, port: Json, role: str) -> bool:
        """Whether no other port uses the port's tensor, and the tensor is no state."""
        m = self.manifest
        users = [p for p in (*m["inputs"], *m["outputs"]) if p["tensor"] == port["tensor"]]
        tensor = self.json[port["tensor"]]
        return len(users) == 1 and tensor["buffer"] is not None and tensor["role"] == role

    def _dispatch(self, step: Json, program: int) -> Dispatch:
        places = [
            Place(self.buffers[b["buffer"]], b["offset"], b["bytes"]) for b in step["bindings"]
        ]
        ops = [f"{s['opcode']} {s['operator']}" for s in step["sources"]]
        return Dispatch(
            program, step["barrier"], tuple(step["groups"]), tuple(places), ", ".join(ops)
        )

    def _state(self, state: Json) -> State:
        old, new, initial = state["tensor"], state["next"], state["initial"]
        on_gpu = {n for n in (old, new) if self.json[n]["buffer"] is not None}
        return State(
            state["name"],
            self._tensor(old),
            self._tensor(new),
            None if old in on_gpu else self.host[old],
            None if new in on_gpu else self.host[new],
            initial and Place(self.buffers[WEIGHTS], initial["offset"], initial["bytes"]),
        )

    def _segments(self) -> list[Segment]:
        """Each segment with what is copied for it.

        A tensor is fetched once a run, but for states that dispatches update where they lie.
        """
        there = {p["tensor"] for p in self.manifest["inputs"]}
        there |= {n for n in self.host if self.json[n]["buffer"] is None}
        in_place = {s["tensor"] for s in self.manifest["states"] if s["next"] == s["tensor"]}
        in_place -= {n for n in in_place if self.json[n]["buffer"] is None}
        made, before = [], 0
        for step in self.manifest["steps"]:
            if step["type"] == "dispatch":
                before += 1
                there -= in_place
                continue
            fetch = [n for n in dict.fromkeys(step["inputs"]) if n not in there]
            there.update(step["inputs"], step["outputs"])
            upload = [n for n in step["outputs"] if self.json[n]["buffer"] is not None]
            numbers = [
                tuple(self.host[n] for n in names)
                for names in (step["inputs"], step["outputs"], fetch, upload)
            ]
            made.append(Segment(before, step["file"], *numbers))
        return made

"""Pipelines: which passes run in which order, as text or as objects."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from tflgpuc.ir.errors import PassError
from tflgpuc.passes import (
    barriers,
    canonicalize,
    combine,
    cse,
    dead_ops,
    decompose,
    fold,
    fuse,
    inline,
    keep_loops,
    layout,
    memory,
    partition,
    precision,
    quantized,
    select,
    simplify_kernels,
    spectra,
    substitute,
    winograd,
    work_groups,
)
from tflgpuc.passes.base import PASSES, Pass
from tflgpuc.passes.base import options as options_of

ENTRY_POINTS = "tflgpuc.passes"
OPTIMIZE = (
    "inline,spectra,partition,quantized,"
    "decompose,canonicalize,fold,canonicalize,cse,substitute,dead-ops,fuse"
)
LOWER = "layout,precision,winograd,combine,select,work-groups,simplify-kernels,keep-loops,memory,barriers"
GROUPS = {"optimize": OPTIMIZE, "lower": LOWER, "default": f"{OPTIMIZE},{LOWER}"}
BUILT_IN = (
    barriers, canonicalize, combine, cse, dead_ops, decompose, fold, fuse, inline, keep_loops, layout,
    memory, partition, precision, quantized, select, simplify_kernels, spectra, substitute, winograd,
    work_groups,
)  # fmt: skip


def default_passes(precision: str = "f32") -> list[Pass]:
    """The passes of a plain compile, in order; ``precision`` is what tensors are stored in."""
    return parse_pipeline("default", precision)


def parse_pipeline(text: str, precision: str = "f32") -> list[Pass]:
    """Passes from pipeline text.

    Names are built-in passes, installed entry points, ``module:Class``, or the groups ``optimize``,
    ``lower`` and ``default``. A plain ``precision`` stores what ``precision`` says. Raises PassError.
    """
    made: list[Pass] = []
    for name, options in _parse(text):
        if name in GROUPS and not options:
            made += parse_pipeline(GROUPS[name], precision)
        elif name == "precision" and not options:
            made.append(make_pass(name, {"storage": precision}))
        else:
            made.append(make_pass(name, options))
    return made


def make_pass(name: str, options: dict[str, Any]) -> Pass:
    """One pass by name, with options checked against its fields."""
    cls = find_pass(name)
    known = {f.name: f for f in options_of(cls)}
    for option, value in options.items():
        if option not in known:
            raise PassError(f"pass {name!r} has no option {option!r}; it has {sorted(known)}")
        expected = type(known[option].default)
        fits = isinstance(value, expected) and isinstance(value, bool) == (expected is bool)
        if known[option].default is not dataclasses.MISSING and not fits:
            raise PassError(f"pass {name!r}: {option}={value!r} is no {expected.__name__}")
    try:
        return cls(**options)
    except TypeError as error:
        raise PassError(f"pass {name!r}: {error}") from None


def find_pass(name: str) -> type[Pass]:
    """The class of a pass: built in, an entry point, or ``module:Class``."""
    if name in PASSES:
        return PASSES[name]
    found: Any = None
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise PassError(f"no pass {name!r}: {error}") from None
    for point in entry_points(group=ENTRY_POINTS, name=name):
        found = point.load()
    if found is None:
        close = difflib.get_close_matches(name, [*PASSES, *GROUPS], 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise PassError(f"no pass is named {name!r}{hint}")
    if not (isinstance(found, type) and issubclass(found, Pass)):
        raise PassError(f"{name!r} is no pass: it doesn't derive from tflgpuc.passes.Pass")
    return found


def as_passes(passes: str | Iterable[Pass | str] | None, precision: str = "f32") -> Sequence[Pass]:
    """What an API caller may give as ``passes``, as a list of passes."""
    if passes is None:
        return default_passes(precision)
    if isinstance(passes, str):
        return parse_pipeline(passes, precision)
    made: list[Pass] = []
    for p in passes:
        made += parse_pipeline(p, precision) if isinstance(p, str) else [p]
    return made


@functools.cache
def _parser() -> Lark:
    grammar = files("tflgpuc.passes").joinpath("pipeline.lark").read_text()
    return Lark(grammar, parser="lalr")


@v_args(inline=True)
class _Read(Transformer[Token, Any]):
    def int(self, token: Token) -> Any:
        return int(token)

    def float(self, token: Token) -> Any:
        return float(token)

    def true(self) -> Any:
        return True

    def false(self) -> Any:
        return False

    def string(self, token: Token) -> Any:
        return str(token)[1:-1]

    def word(self, token: Token) -> Any:
        return str(token)

    def option(self, name: Token, value: Any) -> Any:
        return str(name), value

    def options(self, *pairs: Any) -> Any:
        return dict(pairs)

    def entry(self, name: Token, options: Any = None) -> Any:
        return str(name), options or {}

    def start(self, *passes: Any) -> Any:
        return list(passes)


def _parse(text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        tree: Any = _Read().transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise PassError(f"pipeline {text!r}: unexpected text at column {error.column}") from None
    except VisitError as error:
        raise PassError(f"pipeline {text!r}: {error.orig_exc}") from None
    found: list[tuple[str, dict[str, Any]]] = tree
    return found

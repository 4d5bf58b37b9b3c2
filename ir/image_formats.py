"""What an app may ask a bundle to take and give instead of the model's own tensors: parsed, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal, TypeVar

from tflgpuc.ir.errors import UsageError

Numbers = tuple[float, ...]
F = TypeVar("F")


@dataclass(frozen=True)
class InputFormat:
    """An RGBA8 image, four bytes a pixel, in place of an input [1, height, width, 1, 3 or 4].

    ``size`` is the image's width and height, by default the model's own. A channel becomes ``byte *
    scale + bias``; both hold one number, or one for each of the model's channels; empty they leave
    bytes what they are. ``order`` is how the model wants its colours. ``resize`` says how an image of
    another size is scaled, with the centres of pixels at halves.
    """

    kind: Literal["rgba8"] = "rgba8"
    size: tuple[int, int] | None = None
    scale: Numbers = ()
    bias: Numbers = ()
    order: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["bilinear", "nearest", "none"] = "bilinear"
    source: Literal["buffer"] = "buffer"

    def __str__(self) -> str:
        return _spelled(self)


@dataclass(frozen=True)
class OutputFormat:
    """What an output becomes.

    ``rgba8``: [1, height, width, 1 to 4] as an image; a channel becomes ``value * scale + bias``, rounded
    and cut to a byte. One channel is grey, channels that lack are 0, alpha that lacks is 255. ``argmax``:
    the place of the greatest channel, i32. ``top_k``: the ``k`` greatest of the last axis, and their
    places as one more output. ``f32``: the real numbers that a quantised output stands for.
    """

    kind: Literal["rgba8", "argmax", "top_k", "f32"]
    k: int = 0
    scale: Numbers = ()
    bias: Numbers = ()

    def __str__(self) -> str:
        return _spelled(self)


def _spelled(made: InputFormat | OutputFormat) -> str:
    """The text that gives the format again."""
    words: list[str] = []
    for field in fields(made):
        value = getattr(made, field.name)
        if field.name in ("kind", "k") or value == field.default:
            continue
        match value:
            case (int(), int()):
                text = f"{value[0]}x{value[1]}"
            case tuple():
                text = ":".join(repr(n) for n in value)
            case _:
                text = str(value)
        words.append(f"{field.name}={text}")
    kind = f"{made.kind}:{made.k}" if isinstance(made, OutputFormat) and made.k else made.kind
    return ",".join([kind, *words])


def numbers(text: str) -> Numbers:
    """One number or several separated by ``:``; a number may be a fraction such as 1/127.5."""
    return tuple(_number(part) for part in text.split(":"))


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    made = float(Fraction(above) / Fraction(below or "1"))
    if not math.isfinite(made):
        raise ValueError(text)
    return made


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


Option = tuple[Callable[[str], Any], str]
NUMBERS: Option = (numbers, "a number such as 1/127.5, or one a channel such as 1:0.5:2")
INPUT_OPTIONS: Mapping[str, Option] = {
    "size": (_size, "WIDTHxHEIGHT"),
    "scale": NUMBERS,
    "bias": NUMBERS,
    "order": (_one_of("rgb", "bgr"), "rgb or bgr"),
    "resize": (_one_of("bilinear", "nearest", "none"), "bilinear, nearest or none"),
    "source": (_one_of("buffer"), "buffer"),
}
OUTPUT_OPTIONS: Mapping[str, Option] = {"scale": NUMBERS, "bias": NUMBERS}


def input_format(name: str, given: str | InputFormat) -> InputFormat:
    """The format of the input ``name``; raises UsageError."""
    if isinstance(given, InputFormat):
        return given
    kind, options = _read(f"input {name!r}", given, INPUT_OPTIONS)
    if kind != "rgba8":
        raise UsageError(f"input {name!r}: no format {kind!r}; there is rgba8")
    return InputFormat(**options)


def output_format(name: str, given: str | OutputFormat) -> OutputFormat:
    """The format of the output ``name``; raises UsageError."""
    if isinstance(given, OutputFormat):
        return given
    kind, options = _read(f"output {name!r}", given, OUTPUT_OPTIONS)
    kind, colon, count = kind.partition(":")
    if kind not in ("rgba8", "argmax", "top_k", "f32") or bool(colon) != (kind == "top_k"):
        raise UsageError(
            f"output {name!r}: no format {given!r}; there are rgba8, argmax, top_k:K, f32"
        )
    if kind == "top_k" and not re.fullmatch("[1-9][0-9]{0,8}", count):
        raise UsageError(f"output {name!r}: top_k:{count} is not like top_k:5")
    if options and kind != "rgba8":
        raise UsageError(f"output {name!r}: {kind} has no option {next(iter(options))!r}")
    return OutputFormat(kind, int(count or 0), **options)  # type: ignore[arg-type]


def _read(what: str, text: str, known: Mapping[str, Option]) -> tuple[str, dict[str, Any]]:
    kind, *rest = text.split(",")
    found: dict[str, Any] = {}
    for part in rest:
        option, _, value = part.partition("=")
        if option not in known:
            raise UsageError(
                f"{what}: no option {option!r} of formats; there are {', '.join(known)}"
            )
        if option in found:
            raise UsageError(f"{what}: {option} is given twice")
        read, looks = known[option]
        try:
            found[option] = read(value)
        except (ValueError, ZeroDivisionError, OverflowError):
            raise UsageError(f"{what}: {option}={value} is not {looks}") from None
    return kind, found

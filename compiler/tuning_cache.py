"""The file of measured times that ``tflgpuc tune`` writes and ``compile`` reads."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.target import Target
from tflgpuc.ir.tuning import Tuning
from tflgpuc.passes.tuned import family
from tflgpuc.version import VERSION as COMPILER

FORMAT, VERSION = "tflgpuc-tuning", 1


@dataclass(frozen=True)
class Measurement:
    """One variant of a kernel on one driver; ``seconds`` of each of its launches, the least of some."""

    driver: str
    key: str
    op: str
    variant: str
    seconds: tuple[float, ...]


def default_cache() -> Path:
    """Where measurements are kept unless the user says otherwise."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "tflgpuc" / "tuning.json"


def read_cache(path: str | os.PathLike[str]) -> dict[tuple[str, str], Measurement]:
    """The measurements in a file by driver and key, none where there is no file.

    Those of another version of the compiler, whose kernels may be others, count as none. Raises
    UsageError where the file is something else.
    """
    try:
        text = Path(path).read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{os.fspath(path)}: {error}") from None
    try:
        found = json.loads(text)
        if (found["format"], found["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {found['format']!r} {found['version']!r}")
        made = [_measurement(row) for row in found["measured"]]
        if found["compiler"] != COMPILER:
            return {}
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{os.fspath(path)}: no measurements of this tflgpuc ({type(error).__name__}: {error}); "
            "remove it to measure anew"
        ) from None
    return {(m.driver, m.key): m for m in made}


def _measurement(row: dict[str, Any]) -> Measurement:
    seconds = tuple(float(s) for s in row["seconds"])
    if not seconds or not all(s > 0 and math.isfinite(s) for s in seconds):
        raise ValueError(f"seconds are {row['seconds']!r}")
    made = Measurement(**{**row, "seconds": seconds})
    words = (made.driver, made.key, made.op, made.variant)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"a name is no text in {row!r}")
    return made


def write_cache(path: Path, measured: Iterable[Measurement]) -> None:
    """Replaces a cache at once, so that an interruption leaves the old one or the new one."""
    rows = [asdict(m) for m in sorted(measured, key=lambda m: (m.driver, m.key))]
    made = {"format": FORMAT, "version": VERSION, "compiler": COMPILER, "measured": rows}
    text = json.dumps(made, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_tuning(path: str | os.PathLike[str], target: Target, driver: str | None = None) -> Tuning:
    """What a cache knows of a target, on the driver whose name contains ``driver``.

    Raises UsageError where it knows nothing of the target, or of several drivers and none is named.
    """
    like = family(target)
    found = [m for m in read_cache(path).values() if m.key.startswith(like)]
    drivers = sorted({m.driver for m in found if driver is None or driver in m.driver})
    if len(drivers) != 1:
        about = f" on {driver!r}" if driver is not None else ""
        what = "name one of these drivers: " + "; ".join(drivers) if drivers else "run tflgpuc tune"
        count = "several drivers' measurements" if drivers else "no measurements"
        raise UsageError(f"{os.fspath(path)}: {count} for target {target.name}{about}; {what}")
    return Tuning(drivers[0], {m.key: m.seconds for m in found if m.driver == drivers[0]})

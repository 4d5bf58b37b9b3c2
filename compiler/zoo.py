"""Judges every model of a folder, each in a process of its own, and keeps a report that resumes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tflgpuc.ir.errors import DeviceError, UsageError
from tflgpuc.judges import VERDICTS, Json, Judges, Options
from tflgpuc.version import VERSION

FORMAT = "tflgpuc-zoo"
POLL_SECONDS = 0.2


# --- models ---


def models(folder: Path, only: str | None = None) -> list[Path]:
    """The .tflite files of a folder whose names match; raises UsageError where there are none."""
    found = sorted(p for p in folder.glob("*.tflite") if only is None or fnmatch(p.name, only))
    if not found:
        raise UsageError(f"{folder}: no .tflite files" + (f" like {only}" if only else ""))
    return found


def families(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Each file's family: what ``zoo.json`` beside it says, else the start of its name."""
    listed = folder / "zoo.json"
    known: dict[str, str] = {}
    if listed.is_file():
        try:
            entries = json.loads(listed.read_text())
            known = {e["file"]: str(e["family"]) for e in entries if "file" in e and "family" in e}
        except (ValueError, TypeError, OSError) as error:
            raise UsageError(f"{listed}: {error}") from None
    return {f.name: known.get(f.name) or re.split(r"[-_.]", f.stem)[0] or f.stem for f in files}


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- the report ---


def read_report(path: Path) -> dict[str, Json]:
    """The rows of a report by file, none where there is none; UsageError where it is another file."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        if found["format"] == FORMAT:
            return {row["file"]: row for row in found["models"]}
    except (ValueError, TypeError, KeyError, OSError):
        pass
    raise UsageError(f"{path}: exists and is no report of tflgpuc zoo")


def write_report(path: Path, rows: Mapping[str, Json]) -> None:
    """Replaces a report at once, so that an interruption leaves the old one or the new one."""
    listed = [rows[name] for name in sorted(rows)]
    text = json.dumps({"format": FORMAT, "models": listed}, indent=1) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def reusable(row: Mapping[str, Any] | None, sha256: str, options: Options) -> bool:
    """Whether a row still says what judging this file again would."""
    if row is None or (row["sha256"], row["compiler"]) != (sha256, VERSION):
        return False
    limits = {"timeout": options.timeout, "memory": options.memory}
    limited = row["verdict"] in ("timeout", "memory")
    return row["options"] == options.key() and (not limited or row["limits"] == limits)


# --- all of them ---


def judge_all(
    files: Sequence[Path],
    options: Options,
    *,
    known: Mapping[str, Json] | None = None,
    jobs: int = 1,
    done: Callable[[str, int, int], None] = lambda name, done, total: None,
    keep: Callable[[Mapping[str, Json]], None] = lambda rows: None,
) -> dict[str, Json]:
    """A row for every file, by name; rows of ``known`` that still hold aren't made again.

    ``done`` hears of progress about five times a second, ``keep`` gets all rows, ``known`` ones included,
    after each model. Raises DeviceError where LiteRT is missing.
    """
    if find_spec("ai_edge_litert") is None:
        raise DeviceError(
            "comparing with TFLite needs ai-edge-litert: pip install 'tflgpuc[verify]'"
        )
    rows = dict(known or {})
    digests = {path: digest(path) for path in files}
    left = [p for p in files if not reusable(rows.get(p.name), digests[p], options)]
    judges = Judges(options)
    count = len(files) - len(left)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            pending = {pool.submit(judges.judge, path): path for path in left}
            while pending:
                done(_named(pending), count, len(files))
                finished, _ = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    path = pending.pop(future)
                    rows[path.name] = _row(path, digests[path], options, future.result())
                    count += 1
                    keep(rows)
        finally:
            judges.stop()
    return {path.name: rows[path.name] for path in files}


def _named(pending: Mapping[Future[Json], Path]) -> str:
    return " ".join(path.name for future, path in pending.items() if future.running())


def _row(path: Path, sha256: str, options: Options, found: Json) -> Json:
    return {
        "file": path.name,
        "sha256": sha256,
        "compiler": VERSION,
        "options": options.key(),
        "limits": {"timeout": options.timeout, "memory": options.memory},
        **found,
    }


def by_family(rows: Mapping[str, Json], family: Mapping[str, str]) -> list[Json]:
    """A row for each family and one for all: counts of verdicts, what runs where, worst error."""
    groups: dict[str, list[Json]] = {}
    for name in sorted(rows, key=lambda name: (family[name], name)):
        groups.setdefault(family[name], []).append(rows[name])
    found = [_total(name, group) for name, group in groups.items()]
    return [*found, _total("all", list(rows.values()))] if len(found) > 1 else found


def _total(name: str, rows: Sequence[Json]) -> Json:
    def summed(field: str) -> Any:
        return sum(row.get(field) or 0 for row in rows)

    counts = {v: sum(row["verdict"] == v for row in rows) for v in VERDICTS}
    runs = sum(row["verdict"] == "refused" and row.get("litert") is None for row in rows)
    errors = [float(row["relative"]) for row in rows if row.get("relative") is not None]
    return {
        "family": name,
        "models": len(rows),
        **counts,
        "refused, LiteRT runs": runs,
        "GPU ops": summed("gpu_ops"),
        "CPU ops": summed("cpu_ops"),
        "GPU MMACs": round(summed("gpu_macs") / 1e6),
        "CPU MMACs": round(summed("cpu_macs") / 1e6),
        "worst relative": max(errors, default=None),
        "compile s": float(summed("compile_seconds")),
    }
